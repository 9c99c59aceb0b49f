"""One projected step of Adam on the free parameters of a field, which a single wild gradient neither throws off nor freezes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.constraints import Constraint

WILD = 100.0
"""A gradient whose largest entry is more than so many times the running size is shortened to that size."""

FORGOTTEN = 1e6
"""Where the running size is so many times the gradient, it is that of a wild gradient at the very beginning, and starts anew."""

_FIRST, _SECOND = 0.9, 0.99


@dataclass(frozen=True)
class AdamStep:
    """A field after one step.

    Attributes:
        free: free parameters, of the shape of the field's.
        first: running average of the gradients, of that shape.
        second: running average of their squares, of that shape.
        wild: whether the gradient was shortened, or the averages started anew.
    """

    free: Tensor
    first: Tensor
    second: Tensor
    wild: bool

    @property
    def finite(self) -> bool:
        """Whether all entries are finite."""
        return bool(torch.stack([v.isfinite().all() for v in (self.free, self.first, self.second)]).all())


def adam_step(
    constraint: Constraint, free: Tensor, first: Tensor, second: Tensor, gradient: Tensor, *, step: int, rate: float
) -> AdamStep:
    """Return a field after one projected step of Adam (Kingma and Ba 2015, with the rates 0.9 and 0.99).

    A gradient of 1e200 would make the average of squares infinite, or so large that nothing moves any more; so one that is out of all
    proportion to the root of that average, the running size, is shortened to it: its direction counts like that of any other.

    Args:
        constraint: from free parameters to values.
        free, first, second: see `AdamStep`, before the step.
        gradient: of the risk in the values, of the shape of the field.
        step: steps before this one.
        rate: learning rate.
    """
    slope = _pull_back(constraint, free, gradient)
    steepest, size = _largest(slope), (_largest(second) / (1 - _SECOND ** max(1, step))) ** 0.5
    wild = 0 < steepest < size / FORGOTTEN
    if wild:
        first, second = torch.zeros_like(first), torch.zeros_like(second)
    largest = torch.finfo(slope.dtype).max ** 0.25
    if size > 0 and not wild and steepest > WILD * size:
        slope, wild = slope * (size / steepest), True
    elif steepest > largest:  # nothing to be compared with, but its square must be a number
        slope = slope * (largest / steepest)
    first = _FIRST * first + (1 - _FIRST) * slope
    second = _SECOND * second + (1 - _SECOND) * slope.square()
    mean = first / (1 - _FIRST ** (step + 1))
    root = (second / (1 - _SECOND ** (step + 1))).sqrt() + 1e-12
    return AdamStep(constraint.project(free - rate * mean / root), first, second, wild)


def _largest(value: Tensor) -> float:
    """Return the largest size of an entry, 0 where there is none."""
    return float(value.abs().max()) if value.numel() else 0.0


def _pull_back(constraint: Constraint, free: Tensor, gradient: Tensor) -> Tensor:
    """Return the derivative in the free parameters, from that in the value."""
    with torch.enable_grad():
        leaf = free.detach().requires_grad_()
        (slope,) = torch.autograd.grad(constraint.from_free(leaf), leaf, gradient)
    return slope
