"""What the commands of ``pinndd`` do: one command a file, imported when it is called."""
