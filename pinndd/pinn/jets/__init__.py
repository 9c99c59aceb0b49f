"""The jet of a solution: which derivatives a residual asks for, and everything that computes them."""
