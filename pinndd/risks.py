"""Risk measures: the losses of all episodes to one number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Risk(Protocol):
    """Maps losses ``(E,)`` to a scalar, differentiably."""

    def __call__(self, losses: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Mean:
    """Average over the episodes."""

    def __call__(self, losses: Tensor) -> Tensor:
        return losses.mean()


@dataclass(frozen=True)
class CVaR:
    """Conditional value at risk: the average over the worst fraction ``alpha`` of the episodes.

    With E episodes the worst ``alpha · E`` count, the last of them in part, so that the measure is continuous in alpha
    (Rockafellar & Uryasev 2000, doi 10.21314/JOR.2000.038). ``alpha = 1`` is the mean; ``alpha → 0`` the worst case.

    Raises:
        ValueError: alpha is not in (0, 1].

    Examples:
        >>> import torch
        >>> CVaR(0.5)(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        tensor(3.5000)
    """

    alpha: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise ValueError(f"CVaR: alpha={self.alpha} must lie in (0, 1]; 0.1 averages over the worst tenth")

    def __call__(self, losses: Tensor) -> Tensor:
        worst = losses.sort(descending=True).values
        budget = self.alpha * losses.numel()
        ranks = losses.new_tensor(range(losses.numel()))
        shares = (budget - ranks).clamp(0, 1)
        return (shares * worst).sum() / shares.sum()


@dataclass(frozen=True)
class GeometricMean:
    """Geometric mean over the episodes: easy and hard ones count alike, by their relative improvement.

    The losses must be positive; the outer loop uses it where episodes of very different difficulty are mixed.
    """

    def __call__(self, losses: Tensor) -> Tensor:
        return losses.log().mean().exp()


@dataclass(frozen=True)
class WorstCase:
    """The largest loss; episodes that tie for it share the gradient."""

    def __call__(self, losses: Tensor) -> Tensor:
        return losses.max()


@dataclass(frozen=True)
class Entropic:
    """Entropic risk ``T log mean exp(loss / T)``: a smooth worst case (Föllmer & Schied 2002, doi 10.1007/s007800200072).

    ``T → 0`` is the worst case, ``T → ∞`` the mean; the temperature is in the units of the losses. An episode's share of the
    gradient is the softmax of ``loss / T``.

    Raises:
        ValueError: the temperature is not positive.
    """

    temperature: float

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"Entropic: temperature={self.temperature} must be positive; its limits are WorstCase and Mean")

    def __call__(self, losses: Tensor) -> Tensor:
        return self.temperature * ((losses / self.temperature).logsumexp(0) - math.log(losses.numel()))


@dataclass(frozen=True)
class MeanPlusVariance:
    """``mean + weight · variance`` over the episodes, with the variance over E, not E - 1 (Markowitz 1952, doi 10.2307/2975974).

    The weight is in units of one over the loss. The measure is not monotone: where the weight is large, a loss far below the
    mean is worse than one at it.

    Raises:
        ValueError: the weight is negative or not finite.
    """

    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"MeanPlusVariance: weight={self.weight} must be at least 0; 0 is the mean")

    def __call__(self, losses: Tensor) -> Tensor:
        return losses.mean() + self.weight * losses.var(correction=0)


@dataclass(frozen=True)
class Grouped:
    """The mean within each group of episodes, then another risk over the groups (Sagawa et al. 2020, arXiv 1911.08731).

    ``Grouped(("north", "north", "south"), WorstCase())`` is the mean of the worse of two hospitals. Every group counts alike
    in the outer risk, however many episodes it has.

    Args:
        groups: the label of every episode, in their order.
        outer: the risk over the groups, in the order in which the labels first appear.

    Raises:
        ValueError: there is no label; when called: there are not as many losses as labels.
    """

    groups: tuple[str | int, ...]
    outer: Risk

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))
        if not self.groups:
            raise ValueError("Grouped: groups=() is empty; expected one label per episode")

    def __call__(self, losses: Tensor) -> Tensor:
        if losses.shape != (len(self.groups),):
            raise ValueError(
                f"Grouped: losses have shape {tuple(losses.shape)}, expected ({len(self.groups)},): one for each label in groups"
            )
        labels = list(dict.fromkeys(self.groups))
        group = torch.tensor([labels.index(label) for label in self.groups], device=losses.device)
        sums = losses.new_zeros(len(labels)).index_add(0, group, losses)
        return self.outer(sums / group.bincount())


@dataclass(frozen=True)
class OverParts:
    """One risk within parts of equal size that follow each other, each relative to a level, then another risk over the parts.

    So learners of very different accuracy count alike: by how much lower their risk is than the level that they had before.

    Args:
        within: the risk of a part.
        outer: the risk over the parts.
        levels: by which the risk of each part is divided; their number is that of the parts.

    Raises:
        ValueError: there is no level, or one is not positive; when called: the losses do not fall into parts of equal size.

    Examples:
        >>> import torch
        >>> OverParts(Mean(), WorstCase(), (2.0, 10.0))(torch.tensor([1.0, 3.0, 4.0, 6.0]))
        tensor(1.)
    """

    within: Risk
    outer: Risk
    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.levels or not all(0 < level < math.inf for level in self.levels):
            raise ValueError(f"OverParts: levels={self.levels}; expected a positive number for each part")

    def __call__(self, losses: Tensor) -> Tensor:
        if losses.numel() == 0 or losses.numel() % len(self.levels):
            raise ValueError(f"OverParts: {losses.numel()} losses for {len(self.levels)} parts; expected as many for each")
        return self.over(torch.stack([self.within(part) for part in losses.reshape(len(self.levels), -1)]))

    def over(self, risks: Tensor) -> Tensor:
        """Return the risk over parts whose own risks are known, ``(parts,)``."""
        return self.outer(risks / risks.new_tensor(self.levels))
