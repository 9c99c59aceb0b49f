"""Kernel ridge regression from inputs to fields: a closed form, differentiable in inputs and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import Episodes


class LabelledModel(Protocol):
    """What turns a synthetic data set into inputs and labels, and a fitted surrogate into a predictor."""

    def examples(self, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Tensor]:
        """Return inputs ``(m, D)`` and labels ``(m, K)``, differentiable in the data."""

    def fitted(self, surrogate: KernelSurrogate, data: SyntheticData, episodes: Episodes) -> Any:
        """Return the predictor that asks ``surrogate``."""


@dataclass(frozen=True)
class Kernel:
    """Matérn kernel of smoothness 5/2 plus a linear trend: ``k(a, b) = matérn(|a - b| / length) + trend² (1 + a · b)``.

    The trend is the Gaussian-process form of a linear regression under the same ridge: it never lacks examples, however few
    there are, and becomes the ordinary linear trend as ``trend`` grows (Rasmussen & Williams 2006, section 2.7).

    Args:
        length: length scale, in the units of the inputs.
        trend: standard deviation of the coefficients of the trend, relative to that of the Matérn part.

    Raises:
        ValueError: the length is not positive, or the trend negative.
    """

    length: float = 2.0
    trend: float = 1.0

    def __post_init__(self) -> None:
        if self.length <= 0 or self.trend < 0:
            raise ValueError(f"Kernel: length={self.length} must be positive and trend={self.trend} not negative")

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Evaluate all pairs: ``(A, D)`` and ``(B, D)`` give ``(A, B)``."""
        square = (a[:, None] - b).square().sum(-1)
        # the root of zero has no derivative, the kernel has: the constant is far below rounding
        r = (5 * square / self.length**2 + 1e-20).sqrt()
        matern = (1 + r + r.square() / 3) * (-r).exp()
        return matern + self.trend**2 * (1 + a @ b.T)


_NEARLY_PARALLEL = 1 - 1e-6
"""Cosine from which two inputs count as parallel: the root of one less its square has no derivative at 1."""


def arc_cosine(a: Tensor, b: Tensor) -> Tensor:
    """Evaluate the arc-cosine kernel of degree 1, that of a wide random layer of ReLUs, on flattened inputs.

    ``|a| |b| (sin θ + (π - θ) cos θ) / 2π``, θ the angle between them, is the mean of ``relu(w · a) relu(w · b)`` over normal w (Cho
    & Saul 2009, Kernel methods for deep learning).

    Args:
        a: ``(A, *shape)``.
        b: ``(B, *shape)``.

    Returns:
        ``(A, B)``.
    """
    a, b = a.flatten(1), b.flatten(1)
    sizes = a.square().sum(-1).clamp_min(1e-20).sqrt()[:, None] * b.square().sum(-1).clamp_min(1e-20).sqrt()
    cosine = (a @ b.T / sizes).clamp(-_NEARLY_PARALLEL, _NEARLY_PARALLEL)
    angle = torch.arccos(cosine)
    return sizes * (angle.sin() + (torch.pi - angle) * cosine) / (2 * torch.pi)


KernelFunction = Callable[[Tensor, Tensor], Tensor]
"""Evaluates all pairs of ``(A, D)`` and ``(B, D)``, ``(A, B)``, such as a `Kernel`."""


@dataclass(frozen=True)
class KernelSurrogate:
    """A fitted kernel ridge ``f(z) = Σ_i k(z, z_i) w_i``.

    Attributes:
        kernel: k.
        inputs: the examples z_i, ``(m, D)``.
        weights: ``(m, K)``.
    """

    kernel: KernelFunction
    inputs: Tensor
    weights: Tensor

    def __call__(self, queries: Tensor) -> Tensor:
        """Predict at ``(B, D)``: ``(B, K)``."""
        return self.kernel(queries, self.inputs) @ self.weights


def fit_surrogate(kernel: KernelFunction, inputs: Tensor, labels: Tensor, penalty: float) -> KernelSurrogate:
    """Solve ``(k(Z, Z) + penalty · s I) W = Y``, s the mean of the kernel's diagonal: the penalty is relative.

    Args:
        kernel: k.
        inputs: Z, ``(m, D)``.
        labels: Y, ``(m, K)``.
        penalty: positive.
    """
    gram = kernel(inputs, inputs)
    identity = torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)
    factor = torch.linalg.cholesky(gram + penalty * gram.diagonal().mean() * identity)
    return KernelSurrogate(kernel, inputs, torch.cholesky_solve(labels, factor))


@dataclass(frozen=True)
class KernelRidge:
    """Fit a field to a few labelled inputs by kernel ridge regression; the same kernel serves every point of the field.

    Args:
        model: gives inputs and labels.
        kernel: see `Kernel`.
        penalty: of the ridge, relative to the kernel's mean diagonal; positive.

    Raises:
        ValueError: the penalty is not positive.
    """

    model: LabelledModel
    kernel: Kernel
    penalty: float = 1e-6

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise ValueError(f"KernelRidge: penalty={self.penalty} must be positive")

    @property
    def differentiation(self) -> str:
        """Training has a closed form."""
        return "closed form"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Fit one surrogate, which serves all conditions that are asked."""
        inputs, labels = self.model.examples(data, episodes)
        return self.model.fitted(fit_surrogate(self.kernel, inputs, labels, self.penalty), data, episodes)
