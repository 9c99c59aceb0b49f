"""What sensors are placed for: a plentiful fixed interior, the conditions that must be measured, the learner, and the episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact, Hypergradient, Implicit
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.families import Tied
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.fixed_interior import FixedInterior, eliminate_interior
from pinndd.pinn.sets.collocation import INTERIOR, INTERIOR_WEIGHT, collocation_data
from pinndd.pinn.sets.samplers import hammersley, patch_points, sobol
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.solutions import boundary_episodes
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.outcome import StudySettings
from pinndd.study.retrain_setup import learner_name

INTERIOR_POINTS = {"ridge": 400, "gauss-newton": 196}
"""Interior points by learner; they carry no label, so they are plentiful."""

WIDTHS = {"ridge": 384, "gauss-newton": 256}
"""Features of the learner; with a plentiful interior there are rows enough for many."""

KNOWN_POINTS = 16
"""Points along each coordinate of a condition whose values are known to be zero: nothing is measured there."""

QUESTIONS = 400
"""Points at which solutions are compared while sensors are placed."""

_POOL, _VALIDATION = 11, 22
"""Offsets that keep the draws of training and validation conditions apart."""


@dataclass(frozen=True)
class SensorSetup:
    """One seed of a placement of sensors.

    Attributes:
        pde: the equation.
        name: of the learner, ``ridge`` or ``gauss-newton``.
        learner: trains on a set.
        interior: the fixed interior points, ``(N, d)``.
        known: points of the conditions that are known to be zero, in local coordinates.
        pool: training conditions, which choose the sensors.
        validation: conditions that choose weights and the best iterate.
        seed: also of the features.
        budget: factor on the number of outer steps.
    """

    pde: PDE
    name: str
    learner: Ridge | GaussNewton
    interior: Tensor
    known: Mapping[str, Tensor]
    pool: BoundaryEpisodes
    validation: BoundaryEpisodes
    seed: int
    budget: float
    _eliminated: dict[float, FixedInterior] = field(default_factory=dict, repr=False, compare=False)

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the conditions that must be measured."""
        return tuple(c.name for c in self.pde.valued if c.name not in self.known)

    @property
    def linear(self) -> bool:
        """Whether training is one linear fit, whose interior is eliminated."""
        return isinstance(self.learner, Ridge)

    @property
    def hypergradient(self) -> Hypergradient:
        """The estimator that fits the learner."""
        return Exact() if self.linear else Implicit()

    def with_learner(self, learner: Ridge | GaussNewton) -> SensorSetup:
        """Return the setup with other settings of the learner."""
        return replace(self, learner=learner, _eliminated={})

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
        """Return the model of a linear PDE without its interior rows (computed once a weight)."""
        assert isinstance(self.learner, Ridge)
        assert isinstance(self.learner.model, FeatureModel)
        if interior_weight not in self._eliminated:
            self._eliminated[interior_weight] = eliminate_interior(
                self.learner.model, self.interior, interior_weight, self.learner.penalty, self.pool
            )
        return self._eliminated[interior_weight]

    def problem(self, interior_weight: float) -> DistillationProblem:
        """Return the problem with the mean relative L2 error over the training family as its risk."""
        learner = Ridge(self.eliminated(interior_weight), 1.0) if self.linear else self.learner
        return DistillationProblem(learner, BoundaryGeneralisation(self.pool, (self.seed,)), RelativeL2(), Mean())

    def losses(self, data: SyntheticData, episodes: BoundaryEpisodes) -> Tensor:
        """Return the relative L2 error of a model trained on ``data`` for every episode, ``(E,)``."""
        with torch.no_grad():
            return self.problem(float(data[INTERIOR_WEIGHT])).losses(data, episodes)

    def error(self, data: SyntheticData) -> float:
        """Return the mean relative L2 error on the validation conditions."""
        return float(self.losses(data, self.validation).mean())

    def counts(self, data: SyntheticData) -> dict[str, int]:
        """Return the number of sensors on every condition that is measured."""
        return {name: data[name].shape[0] for name in self.measured}


def make_sensor_setup(pde: PDE, settings: StudySettings, seed: int, points: int | None = None) -> SensorSetup:
    """Draw training and validation conditions, solve them, and fix the interior.

    The episodes are those of the training family: whoever pays for sensors says with it what may come.

    Args:
        pde: the PDE.
        settings: learner, budget and device.
        seed: of the conditions and of the features.
        points: number of interior points (None: plenty).
    """
    name = sensor_learner(pde, settings.learner)
    model = FeatureModel(pde, WIDTHS[name], 1.0)
    learner = Ridge(model, 1e-6) if name == "ridge" else GaussNewton(model, 1e-8)
    questions = pde.box.scale(sobol(QUESTIONS, pde.box.dimension, _POOL))
    quick = settings.budget < 1
    counts = (256, 128) if name == "ridge" else (32, 8) if quick else (96, 24)
    ensemble = pde.ensemble()
    pool, validation = (
        boundary_episodes(
            pde, ensemble, ensemble.sample(n, torch.Generator().manual_seed(seed * 100 + offset)), questions, seed=seed
        ).to(settings.device)
        for n, offset in zip(counts, (_POOL, _VALIDATION), strict=True)
    )
    interior = pde.box.scale(hammersley(points or INTERIOR_POINTS[name], pde.box.dimension, 0)).to(settings.device)
    known = {
        zero: patch_points(pde.patches[zero], "midpoint-grid", KNOWN_POINTS ** pde.patches[zero].dimension, 0).to(interior)
        for zero in known_conditions(pde)
    }
    return SensorSetup(pde, name, learner, interior, known, pool, validation, seed, settings.budget)


def sensor_learner(pde: PDE, asked: str | None) -> str:
    """Return the learner that sensors are placed for: ridge where the equation is linear, else Gauss-Newton.

    Raises:
        ValueError: another one was asked for, or ridge for a nonlinear equation.
    """
    if asked not in (None, "ridge", "gauss-newton"):
        raise ValueError(
            f"--learner {asked}: sensors are placed with ridge or gauss-newton; --judge {asked} trains on the result"
        )
    if asked == "ridge" and learner_name(pde) != "ridge":
        raise ValueError(f"--learner ridge: the equation of {pde.name!r} is nonlinear; use gauss-newton")
    return learner_name(pde, asked)


def known_conditions(pde: PDE) -> tuple[str, ...]:
    """Return the conditions whose values are zero in training and under every shift: their families have no coefficients."""
    ensembles = [pde.ensemble(shift) for shift in ("none", *pde.shifts)]

    def is_known(name: str) -> bool:
        families = [e.families[name] for e in ensembles]
        return all(f.size == 0 and not isinstance(f, Tied) for f in families)

    return tuple(c.name for c in pde.valued if c.joins is None and is_known(c.name))


def require_sensors(pde: PDE, count: int) -> None:
    """Make sure that every condition that is measured gets a sensor.

    Raises:
        ValueError: there are fewer sensors than such conditions, or nothing is to be measured.
    """
    known = known_conditions(pde)
    measured = [c.name for c in pde.valued if c.name not in known]
    if not measured:
        raise ValueError(f"PDE {pde.name!r}: every condition is known to be zero, so there is nothing to measure")
    if count < len(measured):
        raise ValueError(
            f"--sensors {count}: PDE {pde.name!r} has {len(measured)} conditions to measure ({', '.join(measured)}); give at "
            f"least {len(measured)}"
        )
