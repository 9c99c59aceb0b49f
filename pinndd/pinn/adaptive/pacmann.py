"""PACMANN: let every point climb the squared residual."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.adaptive.protocol import SquaredResidual, uniform_points
from pinndd.pinn.geometry.domain import Domain

_TINY = 1e-30  # the residual of a fit in closed form is small where its points are: Adam must not be damped by its size


@dataclass(frozen=True)
class PACMANN:
    """Point adaptive collocation method (Visser, Heinlein & Giovanardi 2024, arXiv 2411.19632), with Adam.

    A few steps of gradient ascent on the squared residual, of the optimiser that the paper finds best; its averages begin at
    zero in every round. Points that have left the domain are replaced by uniform ones.

    Args:
        step: length of a step, in parts of the domain's extent along each coordinate. The paper takes 1e-5, some thousand
            times while a network is trained; of a few rounds each must go further.
        steps: of the ascent in a round; 15 in the paper for Burgers' equation.
        betas: decay of the averages of the gradient and of its square.

    Raises:
        ValueError: ``step`` is not positive, or there are no steps.
    """

    step: float = 3e-3
    steps: int = 15
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        if self.step <= 0 or self.steps < 1:
            raise ValueError(f"PACMANN: step={self.step} must be positive and steps={self.steps} at least 1")

    @property
    def name(self) -> str:
        """Name in the rows of a study."""
        return "pacmann"

    def sizes(self, count: int, rounds: int) -> list[int]:
        """Return the number of points of each training: always ``count``."""
        return [count] * (rounds + 1)

    def move(
        self, points: Tensor, count: int, residual: SquaredResidual, domain: Domain, generator: torch.Generator
    ) -> Tensor:
        """Return the points where the ascent has taken them, ``(E, count, d)``."""
        moved = self.ascend(points, residual, domain)
        fresh = uniform_points(domain, tuple(points.shape[:-1]), generator, points)
        return torch.where(domain.inside(moved)[..., None], moved, fresh)

    def ascend(self, points: Tensor, residual: SquaredResidual, domain: Domain) -> Tensor:
        """Return the points after the ascent, wherever they are, ``(E, N, d)``."""
        extent = points.new_tensor(domain.high) - points.new_tensor(domain.low)
        first, second, moved = torch.zeros_like(points), torch.zeros_like(points), points.detach()
        for t in range(1, self.steps + 1):
            with torch.enable_grad():
                at = moved.requires_grad_()
                (slope,) = torch.autograd.grad(residual(at).sum(), at)
            first = torch.lerp(slope, first, self.betas[0])
            second = torch.lerp(slope.square(), second, self.betas[1])
            size = (second / (1 - self.betas[1] ** t) + _TINY).sqrt()
            moved = (at + self.step * extent * first / (1 - self.betas[0] ** t) / size).detach()
        return moved
