"""Adam on minibatches, one network after the other, with augmentation: how networks of the field are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.adam import Adam, AdamState
from pinndd.learners.network import FittedNetworks, NetworkModel
from pinndd.problem import Episodes, place_in_batch

EachAugmented = Callable[[Tensor, int], Tensor]
"""Changes inputs ``(n, *shape)`` at random, each in its own way, drawn from a seed."""

QUESTIONS = 256
"""Inputs that a trained network is asked at once."""

TRIAL_STEPS = 5

_FAR = 1_000_003
"""Between the seeds of the augmentations of two networks."""


@dataclass(frozen=True)
class MinibatchAdam(Adam):
    """Train by Adam on a batch of the examples at every step, each network by itself.

    What an outer loop differentiates is `Adam` on the whole set, which this is without a batch and an augmentation.

    Args:
        batch: examples of a step, drawn without repetition until all have been seen (None: all of them).
        augmentation: changes the examples of every step, such as `pinndd.vision.augmentation.DifferentiableAugmentation.each`.
        networks: most that are trained; further episodes ask the same ones again (None: one per episode).

    Raises:
        ValueError: a setting is out of its range.
        TypeError: the model is no `pinndd.learners.network.NetworkModel`.
    """

    batch: int | None = None
    augmentation: EachAugmented | None = None
    networks: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(number is not None and number < 1 for number in (self.batch, self.networks)):
            raise ValueError(f"MinibatchAdam: batch={self.batch} and networks={self.networks} must be None or at least 1")
        if not isinstance(self.model, NetworkModel):
            raise TypeError(f"MinibatchAdam: the model is of type {type(self.model).__name__}, expected a NetworkModel")

    @property
    def trial(self) -> MinibatchAdam:
        """The same with few steps, which shows whether shapes fit."""
        return replace(self, steps=min(self.steps, TRIAL_STEPS))

    def fit(self, data: SyntheticData, episodes: Episodes) -> FittedNetworks:
        """Train one network per episode, from its own initial weights and with its own batches, or as many as ``networks`` says."""
        prepared = self.prepare(data, episodes)
        initial = self.start(prepared, episodes).parameters[: self.networks]
        place, _ = place_in_batch(episodes)
        first = episodes.seed + place
        trained = [
            trained_weights(self, prepared, initial[k : k + 1], first + k, self.batch, self.augmentation) for k in range(len(initial))
        ]
        assert isinstance(self.model, NetworkModel)
        return NetworksInTurn(self.model, torch.cat(trained))


@dataclass(frozen=True)
class NetworksInTurn(FittedNetworks):
    """Trained networks that answer one after the other, a part of the inputs at a time: memory for the activations of one.

    Of more episodes than networks, these are asked in turn.
    """

    def __call__(self, inputs: Tensor) -> Tensor:
        """Evaluate each network at its own inputs, ``(E, Q, *shape)``: ``(E, Q, K)``."""
        count = len(self.parameters)
        return torch.stack([self._asked(self.parameters[k % count][None], own) for k, own in enumerate(inputs)])

    def _asked(self, parameters: Tensor, inputs: Tensor) -> Tensor:
        return torch.cat([self.model.outputs(parameters, part.to(parameters))[0] for part in torch.split(inputs, QUESTIONS)])


def trained_weights(
    learner: Adam,
    prepared: Mapping[str, Tensor],
    parameters: Tensor,
    seed: int,
    batch: int | None,
    augmentation: EachAugmented | None,
) -> Tensor:
    """Return the weights of networks that see the same examples at every step.

    Args:
        learner: gives the steps.
        prepared: from `Adam.prepare`.
        parameters: initial ones, ``(E, P)``.
        seed: of batches and augmentation.
        batch: examples of a step (None: all).
        augmentation: of the examples of a step (None: none).

    Returns:
        ``(E, P)``.
    """
    state = AdamState(parameters, torch.zeros_like(parameters), torch.zeros_like(parameters))
    examples = batches(prepared, batch, seed)
    for t in range(learner.steps):
        shown = next(examples)
        if augmentation is not None:
            # one seed per step and network, far from those of other networks
            shown = {**shown, "inputs": augmentation(shown["inputs"], seed * _FAR + t)}
        state = learner.advance(state, shown, t)
    return state.parameters


def batches(prepared: Mapping[str, Tensor], batch: int | None, seed: int) -> Iterator[dict[str, Tensor]]:
    """Yield the examples of one step after the other, without end, each once before any comes again."""
    count = len(prepared["inputs"])
    if batch is None or batch >= count:
        while True:
            yield dict(prepared)
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(count, generator=generator).to(prepared["inputs"].device)
        # a last batch that is not full waits for the next round, which is shuffled anew
        for first in range(0, count - batch + 1, batch):
            chosen = order[first : first + batch]
            yield {name: value[chosen] for name, value in prepared.items()}
