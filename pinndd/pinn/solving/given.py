"""Boundary values that a person gives: functions, numbers, coefficients of the family, measured samples."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.pinn.declare.conditions import Condition, Periodic
from pinndd.pinn.declare.in_words import coordinates
from pinndd.pinn.declare.loading import line_of
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.geometry.patches import Face, Patch
from pinndd.pinn.solving.measured import Interpolated, Samples, interpolate
from pinndd.pinn.solving.sensors import readings
from pinndd.pinn.tasks.episodes import ConditionValues

Given = Callable[..., Any] | float | Sequence[float] | np.ndarray[Any, Any] | Tensor | Samples
"""What a person may give for one condition, see `given_values`."""


_TRIED = 64
"""Places at which a function is tried before any work."""


class GivenValueError(ValueError):
    """Boundary values that cannot be used."""


@dataclass(frozen=True)
class SomeValues:
    """Some of a batch of boundary conditions.

    Attributes:
        of: the batch.
        index: which of them.
    """

    of: ConditionValues
    index: slice

    def __len__(self) -> int:
        return len(range(*self.index.indices(len(self.of))))

    def __getitem__(self, name: str) -> Callable[[Tensor], Tensor]:
        function = self.of[name]
        return lambda s: function(s)[self.index]


@dataclass(frozen=True)
class GivenValues:
    """Boundary values of B conditions, each a function of the local coordinates.

    Attributes:
        functions: condition name to a function of local coordinates ``(N, k)`` that returns ``(B, N)`` or ``(1, N)``.
        count: number of boundary conditions B.
        measured: the interpolated samples of the conditions that were measured.
        notes: which functions take coordinates that are the same all over their condition, in sentences.
    """

    functions: Mapping[str, Callable[[Tensor], Tensor]]
    count: int
    measured: Mapping[str, Interpolated]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, name: str) -> Callable[[Tensor], Tensor]:
        function = self.functions[name]
        return lambda s: function(s).expand(self.count, -1)

    @property
    def uncertain(self) -> bool:
        """Whether measurements leave anything open; readings of sensors without noise do not."""
        return any(found.uncertainty > 0 or found.noise > 0 for found in self.measured.values())

    def drawn(self, draws: int, seed: int, s: Mapping[str, Tensor]) -> ConditionValues:
        """Return the first condition with measured values drawn ``draws`` times as the measurements allow, at given places alone.

        Args:
            draws: number of boundary conditions to draw.
            seed: of the draws.
            s: where each condition will be asked, ``(N, k)``.
        """
        tables = {name: found.draw(s[name], draws, seed + k) for k, (name, found) in enumerate(self.measured.items())}
        return _Drawn(self, tables, s, draws)


@dataclass(frozen=True)
class _Drawn:
    """Draws of measured values at the places of one set of points."""

    given: GivenValues
    tables: Mapping[str, Tensor]
    places: Mapping[str, Tensor]
    draws: int

    def __len__(self) -> int:
        return self.draws

    def __getitem__(self, name: str) -> Callable[[Tensor], Tensor]:
        if name not in self.tables:
            return lambda s: self.given[name](s)[:1].expand(self.draws, -1)
        table, places = self.tables[name], self.places[name]
        return lambda s: table.to(s)[:, torch.cdist(s, places.to(s)).argmin(-1)]


def given_values(pde: PDE, values: Mapping[str, Given], sensors: Mapping[str, Tensor] | None = None) -> GivenValues:
    """Turn what a person gives into boundary values.

    Args:
        pde: the equation.
        values: for every condition one of

            - a number: the same everywhere;
            - a function of coordinates by their names, such as ``lambda t: np.sin(t)`` or ``def start(x): ...``; it takes float64
              arrays ``(N,)`` and returns one, or a tensor or a number;
            - coefficients of the condition's family, ``(C,)``, or ``(B, C)`` for B boundary conditions at once;
            - measured `Samples`, which are interpolated by a Gaussian process.

            A condition whose family has no coefficients may be left out: its known value is taken.
        sensors: local coordinates ``(n, k)`` on the conditions where samples are readings of these sensors: none is interpolated
            (None: all are).

    Returns:
        The values of B boundary conditions; B is 1 unless coefficients say otherwise.

    Raises:
        GivenValueError: a condition is missing or unknown, or its values do not fit.
        SamplesError: measured values that cannot be used.
    """
    known = {c.name: c for c in pde.valued}
    for name in values:
        require_condition(pde, f"values of {name!r}", name)
    missing = [name for name, c in known.items() if name not in values and c.values.size > 0]
    if missing:
        raise GivenValueError(
            f"PDE {pde.name!r}: no values of {' and '.join(missing)}; give a number, a function, coefficients or samples for each "
            f"of {', '.join(known)}"
        )
    functions: dict[str, Callable[[Tensor], Tensor]] = {}
    measured: dict[str, Interpolated] = {}
    counts: dict[str, int] = {}
    notes: list[str] = []
    for name, condition in known.items():
        given = values.get(name, np.zeros(0))
        patch = pde.patches[name]
        if isinstance(given, Samples):
            placed = None if sensors is None else sensors.get(name)
            measured[name] = (
                interpolate(name, given, patch, pde.periodic_axes) if placed is None else readings(name, given, patch, placed)
            )
            functions[name] = measured[name].mean
        elif callable(given) and not isinstance(given, type):
            axes = _axes(name, given, patch)
            functions[name] = _by_coordinates(name, given, patch, axes)
            notes += _constant_notes(name, patch, set(axes.values()))
        elif isinstance(given, numbers.Real) and not isinstance(given, bool):
            functions[name] = _constant(name, float(given))
        else:
            coefficients = _coefficients(name, given, condition)
            if coefficients.shape[0] > 1:
                counts[name] = coefficients.shape[0]
            functions[name] = _of_family(pde, condition, coefficients, functions)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise GivenValueError(
            f"coefficients of different numbers of boundary conditions: {listed}; give as many of each, or one"
        )
    return GivenValues(functions, max(counts.values(), default=1), measured, tuple(notes))


def require_condition(pde: PDE, place: str, name: str) -> None:
    """Make sure that a name is that of a condition with values.

    Args:
        pde: the equation.
        place: where the name was read, for the message.
        name: the name.

    Raises:
        GivenValueError: it is none, or that of a periodic condition.
    """
    periodic = {c.name: c.axis for c in pde.conditions if isinstance(c, Periodic)}
    if name in periodic:
        raise GivenValueError(f"{place}: u is periodic along {periodic[name]}, so {name!r} needs no values; leave them out")
    known = [c.name for c in pde.valued]
    if name not in known:
        close = get_close_matches(name, known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise GivenValueError(f"{place}: condition {name!r} is none of {', '.join(known)}{hint}")


def _constant(name: str, value: float) -> Callable[[Tensor], Tensor]:
    if not np.isfinite(value):
        raise GivenValueError(f"values of {name!r}: {value} is not finite; give a finite number")
    return lambda s: s.new_full((1, s.shape[0]), value)


def _axes(name: str, function: Callable[..., Any], patch: Patch) -> dict[inspect.Parameter, int]:
    """Return the parameters of a function that are given coordinates: those without a default, and those with the name of one."""
    names = patch.domain.names
    parameters = inspect.signature(function).parameters.values()
    wanted = [p for p in parameters if p.default is inspect.Parameter.empty or p.name in names]
    unknown = [p.name for p in wanted if p.name not in names]
    if unknown:
        raise GivenValueError(
            f"values of {name!r}: the function takes {unknown[0]!r}; name its arguments after coordinates: {', '.join(names)}"
        )
    return {p: names.index(p.name) for p in wanted}


def _constant_notes(name: str, patch: Patch, axes: set[int]) -> list[str]:
    """Say that a function of a condition takes only what is the same all over it, as one of t does at the initial time."""
    fixed = patch.fixed if isinstance(patch, Face) else {}
    if not axes or not patch.dimension or not axes.issubset(fixed):
        return []
    taken = " and ".join(f"{patch.domain.names[a]} = {fixed[a]:g}" for a in sorted(axes))
    free = ", ".join(patch.axis_names)
    return [f"The function of {name} is asked at {taken} alone, so it is a constant; take {free} where it should vary."]


def _by_coordinates(
    name: str, function: Callable[..., Any], patch: Patch, axes: Mapping[inspect.Parameter, int]
) -> Callable[[Tensor], Tensor]:
    """Return a function of the named coordinates as one of the local coordinates, after trying it."""

    def evaluate(s: Tensor) -> Tensor:
        places = patch.points(s.detach().cpu()).double().numpy()
        array = _call(name, function, {p: places[:, axis].copy() for p, axis in axes.items()})
        if array.shape not in ((), (len(places),)):
            raise GivenValueError(
                f"values of {name!r}: the function returned shape {array.shape} for {len(places)} places, expected "
                f"({len(places)},)"
            )
        bad = ~np.isfinite(array)
        if bad.any():
            where = coordinates(places[int(np.flatnonzero(bad)[0]) if array.shape else 0].tolist())
            raise GivenValueError(f"values of {name!r}: the function is not finite at {where}; correct it there")
        return torch.from_numpy(np.broadcast_to(array, len(places)).copy()).to(s)[None]

    ends = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64).expand(3, patch.dimension)
    evaluate(torch.cat((patch.from_unit(ends), patch.drawn(_TRIED, torch.Generator().manual_seed(0)))))
    return evaluate


def _call(
    name: str, function: Callable[..., Any], coordinates: Mapping[inspect.Parameter, np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any]:
    """Return what a function of a person returns as real numbers."""
    placed = [array for p, array in coordinates.items() if p.kind is p.POSITIONAL_ONLY]
    named = {p.name: array for p, array in coordinates.items() if p.kind is not p.POSITIONAL_ONLY}
    try:
        # what is not finite is found afterwards, and named
        with np.errstate(all="ignore"):
            found = function(*placed, **named)
    except (Exception, SystemExit) as error:
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        line = line_of(error, file)
        where = f" ({file}{line})" if line else ""
        raise GivenValueError(
            f"values of {name!r}: the function raised {type(error).__name__}: {error}{where}; it is given numpy arrays of "
            "coordinates, and should return an array of values"
        ) from error
    array = np.asarray(found.detach().cpu() if isinstance(found, Tensor) else found)
    if array.dtype.kind not in "biuf":
        kind = "complex numbers" if array.dtype.kind == "c" else type(found).__name__
        raise GivenValueError(f"values of {name!r}: the function returned {kind}, expected real numbers, one for every place")
    return array.astype(np.float64)


def _coefficients(name: str, given: Any, condition: Condition) -> Tensor:
    size = condition.values.size
    try:
        if isinstance(given, str | bool | None | type):
            raise TypeError
        array = np.asarray(given.detach().cpu() if isinstance(given, Tensor) else given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GivenValueError(
            f"values of {name!r}: {given!r} is no number, function, list of coefficients or samples; give one of these"
        ) from error
    if array.ndim not in (1, 2) or array.shape[-1] != size:
        raise GivenValueError(
            f"values of {name!r}: shape {array.shape}, expected the {size} coefficients of {type(condition.values).__name__} for one "
            f"boundary condition, ({size},), or for B of them, (B, {size})"
        )
    if not np.isfinite(array).all():
        raise GivenValueError(f"values of {name!r}: a coefficient is not finite; give finite numbers")
    return torch.from_numpy(np.atleast_2d(array).copy())


def _of_family(
    pde: PDE, condition: Condition, coefficients: Tensor, functions: Mapping[str, Callable[[Tensor], Tensor]]
) -> Callable[[Tensor], Tensor]:
    """Return the functions of a family, with the line that joins the values of its neighbours."""
    family = condition.values
    patch = pde.patches[condition.name]

    def evaluate(s: Tensor) -> Tensor:
        found = family.evaluate(coefficients.to(s)[:, None], s)
        if condition.joins is None:
            return found
        ends = s.new_tensor([[0.0], [1.0]])
        for share, other, corner in zip((1 - s[:, 0], s[:, 0]), condition.joins, patch.points(ends), strict=True):
            if other is not None:
                found = found + share * functions[other](pde.patches[other].local(corner)[None])
        return found

    return evaluate
