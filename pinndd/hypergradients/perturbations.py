"""Random directions in the learnable fields, and the risk at data that are moved along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pinndd.constraints import Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient
from pinndd.problem import DistillationProblem, Episodes

_LEAST_SHARE = 1e-6


def normal(data: SyntheticData, generator: torch.Generator) -> Gradient:
    """Draw independent standard normal numbers of the shape of each learnable field."""
    return {n: torch.randn(data[n].shape, generator=generator, dtype=torch.float64).to(data[n]) for n in data.learnable}


def signs(data: SyntheticData, generator: torch.Generator) -> Gradient:
    """Draw independent signs, 1 or -1, of the shape of each learnable field."""
    return {n: (2 * torch.randint(2, data[n].shape, generator=generator) - 1).to(data[n]) for n in data.learnable}


def units(data: SyntheticData) -> Gradient:
    """Return how far each entry moves when its free parameter moves by one, to first order.

    These are the widths of a box and the values of a positive field, so that one size of step serves all of them. An entry of a
    simplex, whose free parameters do not act on it alone, moves in proportion to its value.
    """
    scales = {}
    for name in data.learnable:
        value, constraint = data[name].detach(), data.constraints[name]
        if isinstance(constraint, Simplex):
            scales[name] = value.clamp_min(_LEAST_SHARE)
            continue
        with torch.enable_grad():
            leaf = constraint.to_free(value).requires_grad_()
            (scales[name],) = torch.autograd.grad(constraint.from_free(leaf).sum(), leaf)
    return scales


def moved(data: SyntheticData, moves: Mapping[str, Tensor]) -> SyntheticData:
    """Return the data with ``moves`` added to their fields, unchecked: the constraints of these are lifted.

    A learner is asked slightly outside of the feasible set where an entry is at a bound. That keeps differences symmetric,
    and their limit the derivative in the field values, which the estimators that differentiate give there as well.
    """
    constraints = {**data.constraints, **dict.fromkeys(moves, Fixed())}
    return SyntheticData({**data.fields, **{n: data[n].detach() + m for n, m in moves.items()}}, constraints, data.header)


def slope_along(
    problem: DistillationProblem, data: SyntheticData, episodes: Episodes, moves: Mapping[str, Tensor]
) -> Tensor:
    """Return half the difference of the risk at the data with ``moves`` added and subtracted."""
    ahead = problem.evaluate(moved(data, moves), episodes)
    behind = problem.evaluate(moved(data, {n: -m for n, m in moves.items()}), episodes)
    return (ahead - behind) / 2


def antithetic(
    problem: DistillationProblem, data: SyntheticData, episodes: Episodes, directions: Sequence[Gradient], size: float
) -> tuple[Tensor, Gradient]:
    """Average ``(R(D̂ + size · u ⊙ δ) - R(D̂ - size · u ⊙ δ)) / (2 size) · δ / u`` over directions δ, with u from `units`.

    Args:
        problem: any.
        data: where to estimate the gradient.
        episodes: a batch, the same for all evaluations.
        directions: tensors of the shape of each learnable field, with independent entries of mean 0 and variance 1.
        size: of the moves, in `units`.

    Returns:
        The risk at the data, and the gradient in each learnable field.
    """
    scales = units(data)
    gradient = {name: torch.zeros_like(scale) for name, scale in scales.items()}
    with torch.no_grad():
        for direction in directions:
            slope = slope_along(problem, data, episodes, {n: size * scales[n] * d for n, d in direction.items()}) / size
            for name, part in direction.items():
                gradient[name] += slope.to(part) * part / scales[name] / len(directions)
        return problem.evaluate(data, episodes).detach(), gradient
