"""Studies of stated tasks: a distilled set beside every baseline of its size and full data."""
