"""What studies return: tables, intervals, run folders, the benchmark file."""
