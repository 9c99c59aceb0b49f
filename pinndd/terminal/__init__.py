"""What the commands of ``pinndd`` do: one command per file, imported when it is called."""
