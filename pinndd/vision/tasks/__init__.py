"""Inference tasks of classifiers: held-out examples, classes that come in steps, the choice of an architecture."""
