"""The signature that every hypergradient estimator has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import DistillationProblem, Episodes

Gradient = dict[str, Tensor]
"""Derivative of the risk in each learnable field, of the field's shape."""


FITTING: dict[str, tuple[str, ...]] = {
    "closed form": ("Exact", "ForwardGradient"),
    "implicit": ("Implicit",),
    "unrolled": ("UnrolledAdjoint", "Truncated", "RandomlyTruncated", "OneStep", "ForwardGradient"),
    "interpolation": ("MinimumNorm",),
    "by member": ("ByMember",),
}
"""Estimators that differentiate a learner, by its ``differentiation``; the first of each is exact, `MinimumNorm` for training that
goes on."""

ZEROTH_ORDER = ("CentralDifferences", "SPSA", "EvolutionStrategies")
"""Estimators that only evaluate the risk, so that they fit every learner."""

CATEGORICAL = "LeaveOneOut"
"""Fits every learner too, for data of categorical rows."""


class Hypergradient(Protocol):
    """Estimates the risk on a batch of episodes and its gradient in the synthetic data."""

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]: ...


def methods_of(kind: type) -> tuple[str, ...]:
    """Return what a protocol asks for by name."""
    return tuple(name for name in vars(kind) if not name.startswith("_"))


def require(
    problem: DistillationProblem, wanted: str | tuple[str, ...], estimator: str, methods: Sequence[str] = ()
) -> None:
    """Make sure that the learner can be differentiated in the way, or one of the ways, that the estimator needs.

    Args:
        problem: with the learner.
        wanted: the way, or several.
        estimator: its name.
        methods: that it calls, which learners of that way have.

    Raises:
        TypeError: it cannot, and the message names all estimators that fit; or it lacks a method.
    """
    ways = (wanted,) if isinstance(wanted, str) else wanted
    offered = problem.learner.differentiation
    if offered not in ways:
        fits = " or ".join(FITTING.get(offered, ()))
        anywhere = f"{' or '.join(ZEROTH_ORDER)}, or {CATEGORICAL} where all learnable fields are categorical"
        remedy = (
            f"use hypergradients.{fits}, or without any derivative {anywhere}"
            if fits
            else f"no estimator differentiates it: use it for evaluation only, or without any derivative {anywhere}"
        )
        raise TypeError(
            f"{estimator} needs a learner with a {' or '.join(ways)} gradient; "
            f"{type(problem.learner).__name__} offers {offered!r}: {remedy}"
        )
    if missing := [name for name in methods if not hasattr(problem.learner, name)]:
        raise TypeError(
            f"{estimator} needs a learner with {', '.join(missing)}; {type(problem.learner).__name__}, whose differentiation is "
            f"{offered!r}, has none: write what is missing, or use {' or '.join(ZEROTH_ORDER)}, which need no derivative"
        )


def differentiate(value: Tensor, fields: dict[str, Tensor]) -> tuple[Tensor, Gradient]:
    """Return a scalar and its gradient in every field, zero where it does not depend on one.

    Args:
        value: on the graph of the fields.
        fields: leaves, such as those of `leaves`.
    """
    gradients = torch.autograd.grad(value, list(fields.values()), materialize_grads=True)
    return value.detach(), dict(zip(fields, gradients, strict=True))


def leaves(data: SyntheticData) -> tuple[SyntheticData, dict[str, Tensor]]:
    """Return the data with its learnable fields as fresh leaves that require gradients, and those leaves."""
    fields = {name: data[name].detach().clone().requires_grad_() for name in data.learnable}
    return data.with_fields(fields), fields
