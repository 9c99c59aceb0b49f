"""Distribution matching as a problem of the formula: a model that knows the mean features of each class, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.matching.distribution import Embedding, class_means
from pinndd.matching.minibatch import draw_batch


@dataclass(frozen=True)
class Seeds:
    """Draws of random networks.

    Attributes:
        seeds: of their weights, one per episode.
    """

    seeds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.seeds)


@dataclass(frozen=True)
class FeatureMeans:
    """The learner: "training" computes the mean features of each class under the random network of the episode.

    Args:
        embedding: gives the features.
    """

    embedding: Embedding
    differentiation: ClassVar[str] = "closed form"

    def fit(self, data: SyntheticData, episodes: Seeds) -> Tensor:
        """Return the means, ``(E, K, F)``; see `pinndd.matching.distribution.class_means`."""
        return torch.stack([class_means(data, self.embedding, seed) for seed in episodes.seeds])


@dataclass(frozen=True)
class ClassMeans:
    """The task: what are the mean features of each class? The truth is that of all data.

    With `FeatureMeans`, `SquaredGap` and the mean risk the problem is that of Zhao & Bilen (2023, arXiv 2110.04181), and its
    gradient that of `pinndd.matching.DistributionMatching`; here the criterion is also at hand to choose an iterate.

    Args:
        full: all data, with ``inputs`` ``(N, *shape)`` and ``targets`` ``(N, K)``.
        learner: gives the truth from all data.
        batch: examples of each class that an episode looks at, drawn from its seed; None: all.
    """

    full: SyntheticData
    learner: FeatureMeans
    batch: int | None = None

    def episodes(self, count: int, generator: torch.Generator) -> Seeds:
        """Draw ``count`` random networks."""
        return Seeds(tuple(torch.randint(2**31, (count,), generator=generator).tolist()))

    def answer(self, fitted: Tensor, episodes: Seeds, derivatives: int) -> Tensor:
        """Return the means that the learner found."""
        return fitted

    def truth(self, episodes: Seeds, derivatives: int) -> Tensor:
        """Return the means of all data, ``(E, K, F)``."""
        means = []
        for seed in episodes.seeds:
            part = draw_batch(self.full, self.batch, torch.Generator().manual_seed(seed), by_class=True)
            means.append(self.learner.fit(part, Seeds((seed,))))
        return torch.cat(means)


@dataclass(frozen=True)
class SquaredGap:
    """``Σ (answer - truth)²`` over classes and features, ``(E,)``."""

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        return (answer - truth).square().sum((-2, -1))
