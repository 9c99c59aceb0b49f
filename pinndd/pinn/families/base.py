"""What a family is: it draws coefficients and evaluates functions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.families.known import Known, check_known, is_number, known_values

MOST_COEFFICIENTS = 10_000
"""Most coefficients of one family: whoever says more means something else, and their matrices would fill the memory."""


class Family(ABC):
    """A random function on [0, 1]^k, described by ``size`` coefficients.

    Attributes:
        size: number of coefficients.
        mean: a known part that every function of the family has: a number, or a function of the local coordinates (None: none).
            `evaluate` adds it, so the values are affine in the coefficients of a linear family, and linear without a mean.
    """

    size: int
    mean: Known | None = None

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw coefficients of ``count`` functions.

        Args:
            count: number of functions.
            generator: source of randomness (CPU).

        Returns:
            Tensor of shape ``(count, size)``, float64, on the CPU.
        """

    @abstractmethod
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        """Evaluate the functions, mean included: ``(..., size)`` against ``(..., k)`` gives ``(...)``."""

    @property
    def has_mean(self) -> bool:
        """Whether there is a mean other than the number zero."""
        return self.mean is not None and (callable(self.mean) or self.mean != 0)

    def mean_values(self, s: Tensor) -> Tensor:
        """Evaluate the mean: ``(..., k)`` gives ``(...)``, zeros where there is none."""
        return known_values(0.0 if self.mean is None else self.mean, s)

    def about_mean(self, deviation: Tensor, s: Tensor) -> Tensor:
        """Add the mean to deviations ``(...)`` at ``(..., k)``."""
        return deviation + self.mean_values(s) if self.has_mean else deviation


class LinearFamily(Family):
    """Random combinations of fixed basis functions: coefficient j is drawn with standard deviation ``scales[j]``.

    ``evaluate(a, s) = mean(s) + basis(s) · a``.
    """

    distribution: Literal["normal", "uniform"]
    active: int | None

    @abstractmethod
    def basis(self, s: Tensor) -> Tensor:
        """Basis functions at ``s``: ``(..., k)`` to ``(..., size)``."""

    @property
    @abstractmethod
    def scales(self) -> tuple[float, ...]:
        """Standard deviation of each coefficient."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return draw(count, torch.tensor(self.scales, dtype=torch.float64), self.distribution, self.active, generator)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return self.about_mean((coefficients * self.basis(s)).sum(-1), s)


def draw(count: int, scales: Tensor, distribution: str, active: int | None, generator: torch.Generator) -> Tensor:
    """Draw independent coefficients; with ``active`` only that many (chosen at random) differ from zero."""
    shape = (count, scales.numel())
    if distribution == "normal":
        unit = torch.randn(shape, generator=generator, dtype=torch.float64)
    else:
        unit = (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * math.sqrt(3)
    if active is not None:
        rank = torch.rand(shape, generator=generator, dtype=torch.float64).argsort(-1).argsort(-1)
        unit = torch.where(rank < active, unit, 0.0)
    return unit * scales


def check_mean(owner: str, mean: Known | None) -> None:
    """Make sure that a mean is none, a number or a function.

    Raises:
        ValueError: it is something else.
    """
    if mean is not None:
        check_known(owner, "mean", mean)


def check_positive(owner: str, **arguments: object) -> None:
    """Make sure that arguments are positive, finite numbers.

    Raises:
        ValueError: one of them is not.
    """
    for name, value in arguments.items():
        if not is_number(value) or not 0 < value < math.inf:  # type: ignore[operator]
            remedy = "; where nothing is random, say Zero() or Fixed(...)" if name == "amplitude" else ""
            raise ValueError(f"{owner}({name}={value!r}): expected a positive, finite number{remedy}")


def check_count(owner: str, least: int, **arguments: object) -> None:
    """Make sure that arguments are whole numbers from ``least`` to `MOST_COEFFICIENTS`.

    Raises:
        ValueError: one of them is not.
    """
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST_COEFFICIENTS:
            raise ValueError(f"{owner}({name}={value!r}): expected a whole number from {least} to {MOST_COEFFICIENTS}")


def check_finite(owner: str, **arguments: object) -> None:
    """Make sure that arguments are finite numbers.

    Raises:
        ValueError: one of them is not.
    """
    for name, value in arguments.items():
        if not is_number(value) or not math.isfinite(value):  # type: ignore[arg-type]
            raise ValueError(f"{owner}({name}={value!r}): expected a finite number")


def check_weights(weights: Sequence[float] | None, count: int) -> None:
    """Make sure that there is a factor for every mode, none of them negative.

    Raises:
        ValueError: there are more or fewer, or one is no such number.
    """
    if weights is None:
        return
    if not isinstance(weights, tuple | list) or len(weights) != count:
        raise ValueError(f"weights={weights!r}: expected one factor for each of the {count} modes")
    if not all(is_number(w) and 0 <= w < math.inf for w in weights):
        raise ValueError(f"weights={weights!r}: expected finite factors, none of them negative: they are of standard deviations")


def check_draw(distribution: str, active: int | None, size: int) -> None:
    """Make sure that coefficients can be drawn.

    Raises:
        ValueError: the distribution is unknown, or ``active`` is not a number of coefficients.
    """
    if distribution not in ("normal", "uniform"):
        raise ValueError(f"distribution={distribution!r}: expected 'normal' or 'uniform'")
    if active is not None and (not isinstance(active, int) or isinstance(active, bool) or not 1 <= active <= size):
        raise ValueError(f"active={active!r}: expected between 1 and the {size} coefficients of the family")
