"""Stated tasks: a problem with its data, as a user's module declares it."""
