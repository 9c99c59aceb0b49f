"""What the amortised protocol distils with: the network, its questions, and designs with tuned weights to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.product_ridge import ProductRidge
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Ensemble
from pinndd.pinn.models.conditioned import ConditionedModel
from pinndd.pinn.models.conditioned_linear import LinearConditionedModel
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT
from pinndd.pinn.sets.condition_code import encode
from pinndd.pinn.sets.samplers import sobol
from pinndd.pinn.sets.tuples import FAMILY, sample_tuples, tuple_data
from pinndd.pinn.tasks.questions import Questions
from pinndd.pinn.tasks.solutions import solutions, superposes
from pinndd.pinn.tasks.zero_shot import ZeroShot
from pinndd.problem import DistillationProblem, Learner
from pinndd.risks import GeometricMean
from pinndd.study.outcome import NO_SHIFT, StudySettings

PROTOCOL = "amortised"
TUPLES, BOUNDARY_TUPLES = 280, 70
DESIGNS = ("uniform", "latin-hypercube", "sobol", "hammersley", FAMILY)
TEST_FAMILY = "test-family"
"""Name of the design whose conditions are drawn from the very shift that is tested."""

WEIGHTS = (1e-2, 1e-1, 1.0, 1e1, 1e2)
REACHES = (1.0, 1.7)
"""Half widths of the box of conditions of a design, in standard deviations, that every baseline is tuned over."""

BOX = 3.0
"""Half width of the box of distilled coefficients, in standard deviations."""

NETWORKS = 16
"""Draws of the network that a set is distilled for; it is tested on a draw that is none of them."""


@dataclass(frozen=True)
class Setup:
    """One distillation seed: the problem, its validation conditions, the learner's name, and the network that is tested."""

    pde: PDE
    name: str
    problem: DistillationProblem
    validation: Questions
    outer: OuterSettings
    seed: int

    @property
    def network(self) -> int:
        """Seed of the draw of the network that is tested, which no distillation has seen."""
        return 1000 * self.seed + 900

    def error(self, data: SyntheticData, learner: Learner | None = None) -> float:
        """Return the geometric mean error on the validation conditions."""
        problem = self.problem if learner is None else replace(self.problem, learner=learner)
        with torch.no_grad():
            return float(problem.evaluate(data, self.validation))


@dataclass(frozen=True)
class Tuned:
    """A design with its tuned weight, its validation error, and how far its conditions reach (0: distilled)."""

    method: str
    data: SyntheticData
    error: float
    reach: float = 0.0


def quiet(what: str, done: int, total: int, error: float | None) -> None:
    """Report nothing."""


