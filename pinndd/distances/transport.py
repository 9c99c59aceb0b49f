"""Distances between samples by optimal transport."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.distances.divergences import root
from pinndd.distances.kernels import check_samples


@dataclass(frozen=True)
class Wasserstein1:
    """``∫ |F⁻¹ - G⁻¹|`` over all levels: the exact Wasserstein distance of order 1 in one dimension.

    Answers ``(E, Q, 1)`` and truths ``(E, R, 1)``, floats, are samples of equal weight; the result is ``(E,)``, in their units. F⁻¹
    and G⁻¹ are the quantile functions (Villani 2003, doi 10.1090/gsm/058, section 2.2). Where two quantiles meet the slope is zero.

    Raises:
        ValueError: the shapes do not fit, or K is not 1.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        check_one_dimensional("Wasserstein1", answer, truth)
        return quantile_distance(answer, truth, order=1).squeeze(-1)


@dataclass(frozen=True)
class Wasserstein2:
    """``(∫ (F⁻¹ - G⁻¹)²)^½`` over all levels: as `Wasserstein1`, of order 2. Its slope at equality is set to zero.

    Raises:
        ValueError: the shapes do not fit, or K is not 1.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        check_one_dimensional("Wasserstein2", answer, truth)
        return quantile_distance(answer, truth, order=2).squeeze(-1)


@dataclass(frozen=True, kw_only=True)
class SlicedWasserstein:
    """Wasserstein distance of the projections onto random directions: ``(mean_θ W(θ·x, θ·y)^order)^(1 / order)``.

    Answers ``(E, Q, K)`` and truths ``(E, R, K)``, floats, are Q and R samples in K dimensions; the result is ``(E,)``, in their
    units (Bonneel et al. 2015, doi 10.1007/s10851-014-0506-3). The directions are the same at every call.

    Args:
        directions: how many.
        order: 1 or 2.
        seed: of the directions.

    Raises:
        ValueError: no direction, or another order; when called: the shapes do not fit.
    """

    derivatives: ClassVar[int] = 0
    directions: int = 64
    order: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.directions < 1:
            raise ValueError(f"SlicedWasserstein: directions={self.directions} must be at least 1")
        if self.order not in (1, 2):
            raise ValueError(f"SlicedWasserstein: order={self.order} is not known: expected 1 or 2")

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        check_samples(answer, truth)
        onto = self.draw(answer.shape[-1]).to(answer)
        slices = quantile_distance(answer @ onto, truth @ onto, self.order)
        if self.order == 1:
            return slices.mean(-1)
        return root_mean_square(slices, torch.full_like(onto[0], 1 / self.directions))

    def draw(self, dimensions: int) -> Tensor:
        """Return unit vectors, uniform on the sphere, as the columns of a double ``(K, directions)``."""
        generator = torch.Generator().manual_seed(self.seed)
        normal = torch.randn((dimensions, self.directions), generator=generator, dtype=torch.float64)
        unit: Tensor = normal / normal.norm(dim=0)
        return unit


@dataclass(frozen=True, kw_only=True)
class Sinkhorn:
    """Sinkhorn divergence ``OT(x, y) - ½ OT(x, x) - ½ OT(y, y)`` for the cost ``‖x - y‖²`` (Feydy et al. 2019, arXiv 1810.08278).

    Answers ``(E, Q, K)`` and truths ``(E, R, K)``, floats, are Q and R samples of equal weight in K dimensions; the result is
    ``(E,)``, in squared units of the samples. OT is the entropic cost, ``min_π Σ π C + ε KL(π ‖ a ⊗ b)`` with
    ``ε = regularisation · scale²``: between the squared Wasserstein distance of order 2 (ε → 0) and the squared
    distance of the means (ε → ∞). Never negative, 0 for equal samples, smooth.

    Both samples are centred first, which moves the distance of the means out of the iterations, exactly for this cost: far
    supports cost no accuracy. The iterations run on logarithms, in double precision whatever the samples are. The gradient is
    that of the optimum (the envelope theorem), for which the potentials need no derivative; a second derivative would lack theirs.

    Args:
        regularisation: ε over the squared scale; 0.01 to 1 is usual.
        scale: a length in the units of the samples, such as the standard deviation of the truth.
        iterations: at most so many updates of the potentials.
        tolerance: they stop when no potential moves by more than this times ε, or than rounding moves it.

    Raises:
        ValueError: an argument is not positive; when called: the shapes do not fit, or the iterations did not converge.
    """

    derivatives: ClassVar[int] = 0
    regularisation: float
    scale: float
    iterations: int = 500
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("regularisation", "scale", "iterations", "tolerance"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"Sinkhorn: {name}={getattr(self, name)} must be positive")

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        check_samples(answer, truth)
        x, y = answer.double(), truth.double()
        shift = (x.mean(1) - y.mean(1)).square().sum(-1)
        x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
        epsilon = self.regularisation * self.scale**2
        cross, own_x, own_y = (squared_distances(a, b) / epsilon for a, b in ((x, y), (x, x), (y, y)))
        with torch.no_grad():
            of_x, of_y = self._self_potential(own_x), self._self_potential(own_y)
            of_both = self._cross_potential(cross, start=of_y)
        entropic = dual(cross, of_both) - (dual(own_x, of_x) + dual(own_y, of_y)) / 2
        return (shift + epsilon * entropic.clamp_min(0)).to(answer.dtype)

    def _self_potential(self, cost: Tensor) -> Tensor:
        """Return the potential, ``(E, Q)``, of a sample against itself: averaged updates, which halve the error at least."""
        return self._iterate(lambda g: (g + soft_minimum(cost, g)) / 2, cost, torch.zeros_like(cost[:, 0]))

    def _cross_potential(self, cost: Tensor, start: Tensor) -> Tensor:
        """Return the second potential, ``(E, R)``, of a sample against another: updates in turn, each with a Newton step."""

        def update(potential: Tensor) -> Tensor:
            return soft_minimum(cost.mT, soft_minimum(cost, potential))

        return self._iterate(update, cost, start, lambda g: g + newton_step(cost, g))

    def _iterate(
        self,
        update: Callable[[Tensor], Tensor],
        cost: Tensor,
        potential: Tensor,
        accelerate: Callable[[Tensor], Tensor] = lambda potential: potential,
    ) -> Tensor:
        """Return the potential that ``update`` leaves in place, up to the tolerance or to rounding."""
        limit = self.tolerance + 8 * torch.finfo(cost.dtype).eps * cost.amax((1, 2))[:, None]
        for _ in range(self.iterations):
            updated = update(potential)
            change = (updated - potential).abs()
            # NaN is not above the limit: it would not get better
            if not bool((change > limit).any()):
                return potential
            potential = accelerate(updated)
        raise ValueError(
            f"Sinkhorn: after iterations={self.iterations} a potential still moves by {float(change.max()):.1e} of epsilon, "
            f"more than tolerance={self.tolerance}: raise the iterations or the regularisation={self.regularisation}"
        )


def soft_minimum(cost: Tensor, potential: Tensor) -> Tensor:
    """Return ``-log mean_j exp(g_j - C_ij)``, ``(E, Q)``, for costs ``(E, Q, R)`` and a potential ``(E, R)`` in units of ε."""
    return math.log(cost.shape[-1]) - (potential[:, None] - cost).logsumexp(-1)


def dual(cost: Tensor, potential: Tensor) -> Tensor:
    """Return the entropic cost ``(E,)`` in units of ε, from costs ``(E, Q, R)`` and the optimal second potential ``(E, R)``."""
    return soft_minimum(cost, potential).mean(1) + potential.mean(1)


def newton_step(cost: Tensor, potential: Tensor) -> Tensor:
    """Return a step of the potential, ``(E, R)``, that does not lower `dual`: Newton's, halved as often as it takes.

    Updates in turn crawl where a sample falls into clusters: mass that hardly moves between them hardly corrects their
    potentials. With a Newton step each, they need a few dozen (Brauer et al. 2017, arXiv 1710.06635).
    """
    q, r = cost.shape[1:]
    rows = (potential[:, None] - cost).softmax(-1)
    columns = rows.mean(1)
    # a constant added to the potential changes nothing: the last but one term keeps it out, the last bounds the rounding
    hessian = columns.diag_embed() - rows.mT @ rows / q + 1 / r**2
    hessian = hessian + torch.finfo(cost.dtype).eps * torch.eye(r, dtype=cost.dtype, device=cost.device)
    step: Tensor = torch.linalg.solve_ex(hessian, 1 / r - columns).result
    longest = step.abs().amax(1).clamp_min(torch.finfo(cost.dtype).tiny)
    step = step * (cost.amax((1, 2)) / longest).clamp_max(1)[:, None]
    before = dual(cost, potential)
    least = before - 8 * torch.finfo(cost.dtype).eps * before.abs()
    for _ in range(30):
        lower = dual(cost, potential + step) < least
        if not bool(lower.any()):
            return step
        step = torch.where(lower[:, None], step / 2, step)
    return torch.where(lower[:, None], 0, step)


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared Euclidean distances, ``(E, Q, R)``, of points ``(E, Q, K)`` from ``(E, R, K)``."""
    return (x[:, :, None] - y[:, None]).square().sum(-1)


