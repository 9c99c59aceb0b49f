"""What lies on disk: written whole or not at all, by one process at a time, and checked field by field when it is read."""
