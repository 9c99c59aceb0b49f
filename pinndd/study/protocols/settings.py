"""How large a study is, whichever protocol it follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pinndd.devices import AUTO
from pinndd.distances import Distance
from pinndd.risks import Risk
from pinndd.study.protocols.parts import named_distance, named_risk, require_each_once, unknown
from pinndd.study.results.table import NO_SHIFT


@dataclass(frozen=True)
class StudySettings:
    """What every protocol has in common; its own size stands in its own settings, such as `RetrainSettings`.

    Attributes:
        seeds: number of distillation seeds.
        test_conditions: boundary conditions per shift, touched once.
        effort: factor on the number of outer steps (1: as it comes); below 1, what is tuned is tuned on coarser grids.
        curve: whether to repeat the study at other sizes.
        learner: distill with this learner (None: the one that fits the PDE).
        judges: learners that train on the set besides its own (None: those that the protocol takes by itself).
        judge_conditions: boundary conditions per shift for judges that train afresh for each.
        device: of the computation, or ``auto``, see `pinndd.devices.chosen_device`.
        seed: the first seed.
        shifts: test these only, ``none`` among them if it is wanted (empty: all).
        distance: between answers and truth, in the outer loop and in every table: a name or an object.
        risk: over the episodes of the outer loop: a name or an object (None: that of the protocol).
        seconds: processor time that a first look may take; what does not fit is dropped, and said (None: no limit).

    Raises:
        ValueError: a judge or a shift is named twice.
    """

    seeds: int = 2
    test_conditions: int = 40
    effort: float = 1.0
    curve: bool = False
    learner: str | None = None
    judges: Sequence[str] | None = None
    judge_conditions: int = 8
    device: str = AUTO
    seed: int = 0
    shifts: Sequence[str] = ()
    distance: str | Distance = "relative-l2"
    risk: str | Risk | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        require_each_once(f"judges {', '.join(self.judges or ())}", self.judges or ())
        require_each_once(f"shifts {', '.join(self.shifts)}", self.shifts)

    @property
    def quick(self) -> bool:
        """Whether this is a first look."""
        return self.effort < 1

    @property
    def measure(self) -> Distance:
        """The distance as an object."""
        return named_distance(self.distance) if isinstance(self.distance, str) else self.distance

    def risk_or(self, usual: Risk) -> Risk:
        """Return the risk as an object; ``usual`` where nothing was said."""
        if self.risk is None:
            return usual
        return named_risk(self.risk) if isinstance(self.risk, str) else self.risk

    def tested(self, shifts: Iterable[str]) -> list[str]:
        """Return those of the training family and the ``shifts`` of a PDE that are to be tested, in order.

        Raises:
            UnknownNameError: the PDE has no shift of a name that was asked for.
        """
        having = [NO_SHIFT, *shifts]
        for name in self.shifts:
            if name not in having:
                raise unknown("shift", name, having)
        return [shift for shift in having if not self.shifts or shift in self.shifts]