def check_one_dimensional(name: str, answer: Tensor, truth: Tensor) -> None:
    """Check that answers and truths are samples of one number each.

    Raises:
        ValueError: the shapes do not fit, or K is not 1.
    """
    check_samples(answer, truth)
    if answer.shape[-1] != 1:
        dimensions = answer.shape[-1]
        raise ValueError(f"{name}: samples have {dimensions} dimensions, expected 1: take SlicedWasserstein or Sinkhorn")


def quantile_distance(x: Tensor, y: Tensor, order: int) -> Tensor:
    """Return the Wasserstein distance of order 1 or 2, ``(E, L)``, of L one-dimensional samples ``(E, Q, L)`` and ``(E, R, L)``."""
    weights, left, right = common_quantiles(x.shape[1], y.shape[1])
    gaps = x.sort(1).values[:, left.to(x.device)] - y.sort(1).values[:, right.to(y.device)]
    weights = weights.to(gaps)
    return torch.einsum("eml,m->el", gaps.abs(), weights) if order == 1 else root_mean_square(gaps.mT, weights)


def common_quantiles(q: int, r: int) -> tuple[Tensor, Tensor, Tensor]:
    """Split the levels (0, 1) where the quantile function of q or of r samples jumps.

    Returns:
        The lengths of the M parts, and in each part the ranks of the q and of the r samples, ``(M,)`` all three. Levels
        are counted in whole steps of ``1 / (q r)``: no part is lost or made up by rounding.
    """
    ends = torch.cat((torch.arange(1, q + 1) * r, torch.arange(1, r + 1) * q)).sort().values
    starts = torch.cat((ends.new_zeros(1), ends[:-1]))
    starts, ends = starts[starts < ends], ends[starts < ends]
    return (ends - starts).double() / (q * r), starts // r, starts // q


def root_mean_square(values: Tensor, weights: Tensor) -> Tensor:
    """Return ``√(Σ w v²)`` over the last axis, with slope 0 where all values are zero; squares neither overflow nor vanish."""
    size = values.detach().abs().amax(-1, keepdim=True)
    size = torch.where(size == 0, 1, size)
    return root(((values / size).square() * weights).sum(-1)) * size.squeeze(-1)
