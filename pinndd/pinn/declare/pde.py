"""What a user declares: the PDE, its domain, its conditions and the families their values come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinndd.module_source import ModuleSource
from pinndd.pinn.declare.components import component_index, component_names, require_known, units_of_all
from pinndd.pinn.declare.conditions import Condition, Periodic
from pinndd.pinn.declare.naming import require_names
from pinndd.pinn.declare.operators import BoundaryOperator
from pinndd.pinn.declare.recorded import RecordedSolutions
from pinndd.pinn.declare.sizes import Sizes, residual_and_sizes
from pinndd.pinn.families import Family, Fixed, LinearFamily, Tied, Zero
from pinndd.pinn.geometry.domain import Domain, domain_from
from pinndd.pinn.geometry.patches import Patch
from pinndd.pinn.geometry.places import written_numbers
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.user_code import Guarded, UserCodeError, calling

_GRID = 33
"""Places along a condition at which its mean is looked at."""

Reference = Callable[["BoundaryValues", Tensor], Tensor]
"""A solution: ``(values, points (Q, d)) -> u (B, Q)`` (or ``(B, Q, outputs)``), one row per boundary condition. What a user writes
may return a numpy array; as an attribute of a `PDE` it always returns a tensor in double precision."""


@dataclass(frozen=True, eq=False)
class PDE:
    """A partial differential equation with families of boundary conditions.

    Args:
        name: short name, used in files and tables.
        domain: DeepXDE geometry, such as ``dde.geometry.GeometryXTime(...)``.
        residual: the function that DeepXDE takes, ``residual(x, u)``, zero where u solves the PDE.
        conditions: boundary and initial conditions, each with the family its values are drawn from in training.
        shifts: families that no distillation ever sees, for testing: shift name to ``{condition name: family}``;
            conditions not named keep their training family.
        reference: the true solution, exact or by a solver, in torch or in numpy; or `pinndd.solutions_from` files (None: the fast
            solver of `pinndd.solve`, with its estimated error).
        stand_in: a cheap, coarse, differentiable solver, in torch, for the outer loop of the solved protocol (None: finite
            differences of a coarse learner are used).
        outputs: names of the components of u, such as ``("u", "v", "p")``; or how many there are, which are then called ``u``,
            or ``u0``, ``u1``, … (see `components`).
        equations: number of equations that the residual returns (None: as many as outputs).
        up_to_constant: components that the equation and the conditions give up to a constant, such as a pressure: they are judged
            less their mean over the points asked.
        units: unit of each component and coordinate, for plots and tables, such as ``{"u": "K", "x": "m"}``. Of components without
            names, ``u`` stands for all.
        title: one line for people.
        budget: interior and boundary points of a study where the user names no number.
        coordinates: what the coordinates are called, time last, such as ``("r", "t")`` (None: x, y, z, and t).

    Attributes:
        source: the module that it was loaded from, which the sets distilled for it remember; None if it was made or changed in
            another way.

    Raises:
        ValueError: names that are no plain file names (of conditions and shifts: several such words), or parts that do not fit
            together.
        UserCodeError: only when `residual`, `reference`, `stand_in`, an operator or a family is called: it failed; the message says
            in which line.
    """

    name: str
    domain: Any
    residual: Callable[[Any, Any], Any]
    conditions: Sequence[Condition | Periodic]
    reference: Reference | None = None
    shifts: Mapping[str, Mapping[str, Family]] = field(default_factory=dict)
    stand_in: Reference | None = None
    outputs: int | Sequence[str] = 1
    equations: int | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    budget: tuple[int, int] = (64, 30)
    up_to_constant: Sequence[str] = ()
    coordinates: Sequence[str] | None = None
    source: ModuleSource | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_names(self.name, [c.name for c in self.conditions], self.shifts)
        self._guard()
        names = [c.name for c in self.conditions]
        if len(set(names)) != len(names):
            raise ValueError(f"PDE {self.name!r}: condition names {names} must differ")
        if not self.valued:
            raise ValueError(f"PDE {self.name!r}: no condition has values; add a Dirichlet or an Initial condition")
        for shift in ("none", *self.shifts):
            self.ensemble(shift)  # a misspelt condition shows here
        _ = self.patches, self.periodic_axes
        object.__setattr__(self, "units", units_of_all(self.components, self.units))
        try:
            require_known(self.components, self.box.names, self.units, self.up_to_constant)
        except ValueError as error:
            raise ValueError(f"PDE {self.name!r}: {error}") from error
        if self.budget[0] < 1 or self.budget[1] < len(self.valued):
            raise ValueError(
                f"PDE {self.name!r}: budget={self.budget}; expected at least one interior point, and a boundary point for each of "
                f"the {len(self.valued)} conditions"
            )
        for condition in self.valued:
            self._check_joins(condition)

    def _guard(self) -> None:
        """Take care of what the user's functions raise and return."""
        prefix = f"PDE {self.name!r}"
        for role in ("residual", "reference", "stand_in"):
            function = getattr(self, role)
            if function is None and role != "residual":
                continue
            if isinstance(function, RecordedSolutions):
                object.__setattr__(self, role, function.for_pde(self))
                continue
            if not callable(function):
                raise ValueError(f"{prefix}: {role} is {function!r}; expected a function")
            accept = {"reference": self._solution, "stand_in": self._solution_in_torch}.get(role)
            object.__setattr__(self, role, Guarded(function, f"{prefix}: {role}", accept))

    def _solution_in_torch(self, what: str, arguments: tuple[Any, ...], result: Any) -> Tensor:
        if isinstance(result, np.ndarray):
            raise UserCodeError(
                f"{what} returned a numpy array, through which no gradient passes; write it in torch, or leave it out"
            )
        return self._solution(what, arguments, result)

    def _solution(self, what: str, arguments: tuple[Any, ...], result: Any) -> Tensor:
        """Return what a reference answered as a tensor, float64, or say what is wrong with it."""
        values, points = arguments
        count = self.output_count
        expected = (len(values), len(points), count) if count > 1 else (len(values), len(points))
        if not isinstance(result, np.ndarray | Tensor):
            raise UserCodeError(
                f"{what} returned {type(result).__name__}, expected a tensor or a numpy array of shape {expected}"
            )
        real = result.dtype.kind in "fiu" if isinstance(result, np.ndarray) else not result.dtype.is_complex
        if not real:
            raise UserCodeError(
                f"{what} returned numbers of type {result.dtype}, expected real ones; a complex solution has two components "
                "(outputs=2)"
            )
        if isinstance(result, np.ndarray):
            result = torch.from_numpy(np.array(result, dtype=np.float64)).to(points.device)
        solution: Tensor = result
        if tuple(result.shape) not in (expected, (*expected, 1)[:3]):
            raise UserCodeError(
                f"{what} returned shape {tuple(result.shape)}, expected {expected} for {len(values)} boundary conditions at "
                f"{len(points)} points"
            )
        return solution.double()

    def _check_joins(self, condition: Condition) -> None:
        patch = self.patches[condition.name]
        for end, other in enumerate(condition.joins or ()):
            if other is None:
                continue
            prefix = f"PDE {self.name!r}: condition {condition.name!r} joins {other!r}"
            joined = next((c for c in self.valued if c.name == other), None)
            if joined is None:
                raise ValueError(f"{prefix}; expected one of {', '.join(c.name for c in self.valued)}")
            if joined.joins is not None:
                raise ValueError(f"{prefix}, which joins others itself; leave joins out of one of the two")
            if patch.dimension != 1:
                raise ValueError(f"{prefix} along {patch.dimension} coordinates; only a condition along one can join others")
            corner = patch.points(torch.tensor([float(end)], dtype=torch.float64))
            if not self.patches[other].contains(corner):
                raise ValueError(f"{prefix} at s = {end}, but they do not meet there; joins names s = 0 first, then s = 1")
            self._check_joined(condition, joined, end, prefix)

    def _check_joined(self, condition: Condition, joined: Condition, end: int, prefix: str) -> None:
        """What is joined must be values of the same component, and the mean must leave room for them."""
        if not condition.gives_value:
            raise ValueError(f"{prefix}, but it is about derivatives of u ({condition.kind}): leave joins out")
        if not joined.gives_value:
            raise ValueError(
                f"{prefix}, but the values of {joined.name!r} ({joined.kind}) are not those of u, and none can be joined: leave that "
                "end out, as joins=(None, 'right') or joins=('left', None), or joins altogether"
            )
        if joined.component != condition.component:
            ours, theirs = (self.components[c.component_number] for c in (condition, joined))
            raise ValueError(
                f"{prefix}, but the one is about {ours} and the other about {theirs}: join a condition on the same component of u"
            )
        line = torch.linspace(0, 1, _GRID, dtype=torch.float64)[:, None]
        for shift in ("none", *self.shifts):
            means = self.ensemble(shift).mean_of(condition.name).mean_values(line)
            known = float(means[-end])
            if not abs(known) <= 1e-9 * float(means.abs().max()):
                raise ValueError(
                    f"{prefix} at s = {end}, where its own mean is {known:g}: the value of {joined.name!r} would be added to that; "
                    "give a mean that is zero there, since the line between the ends has their means already"
                )

    @cached_property
    def box(self) -> Domain:
        """The domain; its coordinates and their bounds."""
        written = [v for c in self.conditions for v in written_numbers(getattr(c, "at", None))]
        try:
            return domain_from(self.domain, names=self.coordinates, written=written)
        except ValueError as error:
            raise ValueError(f"PDE {self.name!r}: {error}") from error

    @cached_property
    def components(self) -> tuple[str, ...]:
        """Names of the components of u, in order."""
        try:
            return component_names(self.outputs)
        except ValueError as error:
            raise ValueError(f"PDE {self.name!r}: {error}") from error

    def derivative_name(self, component: int, axes: Sequence[int]) -> str:
        """Return what a derivative of a component along ``axes`` is called, such as ``u_xx``; without axes the component."""
        along = "".join(self.box.names[a] for a in axes)
        return self.components[component] + ("_" + along if along else "")

    @property
    def output_count(self) -> int:
        """Number of components of u."""
        return len(self.components)

    @property
    def equation_count(self) -> int:
        """Number of equations that the residual returns."""
        return self.output_count if self.equations is None else self.equations

    @cached_property
    def valued(self) -> tuple[Condition, ...]:
        """The conditions that carry values and points, in the order in which they were declared."""
        return tuple(self._numbered(c) for c in self.conditions if not isinstance(c, Periodic))

    def _numbered(self, condition: Condition) -> Condition:
        """Return the condition with the number of its component in place of the name."""
        try:
            number = component_index(self.components, condition.component)
        except ValueError as error:
            raise ValueError(f"PDE {self.name!r}: condition {condition.name!r} {error}") from error
        return condition if number == condition.component else condition.about(number)

    @cached_property
    def periodic_axes(self) -> tuple[int, ...]:
        """Axes along which u is periodic."""
        for c in self.conditions:
            if isinstance(c, Periodic) and c.axis not in self.box.names:
                raise ValueError(f"PDE {self.name!r}: periodic axis {c.axis!r} is not one of {', '.join(self.box.names)}")
        return tuple(self.box.names.index(c.axis) for c in self.conditions if isinstance(c, Periodic))

    @cached_property
    def patches(self) -> dict[str, Patch]:
        """Where each condition holds."""
        return {c.name: c.patch(self.box) for c in self.valued}

    @cached_property
    def operators(self) -> dict[str, BoundaryOperator]:
        """What each condition says of u.

        Raises:
            ValueError: a condition has no meaning where it stands.
        """
        return {c.name: c.boundary_operator(self.patches[c.name], self.output_count) for c in self.valued}

    @cached_property
    def looked_at(self) -> tuple[PointwiseResidual, Sizes]:
        """The residual as a function of the jet, and how large everything is, see `residual_and_sizes`."""
        return residual_and_sizes(self)

    @property
    def sizes(self) -> Sizes:
        """How large u, the terms of every equation and what every condition says of u are: the units of training.

        Raises:
            UserCodeError: a family, an operator or the residual fails.
        """
        return self.looked_at[1]

    def ensemble(self, shift: str = "none") -> Ensemble:
        """Return the joint family of all condition values, in training (``"none"``) or under a shift.

        Raises:
            ValueError: no such shift, or the shift names no condition of this PDE.
        """
        if shift == "none":
            changes: Mapping[str, Family] = {}
        elif shift in self.shifts:
            changes = self.shifts[shift]
        else:
            raise ValueError(f"PDE {self.name!r}: no shift {shift!r}; it has {', '.join(['none', *self.shifts])}")
        unknown = set(changes) - {c.name for c in self.valued}
        if unknown:
            raise ValueError(
                f"PDE {self.name!r}: shift {shift!r} names the condition {sorted(unknown)[0]!r}; it has "
                f"{', '.join(c.name for c in self.valued)}"
            )
        families = {c.name: changes.get(c.name, c.values) for c in self.valued}
        base = {c.name: c.values for c in self.valued}
        return Ensemble(self.valued, self.patches, families, base)


