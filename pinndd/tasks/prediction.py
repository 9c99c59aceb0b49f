"""Prediction: what does the trained model say at inputs that it was not trained on?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Queries:
    """Questions to E trained models, Q each.

    Attributes:
        inputs: ``(E, Q, d)``.
        targets: the true answers, ``(E, Q, K)``.
        seed: of what a learner or a criterion draws for itself.
    """

    inputs: Tensor
    targets: Tensor
    seed: int = 0

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Prediction:
    """Ask a model for its predictions at random subsets of a pool of inputs with known answers.

    Args:
        inputs: the pool, ``(N, d)``.
        targets: its true answers, ``(N, K)``.
        queries: inputs that an episode asks about.

    Raises:
        ValueError: the pool has inputs and answers of different numbers, or fewer than an episode asks about.
    """

    inputs: Tensor
    targets: Tensor
    queries: int = 32

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"Prediction: {len(self.inputs)} inputs have {len(self.targets)} targets, expected as many")
        if not 1 <= self.queries <= len(self.inputs):
            raise ValueError(f"Prediction: queries={self.queries} must lie between 1 and the {len(self.inputs)} of the pool")

    def episodes(self, count: int, generator: torch.Generator) -> Queries:
        """Draw ``count`` subsets of the pool, each without repetition, and a seed."""
        drawn = [torch.randperm(len(self.inputs), generator=generator)[: self.queries] for _ in range(count)]
        index = torch.stack(drawn).to(self.inputs.device)
        seed = int(torch.randint(2**31, (1,), generator=generator))
        return Queries(self.inputs[index], self.targets[index], seed)

    def everything(self) -> Queries:
        """Return one episode that asks about the whole pool."""
        return Queries(self.inputs[None], self.targets[None])

    def answer(self, fitted: Callable[[Tensor], Tensor], episodes: Queries, derivatives: int) -> Tensor:
        """Return the predictions ``(E, Q, K)``."""
        return fitted(episodes.inputs)

    def truth(self, episodes: Queries, derivatives: int) -> Tensor:
        """Return the true answers ``(E, Q, K)``.

        Raises:
            ValueError: derivatives are wanted; the pool holds none.
        """
        if derivatives:
            raise ValueError("the prediction task knows values only: use a distance without derivatives")
        return episodes.targets
