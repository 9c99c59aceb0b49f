"""What the amortised protocol distils with: the conditioned learner, its questions, and the tuned baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Implicit
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.broadened import broadened_sample
from pinndd.pinn.collocation import BOUNDARY_WEIGHT, INTERIOR
from pinndd.pinn.condition_code import encode
from pinndd.pinn.conditioned import ConditionedModel
from pinndd.pinn.pde import PDE, BoundaryValues, Ensemble
from pinndd.pinn.questions import Questions
from pinndd.pinn.samplers import sobol
from pinndd.pinn.solutions import solutions
from pinndd.pinn.tuples import FAMILY, sample_tuples, tuple_data
from pinndd.problem import DistillationProblem
from pinndd.risks import GeometricMean
from pinndd.study.outcome import NO_SHIFT, StudySettings
from pinndd.tasks.zero_shot import ZeroShot

TUPLES, BOUNDARY_TUPLES = 280, 70
"""Size of the distilled set; the points of the retrain protocol have no meaning here."""

DESIGNS = ("uniform", "latin-hypercube", "sobol", "hammersley", FAMILY)
"""Ways to draw tuples without distilling; the last draws its conditions from the training family."""

WEIGHTS = (1e-2, 1.0, 1e2, 1e4)
"""Boundary weights that every baseline is tuned over."""

REACHES = (1.0, 1.7)
"""Half widths of the box of conditions, in standard deviations, that every baseline is tuned over."""

_POOL_POINTS, _CHECK_POINTS = 400, 300
_TRAIN, _CHECK, _TEST = 41, 52, 63


@dataclass(frozen=True)
class AmortisedSetup:
    """One distillation seed of the amortised protocol.

    Attributes:
        pde: the equation.
        learner: Gauss-Newton on the output weights of the conditioned features (for a linear PDE it ends after one step).
        problem: one training, many questions.
        outer: settings of the outer loop.
        validation: broadened training conditions.
        plain: conditions of the training family, on which baselines are tuned.
        seed: of the distillation and of the features.
        device: of the computation.
    """

    pde: PDE
    learner: GaussNewton
    problem: DistillationProblem
    outer: OuterSettings
    validation: Questions
    plain: Questions
    seed: int
    device: str

    hypergradient = Implicit()

    def errors(self, data: SyntheticData, questions: Questions) -> tuple[list[float], float]:
        """Train once, and return the error of every question and the seconds that training took."""
        with torch.no_grad():
            started = time.perf_counter()
            fitted = self.learner.fit(data, questions)
            seconds = time.perf_counter() - started
            return self.problem.compare(fitted, questions).tolist(), seconds

    def error(self, data: SyntheticData) -> float:
        """Return the mean error on conditions of the training family."""
        errors, _ = self.errors(data, self.plain)
        return sum(errors) / len(errors)


def make_setup(pde: PDE, settings: StudySettings, seed: int) -> AmortisedSetup:
    """Draw training and validation conditions, solve them, and put the problem together."""
    training = pde.ensemble()
    generator = torch.Generator().manual_seed(seed * 100 + _TRAIN)
    check = torch.Generator().manual_seed(seed * 100 + _CHECK)
    pool = ask(pde, training, broadened_sample(training, 240, generator), _POOL_POINTS, seed)
    validation = ask(pde, training, broadened_sample(training, 32, check), _CHECK_POINTS, seed)
    plain = ask(pde, training, training.sample(32, check), _CHECK_POINTS, seed)
    learner = GaussNewton(ConditionedModel(pde, width=500, code_scale=0.03), penalty=1e-8, iterations=8, tolerance=1e-6)
    task = ZeroShot(pool.to(settings.device), (seed,), points=48)
    return AmortisedSetup(
        pde,
        learner,
        DistillationProblem(learner, task, RelativeL2(), GeometricMean()),
        OuterSettings(
            steps=max(4, round(40 * settings.budget)),
            batch=32,
            learning_rate=0.02,
            rates={BOUNDARY_WEIGHT: 5.0},
            validate_every=5,
            seed=seed,
        ),
        validation.to(settings.device),
        plain.to(settings.device),
        seed,
        settings.device,
    )


def ask(pde: PDE, ensemble: Ensemble, coefficients: Tensor, points: int, seed: int) -> Questions:
    """Return questions about conditions of any family in the span of the training family, with their true solutions."""
    where = pde.box.scale(sobol(points, pde.box.dimension, _TEST))
    truth = solutions(pde, BoundaryValues(ensemble, coefficients), where)
    codes = encode(pde.ensemble(), ensemble, coefficients).coefficients
    return Questions(codes, where, truth, seed)


def visible_shifts(pde: PDE) -> tuple[list[str], list[str]]:
    """Return the shifts that a network conditioned on the training coefficients can see, and those that it cannot."""
    seen: list[str] = []
    unseen: list[str] = []
    for shift in pde.shifts:
        ensemble = pde.ensemble(shift)
        drawn = ensemble.sample(16, torch.Generator().manual_seed(0))
        (seen if encode(pde.ensemble(), ensemble, drawn).in_span else unseen).append(shift)
    return seen, unseen


def test_questions(pde: PDE, shift: str, count: int, seed: int, device: str) -> Questions:
    """Return the test conditions of a shift: the same ones for every distillation seed, touched once."""
    ensemble = pde.ensemble(shift)
    number = [NO_SHIFT, *pde.shifts].index(shift)
    generator = torch.Generator().manual_seed(20_000 + number)
    return ask(pde, ensemble, ensemble.sample(count, generator), 512, seed).to(device)


@dataclass(frozen=True)
class TunedTuples:
    """A set of tuples with its tuned boundary weight and box of conditions."""

    method: str
    data: SyntheticData
    error: float
    reach: float

    @property
    def weight(self) -> float:
        """The boundary weight."""
        return float(self.data[BOUNDARY_WEIGHT])

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of interior and of boundary tuples."""
        interior = self.data[INTERIOR].shape[0]
        rest = [v.shape[0] for k, v in self.data.fields.items() if k not in (INTERIOR, BOUNDARY_WEIGHT)]
        return interior, sum(rest)


def design(setup: AmortisedSetup, method: str, factor: int, reach: float, weight: float) -> SyntheticData:
    """Draw ``factor`` times as many tuples as the distilled set has."""
    tuples = sample_tuples(setup.pde, method, factor * TUPLES, factor * BOUNDARY_TUPLES, setup.seed + 1, reach=reach)
    return tuple_data(setup.pde, *tuples, weight).to(setup.device)


def tune_tuples(
    setup: AmortisedSetup,
    method: str,
    factor: int = 1,
    weights: Sequence[float] = WEIGHTS,
    reaches: Sequence[float] = REACHES,
) -> TunedTuples:
    """Return the design with the box and the boundary weight of lowest error on conditions of the training family."""
    tuned = []
    # the family is drawn as it is: a factor above 1 would leave the box of three standard deviations
    for reach in reaches if method != FAMILY else (1.0,):
        data = design(setup, method, factor, reach, 1.0)
        for weight in weights:
            candidate = data.with_fields({BOUNDARY_WEIGHT: data[BOUNDARY_WEIGHT].new_tensor(weight)})
            tuned.append(TunedTuples(method, candidate, setup.error(candidate), reach))
    return min(tuned, key=lambda t: t.error)


def with_seed(setup: AmortisedSetup, seed: int) -> AmortisedSetup:
    """Return the setup with another draw of the features (a cold start in a network that the set was not distilled for)."""
    return replace(setup, plain=setup.plain.with_seed(seed), validation=setup.validation.with_seed(seed), seed=seed)