def make_setup(
    pde: PDE, settings: StudySettings, seed: int, name: str | None = None, header: Mapping[str, Any] | None = None
) -> Setup:
    """Draw training and validation conditions, solve them, and put the problem together.

    Args:
        pde: the equation.
        settings: device, budget, and the learner where ``name`` is None.
        seed: of the distillation.
        name: of the learner.
        header: of a data set that was distilled with that learner, whose settings are taken from there.

    Raises:
        ValueError: nothing is distilled with such a learner.
    """
    name = name or settings.learner or ("ridge" if superposes(pde, pde.ensemble()) else "gauss-newton")
    learner = make_learner(pde, name, header)
    training = pde.ensemble()
    points = pde.box.scale(sobol(256, pde.box.dimension, seed + 1))
    generator = torch.Generator().manual_seed(100 * seed + 5)
    first = 1000 * seed
    pool, validation = (
        ask(pde, training, broadened_sample(training, n, generator), points, first + 500).to(settings.device)
        for n in (300, 40)
    )
    networks = tuple(range(first + 1, first + 1 + NETWORKS))
    problem = DistillationProblem(learner, ZeroShot(pool, networks, points=48), RelativeL2(), GeometricMean())
    steps, rate = (800, 0.02) if name == "ridge" else (90, 0.01)
    steps = max(4, round(steps * settings.budget))
    outer = OuterSettings(steps, 48, rate, {BOUNDARY_WEIGHT: 3.0}, max(1, steps // 12), seed)
    return Setup(pde, name, problem, validation, outer, seed)


def make_learner(pde: PDE, name: str, header: Mapping[str, Any] | None = None) -> Learner:
    """Build a learner that can be distilled with, from the settings stored in a data set if there are any.

    Raises:
        ValueError: nothing is distilled with such a learner.
    """
    stored = dict((header or {}).get("learner_settings", {}))
    if name == "ridge":
        return ProductRidge(
            LinearConditionedModel(pde, **_known(LinearConditionedModel, stored)), stored.get("penalty", 1e-6)
        )
    if name == "gauss-newton":
        model = ConditionedModel(pde, **_known(ConditionedModel, stored))
        return GaussNewton(model, stored.get("penalty", 1e-4), iterations=8, tolerance=1e-5)
    raise ValueError(f"learner {name!r}: the amortised protocol distils with ridge or gauss-newton")


def learner_settings(learner: Learner) -> dict[str, float]:
    """Return the settings that `make_learner` reads."""
    assert isinstance(learner, ProductRidge | GaussNewton)
    model = learner.model
    assert isinstance(model, LinearConditionedModel | ConditionedModel)
    return {**_known(type(model), vars(model)), "penalty": learner.penalty}


def _known(kind: type[LinearConditionedModel | ConditionedModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of ``values`` that are settings of a model."""
    return {f.name: values[f.name] for f in fields(kind) if f.name != "pde" and f.name in values}


def tune(
    setup: Setup,
    design: str,
    factor: int,
    device: str,
    learner: Learner | None = None,
    reaches: Sequence[float] = REACHES,
) -> Tuned:
    """Draw a design and choose its boundary weight, and the reach of its conditions, on validation conditions."""
    found = []
    # the family is drawn as it is: a factor above 1 would leave the box
    for reach in reaches if design != FAMILY else (1.0,):
        drawn = sample_tuples(setup.pde, design, TUPLES * factor, BOUNDARY_TUPLES * factor, setup.seed + 1, reach=reach)
        data = tuple_data(setup.pde, *drawn, reach=BOX).to(device)
        found.append(tune_weight(setup, design, data, WEIGHTS, learner, reach))
    return min(found, key=lambda t: t.error)


def drawn_from(setup: Setup, shift: str, like: Tuned, device: str) -> Tuned:
    """Return tuples whose conditions are drawn from the family of a shift, with the boundary weight of the design ``like``.

    Nobody has them who does not know what will be asked (see arXiv 2505.21626): the strongest of the designs under that shift.
    """
    ensemble = setup.pde.ensemble(shift)

    def conditions(count: int, generator: torch.Generator) -> Tensor:
        return encode(setup.pde.ensemble(), ensemble, ensemble.sample(count, generator)).coefficients

    drawn = sample_tuples(setup.pde, FAMILY, TUPLES, BOUNDARY_TUPLES, setup.seed + 1, reach=1.0, conditions=conditions)
    data = tuple_data(setup.pde, *drawn, float(like.data[BOUNDARY_WEIGHT]), reach=BOX).to(device)
    return Tuned(TEST_FAMILY, data, like.error)


def tune_weight(
    setup: Setup,
    method: str,
    data: SyntheticData,
    weights: Sequence[float],
    learner: Learner | None = None,
    reach: float = 0.0,
) -> Tuned:
    """Return a set with the boundary weight, of ``weights``, that has the lowest error on validation conditions."""
    sets = [data.with_fields({BOUNDARY_WEIGHT: data[BOUNDARY_WEIGHT].new_tensor(weight)}) for weight in weights]
    return min((Tuned(method, each, setup.error(each, learner), reach) for each in sets), key=lambda t: t.error)


def ask(pde: PDE, ensemble: Ensemble, coefficients: Tensor, points: Tensor, seed: int) -> Questions:
    """Solve conditions of any family in the span of the training family: questions to the network of draw ``seed``."""
    code = encode(pde.ensemble(), ensemble, coefficients)
    return Questions(code.coefficients, points, solutions(pde, BoundaryValues(ensemble, coefficients), points), seed)


def test_questions(pde: PDE, settings: StudySettings) -> tuple[dict[str, Questions], list[str]]:
    """Return the test questions of every shift asked for and in the span, the same for every seed, and the shifts outside."""
    tests, outside = {}, []
    points = pde.box.scale(sobol(512, pde.box.dimension, 33))
    wanted = settings.tested(pde.shifts)
    for number, shift in enumerate((NO_SHIFT, *pde.shifts)):
        if shift not in wanted:
            continue
        ensemble = pde.ensemble(shift)
        drawn = ensemble.sample(settings.test_conditions, torch.Generator().manual_seed(13_300 + number))
        if encode(pde.ensemble(), ensemble, drawn).in_span:
            tests[shift] = ask(pde, ensemble, drawn, points, settings.seed).to(settings.device)
        else:
            outside.append(shift)
    return tests, outside
