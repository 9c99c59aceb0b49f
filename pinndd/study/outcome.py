"""What a protocol of a study returns: results of trained models, the distilled sets, and what the figures need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pinndd.data import SyntheticData

DISTILLED = "distilled"
"""Name of the distilled set among the methods."""

NO_SHIFT = "none"
"""Name of the training family among the shifts: in distribution."""

Progress = Callable[[str, int, int, float | None], None]
"""``(what is being done, steps done, steps in all, current error)``, called often; the caller draws the bar."""


@dataclass(frozen=True)
class Result:
    """Error of one trained model on one boundary condition: one row of ``results.csv``.

    Attributes:
        pde, protocol, method, learner: what was trained on what; methods are the names of the samplers, ``distilled``, and
            those of the ceilings (``dense``, ``fresh-samples``, ...).
        points: interior points (tuples for the amortised protocol, solved conditions for the solved one).
        boundary_points: boundary points.
        shift: family of the boundary condition; ``none`` is in distribution.
        seed: of the distillation, or of the draw of the baseline; rows of different methods with equal seed, shift and episode
            are paired: same boundary condition, same initial weights.
        episode: number of the boundary condition within the shift.
        relative_l2: relative L2 error of the solution.
        seconds: wall time of training this model (shared work divided by the number of models trained together).
        distilled_with: learner that the set was distilled with; empty for other methods.
        ceiling: whether the method stands outside the comparison at equal terms (it sees more data).
    """

    pde: str
    protocol: str
    method: str
    learner: str
    points: int
    boundary_points: int
    shift: str
    seed: int
    episode: int
    relative_l2: float
    seconds: float
    distilled_with: str = ""
    ceiling: bool = False


@dataclass(frozen=True)
class FieldExample:
    """Solution and predictions of one boundary condition on a grid, for a picture.

    Attributes:
        shift: family of the boundary condition.
        truth: ``(n, m)`` over the first coordinate (rows) and the second (columns), or ``(n,)`` where there is but one; for a PDE
            of several outputs ``(n, m, outputs)``. NaN outside the domain.
        predictions: method name to a field like the truth.
        at: the coordinates that are held fixed, where there are more than two.
    """

    shift: str
    truth: Tensor
    predictions: Mapping[str, Tensor]
    at: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """Everything that one protocol of a study found.

    Attributes:
        protocol: ``retrain``, ``amortised`` or ``solved``.
        results: one row a trained model and boundary condition, at the size studied.
        data: the distilled set of every seed; the first is the one that is saved as ``data.npz``.
        best_baseline: name of the best tuned baseline in distribution, and its data set (None where it has no such form).
        baseline_data: the data of the best baseline.
        histories: outer-loop history of every seed (see `pinndd.outer_loop.Distillation`).
        distill_seconds: wall time of distilling, one number a seed.
        examples: fields for pictures, one a shift.
        curve: as ``results``, for other numbers of points (error against size).
        settings: what was tuned and to which value (baselines' weights, feature scale), for the report.
        notes: sentences for the report: what the numbers mean, what fell short.
    """

    protocol: str
    results: Sequence[Result]
    data: Sequence[SyntheticData]
    best_baseline: str
    baseline_data: SyntheticData | None
    histories: Sequence[Sequence[Mapping[str, float]]]
    distill_seconds: Sequence[float]
    examples: Sequence[FieldExample]
    curve: Sequence[Result] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class StudySettings:
    """How large a study is.

    Attributes:
        points, boundary_points: size of the distilled set.
        seeds: number of distillation seeds.
        test_conditions: boundary conditions a shift, touched once.
        budget: factor on the number of outer steps (1: as it comes).
        curve: whether to repeat the study at other numbers of points.
        learner: distil with this learner (None: ridge for a linear PDE, Gauss-Newton otherwise).
        judges: learners that train on the set besides its own, of ``mlp-adam``, ``mlp-lm``, ``deepxde``.
        judge_conditions: boundary conditions a shift for the slow judges.
        conditions: m, the number of conditions of the solved protocol.
        device: of the computation.
        seed: the first seed.
        shifts: test these only, ``none`` among them if it is wanted (empty: all).
    """

    points: int = 64
    boundary_points: int = 30
    seeds: int = 2
    test_conditions: int = 40
    budget: float = 1.0
    curve: bool = False
    learner: str | None = None
    judges: Sequence[str] = ("mlp-lm",)
    judge_conditions: int = 8
    conditions: int = 16
    device: str = "cpu"
    seed: int = 0
    shifts: Sequence[str] = ()

    def tested(self, shifts: Iterable[str]) -> list[str]:
        """Return those of the training family and the ``shifts`` of a PDE that are to be tested, in order."""
        return [shift for shift in (NO_SHIFT, *shifts) if not self.shifts or shift in self.shifts]
