"""Boundary and initial conditions: where they hold, what they say of u, and from which family their values come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from torch import Tensor

from pinndd.pinn.declare.operators import BoundaryOperator, by_residual, combination, normal_derivative, partial, value_of
from pinndd.pinn.families import Family
from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.geometry.patches import Patch
from pinndd.pinn.geometry.places import boundary_patch, initial_patch

Joins = tuple[str | None, str | None]
"""Names of the conditions that a condition joins at ``s = 0`` and at ``s = 1``; None where it joins none."""


def _check_joins(name: str, joins: object) -> None:
    pair = isinstance(joins, tuple | list) and len(joins) == 2 and all(j is None or isinstance(j, str) for j in joins)
    if joins is not None and (not pair or not any(joins)):  # type: ignore[arg-type]
        raise ValueError(
            f"condition {name!r}: joins={joins!r}; expected the names of the conditions at s = 0 and at s = 1, such as "
            "('left', 'right'), or ('left', None) to join one end only"
        )


class Condition(ABC):
    """A linear expression in u and its derivatives takes given values on a piece of the boundary."""

    name: str
    values: Family
    joins: Joins | None
    component: int | str

    @property
    def component_number(self) -> int:
        """Number of the component that the condition is about, counted from 0.

        Raises:
            TypeError: the component is named; a PDE, which knows the names, puts the number in its place.
        """
        if isinstance(self.component, str):
            raise TypeError(f"condition {self.name!r}: component {self.component!r} has a number only in pde.valued")
        return self.component

    def about(self, component: int) -> Self:
        """Return the condition about the component of that number."""
        numbered = copy(self)
        object.__setattr__(numbered, "component", component)
        return numbered

    def unjoined(self) -> Self:
        """Return the condition with the values of its family alone, joined to no other condition."""
        alone = copy(self)
        object.__setattr__(alone, "joins", None)
        return alone

    @abstractmethod
    def patch(self, domain: Domain) -> Patch:
        """Return the part of the boundary of ``domain`` where the condition holds.

        Raises:
            ValueError: the domain has no such part.
        """

    @abstractmethod
    def boundary_operator(self, patch: Patch, outputs: int) -> BoundaryOperator:
        """Return what the condition says of u.

        Raises:
            ValueError: the expression has no meaning on ``patch``, or for that many outputs.
        """

    @property
    def kind(self) -> str:
        """What a textbook calls it, for lists and tables."""
        return type(self).__name__

    @property
    def gives_value(self) -> bool:
        """Whether the values are those of u itself."""
        return False


@dataclass(frozen=True)
class Dirichlet(Condition):
    """``u = values`` on a part of the boundary.

    Args:
        name: name of the condition; the distilled points on it are stored under this name.
        at: where: ``{"x": 0}`` a face of a box (in other plane domains the only edge there), ``{"x": 0, "y": (0, 0.5)}`` a part of
            it, ``{"x": 0, "y": 0}`` a point, ``{"from": (x, y), "to": (x, y)}`` a piece of a straight edge, ``{"angle": (a, b)}`` an
            arc of a disk, ``{"circle": ((x, y), r)}``, with ``"angle"`` or without, an arc of a circle among several.
        values: family of boundary functions of the local coordinates, which run over [0, 1] along the part, then in time.
        joins: names of the conditions that meet this one at ``s = 0`` and ``s = 1``, or None for an end that joins none. A straight
            line between their corner values (zero where there is none) is added, so that the data are continuous there (give a
            family that vanishes at the ends that join). Both must give values of the same component of u.
        component: which component of u the condition is about, by its name or by its number, counted from 0.

    Raises:
        ValueError: ``joins`` is no such pair.
    """

    name: str
    at: Mapping[str, Any]
    values: Family
    joins: Joins | None = None
    component: int | str = 0

    def __post_init__(self) -> None:
        _check_joins(self.name, self.joins)

    def patch(self, domain: Domain) -> Patch:
        return boundary_patch(self.name, self.at, domain)

    def boundary_operator(self, patch: Patch, outputs: int) -> BoundaryOperator:
        return value_of(self.component_number)

    @property
    def gives_value(self) -> bool:
        return True


@dataclass(frozen=True)
class Neumann(Condition):
    """``∂u/∂n = values``, n the outward normal in space; arguments as in `Dirichlet`."""

    name: str
    at: Mapping[str, Any]
    values: Family
    component: int | str = 0
    joins: Joins | None = field(default=None, init=False)

    def patch(self, domain: Domain) -> Patch:
        return boundary_patch(self.name, self.at, domain)

    def boundary_operator(self, patch: Patch, outputs: int) -> BoundaryOperator:
        return normal_derivative(self.name, patch, self.component_number)


@dataclass(frozen=True)
class Robin(Condition):
    """``value · u + slope · ∂u/∂n = values``, n the outward normal in space; the other arguments as in `Dirichlet`."""

    name: str
    at: Mapping[str, Any]
    values: Family
    value: float = 1.0
    slope: float = 1.0
    component: int | str = 0
    joins: Joins | None = field(default=None, init=False)

    def patch(self, domain: Domain) -> Patch:
        return boundary_patch(self.name, self.at, domain)

    def boundary_operator(self, patch: Patch, outputs: int) -> BoundaryOperator:
        return combination(
            (self.value, value_of(self.component_number)), (self.slope, normal_derivative(self.name, patch, self.component_number))
        )


@dataclass(frozen=True)
class Initial(Condition):
    """``∂^order u/∂t^order = values`` at the initial time: the value, or with ``order=1`` the velocity.

    The other arguments are those of `Dirichlet`; only values can join others.

    Raises:
        ValueError: ``order`` is negative, or ``joins`` is no pair of names, or given for a velocity.
    """

    name: str
    values: Family
    joins: Joins | None = None
    component: int | str = 0
    order: int = 0

    def __post_init__(self) -> None:
        if self.order < 0:
            raise ValueError(
                f"condition {self.name!r}: order={self.order}; expected 0 (the value), 1 (the velocity) or more"
            )
        _check_joins(self.name, self.joins)

    def patch(self, domain: Domain) -> Patch:
        return initial_patch(self.name, domain)

    def boundary_operator(self, patch: Patch, outputs: int) -> BoundaryOperator:
        return partial(self.component_number, (patch.domain.dimension - 1,) * self.order)

    @property
    def kind(self) -> str:
        return {0: "Initial", 1: "Initial velocity"}.get(self.order, f"Initial, order {self.order}")

    @property
    def gives_value(self) -> bool:
        return self.order == 0


@dataclass(frozen=True)
class Operator(Condition):
    """``operator(x, u, normal) = values``: any expression linear in u and its derivatives, of any order and all components.

    Args:
        operator: as DeepXDE's ``OperatorBC``: points ``(N, d)``, u ``(N, outputs)`` and outward normals ``(N, d)`` (zeros where the
            patch has none) to ``(N, 1)``, with derivatives by ``dde.grad.jacobian`` and ``dde.grad.hessian``.
        name, at, values: as in `Dirichlet`.
    """

    name: str
    at: Mapping[str, Any]
    operator: Callable[[Tensor, Tensor, Tensor], Tensor]
    values: Family
    component: int = field(default=0, init=False)
    joins: Joins | None = field(default=None, init=False)

    def patch(self, domain: Domain) -> Patch:
        return boundary_patch(self.name, self.at, domain)

    def boundary_operator(self, patch: Patch, outputs: int) -> BoundaryOperator:
        return by_residual(self.name, self.operator, patch, outputs)


@dataclass(frozen=True)
class Periodic:
    """``u`` is periodic along ``axis``; networks and features have it built in, so it needs no points."""

    name: str
    axis: str = "x"
    joins: None = field(default=None, init=False)
    kind: ClassVar[str] = "Periodic"
