"""The solved protocol: which boundary conditions are worth an expensive solve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pinndd.data import SyntheticData
from pinndd.learners.kernel_ridge import Kernel, KernelRidge
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.files.solutions import Solutions, read_solutions, write_conditions
from pinndd.pinn.models.solved_conditions import CONDITIONS, METRIC, ConditionToField
from pinndd.pinn.sets.condition_code import require_linear
from pinndd.pinn.solving.truth import answer_scale, reference_of, superposes
from pinndd.pinn.tasks.questions import Questions
from pinndd.problem import Learner
from pinndd.study.protocols.bench import Bench, Method, Study, error_columns
from pinndd.study.protocols.conditions import HeldOutConditions
from pinndd.study.protocols.engine import distill_on
from pinndd.study.protocols.learners import Outer, Recipe
from pinndd.study.protocols.protocol import Protocol
from pinndd.study.protocols.sections import Section, section_of
from pinndd.study.protocols.solved.bench import SolvedBench, SolvedSettings
from pinndd.study.protocols.solved.label_free import LABEL_FREE
from pinndd.study.protocols.solved.materials import KERNEL, PINN_KERNEL, Materials
from pinndd.study.protocols.solved.stand_in import CheapConditions
from pinndd.study.protocols.solved.tuning import (
    PENALTY,
    Exam,
    solve,
)
from pinndd.study.protocols.stored import Needed
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.table import DISTILLED, as_table

__all__ = ["PROTOCOL", "RECIPES", "SolvedBench", "SolvedSettings", "SolvedStudy"]

CURVE = (4, 8, 16, 32, 64)
_MOST_POINTS = 2000


def _built(pde: PDE, stored: Any) -> Learner:
    raise TypeError("the learners of the solved protocol are built by its bench, which knows who solves")


RECIPES = {
    KERNEL: Recipe(KERNEL, _built, outer=Outer(300, 256, 0.03)),
    PINN_KERNEL: Recipe(PINN_KERNEL, _built, outer=Outer(150, 256, 0.03)),
}
"""The correction converges sooner, in half of the steps."""


@dataclass(frozen=True, eq=False)
class SolvedStudy(Study[SolvedSettings]):
    """The solved protocol applied to a PDE.

    Attributes:
        brought: materials that are shared (None: made from the PDE and the settings).
    """

    name = "solved"

    brought: Materials | None = None

    @cached_property
    def materials(self) -> Materials:
        """What all sizes and seeds share."""
        return self.brought or Materials(self.pde, self.settings)

    @property
    def tests(self) -> HeldOutConditions:
        return self.materials.tests

    def resized(self, size: SolvedSettings) -> SolvedStudy:
        return replace(self, size=size, brought=self.materials)

    def with_solutions(self, path: Path, data: SyntheticData) -> SolvedStudy:
        """Return the study in which a set's conditions were solved by somebody else, at 2000 of their points at most.

        Args:
            path: file of the fields, see `pinndd.pinn.files.solutions.read_solutions`.
            data: the set.

        Raises:
            FileNotFoundError, SolutionFileError: the file cannot be used.
            ValueError: the set is of another PDE or protocol.
        """
        found = read_solutions(path, self.pde, data)
        chosen = torch.arange(found.points.shape[0])
        if len(chosen) > _MOST_POINTS:
            chosen = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0))[:_MOST_POINTS]
        solutions = Solutions(found.points[chosen], found.fields[:, chosen])
        return replace(self, brought=Materials(self.pde, self.settings, solutions))

    @property
    def recipe(self) -> Recipe:
        return self.recipes[self.settings.learner or KERNEL]

    def benches(self, seed: int) -> Sequence[SolvedBench]:
        wanted = self.recipes if self.settings.learner is None else [self.settings.learner]
        return [self._bench(self.recipes[name], seed) for name in wanted]

    def bench_for(self, data: SyntheticData, recipe: Recipe | None) -> SolvedBench:
        name = str(data.header.get("learner", KERNEL))
        return self._bench(recipe or self.recipes[name], int(data.header.get("seed", self.settings.seed)))

    def _bench(self, recipe: Recipe, seed: int) -> SolvedBench:
        materials = self.materials
        if recipe.name == PINN_KERNEL:
            self.progress("solved: training the PINN without labels", 0, 1, None)
        learner = KernelRidge(ConditionToField(self.pde, materials.fine, materials.base(recipe.name)), Kernel(), PENALTY)
        seconds = materials.pinn.seconds if recipe.name == PINN_KERNEL else 0.0
        return SolvedBench(self, recipe, learner, seed, CheapConditions(materials.cheap, seed), seconds, materials=materials)

    def judge(self, bench: Bench[Any], recipe: Recipe, part: float = 1.0) -> Bench[Any]:
        return self._bench(recipe, bench.seed)

    def retuned(self, bench: Bench[Any], method: Method) -> Method:
        return method

    def other_sizes(self, bench: Bench[Any]) -> pd.DataFrame:
        if not self.settings.curve or bench.seed != self.settings.seed:
            return as_table([])
        rows = []
        for count in (m for m in CURVE if m != self.size.conditions):
            other = self.resized(SolvedSettings(count))._bench(bench.recipe, bench.seed)
            found = Method(DISTILLED, distill_on(other).data)
            rows.append(other.rows(found, self.tests, distilled_with=bench.recipe.name))
            rows += [other.rows(m, self.tests) for m in other.designs]
        return as_table(pd.concat(rows))

    def for_everybody(self) -> Sequence[pd.DataFrame]:
        if self.settings.learner == KERNEL:
            return ()
        tests = self.tests.episodes
        served = sum(int(q.codes.shape[0]) for q in tests.values())
        common: dict[str, object] = {"pde": self.pde.name, "protocol": self.name, "method": LABEL_FREE, "learner": "mlp-adam"}
        common |= {"points": self.size.conditions, "boundary_points": 0, "seed": self.settings.seed}
        rows = []
        for shift, questions in tests.items():
            assert isinstance(questions, Questions)
            exam = Exam.of(questions, self.settings.measure, self.materials.pinn.base)
            answer = exam.answer(torch.zeros_like(questions.truth))
            errors = error_columns(self.pde.components, exam.distance, answer, exam.truth)
            rows += [
                {**common, "shift": shift, "episode": k, **columns, "seconds": self.materials.pinn.seconds / served}
                for k, columns in enumerate(errors)
            ]
        return (as_table(rows),)

    def example_questions(self, bench: Bench[Any], shift: str, index: int) -> tuple[Questions, Section]:
        section, tests = section_of(self.pde), self.tests.episodes[shift]
        assert isinstance(tests, Questions)
        codes = tests.codes[index : index + 1]
        truth = solve(self.pde, reference_of(self.pde), codes, section.points)
        return Questions(codes, section.points, truth, 0, answer_scale(self.pde, section.points)), section

    def notes(self, bench: Bench[Any]) -> Sequence[str]:
        notes = [
            "The outer loop worked on the stand-in and on a broadened training family only; labels for judging come from the "
            "fine reference. Widths and kernels of the baselines were tuned on fine validation conditions of all shifts.",
            "The kernel of a distilled set is the one that served the best baseline on the stand-in. The PINN without labels "
            "was trained once, with fresh tuples at every step, and is shared by all rows that correct it; its sets of "
            "conditions are distilled for the correction.",
        ]
        if self.tests.outside:
            notes.append(
                f"Not judged: {', '.join(self.tests.outside)}. These shifts leave the span of the training family, and a "
                "function of its coefficients cannot see what is outside."
            )
        return notes


def nonsense(pde: PDE, size: SolvedSettings) -> str:
    """Return why the protocol makes no sense for a PDE, or an empty text."""
    try:
        require_linear(pde.ensemble())
    except ValueError as error:
        return str(error)
    if superposes(pde, pde.ensemble()):
        return (
            f"{pde.name} is linear, and so are its boundary values in their coefficients: solving one condition per "
            "coefficient gives every solution of the family exactly, so there are no conditions to choose"
        )
    return ""


def conditions_needed(pde: PDE) -> dict[str, Needed]:
    """Return the fields of a set of conditions: their coefficients, and the metric of the learner's inputs."""
    size = pde.ensemble().size
    return {CONDITIONS: Needed((None, size)), METRIC: Needed((size, size))}


PROTOCOL = Protocol(
    name="solved",
    about="m conditions",
    words=ProtocolWords(
        title="Solved: the distilled boundary conditions are solved once, a conditioned model is fitted to the solutions",
        size="{points} distilled and solved conditions",
        unit="conditions",
        axis="solved conditions m",
    ),
    size=SolvedSettings,
    default_size=lambda pde: SolvedSettings(),
    study=SolvedStudy,
    recipes=RECIPES,
    judges=(),
    curve=True,
    derivatives=False,
    usual=True,
    labelled=True,
    nonsense=nonsense,
    export=write_conditions,
    fields=conditions_needed,
    processor=True,
)
