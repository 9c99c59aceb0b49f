"""The amortised protocol: one network u(x; condition), trained once on distilled tuples, asked zero-shot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact, Implicit
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.product_ridge import ProductRidge
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.pinn.broadened import broadened_sample
from pinndd.pinn.collocation import BOUNDARY_WEIGHT, INTERIOR
from pinndd.pinn.condition_code import encode
from pinndd.pinn.conditioned import ConditionedModel
from pinndd.pinn.conditioned_linear import LinearConditionedModel
from pinndd.pinn.conditioned_mlp import REACH, ConditionedMLP
from pinndd.pinn.pde import PDE, BoundaryValues, Ensemble
from pinndd.pinn.questions import Questions
from pinndd.pinn.samplers import sobol
from pinndd.pinn.solutions import solutions, superposes
from pinndd.pinn.tuples import FAMILY, sample_tuples, tuple_data
from pinndd.problem import DistillationProblem, Learner
from pinndd.risks import GeometricMean
from pinndd.study.outcome import DISTILLED, NO_SHIFT, FieldExample, Outcome, Progress, Result, StudySettings
from pinndd.tasks.zero_shot import ZeroShot

PROTOCOL = "amortised"
TUPLES, BOUNDARY_TUPLES = 280, 70
DESIGNS = ("uniform", "latin-hypercube", "sobol", "hammersley", FAMILY)
WEIGHTS = (1e-2, 1e-1, 1.0, 1e1, 1e2)
CURVE = (2, 4, 5, 8)
CEILING = 8
REACHES = (1.0, 1.7)
"""Half widths of the box of conditions of a design, in standard deviations, that every baseline is tuned over."""

BOX = 3.0
"""Half width of the box of distilled coefficients, in standard deviations."""

NETWORKS = 16
"""Draws of the network that a set is distilled for; it is tested on a draw that is none of them."""

ADAM_STEPS = 4000
_GRID = 64


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


def make_setup(pde: PDE, settings: StudySettings, seed: int, name: str | None = None) -> Setup:
    """Draw training and validation conditions, solve them, and put the problem together."""
    name = name or settings.learner or ("ridge" if superposes(pde, pde.ensemble()) else "gauss-newton")
    learner: Learner
    if name == "ridge":
        learner = ProductRidge(LinearConditionedModel(pde), penalty=1e-6)
    elif name == "gauss-newton":
        learner = GaussNewton(ConditionedModel(pde), penalty=1e-4, iterations=8, tolerance=1e-5)
    else:
        raise ValueError(f"learner {name!r}: the amortised protocol distils with ridge or gauss-newton")
    training = pde.ensemble()
    points = pde.box.scale(sobol(256, pde.box.dimension, seed + 1))
    generator = torch.Generator().manual_seed(100 * seed + 5)
    first = 1000 * seed
    pool, validation = (
        _ask(pde, training, broadened_sample(training, n, generator), points, first + 500).to(settings.device) for n in (300, 40)
    )
    networks = tuple(range(first + 1, first + 1 + NETWORKS))
    problem = DistillationProblem(learner, ZeroShot(pool, networks, points=48), RelativeL2(), GeometricMean())
    steps, rate = (1000, 0.02) if name == "ridge" else (90, 0.01)
    steps = max(4, round(steps * settings.budget))
    outer = OuterSettings(steps, 48, rate, {BOUNDARY_WEIGHT: 3.0}, max(1, steps // 12), seed)
    return Setup(pde, name, problem, validation, outer, seed)


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
        for weight in WEIGHTS:
            data = tuple_data(setup.pde, *drawn, weight, reach=BOX).to(device)
            found.append(Tuned(design, data, setup.error(data, learner), reach))
    return min(found, key=lambda t: t.error)


def distill_amortised(
    pde: PDE,
    settings: StudySettings,
    seed: int,
    progress: Progress = quiet,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Distillation:
    """Distil positions, conditions and the boundary weight of tuples for a conditioned network.

    Raises:
        DivergedError: the outer loop diverged; its best set is on the exception.
    """
    setup = make_setup(pde, settings, seed)
    return _distill(setup, _baselines(setup, settings, progress), settings, progress, checkpoint, resume)


def run_amortised(pde: PDE, settings: StudySettings, progress: Progress = quiet) -> Outcome:
    """Distil for every seed, and compare with every design on conditions never seen."""
    results: list[Result] = []
    curve: list[Result] = []
    runs = []
    tests, outside = _tests(pde, settings)
    for k in range(settings.seeds):
        setup = make_setup(pde, settings, settings.seed + k)
        tuned = _baselines(setup, settings, progress)
        found = _distill(setup, tuned, settings, progress, None, False)
        runs.append((setup, found, tuned))
        for t in (Tuned(DISTILLED, found.data, found.risk), *tuned):
            results += _judge(setup, t.method, t.data, tests)
        for factor in CURVE if settings.budget >= 1 else ():
            reach = next(t.reach for t in tuned if t.method == "sobol")
            larger = tune(setup, "sobol", factor, settings.device, reaches=(reach,))
            curve += _judge(setup, "sobol", larger.data, tests)
            if factor == CEILING:
                results += _judge(setup, "dense", larger.data, tests, ceiling=True)
            progress("amortised: larger designs", factor, CURVE[-1], larger.error)
    setup, found, tuned = runs[0]
    best = min(tuned, key=lambda t: t.error)
    if "mlp-adam" in settings.judges:
        results += _transfer(setup, found.data, tests, settings, progress)
    return Outcome(
        PROTOCOL,
        results,
        [f.data for _, f, _ in runs],
        best.method,
        best.data,
        [f.history for _, f, _ in runs],
        [f.seconds for _, f, _ in runs],
        _examples(setup, {DISTILLED: found.data, best.method: best.data}, list(tests)),
        curve,
        {f"seed {s.seed}": {t.method: float(t.data[BOUNDARY_WEIGHT]) for t in ts} for s, _, ts in runs},
        [
            "Every method trains the same network; each baseline's boundary weight, and how far its conditions reach, are "
            "tuned on validation conditions of the broadened training family. No shift of the test was seen.",
            *([f"Not tested, outside the span of the training family: {', '.join(outside)}."] if outside else []),
        ],
    )


def evaluate_amortised(
    pde: PDE, data: SyntheticData, settings: StudySettings, progress: Progress = quiet, learner: str | None = None
) -> list[Result]:
    """Train one network on a distilled set and ask it about the test conditions of every shift in the span."""
    name = learner or str(data.header.get("learner", ""))
    own = None if name in ("", "mlp-adam") else name
    setup = make_setup(pde, settings, int(data.header.get("seed", settings.seed)), own)
    if name == "mlp-adam":
        setup = _as_mlp(setup, settings)
    return _judge(setup, DISTILLED, data.to(settings.device), _tests(pde, settings)[0])


def _ask(pde: PDE, ensemble: Ensemble, coefficients: Tensor, points: Tensor, seed: int) -> Questions:
    code = encode(pde.ensemble(), ensemble, coefficients)
    return Questions(code.coefficients, points, solutions(pde, BoundaryValues(ensemble, coefficients), points), seed)


def _tests(pde: PDE, settings: StudySettings) -> tuple[dict[str, Questions], list[str]]:
    """Return the test questions of every shift in the span, the same for every seed, and the shifts outside."""
    tests, outside = {}, []
    points = pde.box.scale(sobol(512, pde.box.dimension, 33))
    for number, shift in enumerate((NO_SHIFT, *pde.shifts)):
        ensemble = pde.ensemble(shift)
        drawn = ensemble.sample(settings.test_conditions, torch.Generator().manual_seed(13_300 + number))
        if encode(pde.ensemble(), ensemble, drawn).in_span:
            tests[shift] = _ask(pde, ensemble, drawn, points, settings.seed).to(settings.device)
        else:
            outside.append(shift)
    return tests, outside


def _baselines(setup: Setup, settings: StudySettings, progress: Progress) -> list[Tuned]:
    tuned = []
    for k, design in enumerate(DESIGNS):
        tuned.append(tune(setup, design, 1, settings.device))
        progress("amortised: tuning baselines", k + 1, len(DESIGNS), min(t.error for t in tuned))
    return tuned


def _distill(
    setup: Setup,
    tuned: Sequence[Tuned],
    settings: StudySettings,
    progress: Progress,
    checkpoint: Path | None,
    resume: bool,
) -> Distillation:
    header = {"pde": setup.pde.name, "protocol": PROTOCOL, "learner": setup.name, "seed": setup.seed}
    header["settings"] = {"steps": setup.outer.steps, "budget": settings.budget}
    return distill(
        setup.problem,
        min(tuned, key=lambda t: t.error).data.with_header(**header),
        hypergradient=Exact() if setup.name == "ridge" else Implicit(),
        validation=[setup.validation],
        settings=setup.outer,
        checkpoint=checkpoint,
        resume=resume,
        progress=lambda step, error: progress("amortised: distilling", step, setup.outer.steps, error),
    )


def _judge(
    setup: Setup, method: str, data: SyntheticData, tests: dict[str, Questions], *, ceiling: bool = False
) -> list[Result]:
    """Train once; return one row a shift and condition."""
    learner, started = setup.problem.learner, time.perf_counter()
    with torch.no_grad():
        fitted = learner.fit(data, tests[NO_SHIFT].with_seed(setup.network))
    seconds = time.perf_counter() - started
    points = data[INTERIOR].shape[0]
    boundary = sum(data[c.name].shape[0] for c in setup.pde.valued)
    own = str(data.header.get("learner", setup.name)) if method == DISTILLED else ""
    with torch.no_grad():
        return [
            Result(setup.pde.name, PROTOCOL, method, setup.name, points, boundary, shift, setup.seed, k, e, seconds, own, ceiling)
            for shift, questions in tests.items()
            for k, e in enumerate(setup.problem.compare(fitted, questions).tolist())
        ]


def _as_mlp(setup: Setup, settings: StudySettings, fresh: bool = False) -> Setup:
    steps = max(2, round(ADAM_STEPS * settings.budget))
    learner = Adam(ConditionedMLP(setup.pde), steps=steps, fresh=fresh)
    return replace(setup, name="mlp-adam", problem=replace(setup.problem, learner=learner))


def _transfer(
    setup: Setup, data: SyntheticData, tests: dict[str, Questions], settings: StudySettings, progress: Progress
) -> list[Result]:
    """Train an MLP by Adam on distilled and Sobol tuples (weight tuned in short trainings), and on fresh samples."""
    judge = _as_mlp(setup, settings)
    short = Adam(ConditionedMLP(setup.pde), steps=max(2, round(ADAM_STEPS * settings.budget) // 10))
    baseline = tune(setup, "sobol", 1, settings.device, short).data
    results = _judge(judge, DISTILLED, data, tests) + _judge(judge, "sobol", baseline, tests)
    progress("amortised: training MLPs", 2, 3, None)
    # fresh conditions reach farther than the box of the designs
    names = [c.name for c in setup.pde.valued]
    weight = float(baseline[BOUNDARY_WEIGHT])
    wide = tuple_data(setup.pde, baseline[INTERIOR], {n: baseline[n] for n in names}, weight, reach=REACH)
    return results + _judge(_as_mlp(setup, settings, True), "fresh-samples", wide, tests, ceiling=True)


def _examples(setup: Setup, sets: dict[str, SyntheticData], shifts: Sequence[str]) -> list[FieldExample]:
    pde = setup.pde
    if pde.box.dimension != 2 or pde.outputs != 1:
        return []
    line = torch.linspace(0, 1, _GRID, dtype=torch.float64)
    grid = pde.box.scale(torch.cartesian_prod(line, line))
    examples = []
    for number, shift in enumerate(shifts):
        ensemble = pde.ensemble(shift)
        drawn = ensemble.sample(1, torch.Generator().manual_seed(14_000 + number))
        asked = _ask(pde, ensemble, drawn, grid, setup.network)
        with torch.no_grad():
            fields = {
                name: setup.problem.learner.fit(data, asked.to(data[INTERIOR].device))(
                    grid.to(data[INTERIOR].device), asked.codes.to(data[INTERIOR].device)
                )[0, :, 0].reshape(_GRID, _GRID).cpu()
                for name, data in sets.items()
            }
        examples.append(FieldExample(shift, asked.truth[0, :, 0].reshape(_GRID, _GRID), fields))
    return examples
