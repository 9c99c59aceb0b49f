"""What a data set is worth: against random subsets and all data, and by the spread of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import DistillationProblem, Episodes, Learner


def effective_sample_size(weights: Tensor) -> float:
    """Return ``(Σ w)² / Σ w²``: how many equal weights are worth as much (Kish 1965, section 8.2).

    Args:
        weights: not negative, of any shape.

    Raises:
        ValueError: a weight is negative or not finite, or all are zero.
    """
    if not bool(weights.isfinite().all()) or bool((weights < 0).any()) or not bool((weights > 0).any()):
        raise ValueError("effective_sample_size: weights must be finite, not negative and not all zero")
    scaled = weights.detach() / weights.detach().max()
    return float(scaled.sum() ** 2 / scaled.square().sum())


@dataclass(frozen=True)
class Vacuity:
    """What a data set is worth for the task, beside what the task-free criterion says of it.

    Attributes:
        examples: size of the set and of the random subsets.
        risk: task risk after training on the set.
        subset_risks: after training on each random subset of the full data.
        full_risk: after training on all data.
        training_loss: on all data, of the model trained on the set; None if the learner does not give it.
        full_training_loss: on all data, of the model trained on them.
        tolerance: relative difference of the two that counts as equal.
        lacking: methods that the learner would need to give it.
    """

    examples: int
    risk: float
    subset_risks: tuple[float, ...]
    full_risk: float
    training_loss: float | None
    full_training_loss: float | None
    tolerance: float
    lacking: tuple[str, ...] = ()

    @property
    def subset_risk(self) -> float:
        """Median risk of the random subsets."""
        return float(torch.tensor(self.subset_risks, dtype=torch.float64).quantile(0.5))

    @property
    def vacuous(self) -> bool:
        """Whether the set serves the task no better than the median random subset of its size."""
        return not self.risk < self.subset_risk

    @property
    def meets_criterion(self) -> bool | None:
        """Whether it meets the task-free criterion (1): on all data, equal training loss of the two models."""
        if self.training_loss is None or self.full_training_loss is None:
            return None
        return abs(self.training_loss - self.full_training_loss) <= self.tolerance * abs(self.full_training_loss)

    def __str__(self) -> str:
        worst, best = max(self.subset_risks), min(self.subset_risks)
        criterion = f"criterion (1) is not measured, since the learner does not offer {', '.join(self.lacking)}"
        if self.training_loss is not None and self.full_training_loss is not None:
            criterion = (
                f"criterion (1), training loss on all data: {self.training_loss:.4g} against {self.full_training_loss:.4g}, "
                f"{'met' if self.meets_criterion else 'not met'} within {self.tolerance:.1%}"
            )
        return (
            f"{'VACUOUS' if self.vacuous else 'not vacuous'}: task risk {self.risk:.4g} of {self.examples} examples; "
            f"{len(self.subset_risks)} random subsets as large: median {self.subset_risk:.4g}, {best:.4g} to {worst:.4g}; "
            f"all data {self.full_risk:.4g}\n{criterion}"
        )


def vacuity(
    problem: DistillationProblem,
    data: SyntheticData,
    pool_data: SyntheticData,
    episodes: Episodes,
    *,
    generator: torch.Generator,
    subsets: int = 20,
    tolerance: float = 0.01,
    ceiling: Learner | None = None,
) -> Vacuity:
    """Train from scratch on ``data``, on equal-size random subsets of all data and on all data; compare the task risks.

    The task-free criterion (1) is reported beside them: the loss on all data of the model trained on the set equals that of the
    model trained on all. It can hold for a set that is useless for the task (Kungurtsev et al. 2024, arXiv 2409.01410).

    Args:
        problem: learner, task, distance and risk.
        data: the distilled set. Its examples are the entries of the first axis of its fields.
        pool_data: all data: every field has one entry per example along its first axis, and is a field of ``data`` too.
        episodes: a batch of the task that played no part in distilling.
        generator: draws the subsets, each without repetition.
        subsets: how many.
        tolerance: relative difference of training losses that counts as equal.
        ceiling: trains on all data (None: the learner).

    Raises:
        ValueError: the sets do not fit each other, the pool is smaller than the set, or a setting is not positive.
    """
    if subsets < 1 or tolerance <= 0:
        raise ValueError(f"vacuity: subsets={subsets} must be at least 1 and tolerance={tolerance} positive")
    size, total = _example_count(data, pool_data)
    lacking = [name for name in ("prepare", "training_loss", "parameters") if not hasattr(problem.learner, name)]
    with torch.no_grad():
        fitted, full = problem.learner.fit(data, episodes), (ceiling or problem.learner).fit(pool_data, episodes)
        drawn = [torch.randperm(total, generator=generator)[:size] for _ in range(subsets)]
        random = [problem.evaluate(_chosen(pool_data, index), episodes) for index in drawn]
        return Vacuity(
            examples=size,
            risk=float(problem.risk(problem.compare(fitted, episodes))),
            subset_risks=tuple(float(risk) for risk in random),
            full_risk=float(problem.risk(problem.compare(full, episodes))),
            training_loss=None if lacking else _training_loss(problem.learner, fitted, pool_data, episodes),
            full_training_loss=None if lacking else _training_loss(problem.learner, full, pool_data, episodes),
            tolerance=tolerance,
            lacking=tuple(lacking),
        )


def _example_count(data: SyntheticData, pool_data: SyntheticData) -> tuple[int, int]:
    """Return the numbers of examples of the set and of the pool."""
    absent = [name for name in pool_data.fields if name not in data]
    if absent:
        raise ValueError(f"vacuity: the data lack the field(s) {', '.join(absent)} of the pool")
    sizes = {len(data[name]) for name in pool_data.fields}
    totals = {len(pool_data[name]) for name in pool_data.fields}
    if len(sizes) != 1 or len(totals) != 1:
        raise ValueError(
            f"vacuity: the fields have {sorted(sizes)} examples in the data and {sorted(totals)} in the pool, expected one number"
        )
    size, total = sizes.pop(), totals.pop()
    if size > total:
        raise ValueError(f"vacuity: the data have {size} examples, the pool only {total}: it has no subset of that size")
    return size, total


def _chosen(pool_data: SyntheticData, index: Tensor) -> SyntheticData:
    return pool_data.with_fields({name: value[index.to(value.device)] for name, value in pool_data.fields.items()})


def _training_loss(learner: Any, fitted: Any, pool_data: SyntheticData, episodes: Episodes) -> float:
    return float(learner.training_loss(learner.parameters(fitted), learner.prepare(pool_data, episodes)).mean())
