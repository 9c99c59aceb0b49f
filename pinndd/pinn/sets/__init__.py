"""Sets of points, of tuples and of conditions: the designs they start from, and their place in a synthetic data set."""
