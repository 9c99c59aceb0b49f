"""Gradient matching: one training step on the synthetic data should point where one on all data points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.matching.minibatch import Augmentation, augmented, draw_batch, of_class
from pinndd.matching.protocol import matched_learner, training_slope
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class GradientMatching:
    """Compare the gradients of the training loss on D̂ and on all data, at parameters met in training on D̂.

    From the random initial parameters of every episode, ``steps`` steps of gradient descent are taken on D̂. At each, the criterion
    adds ``1 - cos(∇L(θ, D̂), ∇L(θ, T))``, or the squared distance of the two. The parameters are held fixed, as in the source:
    for more than one step the gradient leaves out their dependence on D̂ (Zhao, Mopuri & Bilen 2021, arXiv 2006.05929). For
    classes the gradients are compared class by class, and all data stand for themselves in random batches, drawn from the seed
    of the episodes; the same augmentation may change both sides (Zhao & Bilen 2021, arXiv 2102.08259).

    The value is the criterion, averaged over steps and episodes; task, distance and risk of the problem play no part.

    Args:
        full: all data T, with the fields of D̂ that the learner reads.
        steps: parameters looked at, one after the other.
        learning_rate: of the steps between them.
        cosine: compare directions only; otherwise by squared distance.
        layerwise: sum the cosine distance over all layers and their output units, as in the source, so that no layer drowns
            the others; biases and normalisations are left out. For `pinndd.learners.adam.Adam` on a
            `pinndd.learners.network.NetworkModel`.
        by_class: compare the gradients of the examples of each class by themselves.
        batch: examples of all data (of each class, if by class) that a look takes; None: all.
        augmentation: of both sides.

    Raises:
        ValueError: there are no steps or examples in a batch, or the learning rate is not positive; at a call: a class has no
            example.
        TypeError: the learner has no training loss to differentiate, or, for layerwise distances, no layers.
    """

    full: SyntheticData
    steps: int = 1
    learning_rate: float = 0.1
    cosine: bool = True
    layerwise: bool = False
    by_class: bool = False
    batch: int | None = None
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0 or (self.batch is not None and self.batch < 1):
            raise ValueError(
                f"GradientMatching: steps={self.steps} and batch={self.batch} must be at least 1 and "
                f"learning_rate={self.learning_rate} positive"
            )

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner, split = matched_learner(problem, "GradientMatching"), self._split(problem)
        theta = learner.initial(data, episodes).detach()
        generator = torch.Generator().manual_seed(episodes.seed)
        with torch.enable_grad():
            tracked, fields = leaves(data)
            value = theta.new_zeros(())
            for _ in range(self.steps):
                mine, wanted = (
                    torch.stack([training_slope(learner, theta, part, episodes) for part in side])
                    for side in zip(*self._pairs(tracked, generator), strict=True)
                )
                value = value + self._distance(split(mine), split(wanted)) / self.steps
                theta = theta - self.learning_rate * mine.detach().mean(0)
            return differentiate(value, fields)

    def _pairs(self, data: SyntheticData, generator: torch.Generator) -> list[tuple[SyntheticData, SyntheticData]]:
        """Return what is compared with what: one pair, or one per class."""
        full = draw_batch(self.full, self.batch, generator, by_class=self.by_class)
        seed = int(torch.randint(2**31, (), generator=generator))
        classes = range(data["targets"].shape[-1]) if self.by_class else ()
        pairs = [(of_class(data, k), of_class(full, k)) for k in classes] or [(data, full)]
        return [(augmented(a, self.augmentation, seed), augmented(b, self.augmentation, seed)) for a, b in pairs]

    def _split(self, problem: DistillationProblem) -> Callable[[Tensor], list[Tensor]]:
        """Return what splits gradients ``(..., P)`` into the parts that are compared."""
        if not self.layerwise:
            return lambda slope: [slope[..., None, :]]
        learner = problem.learner
        if not (isinstance(learner, Adam) and isinstance(learner.model, NetworkModel)):
            raise TypeError(
                f"GradientMatching: layerwise distances need Adam on a NetworkModel; "
                f"{type(learner).__name__} has no layers: use layerwise=False"
            )
        return learner.model.layers

    def _distance(self, mine: list[Tensor], wanted: list[Tensor]) -> Tensor:
        """Return the distance of parts ``(..., outputs, inputs)``, summed over parts and outputs, the mean over the rest."""
        if self.cosine:
            gaps = [1 - torch.cosine_similarity(a, b, dim=-1) for a, b in zip(mine, wanted, strict=True)]
        else:
            gaps = [(a - b).square().sum(-1) for a, b in zip(mine, wanted, strict=True)]
        return torch.stack([gap.sum(-1).mean() for gap in gaps]).sum()
