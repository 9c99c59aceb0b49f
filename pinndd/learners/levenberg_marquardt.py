"""Levenberg-Marquardt on all weights of a network, many networks at once: the strong judge of a collocation set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import Episodes


class LeastSquaresNetworks(Protocol):
    """A model whose training is non-linear least squares in the weights of E networks."""

    @property
    def parameter_count(self) -> int:
        """Number P of weights of one network."""

    def initial(self, episodes: Episodes, like: Tensor) -> Tensor:
        """Draw initial weights ``(E, P)`` on the device and in the dtype of ``like``."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Compute once what does not depend on the weights."""

    def select(self, prepared: Any, index: Tensor) -> Any:
        """Return what the episodes ``index`` need."""

    def rows(self, prepared: Any, parameters: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)``."""

    def linearise(self, prepared: Any, parameters: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the rows ``(E, R)`` and their Jacobian ``(E, R, P)``, in blocks of columns, off the graph."""

    def fitted(self, parameters: Tensor, episodes: Episodes) -> Any:
        """Return the networks with weights ``(E, P)``."""


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Fit ``min_θ ‖ρ(θ)‖²`` in float64, every network with its own damping (Levenberg 1944, Marquardt 1963).

    A step solves ``(JᵀJ + λ I) δ = -Jᵀ ρ``, with fewer rows than weights in its dual form ``δ = -Jᵀ (J Jᵀ + λ I)⁻¹ ρ``.
    Where a step does not lower the loss of a network, its damping grows and the step is tried again with the same
    Jacobian. A network leaves the batch when it is done.

    Args:
        model: gives the rows ρ and their Jacobian.
        iterations: most steps of a network.
        damping: first λ, relative to the mean of the diagonal of the smaller Gram matrix.
        shrink: factor on λ after an accepted step.
        grow: factor on λ after a refused one; its square after a second one in a row, and so on.
        attempts: most trials of λ a step; a network none of whose trials lowers the loss is done.
        tolerance: a network is done when its loss has fallen below this part of the loss it began with.
        memory: size in bytes of the Jacobians held at a time; more networks than fit are trained in several batches.

    Raises:
        ValueError: a setting is out of its range.
    """

    model: LeastSquaresNetworks
    iterations: int = 100
    damping: float = 1e-3
    shrink: float = 1 / 3
    grow: float = 2.0
    attempts: int = 8
    tolerance: float = 1e-7
    memory: int = 2**24

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.attempts < 1 or self.damping <= 0 or not 0 < self.shrink < 1 < self.grow:
            raise ValueError(
                f"LevenbergMarquardt: iterations={self.iterations} and attempts={self.attempts} must be at least 1, "
                f"damping={self.damping} positive, shrink={self.shrink} in (0, 1) and grow={self.grow} above 1"
            )

    @property
    def differentiation(self) -> str:
        """There is no gradient in the data: an under-determined network has no isolated optimum."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Train one network per episode, from its own initial weights."""
        with torch.no_grad():
            wide = data.to(next(iter(data.fields.values())).device, torch.float64)
            prepared = self.model.prepare(wide, episodes)
            theta = self.model.initial(episodes, next(iter(wide.fields.values())))
            index = torch.arange(len(episodes), device=theta.device)
            rows = self.model.rows(self.model.select(prepared, index[:1]), theta[:1]).shape[-1]
            batch = max(1, self.memory // (8 * rows * self.model.parameter_count))
            for part in torch.split(index, batch):
                theta[part] = self._train(self.model.select(prepared, part), theta[part])
        return self.model.fitted(theta, episodes)

    def _train(self, prepared: Any, theta: Tensor) -> Tensor:
        active = torch.arange(theta.shape[0], device=theta.device)
        first = self.model.rows(prepared, theta).square().sum(-1)
        damping: Tensor | None = None
        for _ in range(self.iterations):
            here = self.model.select(prepared, active)
            rows, jacobian = self.model.linearise(here, theta[active])
            gram = lower_gram(jacobian)
            if damping is None:
                damping = self.damping * gram.diagonal(dim1=-2, dim2=-1).mean(-1)
            moved, loss, damping = self._advance(here, theta[active], rows, jacobian, gram, damping)
            going = (loss < rows.square().sum(-1)) & (loss > self.tolerance * first[active])
            theta[active] = moved
            active, damping = active[going], damping[going]
            if not active.numel():
                break
        return theta

    def _advance(
        self, prepared: Any, theta: Tensor, rows: Tensor, jacobian: list[Tensor], gram: Tensor, damping: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take one step of every network, trying larger damping where the loss does not fall.

        Returns:
            Weights ``(E, P)``, losses ``(E,)`` and damping ``(E,)``.
        """
        loss, theta, damping = rows.square().sum(-1), theta.clone(), damping.clone()
        pending = torch.arange(theta.shape[0], device=theta.device)
        for attempt in range(self.attempts):
            everyone = pending.numel() == theta.shape[0]
            blocks = jacobian if everyone else [block[pending] for block in jacobian]
            trial = theta[pending] + damped_step(rows[pending], blocks, gram[pending], damping[pending])
            reached = self.model.rows(self.model.select(prepared, pending), trial).square().sum(-1)
            better = reached < loss[pending]
            theta[pending[better]], loss[pending[better]] = trial[better], reached[better]
            damping[pending] *= torch.where(better, self.shrink, self.grow ** (attempt + 1))
            pending = pending[~better]
            if not pending.numel():
                break
        return theta, loss, damping


def lower_gram(jacobian: list[Tensor], strip: int = 48) -> Tensor:
    """Return the lower triangle (and some of the upper) of the smaller of the Gram matrices ``J Jᵀ`` and ``JᵀJ``.

    Args:
        jacobian: J, ``(E, R, P)``, in blocks of columns.
        strip: rows computed at a time; those above the diagonal are left out.
    """
    episodes, rows, _ = jacobian[0].shape
    if rows > sum(block.shape[-1] for block in jacobian):
        whole = torch.cat(jacobian, -1)
        return whole.mT @ whole
    gram = jacobian[0].new_zeros((episodes, rows, rows))
    for start in range(0, rows, strip):
        stop = min(start + strip, rows)
        for block in jacobian:
            gram[:, start:stop, :stop] += block[:, start:stop] @ block[:, :stop].mT
    return gram


def damped_step(rows: Tensor, jacobian: list[Tensor], gram: Tensor, damping: Tensor) -> Tensor:
    """Return ``-(JᵀJ + λ I)⁻¹ Jᵀ ρ`` for every network, ``(E, P)``, from the smaller of its two Gram matrices.

    Args:
        rows: ρ, ``(E, R)``.
        jacobian: J, ``(E, R, P)``, in blocks of columns.
        gram: from `lower_gram`.
        damping: λ, ``(E,)``.
    """
    damped = gram.clone()
    damped.diagonal(dim1=-2, dim2=-1).add_(damping[:, None])
    dual = gram.shape[-1] == rows.shape[-1]
    factor, info = torch.linalg.cholesky_ex(damped)
    # where rounding has made a matrix indefinite the step is not finite, does not lower the loss, and the damping grows
    factor = torch.where((info > 0)[:, None, None], torch.nan, factor)
    if dual:
        return -_transposed_times(jacobian, torch.cholesky_solve(rows[..., None], factor)[..., 0])
    return -torch.cholesky_solve(_transposed_times(jacobian, rows)[..., None], factor)[..., 0]


def _transposed_times(jacobian: list[Tensor], rows: Tensor) -> Tensor:
    """Return ``Jᵀ ρ``, ``(E, P)``."""
    return torch.cat([(rows[:, None] @ block)[:, 0] for block in jacobian], -1)
