"""What the outer loop of the solved protocol works with: nothing in it has seen the expensive solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.models.solved_conditions import field_points, sensitivity_metric
from pinndd.pinn.models.stand_in import stand_in_for
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.solving.truth import answer_scale
from pinndd.pinn.tasks.questions import Questions
from pinndd.study.protocols.solved.tuning import solve

_POINTS = 225
_POOL, _HELD_OUT = 2500, 300
_EFFORT = 0.3
_METRIC_SEED, _DRAWS = 20251, 48


def effort(pde: PDE) -> float:
    """Return the part of the usual solves and steps to spend: less where a PINN stands in, which solves more slowly."""
    return _EFFORT if pde.stand_in is None else 1.0


@dataclass(frozen=True, eq=False)
class CheapSolver:
    """The stand-in of a PDE, the same for every seed.

    Attributes:
        pde: the equation.
    """

    pde: PDE

    @cached_property
    def solver(self) -> Reference:
        """Solves cheaply, differentiably."""
        return stand_in_for(self.pde)

    @cached_property
    def points(self) -> Tensor:
        """Where its solutions are compared, ``(Q, d)``."""
        return field_points(self.pde, _POINTS)

    @cached_property
    def metric(self) -> Tensor:
        """Of the inputs of the kernel, ``(C, C)``."""
        draws = round(_DRAWS * effort(self.pde))
        return sensitivity_metric(self.pde.ensemble(), self._comparable, self.points, _METRIC_SEED, draws=draws)

    def _comparable(self, values: BoundaryValues, points: Tensor) -> Tensor:
        """Solve in the units of the distance."""
        scale, fields = answer_scale(self.pde, points), self.solver(values, points)
        return fields if scale is None else scale.of(fields.reshape(len(values), len(points), -1))


@dataclass(frozen=True, eq=False)
class CheapConditions:
    """Conditions of the broadened family with their cheap solutions.

    Attributes:
        cheap: who solves them.
        seed: of the draw.
    """

    cheap: CheapSolver
    seed: int

    @cached_property
    def _drawn(self) -> Sequence[Questions]:
        pde, points = self.cheap.pde, self.cheap.points
        count = round(_POOL * effort(pde))
        codes = broadened_sample(pde.ensemble(), count, torch.Generator().manual_seed(self.seed + 1))
        truth = solve(pde, self.cheap.solver, codes, points)
        solved = truth.flatten(1).isfinite().all(-1)
        if int(solved.sum()) < count // 2:
            raise ValueError(
                f"PDE {pde.name!r}: the stand-in fails on {int((~solved).sum())} of {count} conditions of the training family, "
                "made broader: give the module a stand_in that is stable there, or none"
            )
        questions = Questions(codes[solved], points, truth[solved], 0, answer_scale(pde, points))
        every = torch.arange(points.shape[0])
        first, rest = torch.arange(_HELD_OUT), torch.arange(_HELD_OUT, questions.conditions)
        return questions.select(rest, every), questions.select(first, every)

    @property
    def training(self) -> Questions:
        """What the outer loop draws from.

        Raises:
            ValueError: the stand-in solves fewer than half of the conditions.
        """
        return self._drawn[0]

    @property
    def validation(self) -> Questions:
        """More of them, which choose the learner's settings and the best iterate."""
        return self._drawn[1]

    @property
    def plain(self) -> Questions:
        """The same."""
        return self.validation
