"""Held-out examples: what does the trained model say of examples that it was not trained on?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_MANY = 1000
"""Entries of a pool for each that may be left over by its blocks."""


@dataclass(frozen=True)
class Queries:
    """Questions to E trained models, Q each.

    Attributes:
        inputs: ``(E, Q, *shape)``.
        targets: the true answers, ``(E, Q, K)``.
        seed: of what a learner or a criterion draws for itself, such as initial weights.
        place: number of the first in the batch that was drawn, of which these are a part.
        drawn: episodes of that batch (None: these).
    """

    inputs: Tensor
    targets: Tensor
    seed: int = 0
    place: int = 0
    drawn: int | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, first: int, count: int) -> Queries:
        """Return ``count`` episodes from number ``first`` on, with the initial weights that they have in the whole batch."""
        mine = slice(first, first + count)
        return replace(
            self,
            inputs=self.inputs[mine],
            targets=self.targets[mine],
            place=self.place + first,
            drawn=len(self) if self.drawn is None else self.drawn,
        )


@dataclass(frozen=True)
class HeldOutPrediction:
    """Ask a model for its predictions at random subsets of a pool of inputs with known answers.

    With the distances `pinndd.distances.CrossEntropy` and `pinndd.distances.ZeroOne` this is classification, with
    `pinndd.distances.RelativeL2` regression. Images, rows of a table and several outputs are all alike.

    Args:
        inputs: the pool, ``(N, *shape)``.
        targets: its true answers, ``(N, K)``: values, or probabilities of K classes (`one_hot` makes them of labels).
        queries: inputs that an episode asks about.

    Raises:
        ValueError: the pool has inputs and answers of different numbers, or fewer than an episode asks about, or the answers
            have no column.
    """

    inputs: Tensor
    targets: Tensor
    queries: int = 32

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(
                f"HeldOutPrediction: {len(self.inputs)} inputs have {len(self.targets)} targets, expected as many"
            )
        if self.targets.ndim != 2:
            raise ValueError(
                f"HeldOutPrediction: targets have shape {tuple(self.targets.shape)}, expected (N, K): turn labels into "
                "probabilities with one_hot(labels, classes)"
            )
        if not 1 <= self.queries <= len(self.inputs):
            raise ValueError(
                f"HeldOutPrediction: queries={self.queries} must lie between 1 and the {len(self.inputs)} of the pool"
            )

    def episodes(self, count: int, generator: torch.Generator) -> Queries:
        """Draw ``count`` subsets of the pool, each without repetition, and a seed."""
        drawn = [torch.randperm(len(self.inputs), generator=generator)[: self.queries] for _ in range(count)]
        index = torch.stack(drawn).to(self.inputs.device)
        seed = int(torch.randint(2**31, (1,), generator=generator))
        return Queries(self.inputs[index], self.targets[index], seed)

    def everything(self, models: int = 1, seed: int = 0) -> Queries:
        """Return episodes that ask about the whole pool, one per model."""
        shapes = ((models, *pool.shape) for pool in (self.inputs, self.targets))
        inputs, targets = (pool.expand(shape) for pool, shape in zip((self.inputs, self.targets), shapes, strict=True))
        return Queries(inputs, targets, seed)

    def blocks(self, count: int, seed: int = 0, draw: int = 0) -> Queries:
        """Return episodes that ask about disjoint blocks of the pool, all as large: their errors are independent given the models.

        Args:
            count: of blocks, at most. As many are taken, half as many at least, as leave over one in a thousand of the pool, or fewer;
                where no number does, the one that leaves over least.
            seed: of the shuffle.
            draw: seed of what a learner draws.

        Returns:
            The blocks; the last entries of the shuffled pool, fewer than there are blocks, are asked by none.
        """
        most = min(count, len(self.inputs))
        few = len(self.inputs) // _MANY
        number = min(range(most, most // 2, -1), key=lambda blocks: max(few, len(self.inputs) % blocks))
        size = len(self.inputs) // number
        order = torch.randperm(len(self.inputs), generator=torch.Generator().manual_seed(seed))[: number * size]
        index = order.reshape(number, size).to(self.inputs.device)
        return Queries(self.inputs[index], self.targets[index], draw)

    def answer(self, fitted: Callable[[Tensor], Tensor], episodes: Queries, derivatives: int) -> Tensor:
        """Return the predictions ``(E, Q, K)``."""
        return fitted(episodes.inputs)

    def truth(self, episodes: Queries, derivatives: int) -> Tensor:
        """Return the true answers ``(E, Q, K)``.

        Raises:
            ValueError: derivatives are wanted; the pool holds none.
        """
        if derivatives:
            raise ValueError("the task HeldOutPrediction knows values only: use a distance without derivatives")
        return episodes.targets


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return labels as probabilities.

    Args:
        labels: ``(N,)``, integers from 0.
        classes: K.
        dtype: of the result.

    Returns:
        ``(N, K)``.

    Raises:
        ValueError: the labels are no integers of one axis, or one is out of range.
    """
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(f"labels have shape {tuple(labels.shape)} and dtype {labels.dtype}, expected integers (N,)")
    outside = ((labels < 0) | (labels >= classes)).nonzero()
    if len(outside):
        where = int(outside[0])
        raise ValueError(
            f"label {int(labels[where])} of example {where} is out of range: expected 0 to {classes - 1}; number the classes "
            "from 0, or raise their number"
        )
    return torch.nn.functional.one_hot(labels, classes).to(dtype)