@dataclass(frozen=True)
class Ensemble:
    """The joint family of all condition values: coefficients of all conditions, side by side.

    Attributes:
        conditions, patches: of the PDE.
        families: family of each condition.
        base: family of each condition in training, which a `Tied` family falls back to.
    """

    conditions: tuple[Condition, ...]
    patches: Mapping[str, Patch]
    families: Mapping[str, Family]
    base: Mapping[str, Family]

    def __post_init__(self) -> None:
        for name, family in self.families.items():
            if not isinstance(family, Family):
                raise ValueError(
                    f"condition {name!r} has the values {family!r}; expected a family: for a known number or function of the local "
                    "coordinates say families.Fixed(...)"
                )
            size = getattr(family, "size", None)
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                raise ValueError(
                    f"condition {name!r}: {family!r} has size={size!r}; expected its number of coefficients, from 0 on"
                )
        _ = self.slices  # a misspelt Tied shows here

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Which coefficients belong to each condition (a tied one has those of the condition it follows)."""
        slices: dict[str, slice] = {}
        start = 0
        for name, family in self.families.items():
            if not isinstance(family, Tied):
                slices[name] = slice(start, start + family.size)
                start += family.size
        for name, family in self.families.items():
            if isinstance(family, Tied):
                free = [other for other, source in self.families.items() if not isinstance(source, Tied)]
                if family.to not in free:
                    raise ValueError(f"Tied(to={family.to!r}): expected one of {', '.join(free)}")
                slices[name] = slices[family.to]
        return slices

    @property
    def size(self) -> int:
        """Total number of coefficients C."""
        return sum(f.size for f in self.families.values())

    @property
    def linear(self) -> bool:
        """Whether every value is affine in the coefficients: linear, after the means of the families."""
        return all(isinstance(f, LinearFamily | Tied) for f in self.families.values())

    def scales(self) -> Tensor:
        """Standard deviation of each coefficient, shape ``(C,)``, float64 (linear families)."""
        parts = [torch.tensor(f.scales, dtype=torch.float64) for f in self.families.values() if isinstance(f, LinearFamily)]
        return torch.cat(parts)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw coefficients of ``count`` boundary conditions, shape ``(count, C)``, float64, on the CPU."""
        drawn = []
        for name, family in self.families.items():
            with calling(f"condition {name!r}: {type(family).__name__}", family.sample, part=family):
                drawn.append(family.sample(count, generator))
        return torch.cat(drawn, -1)

    def value(self, name: str, coefficients: Tensor, s: Tensor) -> Tensor:
        """Evaluate condition ``name``: coefficients ``(..., C)`` against local coordinates ``(..., k)`` give ``(...)``."""
        values = self._own_value(name, coefficients, s)
        condition = next(c for c in self.conditions if c.name == name)
        if condition.joins is None:
            return values
        ends = s.new_tensor([[0.0], [1.0]])
        corners = self.patches[name].points(ends)
        for other, corner, share in zip(condition.joins, corners, (1 - s[..., 0], s[..., 0]), strict=True):
            if other is not None:
                values = values + share * self.value(other, coefficients, self.patches[other].local(corner))
        return values

    def _own_value(self, name: str, coefficients: Tensor, s: Tensor) -> Tensor:
        """Evaluate the family of condition ``name``, without what joins it to others."""
        family, own = self.families[name], coefficients[..., self.slices[name]]
        source = self.families[family.to] if isinstance(family, Tied) else family
        with calling(f"condition {name!r}: {type(source).__name__}", source.evaluate, part=source):
            values = source.evaluate(own, s)
        if not isinstance(family, Tied):
            return values
        deviation = values - source.mean_values(s) if source.has_mean else values
        return self.base[name].about_mean(family.factor * deviation, s)

    @property
    def has_mean(self) -> bool:
        """Whether a condition has a mean other than zero."""
        return any(self.mean_of(name).has_mean for name in self.families)

    def rest(self) -> Ensemble:
        """Return the ensemble of the same conditions with nothing but their means, which has no coefficients.

        Every family is replaced by `Fixed` with its mean, or by `Zero` if it has none. What joins conditions stays.
        """
        return self.with_families({name: self.mean_of(name) for name in self.families})

    def mean_of(self, name: str) -> LinearFamily:
        """Return the known part of a condition's own family, without what joins it to others: `Fixed`, or `Zero` if there is none."""
        family = self.families[name]
        # a tied condition keeps its mean in training
        source = self.base[name] if isinstance(family, Tied) else family
        return Fixed(source.mean) if source.mean is not None and source.has_mean else Zero()

    def with_families(self, families: Mapping[str, Family]) -> Ensemble:
        """Return the ensemble with some families replaced."""
        return replace(self, families={**self.families, **families})


