"""DeepXDE as an independent judge: its own ``Model``, trained afresh on a set, for boundary conditions never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
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
        seconds: that each training took.
    """

    networks: Sequence[Any]
    seconds: Sequence[float]

    def __call__(self, points: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)``: ``(E, Q, outputs)``, followed by the d partial derivatives if ``derivatives`` is 1."""
        return torch.stack([_evaluate(network, points, points.shape[-1] * derivatives) for network in self.networks])


@dataclass(frozen=True)
class DeepXDE:
    """DeepXDE's ``Model`` as a learner of the retrain protocol.

    Args:
        pde: the equation.
        training: settings.
        first: number of the first boundary condition, where a batch is trained in parts; the initial weights depend on it.
    """

    pde: PDE
    training: DeepXDETraining = field(default_factory=DeepXDETraining)
    first: int = 0

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
        seeds = [episodes.seed * _SEED_STRIDE + self.first + k for k in range(len(episodes))]
        with torch.enable_grad():
            trained = [
                train_deepxde(self.pde, data, episodes.values, k, self.training, seed) for k, seed in enumerate(seeds)
            ]
        return FittedDeepXDE([network for network, _ in trained], [seconds for _, seconds in trained])


@dataclass(frozen=True)
class FittedConditionedDeepXDE:
    """A network u(x; condition) that DeepXDE trained.

    Attributes:
        network: of type ``dde.nn.FNN``.
        seconds: that its training took.
    """

    network: Any
    seconds: float

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
            network, seconds = train_deepxde(self.pde, data.to("cpu"), None, 0, self.training, episodes.seed * _SEED_STRIDE)
        return FittedConditionedDeepXDE(network, seconds)


def judge(
    pde: PDE,
    data: SyntheticData,
    episodes: BoundaryEpisodes,
    *,
    adam_steps: int = DeepXDETraining.adam_steps,
    lbfgs_steps: int = DeepXDETraining.lbfgs_steps,
    seed: int = 0,
    first: int = 0,
) -> tuple[Tensor, Tensor]:
    """Train DeepXDE's ``Model`` for every boundary condition.

    Args:
        pde: the PDE.
        data: a set of the retrain protocol, distilled or not.
        episodes: the boundary conditions, and the true solutions.
        adam_steps, lbfgs_steps: of the training.
        seed, first: of the initial weights.

    Returns:
        Relative L2 error and seconds of training of each, ``(E,)``.

    Raises:
        TrainingError: the loss is not finite.
    """
    training = DeepXDETraining(adam_steps=adam_steps, lbfgs_steps=lbfgs_steps)
    fitted = DeepXDE(pde, training, first).fit(data, episodes.with_seed(seed))
    errors = RelativeL2()(episodes.compared(fitted(episodes.points)), episodes.compared(episodes.truth))
    return errors, errors.new_tensor(fitted.seconds)


def history(
    pde: PDE,
    data: SyntheticData,
    episode: BoundaryEpisodes,
    *,
    training: DeepXDETraining | None = None,
    target: float = 0.0,
    every: int = 100,
) -> list[tuple[float, float]]:
    """Follow the error of one training.

    Args:
        pde: the PDE.
        data: a set of the retrain protocol.
        episode: one boundary condition with its true solution, and the seed of the initial weights.
        training: settings.
        target: relative L2 error at which training stops.
        every: steps between two looks, whose own time is not counted.

    Returns:
        Pairs (seconds of training, relative L2 error), in the order of time.

    Raises:
        ValueError: not exactly one boundary condition.
        TrainingError: the loss is not finite.
    """
    if len(episode) != 1:
        raise ValueError(f"history: {len(episode)} boundary conditions, expected one: pass episodes[k:k+1]")
    episode, distance = episode.to("cpu"), RelativeL2()
    truth = episode.compared(episode.truth)
    records: list[tuple[float, float]] = []

    def watch(network: Any, seconds: float) -> bool:
        error = float(distance(episode.compared(_evaluate(network, episode.points)[None]), truth))
        records.append((seconds, error))
        return error <= target

    settings, seed = training or DeepXDETraining(), episode.seed * _SEED_STRIDE
    with torch.enable_grad():
        network, seconds = train_deepxde(pde, data.to("cpu"), episode.values, 0, settings, seed, watch, every)
    if not records or records[-1][1] > target:
        watch(network, seconds)
    return records


def seconds_to_error(
    pde: PDE,
    data: SyntheticData,
    episode: BoundaryEpisodes,
    target: float,
    *,
    training: DeepXDETraining | None = None,
    every: int = 100,
) -> float | None:
    """Return the seconds that DeepXDE trains until its relative L2 error is at most ``target``; None if it never is."""
    seconds, error = history(pde, data, episode, training=training, target=target, every=every)[-1]
    return seconds if error <= target else None


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
