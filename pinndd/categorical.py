"""Categorical data: rows of a simplex field as distributions over categories, and the hard rows drawn from them.

A field under the constraint `pinndd.constraints.Simplex`, ``(..., K)``, holds one distribution over K categories per row.
What a user gets in the end are hard rows, one-hot vectors; a distribution that is distilled minimises the *expected* risk of
rows drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.constraints import Simplex
from pinndd.data import SyntheticData
from pinndd.problem import DistillationProblem, Episodes


def categorical_fields(data: SyntheticData) -> list[str]:
    """Return the names of the learnable simplex fields.

    Raises:
        ValueError: there is none.
    """
    names = [name for name in data.learnable if isinstance(data.constraints[name], Simplex)]
    if not names:
        raise ValueError(f"no categorical field: give one of {', '.join(data.fields)} the constraint Simplex")
    return names


def draw_rows(data: SyntheticData, generator: torch.Generator) -> SyntheticData:
    """Return the set with every categorical row drawn from its distribution, one-hot."""
    drawn = {}
    for name in categorical_fields(data):
        value = data[name].detach()
        chosen = torch.multinomial(value.reshape(-1, value.shape[-1]).cpu().clamp_min(0), 1, generator=generator)
        drawn[name] = one_hot(chosen.reshape(value.shape[:-1]).to(value.device), value)
    return data.with_fields(drawn)


def most_likely(data: SyntheticData) -> SyntheticData:
    """Return the set with every categorical row replaced by its most likely category, one-hot."""
    return data.with_fields({name: one_hot(data[name].detach().argmax(-1), data[name]) for name in categorical_fields(data)})


def one_hot(chosen: Tensor, like: Tensor) -> Tensor:
    """Return one-hot rows ``(..., K)`` in the dtype of ``like`` for categories ``(...)``."""
    return torch.nn.functional.one_hot(chosen, like.shape[-1]).to(like)


@dataclass(frozen=True)
class FlippedData:
    """What `single_flip` found.

    Attributes:
        data: the set with hard rows.
        risk: of it.
        flips: rows that changed their category.
        evaluations: trainings that it took.
        optimal: whether no single flip lowers the risk further.
    """

    data: SyntheticData
    risk: float
    flips: int
    evaluations: int
    optimal: bool


def single_flip(problem: DistillationProblem, data: SyntheticData, episodes: Episodes, *, sweeps: int = 20) -> FlippedData:
    """Change the category of one row at a time, wherever that lowers the risk, until no change does: exact coordinate descent.

    Every candidate is trained on from scratch: n (K - 1) trainings per sweep over n rows of K categories.

    Args:
        problem: any learner, differentiable or not.
        data: where to start; soft rows are replaced by their most likely category.
        episodes: that the risk is taken over.
        sweeps: most passes over all rows.

    Raises:
        ValueError: there is no categorical field, or no sweep.
    """
    if sweeps < 1:
        raise ValueError(f"single_flip: sweeps={sweeps} must be at least 1")
    current = most_likely(data)
    places = [(name, row) for name in categorical_fields(data) for row in range(data[name][..., 0].numel())]
    flips, evaluations, optimal = 0, 1, False
    with torch.no_grad():
        risk = float(problem.evaluate(current, episodes))
        for _ in range(sweeps):
            before = flips
            for name, row in places:
                candidates = _flips(current, name, row)
                risks = [float(problem.evaluate(candidate, episodes)) for candidate in candidates]
                evaluations += len(risks)
                if min(risks, default=risk) < risk:
                    risk = min(risks)
                    current, flips = candidates[risks.index(risk)], flips + 1
            optimal = flips == before
            if optimal:
                break
    return FlippedData(current, risk, flips, evaluations, optimal)


def _flips(data: SyntheticData, name: str, row: int) -> list[SyntheticData]:
    """Return the set with one row in each of the other categories."""
    value = data[name]
    chosen = value.argmax(-1)
    own, flipped = int(chosen.flatten()[row]), []
    for category in range(value.shape[-1]):
        if category != own:
            other = chosen.clone()
            other.view(-1)[row] = category
            flipped.append(data.with_fields({name: one_hot(other, value)}))
    return flipped
