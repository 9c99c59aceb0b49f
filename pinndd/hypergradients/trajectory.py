"""The states that training passes through, walked from the last to the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import Episodes, Fitted


class UnrolledLearner(Protocol):
    """What a learner offers whose training is a sequence of pure steps from state to state.

    A state is a named tuple of tensors, the trained parameters first.
    """

    @property
    def steps(self) -> int:
        """Number of steps."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Return what the steps need of the data, differentiably."""

    def start(self, prepared: dict[str, Tensor], episodes: Episodes) -> Any:
        """Return the state before the first step."""

    def rates(self, t: int, like: Tensor) -> Tensor:
        """Return what changes from step to step."""

    def step(self, state: Any, prepared: dict[str, Tensor], rates: Tensor) -> Any:
        """Return the next state, differentiable in state and prepared data."""

    def advance(self, state: Any, prepared: dict[str, Tensor], t: int) -> Any:
        """Return the state after step ``t``, off the graph."""

    def fitted(self, parameters: Tensor, episodes: Episodes) -> Fitted:
        """Return the models with parameters ``(E, P)``."""


@dataclass(frozen=True)
class Trajectory:
    """The last states of a training, of which some are kept and those between are recomputed.

    Attributes:
        learner: that trained.
        prepared: what its steps need of the data, off the graph.
        kept: states by the step that they come before, in the order of training.
        final: the state after the last step.
    """

    learner: UnrolledLearner
    prepared: dict[str, Tensor]
    kept: Mapping[int, tuple[Tensor, ...]]
    final: tuple[Tensor, ...]

    def backwards(self) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        """Yield every step of the window and the state before it, the last step first."""
        end = self.learner.steps
        for first in sorted(self.kept, reverse=True):
            states = self._recomputed(first, end)
            while states:
                yield first + len(states) - 1, states.pop()
            end = first

    @torch.no_grad()
    def _recomputed(self, first: int, end: int) -> list[tuple[Tensor, ...]]:
        """Return the states before the steps from ``first``, whose state is kept, up to ``end``."""
        states = [self.kept[first]]
        for t in range(first, end - 1):
            states.append(self.learner.advance(states[-1], self.prepared, t))
        return states


@torch.no_grad()
def train(
    learner: UnrolledLearner, prepared: dict[str, Tensor], episodes: Episodes, window: int, keep_every: int = 1
) -> Trajectory:
    """Train, keeping what it takes to walk back the last steps.

    Args:
        learner: takes the steps.
        prepared: from its ``prepare``, off the graph.
        episodes: a batch.
        window: number of last steps that can be walked back.
        keep_every: keep the state before every ``keep_every``-th step of the window; the others are recomputed by the same
            steps from the same states, bit for bit, one stretch at a time (Griewank & Walther 2000, doi 10.1145/347837.347846,
            with one level of checkpoints). With k for it and T steps, T / k + k states are held in place of T.
    """
    state, kept = learner.start(prepared, episodes), {}
    before = learner.steps - window
    for t in range(learner.steps):
        if t >= before and (t - before) % keep_every == 0:
            kept[t] = state
        state = learner.advance(state, prepared, t)
    return Trajectory(learner, prepared, kept, state)
