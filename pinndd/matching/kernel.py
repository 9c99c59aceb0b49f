"""Kernel inducing points: kernel ridge regression on the synthetic data should predict all data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves
from pinndd.learners.kernel_ridge import KernelFunction, fit_surrogate
from pinndd.matching.minibatch import draw_batch
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class KernelInducingPoints:
    """Fit kernel ridge regression to D̂ and measure its error on all data: ``½ mean ‖y - K(x, x̂) (K(x̂, x̂) + λ I)⁻¹ ŷ‖²``.

    It is problem (3) itself for a kernel machine and the task of predicting the data at hand; for any other learner, whose
    training the kernel stands for, an approximation (Nguyen, Chen & Lee 2021, arXiv 2011.00050). Learner, task, distance and
    risk of the problem play no part.

    Args:
        full: all data, with ``inputs`` ``(N, d)``, or what the kernel takes, and ``targets`` ``(N, K)``.
        kernel: see `pinndd.learners.kernel_ridge.Kernel`, or `pinndd.learners.kernel_ridge.arc_cosine` for images.
        penalty: of the ridge, relative to the kernel's mean diagonal; positive.
        batch: examples of all data that a look takes, drawn from the seed of the episodes; None: all.

    Raises:
        ValueError: the penalty is not positive, or the batch less than 1.
    """

    full: SyntheticData
    kernel: KernelFunction
    penalty: float = 1e-6
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise ValueError(f"KernelInducingPoints: penalty={self.penalty} must be positive")
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"KernelInducingPoints: batch={self.batch} must be None or at least 1")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        full = self.full
        if self.batch is not None:
            full = draw_batch(full, self.batch, torch.Generator().manual_seed(episodes.seed))
        with torch.enable_grad():
            tracked, fields = leaves(data)
            predicted = fit_surrogate(self.kernel, tracked["inputs"], tracked["targets"], self.penalty)(full["inputs"])
            return differentiate(0.5 * (predicted - full["targets"]).square().sum(-1).mean(), fields)
