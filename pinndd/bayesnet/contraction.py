"""Sum-product contraction of many small tensors, two at a time, in an order that is found once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import prod
from string import ascii_letters

import torch
from torch import Tensor

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Contraction:
    """An order of contraction.

    Attributes:
        steps: positions among the tensors still left, last first, and the equation that replaces them by one.
        largest: entries of the largest tensor on the way.
    """

    steps: tuple[tuple[tuple[int, ...], str], ...]
    largest: int

    def __call__(self, tensors: Sequence[Tensor]) -> Tensor:
        """Contract, differentiably in every tensor."""
        left = list(tensors)
        for positions, equation in self.steps:
            left.append(torch.einsum(equation, *[left.pop(k) for k in positions]))
        return left[0]


@lru_cache(maxsize=1024)
def plan(inputs: tuple[Labels, ...], output: Labels, sizes: tuple[tuple[str, int], ...]) -> Contraction:
    """Find an order in which to sum a product of tensors over all labels that the output does not hold.

    Labels are summed out one by one, next always the one whose neighbours span the smallest tensor ("minimum weight", Kjærulff
    1990); the tensors that hold it are multiplied in pairs, the smallest product first. The batch is on nearly every tensor
    here, and the greedy order of opt_einsum, which looks at one pair at a time, needs tensors a hundred times larger on ALARM.

    Args:
        inputs: the labels of the axes of each tensor. A label may be on more than two.
        output: the labels of the axes of the result, each on some tensor.
        sizes: of the labels.
    """
    builder = _Builder(list(inputs), dict(sizes))
    summed = {label for labels in inputs for label in labels} - set(output)
    while summed:
        cheapest = min(sorted(summed), key=lambda label: builder.weight(_union(builder.holding(label))))
        summed.remove(cheapest)
        builder.join(builder.holding(cheapest), without=cheapest)
    builder.join(builder.left, output=output)
    return Contraction(tuple(builder.steps), builder.largest)


class _Builder:
    """Tensors that are left, by their labels, and the steps so far."""

    def __init__(self, left: list[Labels], sizes: Mapping[str, int]) -> None:
        self.left, self.sizes = left, sizes
        self.steps: list[tuple[tuple[int, ...], str]] = []
        self.largest = 0

    def weight(self, labels: Iterable[str]) -> int:
        return prod(self.sizes[label] for label in labels)

    def holding(self, label: str) -> list[Labels]:
        return [labels for labels in self.left if label in labels]

    def join(self, group: list[Labels], *, without: str | None = None, output: Labels | None = None) -> None:
        """Multiply a group in pairs; the last step sums out a label, or puts the axes in the order of the output."""
        group = list(group)
        while len(group) > 2:
            pair = min(combinations(group, 2), key=lambda pair: self.weight(_union(pair)))
            for labels in pair:
                group.remove(labels)
            group.append(self.step(pair, _union(pair)))
        kept = output if output is not None else tuple(label for label in _union(group) if label != without)
        self.step(group, kept)

    def step(self, taken: Sequence[Labels], kept: Labels) -> Labels:
        positions, remaining = [], list(taken)
        for k in reversed(range(len(self.left))):
            if self.left[k] in remaining:
                remaining.remove(self.left[k])
                positions.append(k)
        inputs = [self.left.pop(k) for k in positions]
        letters = dict(zip(_union(inputs), ascii_letters, strict=False))
        sides = ["".join(letters[label] for label in labels) for labels in (*inputs, kept)]
        self.steps.append((tuple(positions), f"{','.join(sides[:-1])}->{sides[-1]}"))
        self.largest = max(self.largest, self.weight(_union(inputs)))
        self.left.append(kept)
        return kept


def _union(group: Iterable[Labels]) -> Labels:
    return tuple(dict.fromkeys(label for labels in group for label in labels))
