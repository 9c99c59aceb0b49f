"""Train networks from scratch for an evaluation, each from initial weights, batches and augmentation of its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.devices import full_precision
from pinndd.learners.adam import Adam
from pinndd.learners.minibatch import QUESTIONS, trained_weights
from pinndd.learners.network import FittedNetworks, NetworkModel
from pinndd.matching.minibatch import Augmentation

VALIDATION = 1_000_003
"""Added to a seed for the draws that choose an iterate, so that they differ from those that train."""


@dataclass(frozen=True)
class Draw:
    """The draw of one network: all that an episode of training needs.

    Attributes:
        seed: of its initial weights.
    """

    seed: int

    def __len__(self) -> int:
        return 1


def train_networks(
    learner: Adam,
    model: NetworkModel,
    data: SyntheticData,
    seeds: Sequence[int],
    *,
    batch: int | None = None,
    augmentation: Augmentation | None = None,
    at_once: int = 1,
) -> FittedNetworks:
    """Train one network per seed; what comes out for a seed does not depend on the others, but for rounding.

    Args:
        learner: gives the steps.
        model: of the learner.
        data: with ``inputs`` ``(n, *shape)``, ``targets`` ``(n, K)`` and perhaps ``weights`` ``(n,)``.
        seeds: of the networks.
        batch: examples per step, drawn without repetition until all have been seen; None: all of them.
        augmentation: changes the examples at every step.
        at_once: networks that are trained together where they see the same examples at every step, that is without batches
            and augmentation. It pays on a GPU.

    Raises:
        ValueError: there is no seed, or ``batch`` or ``at_once`` is not positive.
    """
    if not seeds or at_once < 1 or (batch is not None and batch < 1):
        raise ValueError(
            f"train_networks: {len(seeds)} seeds, at_once={at_once} and batch={batch}: "
            "expected at least one seed and positive numbers"
        )
    alike = augmentation is None and (batch is None or batch >= len(data["targets"]))
    size = at_once if alike else 1
    groups = (seeds[first : first + size] for first in range(0, len(seeds), size))
    with torch.no_grad(), full_precision():
        trained = [_train(learner, model, data, group, None if alike else batch, augmentation) for group in groups]
    return FittedNetworks(model, torch.cat(trained))


def _train(
    learner: Adam,
    model: NetworkModel,
    data: SyntheticData,
    seeds: Sequence[int],
    batch: int | None,
    augmentation: Augmentation | None,
) -> Tensor:
    """Return the weights of networks that see the same examples at every step, ``(E, P)``."""
    prepared = {name: value.detach() for name, value in learner.prepare(data, Draw(seeds[0])).items()}
    parameters = torch.cat([model.initial(Draw(seed), prepared["inputs"]) for seed in seeds])
    return trained_weights(learner, prepared, parameters, seeds[0], batch, augmentation)


@torch.no_grad()
def scores_of(networks: FittedNetworks, inputs: Tensor) -> Tensor:
    """Return the outputs of each network for the same inputs ``(N, *shape)``, ``(E, N, K)``, a part of them at a time."""
    like = networks.parameters
    parts = (inputs[first : first + QUESTIONS].to(like) for first in range(0, len(inputs), QUESTIONS))
    single = torch.split(like, 1)
    # one network after the other: memory for the activations of one
    answers = [torch.cat([networks.model.outputs(each, part) for each in single]) for part in parts]
    return torch.cat(answers, 1)
