"""What the retrain protocol distils with: the learner and its settings, training and validation conditions, the problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact, Hypergradient, Implicit, UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT
from pinndd.pinn.sets.roughened import Roughening, roughened, roughened_sample
from pinndd.pinn.sets.samplers import sobol
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.solutions import boundary_episodes
from pinndd.problem import DistillationProblem, Learner
from pinndd.risks import GeometricMean
from pinndd.study.outcome import StudySettings

QUESTIONS = 600
"""Points at which the outer loop compares the solutions."""

ROUGH = Roughening()
MILD = Roughening(length=0.2, amplitude=0.4, share=0.35)
"""For nonlinear equations, where rough data of full size lead into another regime, such as shocks."""

_TRAIN, _VALIDATION, _TEST = 11, 22, 33
"""Offsets that keep the draws of training, validation and test conditions apart."""


@dataclass(frozen=True)
class Setup:
    """One distillation seed of the retrain protocol.

    Attributes:
        pde: the equation.
        name: of the learner: ``ridge``, ``gauss-newton`` or ``mlp-adam``.
        learner: trains on a set.
        problem: with the geometric mean as the risk, since plain and rough conditions differ much in difficulty.
        hypergradient: its estimator.
        outer: settings of the outer loop.
        validation: training and roughened conditions, for the choice of the best iterate.
        plain: the training conditions among them, on which baselines are tuned.
        seed: of the distillation; also of the network's draw.
        device: of the computation.
        quick: whether this is a first look: what is tuned, is tuned on coarser grids.
    """

    pde: PDE
    name: str
    learner: Learner
    problem: DistillationProblem
    hypergradient: Hypergradient
    outer: OuterSettings
    validation: BoundaryEpisodes
    plain: BoundaryEpisodes
    seed: int
    device: str
    quick: bool = False

    @property
    def slow(self) -> bool:
        """Whether a fit takes so long that tuning has to be sparing."""
        return isinstance(self.learner, GaussNewton)

    @property
    def sluggish(self) -> bool:
        """Whether a fit takes several times as long as that, since there are several outputs."""
        return self.slow and self.pde.outputs > 1

    @property
    def hurried(self) -> bool:
        """Whether it is both: a first look with a slow learner."""
        return self.quick and self.slow

    def with_learner(self, learner: Learner) -> Setup:
        """Return the setup with other settings of the learner."""
        return replace(self, learner=learner, problem=replace(self.problem, learner=learner))

    def error(self, data: SyntheticData, episodes: BoundaryEpisodes) -> float:
        """Return the mean relative L2 error of models trained on ``data``."""
        with torch.no_grad():
            return float(self.problem.losses(data, episodes).mean())


def learner_name(pde: PDE, asked: str | None = None) -> str:
    """Return the learner to distil with: the one asked for, else ridge for a linear PDE and Gauss-Newton for others."""
    if asked is not None:
        return asked
    return "ridge" if pointwise_residual(pde).is_linear() else "gauss-newton"


def make_setup(pde: PDE, settings: StudySettings, seed: int) -> Setup:
    """Draw training and validation conditions, solve them, and put the problem together."""
    name = learner_name(pde, settings.learner)
    generator = torch.Generator().manual_seed(seed * 100 + _TRAIN)
    check = torch.Generator().manual_seed(seed * 100 + _VALIDATION)
    points = pde.box.scale(sobol(QUESTIONS, pde.box.dimension, _TRAIN))
    roughening = ROUGH if pointwise_residual(pde).is_linear() else MILD
    rough = roughened(pde, roughening)
    count, validation_count = (512, 128) if name == "ridge" else (256, 32)
    pool = boundary_episodes(pde, rough, roughened_sample(rough, count, roughening.share, generator), points, seed=seed)
    validation = boundary_episodes(
        pde, rough, roughened_sample(rough, validation_count, roughening.share, check), points, seed=seed
    )
    pool, validation = pool.to(settings.device), validation.to(settings.device)
    plain = validation[: validation_count - round(roughening.share * validation_count)]
    learner = make_learner(pde, name)
    task = BoundaryGeneralisation(pool, (seed,))
    problem = DistillationProblem(learner, task, RelativeL2(), GeometricMean())
    return Setup(
        pde,
        name,
        learner,
        problem,
        hypergradient_of(name),
        outer_settings(name, settings.budget, seed, pde.outputs),
        validation,
        plain,
        seed,
        settings.device,
        settings.budget < 1,
    )


def make_learner(pde: PDE, name: str, header: Mapping[str, Any] | None = None) -> Learner:
    """Build a learner that can be distilled with, from the settings stored in a data set if there are any.

    Raises:
        ValueError: nothing is distilled with such a learner.
    """
    stored = dict((header or {}).get("learner_settings", {}))
    if name in ("ridge", "gauss-newton"):
        model = FeatureModel(pde, int(stored.get("width", 256)), float(stored.get("scale", 1.0)))
        penalty = float(stored.get("penalty", 1e-8))
        return Ridge(model, penalty) if name == "ridge" else GaussNewton(model, penalty)
    if name == "mlp-adam":
        return Adam(MLPModel(pde), steps=int(stored.get("steps", 200)), dtype=torch.float64)
    raise ValueError(f"learner {name!r}: expected ridge, gauss-newton or mlp-adam")


def learner_settings(learner: Learner) -> dict[str, float]:
    """Return the settings that `make_learner` reads."""
    if isinstance(learner, Ridge | GaussNewton) and isinstance(learner.model, FeatureModel):
        return {"width": learner.model.width, "scale": learner.model.scale, "penalty": learner.penalty}
    return {"steps": learner.steps} if isinstance(learner, Adam) else {}


def hypergradient_of(name: str) -> Hypergradient:
    """Return the estimator that fits a learner."""
    estimators: dict[str, Hypergradient] = {"ridge": Exact(), "gauss-newton": Implicit()}
    return estimators.get(name, UnrolledAdjoint())


def outer_settings(name: str, budget: float, seed: int, outputs: int = 1) -> OuterSettings:
    """Return the settings of the outer loop for a learner; ``budget`` scales the number of steps.

    In a first look (a budget below 1) several outputs, which take longer each, get fewer conditions a step.
    """
    steps, batch, rate = {"ridge": (400, 64, 0.01), "gauss-newton": (200, 12, 0.01)}.get(name, (60, 8, 0.01))
    if budget < 1:
        batch = max(4, batch // outputs)
    return OuterSettings(
        steps=max(10, round(steps * budget)),
        batch=batch,
        learning_rate=rate,
        rates={BOUNDARY_WEIGHT: 5.0, INTERIOR_WEIGHT: 5.0},
        validate_every=20,
        seed=seed,
    )


def test_episodes(pde: PDE, shift: str, count: int, seed: int, device: str) -> BoundaryEpisodes:
    """Return the test conditions of a shift: the same ones for every distillation seed, touched once."""
    ensemble = pde.ensemble(shift)
    number = ["none", *pde.shifts].index(shift)
    generator = torch.Generator().manual_seed(10_000 + _TEST * 100 + number)
    points = pde.box.scale(sobol(1024, pde.box.dimension, _TEST))
    return boundary_episodes(pde, ensemble, ensemble.sample(count, generator), points, seed=seed).to(device)
