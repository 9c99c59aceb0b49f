"""What a distilled set owes to its task, distance and risk: distill for each of several, and evaluate under each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd
import torch

from pinndd.data import SyntheticData
from pinndd.distances import Distance
from pinndd.hypergradients import Hypergradient
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem, Task
from pinndd.risks import Risk
from pinndd.study.results.writing import markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_VALIDATION, _TEST = 1_000_003, 2_000_003


START = "(start)"
"""Row of the set that every outer loop starts from."""


@dataclass(frozen=True, eq=False)
class CrossTable:
    """Risks of sets that were distilled for one variant of a problem and evaluated under another.

    Attributes:
        risks: one row per set, named by the variant that it was distilled for, `START` the last; one column per variant that
            it is evaluated under.
        data: the distilled set of every variant.
    """

    risks: pd.DataFrame
    data: Mapping[str, SyntheticData]

    @property
    def regret(self) -> pd.DataFrame:
        """Each risk divided by that of the set that was distilled for the column's variant."""
        best = pd.Series({name: self.risks.loc[name, name] for name in self.risks.columns})
        return self.risks.div(best, axis="columns")

    def __str__(self) -> str:
        table = self.risks.reset_index(names="distilled for")
        return markdown_table(table, dict.fromkeys(self.risks.columns, ".4g"))

    def plot(self) -> Figure:
        """Draw the regret: 1 on the diagonal, and how many times worse each other set is."""
        from pinndd.study.plots.cross_table import draw_cross_table

        return draw_cross_table(self.regret)


def sensitivity(
    problem: DistillationProblem,
    data: SyntheticData,
    *,
    hypergradient: Hypergradient,
    distances: Mapping[str, Distance] | None = None,
    risks: Mapping[str, Risk] | None = None,
    tasks: Mapping[str, Task] | None = None,
    settings: OuterSettings | None = None,
    episodes: int = 128,
    progress: Callable[[str, int, int], None] | None = None,
) -> CrossTable:
    """Distill from the same start for every combination of parts, and evaluate every set under every combination.

    The thesis of Kungurtsev et al. (2024, arXiv 2409.01410) as a measurement: if the parts did not matter, all rows would be
    equal. Every set is evaluated by training from scratch, on episodes that neither its outer loop nor its validation saw.

    Args:
        problem: gives the learner, and every part that is not varied.
        data: where each outer loop starts.
        hypergradient: the estimator.
        distances, risks, tasks: what is varied, by name.
        settings: of the outer loop.
        episodes: number of test episodes; a quarter as many choose the best iterate.
        progress: called with the variant, sets distilled, and sets in all.

    Raises:
        ValueError: nothing is varied.
    """
    variants = _variants(problem, tasks, distances, risks)
    settings = settings or OuterSettings()
    found = {}
    for k, (name, variant) in enumerate(variants.items()):
        check = _draw(variant, max(1, episodes // 4), settings.seed + _VALIDATION)
        found[name] = distill(variant, data, hypergradient=hypergradient, validation=[check], settings=settings).data
        if progress is not None:
            progress(name, k + 1, len(variants))
    asked = {name: _draw(variant, episodes, settings.seed + _TEST) for name, variant in variants.items()}
    with torch.no_grad():
        table = [
            [float(variant.evaluate(each, asked[name])) for name, variant in variants.items()]
            for each in (*found.values(), data)
        ]
    return CrossTable(pd.DataFrame(table, index=[*variants, START], columns=list(variants)), found)


def _variants(
    problem: DistillationProblem,
    tasks: Mapping[str, Task] | None,
    distances: Mapping[str, Distance] | None,
    risks: Mapping[str, Risk] | None,
) -> dict[str, DistillationProblem]:
    if not (tasks or distances or risks):
        raise ValueError("sensitivity: nothing is varied; pass distances, risks or tasks by name")
    return {
        ", ".join(filter(None, (a, b, c))): replace(problem, task=task, distance=distance, risk=risk)
        for a, task in (tasks or {"": problem.task}).items()
        for b, distance in (distances or {"": problem.distance}).items()
        for c, risk in (risks or {"": problem.risk}).items()
    }


def _draw(problem: DistillationProblem, count: int, seed: int) -> object:
    return problem.task.episodes(count, torch.Generator().manual_seed(seed))
