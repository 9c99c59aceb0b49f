"""Sensors: where to measure the boundary and initial values when collocation points inside are free.

The interior is plentiful and fixed. Of M sensors, how many go to which condition and where they stand is learned in two steps:
candidates are dropped one by one (`pinndd.study.protocols.sensors.placing`); then the outer loop moves the positions by the
hypergradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from pinndd.data import SyntheticData
from pinndd.pinn.files.points import write_sensors
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.pinn.sets.samplers import hammersley, patch_points
from pinndd.study.protocols.bench import Bench
from pinndd.study.protocols.conditions import FreshConditions
from pinndd.study.protocols.fresh import FreshStudy
from pinndd.study.protocols.learners import BODY, ON_POINTS, Outer, Recipe, distilling_recipe
from pinndd.study.protocols.protocol import Protocol
from pinndd.study.protocols.sensors.baselines import with_best_scale
from pinndd.study.protocols.sensors.bench import SensorBench
from pinndd.study.protocols.sensors.settings import SensorSettings, known_conditions, nonsense
from pinndd.study.protocols.stored import points_needed
from pinndd.study.protocols.words import ProtocolWords

__all__ = ["PROTOCOL", "SensorBench", "SensorSettings", "SensorStudy"]

INTERIOR_POINTS = {"ridge": 400, "gauss-newton": 196}
"""Interior points by learner; they carry no label, so they are plentiful."""

KNOWN_POINTS = 16
"""Points along each coordinate of a condition whose values are known: nothing is measured there."""

CONDITIONS = {"ridge": (256, 128), "gauss-newton": (96, 24)}
"""Training and validation conditions by learner."""

FEW_CONDITIONS = (32, 8)
"""The same in a first look, for any learner but ridge."""

COMPARED_AT = 400
"""Points at which their solutions are compared."""

RECIPES = {
    # bodies have fewer features than a small set has rows, not than a plentiful interior
    **{name: recipe for name, recipe in ON_POINTS.items() if name != BODY and not recipe.mixes},
    # with a plentiful interior there are rows enough for many features
    "ridge": replace(ON_POINTS["ridge"], outer=Outer(300, 64, 0.01), distilling={"width": 384, "penalty": 1e-6}, judges=False),
    "gauss-newton": replace(
        ON_POINTS["gauss-newton"], outer=Outer(80, 12, 0.01), distilling={"width": 256, "penalty": 1e-8}, judges=False
    ),
    "mlp-adam": replace(ON_POINTS["mlp-adam"], outer=None, distilling={}, fresh=None),
    "mlp-lm": replace(ON_POINTS["mlp-lm"], outer=None, fresh=None, interpolates=False),
}


@dataclass(frozen=True, eq=False)
class SensorStudy(FreshStudy):
    """Sensors on the conditions of a PDE."""

    name = "sensors"
    judged_designs = ("midpoints",)

    @property
    def sizes(self) -> Sequence[SensorSettings]:
        return [replace(self.size, sensors=(count,)) for count in self.size.sensors]

    def benches(self, seed: int) -> Sequence[SensorBench]:
        recipe = self.recipe
        self.progress("sensors: solving conditions", 0, 1, None)
        box = self.pde.box
        interior = box.scale(hammersley(self.size.points or INTERIOR_POINTS.get(recipe.name, 196), box.dimension, 0))
        bench = self._bench(recipe, recipe.distilling, seed, interior.to(self.settings.device))
        return (with_best_scale(bench, self.size.count),)

    def bench_for(self, data: SyntheticData, recipe: Recipe | None) -> SensorBench:
        own = distilling_recipe(self.pde, str(data.header.get("learner", "")) or None, self.recipes)
        stored = data.header.get("learner_settings", {}) if recipe is None else {}
        return self._bench(recipe or own, stored, int(data.header.get("seed", self.settings.seed)), data[INTERIOR])

    def _bench(self, recipe: Recipe, stored: Any, seed: int, interior: torch.Tensor) -> SensorBench:
        patches = self.pde.patches
        known = {
            zero: patch_points(patches[zero], "midpoint-grid", KNOWN_POINTS ** patches[zero].dimension, 0).to(interior)
            for zero in known_conditions(self.pde)
        }
        # the training family as it is: whoever pays for sensors says with it what may come
        counts = FEW_CONDITIONS if self.settings.quick and recipe.name != "ridge" else CONDITIONS[recipe.name]
        derivatives = self.settings.measure.derivatives
        conditions = FreshConditions(
            self.pde, seed, self.settings.device, *counts, None, COMPARED_AT, derivatives, self.allowance
        )
        learner = recipe.build(self.pde, stored)
        return SensorBench(self, recipe, learner, seed, conditions, interior=interior, known=known)

    def notes(self, bench: Bench[Any]) -> Sequence[str]:
        assert isinstance(bench, SensorBench)
        return [
            f"The {len(bench.interior)} interior points are fixed and free; only what must be measured is counted.",
            "Every placement is trained on by the same learner, its weights tuned on validation conditions of the training family.",
            *([f"Known to be zero, nothing to measure: {', '.join(bench.known)}."] if bench.known else []),
        ]


PROTOCOL = Protocol(
    name="sensors",
    about="positions of M sensors",
    words=ProtocolWords(
        title="Sensors: a fresh network for every boundary condition, trained on what the distilled sensors measure",
        size="{boundary_points} distilled sensors",
        unit="sensors",
        axis="sensors M",
        size_column="boundary_points",
        counted=("boundary_points",),
    ),
    size=SensorSettings,
    default_size=lambda pde: SensorSettings(),
    study=SensorStudy,
    recipes=RECIPES,
    judges=(),
    curve=False,
    derivatives=True,
    usual=False,
    labelled=False,
    nonsense=nonsense,
    export=write_sensors,
    placed=True,
    fields=points_needed,
)
