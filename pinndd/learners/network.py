"""Any torch module as a model to train: E of them at once, each from initial weights of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, TypeGuard

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from pinndd.data import SyntheticData
from pinndd.learners.side_by_side import are_perceptrons, perceptrons
from pinndd.problem import Episodes, place_in_batch

Loss = Callable[[Tensor, Tensor], Tensor]
"""Maps outputs ``(n, K)`` and targets ``(n, K)`` to the training loss of each example, ``(n,)``."""


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each example, its targets probabilities, its outputs scores."""
    return -(targets * outputs.log_softmax(-1)).sum(-1)


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return half the squared error of each example, for regression."""
    return 0.5 * (outputs - targets).square().sum(-1)


@dataclass(frozen=True)
class NetworkModel:
    """E networks of one architecture, all trained on the same examples.

    The data hold ``inputs`` ``(n, *shape)``, ``targets`` ``(n, K)`` and perhaps ``weights`` ``(n,)``. The training loss of a
    network is the (weighted) mean of the losses of the examples.

    Args:
        build: makes a module with fresh initial weights, which torch's global generator draws; it must keep no running statistics
            (no batch normalisation), since training is a pure function of the weights.
        loss: of an example.
        decay: weight decay, ``½ decay ‖θ‖²`` beside the loss.
        mixed: mixed precision: layers are evaluated in bfloat16 where `torch.autocast` takes that for safe (not in float64), outputs,
            loss, weights and their updates stay in the dtype of the weights.

    Raises:
        TypeError: ``build`` is a module, whose weights are drawn already.
        ValueError: the module keeps running statistics, or decay is negative.
    """

    build: Callable[[], nn.Module]
    loss_of: Loss = cross_entropy
    decay: float = 0.0
    mixed: bool = False
    ignores_questions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.decay < 0:
            raise ValueError(f"NetworkModel: decay={self.decay} must not be negative")
        if isinstance(self.build, nn.Module):
            raise TypeError(
                f"NetworkModel: build is a {type(self.build).__name__}, whose weights are drawn already: give a function that makes "
                "one with fresh weights, such as lambda: nn.Sequential(...)"
            )
        kept = [name for name, _ in self.network.named_buffers()]
        if kept:
            raise ValueError(
                f"NetworkModel: {type(self.network).__name__} keeps {kept[0]!r} beside its weights, which training changes "
                "unseen: use a normalisation without running statistics (group, instance or layer)"
            )

    @cached_property
    def network(self) -> nn.Module:
        """The architecture; its own weights play no part."""
        with torch.random.fork_rng(devices=[]):
            return self.build()

    @property
    def size(self) -> int:
        """Number of weights of a network."""
        return sum(p.numel() for p in self.network.parameters())

    def initial(self, episodes: Episodes, like: Tensor) -> Tensor:
        """Draw initial weights ``(E, P)``, on the device and in the dtype of ``like``, from the seed of the episodes."""
        place, _ = place_in_batch(episodes)
        return self.draw(place + len(episodes), episodes.seed, like)[place:]

    def draw(self, count: int, seed: int, like: Tensor) -> Tensor:
        """Draw initial weights of ``count`` networks, ``(count, P)``, on the device and in the dtype of ``like``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = [nn.utils.parameters_to_vector(self.build().parameters()).detach() for _ in range(count)]
        return torch.stack(drawn).to(like)

    def prepare(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Return the examples, differentiably.

        Raises:
            ValueError: the shapes do not fit.
        """
        inputs, targets = data["inputs"], data["targets"]
        weights = data["weights"] if "weights" in data else torch.ones_like(targets[:, 0])
        if targets.ndim != 2 or not len(inputs) == len(targets) == len(weights):
            raise ValueError(
                f"NetworkModel: inputs {tuple(inputs.shape)}, targets {tuple(targets.shape)} and weights "
                f"{tuple(weights.shape)} must be (n, ...), (n, K) and (n,)"
            )
        return {"inputs": inputs, "targets": targets, "weights": weights}

    def redraw(self, data: SyntheticData, generator: torch.Generator) -> SyntheticData:
        """Refuse: examples with labels cannot be drawn anew.

        Raises:
            TypeError: always.
        """
        raise TypeError("NetworkModel: labelled examples cannot be drawn anew: train without fresh=True")

    def loss(self, prepared: dict[str, Tensor], parameters: Tensor) -> Tensor:
        """Return the training loss of every network, ``(E,)``.

        Raises:
            ValueError: the outputs of the network do not fit the targets.
        """
        inputs, targets, weights = (prepared[name] for name in ("inputs", "targets", "weights"))
        outputs = self.outputs(parameters, inputs)
        if outputs.shape[1:] != targets.shape:
            raise ValueError(
                f"NetworkModel: {type(self.network).__name__} has outputs of shape {tuple(outputs.shape[1:])}, expected "
                f"{tuple(targets.shape)}: one per example and class, or column of the targets"
            )
        count = len(outputs)
        # the loss of an example knows no network, so all networks are asked at once
        losses = self.loss_of(outputs.flatten(0, 1), targets.repeat(count, 1)).view(count, -1)
        losses = (weights * losses).mean(-1)
        return losses + 0.5 * self.decay * parameters.square().sum(-1) if self.decay else losses

    def outputs(self, parameters: Tensor, inputs: Tensor) -> Tensor:
        """Evaluate E networks at the same inputs ``(n, *shape)``: ``(E, n, K)``."""
        return self._each(self.network, parameters, inputs)

    def features(self, parameters: Tensor, inputs: Tensor) -> Tensor:
        """Return what the last layer of E networks sees of the same inputs ``(n, *shape)``: ``(E, n, F)``.

        Raises:
            ValueError: the network is no `torch.nn.Sequential` that ends in a linear layer.
        """
        network = self.network
        if not (isinstance(network, nn.Sequential) and len(network) > 1 and isinstance(network[-1], nn.Linear)):
            raise ValueError(
                f"NetworkModel: {type(network).__name__} has no features to give: "
                "expected a torch.nn.Sequential that ends in a torch.nn.Linear"
            )
        return self._each(network[:-1], parameters, inputs)

    def layers(self, parameters: Tensor) -> list[Tensor]:
        """Return the matrices among weights ``(..., P)``, each ``(..., outputs, inputs)``; biases and normalisations are left out."""
        found, start = [], 0
        for value in self.network.parameters():
            part = parameters[..., start : start + value.numel()]
            start += value.numel()
            if value.ndim > 1:
                found.append(part.reshape(*part.shape[:-1], len(value), -1))
        return found

    def fitted(self, parameters: Tensor, episodes: Episodes) -> FittedNetworks:
        """Return the networks with weights ``(E, P)``."""
        return FittedNetworks(self, parameters)

    def at(self, parameters: Tensor, inputs: Tensor) -> Tensor:
        """Evaluate E networks ``(E, P)``, each at its own inputs ``(E, n, *shape)``: ``(E, n, K)``."""
        if self._flat(self.network, inputs.ndim - 2):
            return perceptrons(self.network, parameters, inputs)
        return vmap(partial(self._call, self.network))(parameters, inputs)

    def _each(self, module: nn.Module, parameters: Tensor, inputs: Tensor) -> Tensor:
        """Evaluate the network, or its first layers, with each of E weights at the same inputs."""
        if self._flat(module, inputs.ndim - 1):
            return perceptrons(module, parameters, inputs.expand(len(parameters), *inputs.shape))
        if len(parameters) == 1:
            return self._call(module, parameters[0], inputs)[None]
        return vmap(partial(self._call, module), in_dims=(0, None))(parameters, inputs)

    def _flat(self, module: nn.Module, axes: int) -> TypeGuard[nn.Sequential]:
        return not self.mixed and are_perceptrons(module, axes)

    def _call(self, module: nn.Module, vector: Tensor, inputs: Tensor) -> Tensor:
        """Evaluate the network, or its first layers, whose weights come first in the vector."""
        own = dict(module.named_parameters())
        sizes = [value.numel() for value in own.values()]
        parts = torch.split(vector, [*sizes, len(vector) - sum(sizes)])
        named = {name: part.view(value.shape) for (name, value), part in zip(own.items(), parts, strict=False)}
        if not self.mixed:
            result: Tensor = functional_call(module, named, (inputs,))
            return result
        with torch.autocast(vector.device.type, torch.bfloat16):
            rounded: Tensor = functional_call(module, named, (inputs,))
        return rounded.to(vector.dtype)


@dataclass(frozen=True)
class FittedNetworks:
    """E trained networks.

    Attributes:
        model: their architecture.
        parameters: ``(E, P)``.
    """

    model: NetworkModel
    parameters: Tensor

    def __call__(self, inputs: Tensor) -> Tensor:
        """Evaluate each network at its own inputs, ``(E, Q, *shape)``: ``(E, Q, K)``."""
        inputs = inputs.to(self.parameters)
        if len(self.parameters) == 1:
            return self.model.outputs(self.parameters, inputs[0])
        return self.model.at(self.parameters, inputs)
