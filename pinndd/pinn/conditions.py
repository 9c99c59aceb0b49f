"""Boundary and initial conditions: where they hold and from which family their values come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pinndd.pinn.domain import Domain, Patch
from pinndd.pinn.families import Family


@dataclass(frozen=True)
class Dirichlet:
    """``u = values`` on the part of the boundary where the named coordinates are fixed.

    Args:
        name: name of the condition; the distilled points on it are stored under this name.
        at: the fixed coordinates, such as ``{"x": 0}``.
        values: family of boundary functions of the local coordinate (the other coordinates, scaled to [0, 1]).
        joins: names of the conditions that meet this one at ``s = 0`` and ``s = 1``. A straight line between their
            corner values is added, so that the data are continuous there (give a family that vanishes at both ends).
        component: which output of the network the condition is about.
    """

    name: str
    at: Mapping[str, float]
    values: Family
    joins: tuple[str, str] | None = None
    component: int = 0

    def patch(self, domain: Domain) -> Patch:
        """Return the part of the boundary of ``domain`` where the condition holds.

        Raises:
            ValueError: a coordinate is unknown, or the fixed value is not on the boundary.
        """
        fixed: dict[int, float] = {}
        for coordinate, value in self.at.items():
            if coordinate not in domain.names:
                raise ValueError(
                    f"condition {self.name!r}: coordinate {coordinate!r} is not one of {', '.join(domain.names)}"
                )
            axis = domain.names.index(coordinate)
            if value not in (domain.low[axis], domain.high[axis]):
                raise ValueError(
                    f"condition {self.name!r}: {coordinate} = {value} names no boundary; expected "
                    f"{domain.low[axis]} or {domain.high[axis]}"
                )
            fixed[axis] = float(value)
        if not fixed:
            raise ValueError(f"condition {self.name!r}: at={dict(self.at)} fixes no coordinate; expected such as {{'x': 0}}")
        return Patch(domain, fixed)


@dataclass(frozen=True)
class Initial:
    """``u = values`` at the initial time; arguments as in `Dirichlet`."""

    name: str
    values: Family
    joins: tuple[str, str] | None = None
    component: int = 0

    def patch(self, domain: Domain) -> Patch:
        """Return the initial face of ``domain``.

        Raises:
            ValueError: the domain has no time.
        """
        if not domain.has_time:
            raise ValueError(f"condition {self.name!r}: an initial condition needs GeometryXTime; the domain has no time")
        return Patch(domain, {domain.dimension - 1: domain.low[-1]})


@dataclass(frozen=True)
class Periodic:
    """``u`` is periodic along ``axis``; networks and features have it built in, so it needs no points."""

    name: str
    axis: str = "x"
    joins: None = field(default=None, init=False)


Condition = Dirichlet | Initial
