"""One seed of a placement of sensors: a plentiful fixed interior, the conditions that must be measured, the learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.fixed_interior import FixedInterior, eliminate_interior
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR, INTERIOR_WEIGHT, collocation_data
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import Trainings
from pinndd.problem import Episodes, Learner
from pinndd.risks import Mean
from pinndd.study.protocols.bench import Bench, Method
from pinndd.study.protocols.conditions import FreshConditions
from pinndd.study.protocols.sensors.baselines import baseline_sensors, tune
from pinndd.study.protocols.sensors.placing import in_order, starting_sets
from pinndd.study.protocols.sensors.settings import SensorSettings

RACED = 3
"""Starts that the outer loop tries for a short time; the best goes on."""

RACE = 0.15
"""Share of the outer steps in that race."""


@dataclass(frozen=True, eq=False)
class SensorBench(Bench[SensorSettings]):
    """One seed of a placement of sensors.

    Attributes:
        interior: the fixed interior points, ``(N, d)``.
        known: points of the conditions whose values are known, in local coordinates.
    """

    conditions: FreshConditions
    interior: Tensor = field(default_factory=lambda: torch.empty(0))
    known: Mapping[str, Tensor] = field(default_factory=dict)
    _eliminated: dict[float, FixedInterior] = field(default_factory=dict, repr=False)

    usual_risk = Mean()

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the conditions that must be measured."""
        return tuple(c.name for c in self.pde.valued if c.name not in self.known)

    @property
    def linear(self) -> bool:
        """Whether training is one linear fit, whose interior is eliminated."""
        return isinstance(self.learner, Ridge)

    def with_learner(self, learner: Learner) -> SensorBench:
        """Return the bench with other settings of the learner."""
        return replace(self, learner=learner, _eliminated={})

    def task_on(self, pool: Episodes) -> BoundaryGeneralisation:
        return BoundaryGeneralisation(pool, (self.seed,))

    @property
    def outer(self) -> OuterSettings:
        return self._outer(1.0)

    @property
    def race(self) -> OuterSettings:
        return replace(self._outer(RACE), learning_rate=self.outer.learning_rate / 2)

    def _outer(self, share: float) -> OuterSettings:
        assert self.recipe.outer is not None
        return OuterSettings(
            steps=max(5, round(self.recipe.outer.steps * self.settings.effort * share)),
            batch=self.recipe.outer.batch,
            learning_rate=self.recipe.outer.rate,
            rates={BOUNDARY_WEIGHT: 5.0},
            validate_every=10,
            seed=self.seed,
        )

    def data(
        self, sensors: Mapping[str, Tensor], interior_weight: float = 1.0, boundary_weight: float = 1.0
    ) -> SyntheticData:
        """Return a set in which the outer loop moves the sensors and their common weight, and nothing else.

        Args:
            sensors: local coordinates ``(n, k)`` on every condition that is measured.
            interior_weight, boundary_weight: of the training loss.
        """
        boundary = {c.name: self.known.get(c.name, sensors.get(c.name, self.interior)) for c in self.pde.valued}
        data = collocation_data(self.pde, self.interior, boundary, boundary_weight, interior_weight=interior_weight)
        fixed = {name: Fixed() for name in (INTERIOR, INTERIOR_WEIGHT, *self.known)}
        return replace(data, constraints={**data.constraints, **fixed})

    def eliminated(self, interior_weight: float) -> FixedInterior:
        """Return the model of a linear PDE without its interior rows (computed once per weight)."""
        assert isinstance(self.learner, Ridge)
        assert isinstance(self.learner.model, FeatureModel)
        if interior_weight not in self._eliminated:
            ensemble = self.pde.ensemble()
            zero = self.interior.new_zeros((1, ensemble.size))
            trainings = Trainings(BoundaryValues(ensemble, zero), self.seed)
            self._eliminated[interior_weight] = eliminate_interior(
                self.learner.model, self.interior, interior_weight, self.learner.penalty, trainings
            )
        return self._eliminated[interior_weight]

    def own(self, data: SyntheticData) -> Learner:
        return Ridge(self.eliminated(float(data[INTERIOR_WEIGHT])), 1.0) if self.linear else self.learner

    def sensors_on(self, data: SyntheticData) -> dict[str, int]:
        """Return the number of sensors on every condition that is measured."""
        return {name: data[name].shape[0] for name in self.measured}

    def places(self, data: SyntheticData) -> Mapping[str, Tensor]:
        return {name: self.pde.patches[name].points(data[name].cpu()) for name in self.measured}

    def counts(self, data: SyntheticData) -> tuple[int, int]:
        return data[INTERIOR].shape[0], sum(self.sensors_on(data).values())

    @cached_property
    def designs(self) -> Sequence[Method]:
        tuned = []
        sets = baseline_sensors(self, self.study.size.count)
        for k, (method, sensors) in enumerate(sets.items()):
            tuned.append(tune(self, method, sensors))
            self.study.progress("sensors: tuning baselines", k + 1, len(sets), min(m.error for m in tuned))
        return sorted(tuned, key=lambda m: m.error)

    def starts(self) -> Sequence[SyntheticData]:
        found = starting_sets(self, self.designs, self.study.size.count)
        return [start.data for start in found[: 1 if self.settings.quick else RACED]]

    def finished(self, data: SyntheticData) -> SyntheticData:
        return in_order(self, data)

    def header(self) -> dict[str, Any]:
        return {**super().header(), "sensors": self.study.size.count}
