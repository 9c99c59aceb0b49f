"""The signature that every hypergradient estimator has."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import DistillationProblem, Episodes

Gradient = dict[str, Tensor]
"""Derivative of the risk in each learnable field, of the field's shape."""


class Hypergradient(Protocol):
    """Estimates the risk on a batch of episodes and its gradient in the synthetic data."""

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]: ...


def require(problem: DistillationProblem, wanted: str, estimator: str) -> None:
    """Make sure that the learner can be differentiated in the way the estimator needs.

    Raises:
        TypeError: it cannot; the message says which estimator fits.
    """
    offered = problem.learner.differentiation
    if offered != wanted:
        fits = {"closed form": "Exact", "implicit": "Implicit", "unrolled": "UnrolledAdjoint"}.get(offered)
        remedy = f"use hypergradients.{fits}" if fits else "no estimator differentiates it: use it for evaluation only"
        raise TypeError(
            f"{estimator} needs a learner with a {wanted} gradient; {type(problem.learner).__name__} offers {offered!r}: {remedy}"
        )


def leaves(data: SyntheticData) -> tuple[SyntheticData, dict[str, Tensor]]:
    """Return the data with its learnable fields as fresh leaves that require gradients, and those leaves."""
    fields = {name: data[name].detach().clone().requires_grad_() for name in data.learnable}
    return data.with_fields(fields), fields