@dataclass(frozen=True)
class BoundaryValues:
    """The values of B boundary conditions as functions: ``values["left"](s)`` is ``(B, N)``; s is ``(N,)`` or ``(N, k)``.

    A tensor is answered by a tensor, a numpy array by a numpy array.

    Attributes:
        ensemble: the joint family.
        coefficients: ``(B, C)``.
    """

    ensemble: Ensemble
    coefficients: Tensor

    def __len__(self) -> int:
        return self.coefficients.shape[0]

    def __getitem__(self, name: str) -> BoundaryFunction:
        if name not in self.ensemble.families:
            raise KeyError(f"no condition {name!r}; expected one of {', '.join(self.ensemble.families)}")
        return BoundaryFunction(self, name)


@dataclass(frozen=True)
class BoundaryFunction:
    """The values of one condition, ``values[name]``, as a function of the local coordinates.

    Attributes:
        values: of all conditions.
        name: of this one.
    """

    values: BoundaryValues
    name: str

    @overload
    def __call__(self, s: Tensor) -> Tensor: ...

    @overload
    def __call__(self, s: NDArray[Any]) -> NDArray[Any]: ...

    def __call__(self, s: Tensor | NDArray[Any]) -> Tensor | NDArray[Any]:
        """Evaluate at ``s``, ``(N,)`` or ``(N, k)``.

        Returns:
            ``(B, N)``: a tensor for a tensor, a numpy array for a numpy array (float64 unless ``s`` is of another floating type).

        Raises:
            ValueError: ``s`` is neither, or of another shape; or an array is given where gradients are recorded.
        """
        if isinstance(s, Tensor):
            return self._evaluate(s)
        if not isinstance(s, np.ndarray) or s.dtype.kind not in "fiu":
            found = f"an array of type {s.dtype}" if isinstance(s, np.ndarray) else type(s).__name__
            raise ValueError(f"values[{self.name!r}] was asked at {found}; expected a tensor or a numpy array of real numbers")
        if self.values.coefficients.requires_grad:
            raise ValueError(
                f"values[{self.name!r}] was asked at a numpy array where gradients are needed; a stand_in is written in torch"
            )
        single = s.dtype in (np.dtype(np.float16), np.dtype(np.float32))
        # a copy: torch takes neither arrays that cannot be written to nor those that run backwards
        answered: NDArray[Any] = self._evaluate(torch.from_numpy(np.array(s, dtype=np.float64))).numpy()
        return answered.astype(s.dtype) if single else answered

    def _evaluate(self, s: Tensor) -> Tensor:
        if s.dim() not in (1, 2):
            raise ValueError(
                f"values[{self.name!r}] was asked at an array of shape {tuple(s.shape)}; expected (N,) or (N, k), local coordinates"
            )
        local = s if s.dim() == 2 else s[:, None]
        return self.values.ensemble.value(self.name, self.values.coefficients[:, None, :].to(local), local)


def pointwise_residual(pde: PDE) -> PointwiseResidual:
    """Return the residual of ``pde`` as a pointwise function of the jet, in the units of the user.

    Raises:
        UserCodeError: the residual fails, or a family or an operator, whose sizes it is asked at.
    """
    return pde.looked_at[0]
