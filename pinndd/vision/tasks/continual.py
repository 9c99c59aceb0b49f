"""Class-incremental learning: classes come in steps; what does a model say of all classes seen so far?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.held_out import Queries


@dataclass(frozen=True)
class ClassIncremental:
    """Ask a model about examples of the classes seen so far, and let it choose among those only.

    An episode is a draw of initial weights and of as many held-out questions of each class seen. The model has one output for
    each of the K classes that will ever come; outputs of classes not yet seen are left out of the answer. Use it with
    `pinndd.distances.CrossEntropy` and `pinndd.distances.ZeroOne`.

    Args:
        inputs: the pool, ``(N, *shape)``; examples of classes not yet seen are passed over.
        labels: its classes, integers from 0, ``(N,)``.
        seen: numbers of the classes seen so far.
        queries: of each class in an episode, drawn with repetition.

    Raises:
        ValueError: inputs and labels differ in number, no class was seen, one is named twice or has no example, or there are no
            queries.
    """

    inputs: Tensor
    labels: Tensor
    seen: tuple[int, ...]
    queries: int = 16

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise ValueError(
                f"ClassIncremental: {len(self.inputs)} inputs have {len(self.labels)} labels, expected one each"
            )
        if not self.seen or len(set(self.seen)) < len(self.seen):
            raise ValueError(f"ClassIncremental: seen={self.seen}, expected one class or more, each named once")
        if self.queries < 1:
            raise ValueError(f"ClassIncremental: queries={self.queries} of each class, expected at least 1")
        absent = [number for number in self.seen if not bool((self.labels == number).any())]
        if absent:
            raise ValueError(
                f"ClassIncremental: class {absent[0]} was seen, but the pool has no example of it: add some, or leave it out of "
                "'seen'"
            )

    def episodes(self, count: int, generator: torch.Generator) -> Queries:
        """Draw ``count`` sets of questions, class by class in the order seen, and the seed of the initial weights."""
        drawn = [torch.cat([self._draw(number, generator) for number in self.seen]) for _ in range(count)]
        index = torch.stack(drawn)
        seed = int(torch.randint(2**31, (1,), generator=generator))
        return Queries(self.inputs[index], self._probabilities(self.labels[index]), seed)

    def everything(self, models: int = 1, seed: int = 0) -> Queries:
        """Return episodes that ask about every example of the classes seen, one per model."""
        index = torch.isin(self.labels, self._numbers()).nonzero()[:, 0]
        inputs, targets = self.inputs[index], self._probabilities(self.labels[index])
        return Queries(inputs.expand(models, *inputs.shape), targets.expand(models, *targets.shape), seed)

    def answer(self, fitted: Callable[[Tensor], Tensor], episodes: Queries, derivatives: int) -> Tensor:
        """Return the outputs of the classes seen, ``(E, Q, S)``, in the order seen.

        Raises:
            ValueError: the model has no output for one of them.
        """
        outputs = fitted(episodes.inputs)
        if outputs.shape[-1] <= max(self.seen):
            raise ValueError(
                f"ClassIncremental: the model has {outputs.shape[-1]} outputs, class {max(self.seen)} was seen: expected one output "
                "for each class that will ever come"
            )
        return outputs[..., list(self.seen)]

    def truth(self, episodes: Queries, derivatives: int) -> Tensor:
        """Return the true probabilities of the classes seen, ``(E, Q, S)``.

        Raises:
            ValueError: derivatives are wanted; a class has none.
        """
        if derivatives:
            raise ValueError("the task ClassIncremental knows values only: use a distance without derivatives")
        return episodes.targets

    def _draw(self, number: int, generator: torch.Generator) -> Tensor:
        of = (self.labels == number).nonzero()[:, 0]
        return of[torch.randint(len(of), (self.queries,), generator=generator).to(of.device)]

    def _probabilities(self, labels: Tensor) -> Tensor:
        return (labels[..., None] == self._numbers()).to(self.inputs.dtype)

    def _numbers(self) -> Tensor:
        return torch.tensor(self.seen, device=self.labels.device)
