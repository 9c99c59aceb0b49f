"""The solved protocol: which boundary conditions are worth an expensive solve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.kernel_ridge import Kernel, fit_surrogate
from pinndd.outer_loop import Distillation
from pinndd.pinn.condition_code import encode
from pinndd.pinn.condition_samplers import sample_conditions
from pinndd.pinn.pde import PDE
from pinndd.pinn.questions import Questions
from pinndd.pinn.solutions import superposes
from pinndd.pinn.solved_conditions import CONDITIONS, METRIC, condition_data, field_points, grid_sides
from pinndd.pinn.stand_in import solve_each
from pinndd.study.outcome import DISTILLED, NO_SHIFT, FieldExample, Outcome, Progress, Result, StudySettings
from pinndd.study.solved_distilling import distill_conditions, kernel_of
from pinndd.study.solved_pinn import train_label_free
from pinndd.study.solved_tuning import PENALTY, Base, Exam, Tuned, base_fields, best_of, solve, tune_designs

__all__ = ["distill_conditions", "run_solved"]

KERNEL, PINN_KERNEL, LABEL_FREE = "kernel-ridge", "pinn-kernel", "label-free"
CURVE = (4, 8, 16, 32, 64)
_VALIDATION = 30
_TEST_SEED, _VALIDATION_SEED, _TUNING_SEED = 910_000, 920_000, 930_000


@dataclass(frozen=True)
class Judge:
    """Fits surrogates to labels of the fine solver and asks them about test conditions.

    Attributes:
        pde: the equation.
        tests: questions of every shift in the span of the training family; touched once.
        validation: other conditions of the same families, which tune the baselines.
        metric: of the inputs of the kernel.
        outside: shifts that leave the span, which no function of the coefficients can see.
    """

    pde: PDE
    tests: Mapping[str, Questions]
    validation: Sequence[Questions]
    metric: Tensor
    outside: Sequence[str]

    @cached_property
    def points(self) -> Tensor:
        """Where labels are taken and questions asked, ``(Q, d)``."""
        return next(iter(self.tests.values())).points

    def label(self, codes: Tensor) -> Tensor:
        """Solve conditions with the fine solver, ``(m, Q, outputs)``."""
        return solve(self.pde, solve_each(self.pde.reference), codes, self.points)

    def fields(self, kernel: Kernel, codes: Tensor, base: Base | None, asked: Tensor) -> Tensor:
        """Fit to the labels of ``codes`` and predict for the conditions ``asked``, ``(B, Q, outputs)``."""
        labels = self.label(codes) - base_fields(base, self.points, codes)
        surrogate = fit_surrogate(kernel, codes @ self.metric, labels.flatten(1), PENALTY)
        predicted = surrogate(asked @ self.metric).unflatten(1, (self.points.shape[0], -1))
        return predicted + base_fields(base, self.points, asked)

    def judge(
        self, row: Result, kernel: Kernel, codes: Tensor, exams: Mapping[str, Exam], base: Base | None
    ) -> list[Result]:
        """Return one result a test condition, as ``row`` with shift, episode, error and seconds filled in."""
        labels = (self.label(codes) - base_fields(base, self.points, codes)).flatten(1)
        started = time.perf_counter()
        surrogate = fit_surrogate(kernel, codes @ self.metric, labels, PENALTY)
        errors = {s: exam.errors(surrogate(exam.questions.codes @ self.metric)) for s, exam in exams.items()}
        seconds = row.seconds + (time.perf_counter() - started) / sum(len(e) for e in errors.values())
        return [
            replace(row, shift=shift, episode=k, relative_l2=float(error), seconds=seconds)
            for shift, values in errors.items()
            for k, error in enumerate(values)
        ]


def make_judge(pde: PDE, settings: StudySettings, metric: Tensor) -> Judge:
    """Draw test and validation conditions of every shift in the span of the training family, and solve them finely."""
    points, fine = field_points(pde), solve_each(pde.reference)
    tests: dict[str, Questions] = {}
    validation: list[Questions] = []
    outside: list[str] = []
    for k, shift in enumerate((NO_SHIFT, *pde.shifts)):
        drawn = [_codes(pde, shift, count, seed + k) for count, seed in _sizes(settings)]
        if drawn[0] is None or drawn[1] is None:
            outside.append(shift)
            continue
        test, held_out = (Questions(c, points, solve(pde, fine, c, points), seed=0) for c in drawn if c is not None)
        tests[shift] = test
        validation.append(held_out)
    return Judge(pde, tests, validation, metric, outside)


def _sizes(settings: StudySettings) -> tuple[tuple[int, int], tuple[int, int]]:
    validation = min(_VALIDATION, settings.test_conditions)
    return (settings.test_conditions, _TEST_SEED), (validation, _VALIDATION_SEED)


def _codes(pde: PDE, shift: str, count: int, seed: int) -> Tensor | None:
    """Draw conditions of a shift as coefficients of the training family; None if they leave its span."""
    ensemble = pde.ensemble(shift)
    code = encode(pde.ensemble(), ensemble, ensemble.sample(count, torch.Generator().manual_seed(seed)))
    return code.coefficients if code.in_span else None


def run_solved(pde: PDE, settings: StudySettings, progress: Progress) -> Outcome:
    """Distil conditions, solve them finely, and compare with every usual design on equal terms.

    Learners are the kernel surrogate (``kernel-ridge``) and a label-free conditioned PINN with a kernel correction from the
    labels (``pinn-kernel``); beside them the PINN without any label. The outer loop sees the stand-in only.

    Args:
        pde: the equation.
        settings: size of the study.
        progress: called with what is being done.

    Raises:
        ValueError: the training family is not linear in its coefficients.
        DivergedError: the stand-in stopped solving the conditions on the way.
    """
    if superposes(pde, pde.ensemble()):
        note = f"{pde.name} is linear: one solved condition a coefficient gives every solution, so nothing is to be chosen."
        return Outcome("solved", [], [], "", None, [], [], [], notes=[note])
    seeds = range(settings.seed, settings.seed + settings.seeds)
    found = [distill_conditions(pde, settings, seed, progress) for seed in seeds]
    judge = make_judge(pde, settings, found[0].data[METRIC])
    progress("solved: training the PINN without labels", 0, 1, None)
    pinn = train_label_free(pde, settings)
    study = _Study(judge, settings, pinn.base, pinn.seconds)
    progress(f"solved: judging {settings.conditions} conditions", 0, 1, None)
    results, tuned = study.compare(settings.conditions, found)
    curve = _curve(study, settings, progress) if settings.curve else []
    best = best_of(tuned[KERNEL])
    baseline = sample_conditions(pde.ensemble(), best.sampler, settings.conditions, settings.seed, best.width)
    return Outcome(
        "solved",
        results,
        [f.data for f in found],
        best.sampler,
        condition_data(pde, baseline, judge.metric),
        [f.history for f in found],
        [f.seconds for f in found],
        _examples(judge, found[0].data, baseline, best),
        curve,
        _settings(tuned, found[0].data),
        _notes(judge, settings),
    )


@dataclass(frozen=True)
class _Study:
    judge: Judge
    settings: StudySettings
    base: Base
    pinn_seconds: float

    @cached_property
    def exams(self) -> dict[str, dict[str, Exam]]:
        """Test exams by learner and shift."""
        bases = {KERNEL: None, PINN_KERNEL: self.base}
        return {n: {s: Exam.of(q, base) for s, q in self.judge.tests.items()} for n, base in bases.items()}

    @cached_property
    def validation(self) -> dict[str, list[Exam]]:
        """Validation exams by learner."""
        bases = {KERNEL: None, PINN_KERNEL: self.base}
        return {n: [Exam.of(q, base) for q in self.judge.validation] for n, base in bases.items()}

    def compare(self, count: int, found: Sequence[Distillation]) -> tuple[list[Result], dict[str, Mapping[str, Tuned]]]:
        """Judge distilled sets, one a seed, and as many draws of every design, with both learners."""
        results = self._label_free(count)
        tuned: dict[str, Mapping[str, Tuned]] = {}
        for learner, base in ((KERNEL, None), (PINN_KERNEL, self.base)):
            tuned[learner] = self._tune(learner, base, count)
            for k, distillation in enumerate(found):
                seed = self.settings.seed + k
                own = kernel_of(distillation.data) if learner == KERNEL else best_of(tuned[learner]).kernel
                row = replace(self._row(DISTILLED, learner, count, seed), distilled_with=KERNEL)
                results += self.judge.judge(row, own, distillation.data[CONDITIONS], self.exams[learner], base)
            for design in tuned[learner].values():
                for k in range(self.settings.seeds):
                    seed = self.settings.seed + k
                    codes = sample_conditions(self.judge.pde.ensemble(), design.sampler, count, seed, design.width)
                    row = self._row(design.sampler, learner, count, seed)
                    results += self.judge.judge(row, design.kernel, codes, self.exams[learner], base)
        return results, tuned

    def _tune(self, learner: str, base: Base | None, count: int) -> Mapping[str, Tuned]:
        seeds = range(_TUNING_SEED, _TUNING_SEED + (2 if count <= 16 else 1))
        fine = solve_each(self.judge.pde.reference)
        return tune_designs(self.judge.pde, fine, self.judge.metric, self.validation[learner], count, seeds, base)

    def _row(self, method: str, learner: str, count: int, seed: int) -> Result:
        seconds = 0.0 if learner == KERNEL else self.pinn_seconds
        return Result(self.judge.pde.name, "solved", method, learner, count, 0, NO_SHIFT, seed, 0, 0.0, seconds)

    def _label_free(self, count: int) -> list[Result]:
        row = self._row(LABEL_FREE, "mlp-adam", count, self.settings.seed)
        return [
            replace(row, shift=shift, episode=k, relative_l2=float(error))
            for shift, exam in self.exams[PINN_KERNEL].items()
            for k, error in enumerate(exam.errors(torch.zeros_like(exam.base)))
        ]


def _curve(study: _Study, settings: StudySettings, progress: Progress) -> list[Result]:
    """Repeat the comparison with other numbers of conditions, distilling once for each."""
    results: list[Result] = []
    for count in (m for m in CURVE if m != settings.conditions):
        found = distill_conditions(study.judge.pde, replace(settings, conditions=count), settings.seed, progress)
        progress(f"solved: judging {count} conditions", 0, 1, None)
        results += study.compare(count, [found])[0]
    return results


def _examples(judge: Judge, data: SyntheticData, baseline: Tensor, best: Tuned) -> list[FieldExample]:
    """Return the first test condition of every shift on the grid, for domains with two coordinates."""
    if judge.pde.box.dimension != 2:
        return []
    sides, examples = grid_sides(judge.pde), []
    for shift, questions in judge.tests.items():
        asked = questions.codes[:1]
        distilled = judge.fields(kernel_of(data), data[CONDITIONS], None, asked)
        other = judge.fields(best.kernel, baseline, None, asked)
        pictures = {DISTILLED: distilled, best.sampler: other}
        predictions = {name: field[0, :, 0].reshape(sides) for name, field in pictures.items()}
        examples.append(FieldExample(shift, questions.truth[0, :, 0].reshape(sides), predictions))
    return examples


def _settings(tuned: Mapping[str, Mapping[str, Tuned]], data: SyntheticData) -> dict[str, object]:
    kernel = kernel_of(data)
    found: dict[str, object] = {f"{DISTILLED} ({KERNEL})": f"length {kernel.length:g}, trend {kernel.trend:g}"}
    for learner, designs in tuned.items():
        for design in designs.values():
            found[f"{design.sampler} ({learner})"] = (
                f"width {design.width:g}, length {design.kernel.length:g}, trend {design.kernel.trend:g}"
            )
    return found


def _notes(judge: Judge, settings: StudySettings) -> list[str]:
    notes = [
        "The outer loop worked on the stand-in and on a broadened training family only; labels for judging come from the "
        "fine reference. Widths and kernels of the baselines were tuned on fine validation conditions of all shifts.",
        "The kernel of a distilled set is the one that served the best baseline on the stand-in. The PINN without labels "
        "was trained once, with fresh tuples at every step, and is shared by all rows that correct it.",
    ]
    if judge.outside:
        notes.append(
            f"Not judged: {', '.join(judge.outside)}. These shifts leave the span of the training family, and a function of "
            "its coefficients cannot see what is outside."
        )
    return notes
