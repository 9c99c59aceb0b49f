"""The retrain protocol: a fresh PINN for every boundary condition, trained on distilled points."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from pinndd import __version__
from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import point_counts
from pinndd.study.outcome import DISTILLED, NO_SHIFT, Outcome, Progress, Result, StudySettings
from pinndd.study.retrain_adaptive import TunedAdaptive, adaptive_results, tune_adaptive
from pinndd.study.retrain_baselines import (
    Tuned,
    best_of_k,
    sampled,
    tune_baselines,
    tune_design,
    tune_scale,
    weighted,
)
from pinndd.study.retrain_judges import evaluate_network, judge_results
from pinndd.study.retrain_pictures import field_examples
from pinndd.study.retrain_setup import Setup, learner_settings, make_learner, make_setup, test_episodes

PROTOCOL = "retrain"
CEILING = "dense"
DENSE = {"ridge": (14.0625, 5.0), "gauss-newton": (5.0625, 2.2)}
"""Interior and boundary points of the ceiling by learner, as multiples of those of the study."""

DENSE_WHERE_SLOW = (3.0625, 1.8)
"""The same in a first look at a nonlinear equation, and for several outputs of one."""

STARTS = ("sobol", "hammersley", "latin-hypercube")
"""Baselines that the outer loop starts from; the best after a short race goes on."""

LIFTS = {"ridge": ((1.0, 1.0), (1e3, 1e3)), "gauss-newton": ((1.0, 1.0), (1.0, 1e2))}
"""Factors on the tuned interior and boundary weights of the starts, by learner: better points may bear less smoothing, or data that
are met more closely."""

LARGER = ((1.5625, 1.2), (2.25, 1.5), (3.0625, 1.8))
"""Sizes at which the baselines alone are repeated, so that the report knows what the same error costs without distilling; in
interior and boundary points, as multiples of those of the study."""

CURVE = ((0.25, 0.5), (0.5625, 0.7), *LARGER)
"""Sizes of the curve, likewise."""


def quiet(what: str, done: int, total: int, error: float | None) -> None:
    """Report nothing."""


def distill_retrain(
    pde: PDE,
    settings: StudySettings,
    seed: int,
    progress: Progress = quiet,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Distillation:
    """Distil interior points, boundary points and their two weights for training afresh on every boundary condition.

    Args:
        pde: the PDE.
        settings: size and budget.
        seed: of the distillation; also of the features that the set is distilled for, which belong to the learner.
        progress: called often.
        checkpoint: file for the state of the outer loop.
        resume: continue from ``checkpoint``.

    Raises:
        DivergedError: the outer loop diverged; its best set is on the exception.
        CheckpointError: the checkpoint is damaged or of another configuration.
    """
    setup = tune_scale(make_setup(pde, settings, seed), settings.points, settings.boundary_points)
    tuned = tune_baselines(setup, settings.points, settings.boundary_points, progress)
    return distill_from(setup, tuned, progress, checkpoint, resume)


def distill_from(
    setup: Setup, tuned: Sequence[Tuned], progress: Progress, checkpoint: Path | None = None, resume: bool = False
) -> Distillation:
    """Race a few starts for a short time, then distil from the best of them."""
    started = time.perf_counter()
    sets = sorted((t for t in tuned if t.method in STARTS), key=lambda t: t.error)
    if setup.hurried:
        sets = sets[:1]
    starts = [
        weighted(t.data, t.weights[0] * inner, t.weights[1] * outer).with_header(**_header(setup))
        for t in sets
        for inner, outer in LIFTS.get(setup.name, ((1.0, 1.0),))
    ]
    short = replace(setup.outer, steps=max(5, setup.outer.steps // 20), learning_rate=setup.outer.learning_rate / 2)
    validation = [setup.validation]
    raced = []
    for k, data in enumerate(starts):
        raced.append(_outer(setup, data, validation, short))
        progress("retrain: racing starts", k + 1, len(starts), min(r.risk for r in raced))
    best = min(raced, key=lambda r: r.risk)
    race = time.perf_counter() - started
    found = distill(
        setup.problem,
        best.data,
        hypergradient=setup.hypergradient,
        validation=validation,
        settings=setup.outer,
        checkpoint=checkpoint,
        resume=resume,
        progress=lambda step, error: progress("retrain: distilling", step, setup.outer.steps, error),
    )
    seconds = found.seconds + race
    return replace(found, seconds=seconds, data=found.data.with_header(seconds=round(seconds, 3)))


def run_retrain(pde: PDE, settings: StudySettings, progress: Progress = quiet) -> Outcome:
    """Distil for every seed, train on the result and on every baseline, and compare on conditions never seen.

    The features of the learner are drawn once for a seed and belong to it, as its width does: the set is distilled for them,
    and every method is trained with them. What the set is worth to other learners stands in the rows of the judges.
    """
    results: list[Result] = []
    curve: list[Result] = []
    runs: list[tuple[Setup, Distillation, list[Tuned]]] = []
    adaptive: list[list[TunedAdaptive]] = []
    for k in range(settings.seeds):
        setup = tune_scale(make_setup(pde, settings, settings.seed + k), settings.points, settings.boundary_points)
        tuned = tune_baselines(setup, settings.points, settings.boundary_points, progress)
        found = distill_from(setup, tuned, progress)
        tuned.append(best_of_k(setup, tuned, setup.outer, settings.points, settings.boundary_points, progress))
        runs.append((setup, found, tuned))
        size = DENSE_WHERE_SLOW if setup.hurried or setup.sluggish else DENSE.get(setup.name, DENSE["gauss-newton"])
        dense = sampled(setup, "sobol", *_times(pde, settings, size), setup.seed + 1)
        ceiling = tune_design(setup, CEILING, dense)
        results += compare(setup, found.data, [*tuned, ceiling], settings, progress)
        # in a first look they would take longer than all the rest where every fit is slow
        adaptive.append([] if setup.hurried else tune_adaptive(setup, tuned, settings, progress))
        results += adaptive_results(setup, adaptive[-1], settings, PROTOCOL, progress)
        curve += _curve(setup, settings, progress)
    results += judge_results([(s, f.data, t) for s, f, t in runs], settings, progress)
    setup, found, tuned = runs[0]
    best = min(tuned, key=lambda t: t.error)
    return Outcome(
        protocol=PROTOCOL,
        results=results,
        data=[f.data for _, f, _ in runs],
        best_baseline=best.method,
        baseline_data=best.data,
        histories=[f.history for _, f, _ in runs],
        distill_seconds=[f.seconds for _, f, _ in runs],
        examples=field_examples(setup, {DISTILLED: found.data, best.method: best.data}),
        curve=curve,
        settings={
            f"seed {s.seed}": {
                **learner_settings(s.learner),
                "interior and boundary weights": {t.method: t.weights for t in tuned_sets},
                "adaptive": {a.method.name: str(a) for a in moving},
            }
            for (s, _, tuned_sets), moving in zip(runs, adaptive, strict=True)
        },
        notes=_notes(setup),
    )


def evaluate_retrain(
    pde: PDE, data: SyntheticData, settings: StudySettings, progress: Progress = quiet, learner: str | None = None
) -> list[Result]:
    """Train on a distilled set for every test condition of every shift.

    Args:
        pde: the equation that the set was distilled for.
        data: the set.
        settings: number of test conditions, device, and the seed where the header has none.
        progress: called often.
        learner: any learner, the judges ``mlp-lm``, ``mlp-adam`` and ``deepxde`` included (None: that of the set's header).
    """
    if learner == "deepxde":
        from pinndd.study.retrain_deepxde import evaluate_deepxde

        return evaluate_deepxde(pde, data, settings, progress)
    setup = make_setup(pde, settings, int(data.header.get("seed", settings.seed)))
    name = learner or str(data.header.get("learner", setup.name))
    own = name == data.header.get("learner")
    if not own and name in ("mlp-lm", "mlp-adam"):
        return evaluate_network(setup, data.to(settings.device), name, settings, progress)
    setup = replace(setup, name=name).with_learner(make_learner(pde, name, data.header if own else None))
    return compare(setup, data.to(settings.device), [], settings, progress)


def compare(
    setup: Setup, data: SyntheticData, baselines: Sequence[Tuned], settings: StudySettings, progress: Progress
) -> list[Result]:
    """Return the errors of models trained on the distilled set and on each baseline, for every test condition."""
    results = []
    shifts = settings.tested(setup.pde.shifts)
    for k, shift in enumerate(shifts):
        episodes = test_episodes(setup.pde, shift, settings.test_conditions, setup.seed, setup.device)
        for method, candidate in [(DISTILLED, data), *((t.method, t.data) for t in baselines)]:
            results += train_and_judge(setup, method, candidate, shift, episodes, setup.name)
        progress("retrain: testing", k + 1, len(shifts), None)
    return results


def train_and_judge(
    setup: Setup, method: str, data: SyntheticData, shift: str, episodes: object, distilled_with: str
) -> list[Result]:
    """Train once for every condition in ``episodes`` and return one row each."""
    points, boundary_points = point_counts(setup.pde, data)
    started = time.perf_counter()
    with torch.no_grad():
        fitted = setup.learner.fit(data, episodes)
    seconds = time.perf_counter() - started
    with torch.no_grad():
        losses = setup.problem.compare(fitted, episodes).tolist()
    return [
        Result(
            setup.pde.name,
            PROTOCOL,
            method,
            setup.name,
            points,
            boundary_points,
            shift,
            setup.seed,
            episode,
            loss,
            seconds / len(losses),
            distilled_with if method == DISTILLED else "",
            method == CEILING,
        )
        for episode, loss in enumerate(losses)
    ]


def _outer(setup: Setup, data: SyntheticData, validation: Sequence[object], outer: OuterSettings) -> Distillation:
    return distill(setup.problem, data, hypergradient=setup.hypergradient, validation=validation, settings=outer)


def _header(setup: Setup) -> dict[str, object]:
    return {
        "pde": setup.pde.name,
        "protocol": PROTOCOL,
        "learner": setup.name,
        "learner_settings": learner_settings(setup.learner),
        "seed": setup.seed,
        "outer": {k: v for k, v in vars(setup.outer).items() if k != "rates"},
        "evaluate": "pinndd evaluate FILE: a fresh model a boundary condition, features drawn with the seed above",
        "versions": {"pinndd": __version__, "torch": torch.__version__.split("+")[0]},
    }


def _curve(setup: Setup, settings: StudySettings, progress: Progress) -> list[Result]:
    """Return in-distribution errors at other sizes: of the baselines always, of distilled sets with ``settings.curve``."""
    episodes = test_episodes(setup.pde, NO_SHIFT, settings.test_conditions, setup.seed, setup.device)
    results = []
    sizes = CURVE if settings.curve else LARGER if settings.budget >= 1 and not setup.sluggish else ()
    for k, size in enumerate(sizes):
        points, boundary_points = _times(setup.pde, settings, size)
        tuned = tune_baselines(setup, points, boundary_points, quiet) if settings.curve else []
        if not settings.curve:
            for method in ("hammersley", "midpoint-grid"):
                candidate = sampled(setup, method, points, boundary_points, 0)
                tuned.append(tune_design(setup, method, candidate))
        for t in tuned:
            results += train_and_judge(setup, t.method, t.data, NO_SHIFT, episodes, "")
        if settings.curve:
            found = distill_from(setup, tuned, quiet)
            results += train_and_judge(setup, DISTILLED, found.data, NO_SHIFT, episodes, setup.name)
        progress("retrain: other sizes", k + 1, len(sizes), None)
    return results


def _times(pde: PDE, settings: StudySettings, factors: tuple[float, float]) -> tuple[int, int]:
    """Return multiples of the interior and boundary points of a study, at least one a condition."""
    points, boundary_points = settings.points * factors[0], settings.boundary_points * factors[1]
    return max(1, round(points)), max(len(pde.valued), round(boundary_points))


def _notes(setup: Setup) -> list[str]:
    if setup.hurried:
        moving = "The adaptive methods (rad, rar-d, r3, pacmann) are left out of a quick study of a nonlinear equation."
    else:
        moving = (
            "The adaptive methods (rad, rar-d, r3, pacmann) move the interior points for every boundary condition anew, and "
            "train after each move; their time holds all of it. They have as many points as the other sets (rar-d ends with as "
            "many), and the boundary points of the best Sobol or Hammersley design."
        )
    notes = [
        "Every method is trained with the same learner and the same draw of its features, on the same boundary conditions; each "
        "baseline's weights are tuned on validation conditions of the training family, and the feature scale on the best "
        "baseline.",
        moving,
        "The outer loop sees the training family, half of it with a rough Gaussian process added; no shift of the test.",
        "A collocation point without a label is free for a first-order learner: the rows of the judges say what the set is worth "
        "there.",
    ]
    if setup.sluggish:
        notes.append("Baselines of other sizes are left out, since they take very long for several outputs: --curve runs them.")
    if setup.name == "ridge":
        notes.append(
            "The equation is linear: one factorisation serves every boundary condition, and an amplitude shift is trivial."
        )
    return notes
