"""The amortised protocol: one network u(x; condition), trained once on distilled tuples, asked zero-shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from pinndd.data import SyntheticData
from pinndd.hypergradients import Exact, Implicit
from pinndd.outer_loop import Distillation, distill
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR
from pinndd.pinn.sets.tuples import FAMILY
from pinndd.study.amortised_judges import JUDGES, train_and_judge, transfer_results, tune_for, with_judge
from pinndd.study.amortised_setup import (
    DESIGNS,
    PROTOCOL,
    Setup,
    Tuned,
    ask,
    drawn_from,
    learner_settings,
    make_setup,
    test_questions,
    tune,
)
from pinndd.study.outcome import DISTILLED, NO_SHIFT, FieldExample, Outcome, Progress, Result, StudySettings
from pinndd.study.sections import section_of

CURVE = (2, 4, 8)
"""Sobol designs with that many times the tuples, for the error against their number."""

CEILING = 8


def quiet(what: str, done: int, total: int, error: float | None) -> None:
    """Report nothing."""


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
    tests, outside = test_questions(pde, settings)
    for k in range(settings.seeds):
        setup = make_setup(pde, settings, settings.seed + k)
        tuned = _baselines(setup, settings, progress)
        found = _distill(setup, tuned, settings, progress, None, False)
        runs.append((setup, found, tuned))
        for t in (Tuned(DISTILLED, found.data, found.risk), *tuned):
            results += train_and_judge(setup, t.method, t.data, tests)
        family = next(t for t in tuned if t.method == FAMILY)
        for shift in [name for name in tests if name != NO_SHIFT]:
            known = drawn_from(setup, shift, family, settings.device)
            results += train_and_judge(setup, known.method, known.data, {shift: tests[shift]})
        for factor in CURVE if settings.budget >= 1 else ():
            reach = next(t.reach for t in tuned if t.method == "sobol")
            larger = tune(setup, "sobol", factor, settings.device, reaches=(reach,))
            rows = train_and_judge(setup, "sobol", larger.data, tests)
            curve += rows
            if factor == CEILING:
                results += [replace(row, method="dense", ceiling=True) for row in rows]
            progress("amortised: larger designs", factor, CURVE[-1], larger.error)
    setup, found, tuned = runs[0]
    best = min(tuned, key=lambda t: t.error)
    results += transfer_results(setup, found.data, tests, settings, progress)
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
            "tuned on validation conditions of the broadened training family. No shift of the test was seen, but by the design "
            "test-family, whose conditions are drawn from the very shift that is asked.",
            *([f"Not tested, outside the span of the training family: {', '.join(outside)}."] if outside else []),
        ],
    )


def evaluate_amortised(
    pde: PDE, data: SyntheticData, settings: StudySettings, progress: Progress = quiet, learner: str | None = None
) -> list[Result]:
    """Train one network on a distilled set and ask it about the test conditions of every shift in the span.

    Args:
        pde: the equation that the set was distilled for.
        data: the set.
        settings: number of test conditions, device, and the seed where the header has none.
        progress: called often.
        learner: any learner; for ``mlp-adam`` and ``deepxde`` the boundary weight is tuned as in a study (None: that of the
            set's header).

    Raises:
        ValueError: no learner of that name trains on tuples.
    """
    made_with = str(data.header.get("learner", "")) or None
    name, data = learner or made_with, data.to(settings.device)
    own = made_with if name in JUDGES else name
    setup = make_setup(
        pde, settings, int(data.header.get("seed", settings.seed)), own, data.header if own == made_with else None
    )
    if name in JUDGES:
        data = tune_for(with_judge(setup, name, settings.budget / 10), data)
        setup = with_judge(setup, name, settings.budget)
        progress(f"amortised: training {name}", 0, 1, None)
    return train_and_judge(setup, DISTILLED, data, test_questions(pde, settings)[0])


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
    header = {
        "pde": setup.pde.name,
        "protocol": PROTOCOL,
        "learner": setup.name,
        "learner_settings": learner_settings(setup.problem.learner),
        "seed": setup.seed,
        "settings": {"steps": setup.outer.steps, "budget": settings.budget},
    }
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


def _examples(setup: Setup, sets: dict[str, SyntheticData], shifts: Sequence[str]) -> list[FieldExample]:
    pde = setup.pde
    section = section_of(pde)
    examples = []
    for number, shift in enumerate(shifts):
        ensemble = pde.ensemble(shift)
        drawn = ensemble.sample(1, torch.Generator().manual_seed(14_000 + number))
        asked = ask(pde, ensemble, drawn, section.points, setup.network)
        with torch.no_grad():
            fields = {
                name: setup.problem.learner.fit(data, asked.to(data[INTERIOR].device))(
                    section.points.to(data[INTERIOR].device), asked.codes.to(data[INTERIOR].device)
                )[0]
                for name, data in sets.items()
            }
        examples.append(section.example(shift, asked.truth[0], fields))
    return examples
