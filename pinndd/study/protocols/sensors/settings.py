"""Size of a placement of sensors, and when it makes no sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.families import Tied
from pinndd.study.protocols.parts import require_each_once
from pinndd.study.results.table import NO_SHIFT


@dataclass(frozen=True)
class SensorSettings:
    """Size of a placement of sensors.

    Attributes:
        sensors: numbers of sensors on all conditions together; a study takes them one after the other, a distillation has one.
        points: interior points, which carry no label (None: plenty).

    Raises:
        ValueError: a number is not positive or stands twice, or there is none.
    """

    sensors: Sequence[int] = (18,)
    points: int | None = None

    def __post_init__(self) -> None:
        if not self.sensors or min(self.sensors) < 1:
            raise ValueError(f"sensors {list(self.sensors)}: expected numbers from 1 on, such as 18 or 9,12,18")
        require_each_once(f"sensors {', '.join(map(str, self.sensors))}", self.sensors)
        if self.points is not None and self.points < 1:
            raise ValueError(f"points {self.points}: expected a whole number from 1 on")

    @property
    def count(self) -> int:
        """The number of sensors of a single placement.

        Raises:
            ValueError: there are several.
        """
        if len(self.sensors) > 1:
            raise ValueError(f"sensors {', '.join(map(str, self.sensors))}: one placement has one number of them; give one")
        return self.sensors[0]


def known_conditions(pde: PDE) -> tuple[str, ...]:
    """Return the conditions whose values are known in training and under every shift: their families have no coefficients."""
    ensembles = [pde.ensemble(shift) for shift in (NO_SHIFT, *pde.shifts)]

    def is_known(name: str) -> bool:
        families = [e.families[name] for e in ensembles]
        return all(f.size == 0 and not isinstance(f, Tied) for f in families)

    return tuple(c.name for c in pde.valued if c.joins is None and is_known(c.name))


def nonsense(pde: PDE, size: SensorSettings) -> str:
    """Return why a placement makes no sense for a PDE, or an empty text: every condition that is measured gets a sensor."""
    known = known_conditions(pde)
    measured = [c.name for c in pde.valued if c.name not in known]
    if not measured:
        return f"PDE {pde.name!r}: the values of every condition are known, so there is nothing to measure"
    least = min(size.sensors)
    if least < len(measured):
        return (
            f"--sensors {least}: PDE {pde.name!r} has {len(measured)} conditions to measure ({', '.join(measured)}); give at "
            f"least {len(measured)}"
        )
    return ""
