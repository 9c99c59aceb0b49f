"""A learner of which nothing is known but what it answers: any function that trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pinndd.data import SyntheticData
from pinndd.problem import Episodes, Fitted


@dataclass(frozen=True)
class BlackBox:
    """Train by a function of the user's, without any derivative.

    The estimators that only evaluate the risk fit it: `pinndd.hypergradients.SPSA`, `EvolutionStrategies`, `CentralDifferences`,
    for categorical rows `LeaveOneOut`; `pinndd.cma_es.cma_es` and `pinndd.categorical.single_flip` in place of the outer loop.

    A table of categorical rows reaches the function as distributions, one per cell, and the function decides what to make of
    them. Under `LeaveOneOut` and `single_flip` they are one-hot. The outer loop also judges rows that are not: take the most
    likely categories there (``cells.argmax(-1)``), as `pinndd.categorical.most_likely` does, or use a soft label as weights
    of K copies of its row, as `pinndd.learners.scikit.ScikitClassifier` does. Perturbed cells need not sum to one, see
    `pinndd.hypergradients.perturbations.moved`. With fixed rows and learnable weights all estimators fit.

    Args:
        train: from the data, whose fields require no gradient, and the episodes to what the task asks.

    Raises:
        TypeError: ``train`` cannot be called; at fitting: it returned None.
    """

    train: Callable[[SyntheticData, Episodes], Fitted]

    def __post_init__(self) -> None:
        if not callable(self.train):
            raise TypeError(f"BlackBox: train={self.train!r} cannot be called: give a function of the data and the episodes")

    @property
    def differentiation(self) -> str:
        """Nothing differentiates the training."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Fitted:
        """Return what the function trained."""
        with torch.no_grad():
            fitted = self.train(data.with_fields({name: value.detach() for name, value in data.fields.items()}), episodes)
        if fitted is None:
            raise TypeError("BlackBox: train returned None: return the trained model, which the task asks")
        return fitted
