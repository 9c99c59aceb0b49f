"""One seed and learner of the solved protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.kernel_ridge import Kernel, KernelRidge
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.pde import Reference
from pinndd.pinn.models.solved_conditions import CONDITIONS, Base, ConditionToField, condition_data
from pinndd.pinn.sets.condition_samplers import sample_conditions
from pinndd.pinn.tasks.zero_shot import ZeroShot
from pinndd.problem import Episodes
from pinndd.risks import Mean
from pinndd.study.protocols.bench import Bench, Method
from pinndd.study.protocols.solved.materials import Materials
from pinndd.study.protocols.solved.stand_in import CheapConditions, effort
from pinndd.study.protocols.solved.tuning import (
    PENALTY,
    Exam,
    TunedDesign,
    base_fields,
    best_of,
    mean_error,
    solve,
    tune_designs,
)
from pinndd.study.results.table import DISTILLED

_STARTS = 6
_UNCUT = 1e3
"""Reach of the box of baselines, which are taken as they are drawn."""


@dataclass(frozen=True)
class SolvedSettings:
    """Size of a set of the solved protocol.

    Attributes:
        conditions: m, how many conditions are solved.

    Raises:
        ValueError: it is not positive, or not to be had in memory.
    """

    conditions: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.conditions <= 100_000:
            raise ValueError(f"conditions {self.conditions}: expected a whole number from 1 to 100000")


@dataclass(frozen=True, eq=False)
class SolvedBench(Bench[SolvedSettings]):
    """One seed and learner of the solved protocol: the outer loop sees the stand-in only.

    Attributes:
        materials: of the study.
    """

    conditions: CheapConditions
    materials: Materials = field(kw_only=True)

    usual_risk = Mean()
    fresh = False
    validated_on = "of a broadened family, which the stand-in solved"

    @property
    def base(self) -> Base | None:
        """What the labels correct."""
        return self.materials.base(self.recipe.name)

    def task_on(self, pool: Episodes) -> ZeroShot:
        return ZeroShot(pool, (0,), points=pool.points.shape[0])

    @property
    def outer(self) -> OuterSettings:
        assert self.recipe.outer is not None
        outer = self.recipe.outer
        steps = max(2, round(outer.steps * self.settings.effort * effort(self.pde)))
        return OuterSettings(
            steps=steps,
            batch=outer.batch,
            learning_rate=outer.rate,
            validate_every=max(1, steps // 12),
            seed=self.seed,
        )

    @property
    def race(self) -> None:
        """There is one start."""

    def counts(self, data: SyntheticData) -> tuple[int, int]:
        return data[CONDITIONS].shape[0], 0

    def learner_of(self, kernel: Kernel, solver: Reference) -> KernelRidge:
        """Return the surrogate of a kernel for labels of a solver."""
        return KernelRidge(ConditionToField(self.pde, solver, self.base), kernel, PENALTY)

    def own(self, data: SyntheticData) -> KernelRidge:
        return self.learner_of(kernel_of(data), self.materials.fine)

    def trained(self, method: Method, episodes: Episodes) -> tuple[Any, float]:
        learner = method.learner or self.own(method.data)
        assert isinstance(learner, KernelRidge)
        with torch.no_grad():
            learner.model.examples(method.data, episodes)  # labels are solved before the clock starts
        return super().trained(method, episodes)

    def problem_for(self, data: SyntheticData) -> Any:
        return self._problem(self.conditions.training, self.learner_of(kernel_of(data), self.materials.cheap.solver))

    @cached_property
    def designs(self) -> Sequence[Method]:
        self.study.progress(f"solved: tuning baselines for {self.recipe.name}", 0, 1, None)
        found = []
        for design in self.materials.tuned(self.recipe.name, self.study.size.conditions):
            data = self._drawn(design, self.seed, self.materials.cheap.metric)
            learner = self.learner_of(design.kernel, self.materials.fine)
            found.append(Method(design.sampler, data, design.error, learner, details=str(design)))
        return found

    def starts(self) -> Sequence[SyntheticData]:
        """Return the best of a few draws of the design that is best on the stand-in."""
        cheap, count = self.materials.cheap, self.study.size.conditions
        self.study.progress("solved: preparing the stand-in", 0, 1, None)
        exams = [Exam.of(self.conditions.validation, self.settings.measure, self.base)]
        seeds = [self.seed, self.seed + 1][: 1 if self.pde.stand_in is None or count > 16 else 2]
        best = best_of(tune_designs(self.pde, cheap.solver, cheap.metric, exams, count, seeds, self.base))
        draws = [
            sample_conditions(self.pde.ensemble(), best.sampler, count, _STARTS * self.seed + k, best.width)
            for k in range(_STARTS)
        ]
        codes = torch.cat(draws)
        labels = solve(self.pde, cheap.solver, codes, cheap.points) - base_fields(self.base, cheap.points, codes)
        errors = [
            mean_error(best.kernel, drawn @ cheap.metric, label, cheap.metric, exams)
            for drawn, label in zip(draws, torch.split(labels, count), strict=True)
        ]
        data = condition_data(self.pde, draws[errors.index(min(errors))], cheap.metric)
        kernel = {"length": best.kernel.length, "trend": best.kernel.trend}
        return (data.with_header(settings={"kernel": kernel, "penalty": PENALTY}),)

    def header(self) -> dict[str, Any]:
        return {**super().header(), "evaluate": "pinndd export FILE, solve the conditions, pinndd evaluate FILE --solutions"}

    def foreign(self, data: SyntheticData) -> Method:
        kernel = best_of(self.materials.tuned(self.recipe.name, self.counts(data)[0])).kernel
        return Method(DISTILLED, data, learner=self.learner_of(kernel, self.materials.fine))

    def _drawn(self, design: TunedDesign, seed: int, metric: Tensor) -> SyntheticData:
        codes = sample_conditions(self.pde.ensemble(), design.sampler, self.study.size.conditions, seed, design.width)
        return condition_data(self.pde, codes, metric, reach=_UNCUT)


def kernel_of(data: SyntheticData) -> Kernel:
    """Return the kernel that a set was distilled for.

    Raises:
        ValueError: the set has none, or one whose settings are no numbers or out of range.
    """
    stored = data.header.get("settings")
    return msgspec.convert(stored.get("kernel", {}) if isinstance(stored, Mapping) else stored, Kernel)
