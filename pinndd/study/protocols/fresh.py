"""What protocols have in common that train a fresh model on points for every condition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pinndd.data import SyntheticData
from pinndd.pinn.solving.truth import boundary_episodes
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.study.protocols.bench import Bench, Method, Study
from pinndd.study.protocols.conditions import HeldOutConditions, fresh_tests
from pinndd.study.protocols.learners import Recipe, train_bodies
from pinndd.study.protocols.sections import Section, section_of
from pinndd.study.protocols.weights import weight_grid, weighted

TUNING = 4
"""Conditions on which the weights for a judge are tuned."""


@dataclass(frozen=True, eq=False)
class FreshStudy(Study[Any]):
    """What protocols have in common that train a fresh model on points for every condition."""

    judged_designs = ("midpoint-grid",)

    @cached_property
    def tests(self) -> HeldOutConditions:
        return fresh_tests(self.pde, self.settings, self.allowance)

    @property
    def judge_tests(self) -> HeldOutConditions:
        count = self.settings.judge_conditions
        return self.tests.few(count, max(2, count // 2))

    def judge(self, bench: Bench[Any], recipe: Recipe, part: float = 1.0) -> Bench[Any]:
        learner = recipe.build(self.pde, {})
        train_bodies(learner, self.progress, self.name, [bench.seed])
        return bench.with_recipe(recipe, learner)

    def retuned(self, bench: Bench[Any], method: Method) -> Method:
        sets = weight_grid(method.data, (1.0,), bench.recipe.ratios)
        if len(sets) == 1:
            return replace(method, data=sets[0])
        episodes = bench.conditions.plain[:TUNING]
        return min((replace(method, data=d, error=bench.error(d, episodes)) for d in sets), key=lambda m: m.error)

    def fresh_samples(self, bench: Bench[Any], data: SyntheticData) -> SyntheticData:
        return weighted(data, 1.0, 10.0)

    def example_questions(self, bench: Bench[Any], shift: str, index: int) -> tuple[BoundaryEpisodes, Section]:
        section, drawn = section_of(self.pde), self.tests.episodes[shift].values
        coefficients = drawn.coefficients[index : index + 1].cpu()
        episodes = boundary_episodes(self.pde, drawn.ensemble, coefficients, section.points, seed=bench.seed)
        return episodes.to(self.settings.device), section
