"""Distribution matching: the synthetic examples should be distributed as all examples are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves
from pinndd.learners.network import NetworkModel
from pinndd.matching.minibatch import Augmentation, augmented, draw_batch
from pinndd.problem import DistillationProblem, Episodes

Embedding = Callable[[Tensor, int], Tensor]
"""Maps inputs ``(n, *shape)`` to features ``(n, F)``, differentiably, with the random network of a seed."""


@dataclass(frozen=True)
class RandomLayer:
    """A random layer ``tanh(x W + b)``, its entries normal, those of W with variance ``1 / (d · length²)``.

    Raises:
        ValueError: the width or the length is not positive.
    """

    width: int = 64
    length: float = 1.0

    def __post_init__(self) -> None:
        if self.width < 1 or self.length <= 0:
            raise ValueError(f"RandomLayer: width={self.width} must be at least 1 and length={self.length} positive")

    def __call__(self, rows: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        columns = rows.shape[-1]
        matrix = torch.randn((columns + 1, self.width), generator=generator, dtype=torch.float64).to(rows)
        return torch.tanh(rows @ matrix[:-1] / (self.length * columns**0.5) + matrix[-1])


@dataclass(frozen=True)
class NetworkEmbedding:
    """What the last layer of a network with random initial weights sees.

    Raises:
        ValueError: at a call: the network does not end in a linear layer.
    """

    model: NetworkModel

    def __call__(self, inputs: Tensor, seed: int) -> Tensor:
        return self.model.features(self.model.draw(1, seed, inputs), inputs)[0]


@dataclass(frozen=True)
class DistributionMatching:
    """Compare mean features of D̂ and of all data under a random network, drawn anew from the seed of the episodes.

    By class, ``Σ_c ‖mean_c ψ(x̂) - mean_c ψ(x)‖²`` with an example counting for a class in the measure of its target, which needs
    targets that are probabilities (Zhao & Bilen 2023, arXiv 2110.04181). Otherwise inputs and targets are embedded
    together, ``‖mean ψ(x̂, ŷ) - mean ψ(x, y)‖²``, as suits regression.

    The value is the criterion; learner, task, distance and risk of the problem play no part.

    Args:
        full: all data, with ``inputs`` ``(N, *shape)`` and ``targets`` ``(N, K)``.
        embedding: ψ.
        by_class: see above.
        batch: examples of all data (of each class, if by class) that a look takes, drawn from the seed; None: all.
        augmentation: of both sides, drawn from the seed.

    Raises:
        ValueError: the batch is less than 1; at a call: by class, and a target is negative or a class has no example; not by
            class, and the inputs are no rows of a table.
    """

    full: SyntheticData
    embedding: Embedding = RandomLayer()
    by_class: bool = False
    batch: int | None = None
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"DistributionMatching: batch={self.batch} must be at least 1")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        full = draw_batch(self.full, self.batch, torch.Generator().manual_seed(episodes.seed), by_class=self.by_class)
        with torch.enable_grad():
            tracked, fields = leaves(data)
            mine, wanted = (augmented(side, self.augmentation, episodes.seed) for side in (tracked, full))
            gap = self._means(mine, episodes.seed) - self._means(wanted, episodes.seed)
            return differentiate(gap.square().sum(), fields)

    def _means(self, data: SyntheticData, seed: int) -> Tensor:
        """Return the mean features of each class ``(K, F)``, or of all examples ``(F,)``."""
        inputs, targets = data["inputs"], data["targets"]
        if not self.by_class:
            if inputs.ndim != 2:
                raise ValueError(
                    f"DistributionMatching: inputs have shape {tuple(inputs.shape)}, and only rows (n, d) can be embedded together "
                    "with their targets: use by_class=True"
                )
            return self.embedding(torch.cat((inputs, targets), -1), seed).mean(0)
        return class_means(data, self.embedding, seed)


def class_means(data: SyntheticData, embedding: Embedding, seed: int) -> Tensor:
    """Return the mean features of each class, ``(K, F)``; an example counts for a class in the measure of its target.

    Args:
        data: with ``inputs`` ``(n, *shape)`` and ``targets`` ``(n, K)``.
        embedding: ψ.
        seed: of its network.

    Raises:
        ValueError: a target is negative, or a class has no example.
    """
    targets = data["targets"]
    counts = targets.sum(0)
    least, fewest = float(targets.detach().min()), float(counts.detach().min())
    if least < 0 or fewest <= 0:
        raise ValueError(
            "DistributionMatching by class: targets must be probabilities and every class must have an example; the least "
            f"target is {least:.3g}, the least count {fewest:.3g}"
        )
    return (targets / counts).T @ embedding(data["inputs"], seed)


@dataclass(frozen=True)
class MaximumMeanDiscrepancy:
    """Compare the joint distributions of inputs and targets in the space of a Gaussian kernel: ``MMD²`` (Gretton et al. 2012).

    ``E k(z, z') - 2 E k(z, ẑ) + E k(ẑ, ẑ')`` with ``z = (x, y)`` and ``k(a, b) = exp(-|a - b|² / (2 length²))``: the means of
    all random features of that kernel at once. It vanishes only where the distributions are equal.

    Args:
        full: all data, with ``inputs`` ``(N, d)`` and ``targets`` ``(N, K)``.
        length: of the kernel, in the units of the data.

    Raises:
        ValueError: the length is not positive.
    """

    full: SyntheticData
    length: float = 1.0

    def __post_init__(self) -> None:
        if self.length <= 0:
            raise ValueError(f"MaximumMeanDiscrepancy: length={self.length} must be positive")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        with torch.enable_grad():
            tracked, fields = leaves(data)
            mine = torch.cat((tracked["inputs"], tracked["targets"]), -1)
            wanted = torch.cat((self.full["inputs"], self.full["targets"]), -1)
            value = self._mean(wanted, wanted) - 2 * self._mean(wanted, mine) + self._mean(mine, mine)
            return differentiate(value, fields)

    def _mean(self, a: Tensor, b: Tensor) -> Tensor:
        square = (a[:, None] - b).square().sum(-1)
        return (-square / (2 * self.length**2)).exp().mean()
