"""Networks of different shapes trained side by side, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.adam import TrainableModel
from pinndd.problem import IGNORES_QUESTIONS, Episodes, Fitted


class SizedModel(TrainableModel, Protocol):
    """A model to train that knows how many weights a network of it has."""

    @property
    def size(self) -> int:
        """Number of weights of a network."""


@dataclass(frozen=True)
class Portfolio:
    """Models of different shapes, all trained on the same data: one network of each an episode.

    The weights of all networks stand side by side in one vector and the training loss is the sum of theirs. No loss depends on
    another's weights and Adam takes every weight by itself, so ``Adam(Portfolio(models))`` trains each model just as
    ``Adam(model)`` would, and the estimators of the hypergradient that fit Adam differentiate all of them at once.

    Args:
        models: such as `pinndd.learners.network.NetworkModel`; all draw their initial weights from the seed of the episodes.

    Raises:
        ValueError: there is no model.
    """

    models: Sequence[SizedModel]

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", tuple(self.models))
        if not self.models:
            raise ValueError("Portfolio: models=() is empty; expected one model per candidate")

    def __len__(self) -> int:
        return len(self.models)

    @property
    def ignores_questions(self) -> bool:
        """Whether all models say so."""
        return all(getattr(model, IGNORES_QUESTIONS, False) for model in self.models)

    @property
    def size(self) -> int:
        """Number of weights of one network of each model, together."""
        return sum(model.size for model in self.models)

    def initial(self, episodes: Episodes, like: Tensor) -> Tensor:
        """Draw initial weights ``(E, P)``, those of the first model first."""
        return torch.cat([model.initial(episodes, like) for model in self.models], -1)

    def prepare(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Return what every model needs of the data, under the number of the model and a dot."""
        return {
            f"{number}.{name}": value
            for number, model in enumerate(self.models)
            for name, value in model.prepare(data, episodes).items()
        }

    def redraw(self, data: SyntheticData, generator: torch.Generator) -> SyntheticData:
        """Return data of the same size, drawn anew as the first model draws them.

        Raises:
            TypeError: that model cannot.
        """
        return self.models[0].redraw(data, generator)

    def loss(self, prepared: dict[str, Tensor], parameters: Tensor) -> Tensor:
        """Return the sum of the training losses of all models, ``(E,)``."""
        losses = []
        for number, (model, own) in enumerate(zip(self.models, self._split(parameters), strict=True)):
            start = f"{number}."
            needed = {name.removeprefix(start): value for name, value in prepared.items() if name.startswith(start)}
            losses.append(model.loss(needed, own))
        return torch.stack(losses).sum(0)

    def fitted(self, parameters: Tensor, episodes: Episodes) -> tuple[Fitted, ...]:
        """Return the E networks of every model, one entry per model."""
        owned = zip(self.models, self._split(parameters), strict=True)
        return tuple(model.fitted(own, episodes) for model, own in owned)

    def _split(self, parameters: Tensor) -> tuple[Tensor, ...]:
        return torch.split(parameters, [model.size for model in self.models], -1)
