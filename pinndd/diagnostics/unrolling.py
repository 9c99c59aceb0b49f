"""Norms of the derivative through the steps of training: do they vanish, do they explode?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.trajectory import UnrolledLearner, train
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class UnrolledNorms:
    """Norms of the derivative of the risk in the parameters, back through the steps of training.

    Attributes:
        norms: of the derivative in the parameters before step 0, before step 1, ..., after the last, ``(T + 1,)``.
        threshold: ratio of the first to the last beyond which they are said to explode, and below whose inverse to vanish.
    """

    norms: Tensor
    threshold: float = 1e6

    @property
    def factor(self) -> float:
        """Mean factor by which one step back multiplies the norm."""
        return float((self.norms[0] / self.norms[-1]) ** (1 / (len(self.norms) - 1)))

    @property
    def verdict(self) -> str:
        """``"exploding"``, ``"vanishing"`` or ``"stable"``, from the ratio of the first norm to the last.

        Where they vanish, training has forgotten its first steps: the gradient holds, and a truncated one costs less. Where they
        explode, the gradient is true for a neighbourhood too small to step in.
        """
        ratio = float(self.norms[0] / self.norms[-1])
        if not ratio <= self.threshold:
            return "exploding"
        return "vanishing" if ratio < 1 / self.threshold else "stable"

    def window(self, share: float = 0.99) -> int:
        """Return how many of the last steps hold ``share`` of the sum of the norms: a window for truncation.

        Raises:
            ValueError: the share is not in (0, 1].
        """
        if not 0 < share <= 1:
            raise ValueError(f"window: share={share} must lie in (0, 1]")
        # a step feels the derivative in the parameters after it
        held = self.norms[1:].flip(0).cumsum(0)
        return int((held < share * held[-1]).sum()) + 1

    def __str__(self) -> str:
        return (
            f"{self.verdict}: norm {float(self.norms[-1]):.3g} at the end of training, {float(self.norms[0]):.3g} at its start, "
            f"{self.factor:.4g} a step; the last {self.window()} of {len(self.norms) - 1} steps hold 99 %"
        )


def unrolled_norms(problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> UnrolledNorms:
    """Measure whether the unrolled gradient vanishes or explodes: norms of the adjoint state over all episodes.

    Raises:
        TypeError: the learner does not train by differentiable steps.
        ValueError: the risk does not depend on the trained parameters.
    """
    if problem.learner.differentiation != "unrolled":
        raise TypeError(
            f"unrolled_norms needs a learner that trains by differentiable steps; {type(problem.learner).__name__} offers "
            f"{problem.learner.differentiation!r}"
        )
    learner = cast(UnrolledLearner, problem.learner)
    with torch.no_grad():
        prepared = learner.prepare(data, episodes)
    trajectory = train(learner, prepared, episodes, learner.steps)
    with torch.enable_grad():
        theta = trajectory.final[0].detach().requires_grad_()
        risk = problem.risk(problem.compare(learner.fitted(theta, episodes), episodes))
        (outer,) = torch.autograd.grad(risk, theta)
        if not bool(outer.any()):
            raise ValueError(
                "unrolled_norms: the derivative of the risk in the trained parameters is zero: nothing to follow"
            )
        slopes: tuple[Tensor, ...] = (outer, *(torch.zeros_like(s) for s in trajectory.final[1:]))
        norms, kind = [outer.norm()], type(trajectory.final)
        for t, state in trajectory.backwards():
            inner = [part.detach().requires_grad_() for part in state]
            following = learner.step(kind(*inner), prepared, learner.rates(t, outer))
            slopes = torch.autograd.grad(following, inner, slopes, materialize_grads=True)
            norms.append(slopes[0].norm())
    return UnrolledNorms(torch.stack(norms[::-1]))
