"""Learners: train a batch of models on a synthetic data set."""
