"""Hospitals with different variables: simulated trials, every method, what it scored, and the table with its data card."""
