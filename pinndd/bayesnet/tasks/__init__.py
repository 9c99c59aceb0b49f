"""Inference tasks of Bayesian networks: conditional probabilities, and a diagnosis."""
