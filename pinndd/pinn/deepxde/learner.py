"""DeepXDE as an independent judge: its own ``Model``, trained afresh on a set, for boundary conditions never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.deepxde.training import DeepXDETraining, train_deepxde
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.questions import Questions

_SEED_STRIDE = 100_003  # more episodes than a batch will ever have, as for our own networks


@dataclass(frozen=True)
class FittedDeepXDE:
    """Networks that DeepXDE trained, one per boundary condition.

    Attributes:
        networks: of type ``dde.nn.FNN``.
    """

    networks: Sequence[Any]

    def __call__(self, points: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)``: ``(E, Q, outputs)``, followed by the d partial derivatives if ``derivatives`` is 1."""
        return torch.stack([_evaluate(network, points, points.shape[-1] * derivatives) for network in self.networks])


@dataclass(frozen=True)
class DeepXDE:
    """DeepXDE's ``Model`` as a learner of the retrain protocol.

    Args:
        pde: the equation.
        training: settings.
    """

    pde: PDE
    training: DeepXDETraining = field(default_factory=DeepXDETraining)

    @property
    def differentiation(self) -> str:
        """DeepXDE judges; it is not differentiated."""
        return "none"

    def fit(self, data: SyntheticData, episodes: BoundaryEpisodes) -> FittedDeepXDE:
        """Train one network for every boundary condition, one after the other, on the CPU.

        Raises:
            TrainingError: the loss is not finite.
        """
        data, episodes = data.to("cpu"), episodes.to("cpu")
        first = episodes.seed * _SEED_STRIDE
        with torch.enable_grad():
            networks = [
                train_deepxde(self.pde, data, episodes.values, k, self.training, first + k) for k in range(len(episodes))
            ]
        return FittedDeepXDE(networks)


@dataclass(frozen=True)
class FittedConditionedDeepXDE:
    """A network u(x; condition) that DeepXDE trained.

    Attributes:
        network: of type ``dde.nn.FNN``.
    """

    network: Any

    def __call__(self, points: Tensor, codes: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)`` for coefficients ``(B, C)``: ``(B, Q, outputs)``, and d partial derivatives if wanted."""
        tuples = torch.cat((points.expand(len(codes), -1, -1), codes[:, None].expand(-1, len(points), -1)), -1)
        values = _evaluate(self.network, tuples.flatten(0, 1), points.shape[-1] * derivatives)
        return values.reshape(len(codes), len(points), -1)


@dataclass(frozen=True)
class ConditionedDeepXDE:
    """DeepXDE's ``Model`` as a learner of the amortised protocol, on tuples as points of a hypercube; arguments as `DeepXDE`."""

    pde: PDE
    training: DeepXDETraining = field(default_factory=DeepXDETraining)

    @property
    def differentiation(self) -> str:
        """DeepXDE judges; it is not differentiated."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Questions) -> FittedConditionedDeepXDE:
        """Train one network on all tuples.

        Raises:
            TrainingError: the loss is not finite.
        """
        with torch.enable_grad():
            network = train_deepxde(self.pde, data.to("cpu"), None, 0, self.training, episodes.seed * _SEED_STRIDE)
        return FittedConditionedDeepXDE(network)


def _evaluate(network: Any, points: Tensor, derivatives: int = 0) -> Tensor:
    """Evaluate a network at ``(N, D)``, followed by partial derivatives along the first few columns: ``(N, K)``."""
    weight = next(network.parameters())
    with torch.set_grad_enabled(derivatives > 0):
        x = points.detach().to(weight).requires_grad_(derivatives > 0)
        u = network(x)
        columns = [u]
        if derivatives:
            slopes = [torch.autograd.grad(u[:, c].sum(), x, retain_graph=True)[0] for c in range(u.shape[1])]
            columns += [torch.stack([s[:, a] for s in slopes], -1) for a in range(derivatives)]
    return torch.cat(columns, -1).detach().to(points)
