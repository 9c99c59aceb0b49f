"""Known functions of the local coordinates: a number, or a function that a user gives in torch or in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

Known = float | Callable[[Any], Any]
"""A number, or a function of local coordinates ``(N, k)`` that returns ``(N,)``, ``(N, 1)`` or a number, in torch or in numpy."""

_STEP = 1e-6


def is_number(value: object) -> bool:
    """Whether ``value`` is a real number: an int or a float of Python or numpy, and not a bool."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def check_known(owner: str, name: str, value: object) -> None:
    """Make sure that an argument is a known function.

    Args:
        owner: name of the family, for the message.
        name: of the argument.
        value: what was given.

    Raises:
        ValueError: it is neither a finite number nor callable.
    """
    if not callable(value) and not (is_number(value) and math.isfinite(value)):  # type: ignore[arg-type]
        raise ValueError(
            f"{owner}({name}={value!r}): expected a finite number, or a function of the local coordinates such as "
            "lambda s: 4 * s[:, 0] * (1 - s[:, 0])"
        )


def known_values(known: Known, s: Tensor) -> Tensor:
    """Evaluate a known function at local coordinates.

    The function is called with ``s`` as a tensor ``(N, k)``. If it cannot take a tensor, as it is written in numpy, it is called
    with an array; its derivatives are then central differences.

    Args:
        known: the function, or a number.
        s: ``(..., k)``.

    Returns:
        ``(...)``, in the precision and on the device of ``s``.

    Raises:
        ValueError: the function returns another shape than one value per place, or something that is not numeric.
    """
    if not callable(known):
        return s.new_full(s.shape[:-1], float(known))
    places = s.reshape(-1, s.shape[-1])
    values = known(places) if isinstance(known, AddedKnown | KnownAlong) else _called(known, places)
    return values.reshape(s.shape[:-1])


class _TorchOnly(Tensor):
    """A tensor that numpy refuses, so that a function in numpy is known for one."""

    __array_ufunc__ = None

    def __array__(self, dtype: Any = None) -> Any:
        raise TypeError("_TorchOnly")


def _called(function: Callable[[Any], Any], places: Tensor) -> Tensor:
    try:
        found = function(places.as_subclass(_TorchOnly))
    except (RuntimeError, TypeError, AttributeError) as error:
        try:
            return _in_numpy(function, places)
        except Exception as in_numpy:
            raise (in_numpy if "_TorchOnly" in str(error) else error) from None
    if isinstance(found, Tensor):
        return _one_each(function, found.as_subclass(Tensor), places)
    return _one_each(function, found, places) if is_number(found) else _in_numpy(function, places)


def _in_numpy(function: Callable[[Any], Any], places: Tensor) -> Tensor:
    values: Tensor = _OfArrays.apply(places, function)[0]  # type: ignore[no-untyped-call]
    return values


def _one_each(function: Callable[[Any], Any], found: Any, places: Tensor) -> Tensor:
    count = places.shape[0]
    values = found if isinstance(found, Tensor) else np.asarray(found)
    if not isinstance(values, Tensor) and values.dtype.kind in "fiu":
        values = torch.from_numpy(values.astype(np.float64))
    if not isinstance(values, Tensor) or values.is_complex():
        raise ValueError(
            f"the function {name_of(function)} of the local coordinates returned {type(found).__name__}, expected "
            f"{count} numbers for {count} places: a tensor or an array"
        )
    if values.dim() == 0:
        return values.to(places).expand(count)
    if values.shape not in ((count,), (count, 1)):
        raise ValueError(
            f"the function {name_of(function)} of the local coordinates returned shape {tuple(values.shape)} for {count} places "
            f"s of shape {tuple(places.shape)}, expected ({count},): one value for each, such as s[:, 0]"
        )
    return values.to(places).reshape(count)


class _OfArrays(torch.autograd.Function):
    """A function of numpy arrays and its slopes, by central differences."""

    @staticmethod
    def forward(places: Tensor, function: Callable[[Any], Any]) -> tuple[Tensor, Tensor]:
        return _one_each(function, function(places.detach().cpu().numpy()), places), _slopes(function, places)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Callable[[Any], Any]], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])
        ctx.save_for_forward(output[1])

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        return upstream[0][:, None] * ctx.saved_tensors[0], None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, None]:
        return (tangents[0] * ctx.saved_tensors[0]).sum(-1), None


def _slopes(function: Callable[[Any], Any], places: Tensor) -> Tensor:
    """Differentiate along every coordinate, ``(N, k)``."""
    at = places.detach().double().cpu()
    columns = []
    for axis in range(at.shape[1]):
        # within [0, 1]: some functions are defined nowhere else
        above, below = at.clone(), at.clone()
        above[:, axis] = torch.where(at[:, axis] > 1 - _STEP, at[:, axis], at[:, axis] + _STEP)
        below[:, axis] = torch.where(at[:, axis] < _STEP, at[:, axis], at[:, axis] - _STEP)
        rise = _one_each(function, function(above.numpy()), above) - _one_each(function, function(below.numpy()), below)
        columns.append(rise / (above[:, axis] - below[:, axis]))
    return torch.stack(columns, -1).to(places) if columns else torch.zeros_like(places)


def name_of(known: Known) -> str:
    """Say what a known function is called: its name, or the number."""
    return str(getattr(known, "__name__", repr(known)))


@dataclass(frozen=True)
class AddedKnown:
    """The sum of two known functions."""

    first: Known
    second: Known

    def __call__(self, s: Tensor) -> Tensor:
        """Evaluate at ``(N, k)``: ``(N,)``."""
        return known_values(self.first, s) + known_values(self.second, s)


@dataclass(frozen=True)
class KnownAlong:
    """A known function of one of several local coordinates."""

    known: Known
    axis: int

    def __call__(self, s: Tensor) -> Tensor:
        """Evaluate at ``(N, k)``: ``(N,)``."""
        return known_values(self.known, s[:, self.axis : self.axis + 1])
