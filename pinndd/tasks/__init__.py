"""Inference tasks: which question is asked of a trained model, in which episodes, and what the true answer is."""
