"""The solved protocol: which boundary conditions are worth an expensive solve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.files.solutions import read_solutions, write_conditions
from pinndd.pinn.models.solved_conditions import CONDITIONS, METRIC, Base, condition_data
from pinndd.pinn.models.stand_in import solve_each
from pinndd.pinn.sets.condition_samplers import sample_conditions
from pinndd.pinn.tasks.questions import Questions
from pinndd.pinn.tasks.solutions import superposes
from pinndd.study.outcome import DISTILLED, NO_SHIFT, FieldExample, Outcome, Progress, Result, StudySettings
from pinndd.study.sections import section_of
from pinndd.study.solved_distilling import KERNEL, PINN_KERNEL, distill_conditions, kernel_of
from pinndd.study.solved_evaluation import evaluate_solutions, evaluate_solved
from pinndd.study.solved_judge import LABEL_FREE, Judge, make_judge
from pinndd.study.solved_pinn import train_label_free
from pinndd.study.solved_tuning import Exam, Tuned, best_of, solve, tune_designs

__all__ = [
    "distill_conditions",
    "evaluate_solutions",
    "evaluate_solved",
    "read_solutions",
    "run_solved",
    "write_conditions",
]

CURVE = (4, 8, 16, 32, 64)
_TUNING_SEED = 930_000


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
    progress("solved: training the PINN without labels", 0, 1, None)
    pinn = train_label_free(pde, settings)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    found = [distill_conditions(pde, settings, seed, progress) for seed in seeds]
    corrections = [distill_conditions(pde, settings, seed, progress, base=pinn.base) for seed in seeds]
    judge = make_judge(pde, settings, found[0].data[METRIC])
    study = _Study(judge, settings, pinn.base, pinn.seconds)
    progress(f"solved: judging {settings.conditions} conditions", 0, 1, None)
    results, tuned = study.compare(settings.conditions, {KERNEL: found, PINN_KERNEL: corrections})
    curve = _curve(study, settings, progress) if settings.curve else []
    best = best_of(tuned[KERNEL])
    baseline = sample_conditions(pde.ensemble(), best.sampler, settings.conditions, settings.seed, best.width)
    return Outcome(
        "solved",
        results,
        [f.data for f in (*found, *corrections)],
        best.sampler,
        condition_data(pde, baseline, judge.metric),
        [f.history for f in found],
        [f.seconds for f in found],
        _examples(judge, found[0].data, baseline, best),
        curve,
        _settings(tuned, found[0].data),
        _notes(judge),
    )


@dataclass(frozen=True)
class _Study:
    judge: Judge
    settings: StudySettings
    base: Base
    pinn_seconds: float

    @property
    def bases(self) -> dict[str, Base | None]:
        """What the labels correct, by learner."""
        return {KERNEL: None, PINN_KERNEL: self.base}

    @cached_property
    def exams(self) -> dict[str, dict[str, Exam]]:
        """Test exams by learner and shift."""
        return {n: {s: Exam.of(q, base) for s, q in self.judge.tests.items()} for n, base in self.bases.items()}

    @cached_property
    def validation(self) -> dict[str, list[Exam]]:
        """Validation exams by learner."""
        return {n: [Exam.of(q, base) for q in self.judge.validation] for n, base in self.bases.items()}

    def compare(
        self, count: int, sets: Mapping[str, Sequence[Distillation]]
    ) -> tuple[list[Result], dict[str, Mapping[str, Tuned]]]:
        """Judge distilled sets, one a seed and learner, and as many draws of every design as seeds, with both learners."""
        results = self._label_free(count)
        tuned: dict[str, Mapping[str, Tuned]] = {}
        for learner, base in self.bases.items():
            tuned[learner] = self._tune(learner, base, count)
            for own, found in sets.items():
                for k, distillation in enumerate(found):
                    kernel = kernel_of(distillation.data) if learner == own else best_of(tuned[learner]).kernel
                    row = replace(self._row(DISTILLED, learner, count, self.settings.seed + k), distilled_with=own)
                    results += self.judge.results(row, kernel, distillation.data[CONDITIONS], base, self.exams[learner])
            for design in tuned[learner].values():
                for k in range(self.settings.seeds):
                    seed = self.settings.seed + k
                    codes = sample_conditions(self.judge.pde.ensemble(), design.sampler, count, seed, design.width)
                    row = self._row(design.sampler, learner, count, seed)
                    results += self.judge.results(row, design.kernel, codes, base, self.exams[learner])
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
        smaller = replace(settings, conditions=count)
        sets = {
            learner: [distill_conditions(study.judge.pde, smaller, settings.seed, progress, base=base)]
            for learner, base in study.bases.items()
        }
        progress(f"solved: judging {count} conditions", 0, 1, None)
        results += study.compare(count, sets)[0]
    return results


def _examples(judge: Judge, data: SyntheticData, baseline: Tensor, best: Tuned) -> list[FieldExample]:
    """Return the first test condition of every shift on the section that pictures show."""
    section = section_of(judge.pde)
    codes = torch.cat([questions.codes[:1] for questions in judge.tests.values()])
    truth = solve(judge.pde, judge.pde.reference, codes, section.points)
    shown = replace(judge, tests={NO_SHIFT: Questions(codes, section.points, truth, seed=0)}, validation=[])
    predictions = {
        DISTILLED: shown.fields(kernel_of(data), data[CONDITIONS], None, codes),
        best.sampler: shown.fields(best.kernel, baseline, None, codes),
    }
    return [
        section.example(shift, truth[k], {name: fields[k] for name, fields in predictions.items()})
        for k, shift in enumerate(judge.tests)
    ]


def _settings(tuned: Mapping[str, Mapping[str, Tuned]], data: SyntheticData) -> dict[str, object]:
    kernel = kernel_of(data)
    found: dict[str, object] = {f"{DISTILLED} ({KERNEL})": f"length {kernel.length:g}, trend {kernel.trend:g}"}
    for learner, designs in tuned.items():
        for design in designs.values():
            found[f"{design.sampler} ({learner})"] = (
                f"width {design.width:g}, length {design.kernel.length:g}, trend {design.kernel.trend:g}"
            )
    return found


def _notes(judge: Judge) -> list[str]:
    notes = [
        "The outer loop worked on the stand-in and on a broadened training family only; labels for judging come from the "
        "fine reference. Widths and kernels of the baselines were tuned on fine validation conditions of all shifts.",
        "The kernel of a distilled set is the one that served the best baseline on the stand-in. The PINN without labels "
        "was trained once, with fresh tuples at every step, and is shared by all rows that correct it; its sets of "
        "conditions are distilled for the correction.",
    ]
    if judge.outside:
        notes.append(
            f"Not judged: {', '.join(judge.outside)}. These shifts leave the span of the training family, and a function of "
            "its coefficients cannot see what is outside."
        )
    return notes
