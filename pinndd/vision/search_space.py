"""Small networks for an architecture search: multilayer perceptrons and ConvNets of many shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from pinndd.vision.networks import NORMS, Norm

Activation = Literal["relu", "tanh", "sigmoid"]
Kind = Literal["MLP", "ConvNet"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
"""Activations by their names."""


@dataclass(frozen=True)
class Candidate:
    """Build one network of a search space.

    An MLP flattens its inputs; a block of it is a linear layer and the activation. A block of a ConvNet is a 3x3 convolution, the
    normalisation, the activation and 2x2 mean pooling. A linear layer to the classes follows.

    Args:
        shape: of an image, channels, height, width.
        classes: outputs.
        kind: MLP or ConvNet.
        width: units or channels of every block.
        depth: blocks.
        activation: relu, tanh or sigmoid.
        norm: of a ConvNet, as in `pinndd.vision.networks.ConvNet`; an MLP has none.

    Raises:
        ValueError: a number is not positive, a name is unknown, an MLP has a norm, or the image is too small for the depth.
    """

    shape: tuple[int, int, int]
    classes: int
    kind: Kind
    width: int
    depth: int
    activation: Activation
    norm: Norm = "none"

    def __post_init__(self) -> None:
        if min(*self.shape, self.classes, self.width, self.depth) < 1:
            raise ValueError(
                f"Candidate: shape={self.shape}, classes={self.classes}, width={self.width} and depth={self.depth} must be positive"
            )
        for name, known in (("kind", ("MLP", "ConvNet")), ("activation", ACTIVATIONS), ("norm", NORMS)):
            if getattr(self, name) not in known:
                raise ValueError(f"Candidate: {name}={getattr(self, name)!r}, expected one of {', '.join(known)}")
        if self.kind == "MLP" and self.norm != "none":
            raise ValueError(f"Candidate: norm={self.norm!r} has no meaning for an MLP, expected 'none'")
        if self.norm == "group" and self.width % 4:
            raise ValueError(f"Candidate: width={self.width} must be divisible by the 4 groups of norm='group'")
        if self.kind == "ConvNet" and min(self.shape[1:]) < 2**self.depth:
            raise ValueError(
                f"Candidate: an image of {self.shape[1]} x {self.shape[2]} is too small for depth={self.depth}, expected at least "
                f"{2**self.depth} pixels per side: lower the depth"
            )

    @property
    def name(self) -> str:
        """Such as ``ConvNet 2 x 4 relu instance``: kind, depth, width, activation and normalisation."""
        norm = "" if self.norm == "none" else f" {self.norm}"
        return f"{self.kind} {self.depth} x {self.width} {self.activation}{norm}"

    def __call__(self) -> nn.Module:
        """Return a network with fresh initial weights."""
        channels, height, width = self.shape
        activation = ACTIVATIONS[self.activation]
        if self.kind == "ConvNet":
            layers: list[nn.Module] = []
            for _ in range(self.depth):
                convolution = nn.Conv2d(channels, self.width, 3, padding=1)
                layers += [convolution, NORMS[self.norm](self.width), activation(), nn.AvgPool2d(2)]
                channels, height, width = self.width, height // 2, width // 2
            return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, self.classes))
        layers, before = [nn.Flatten()], channels * height * width
        for _ in range(self.depth):
            layers += [nn.Linear(before, self.width), activation()]
            before = self.width
        return nn.Sequential(*layers, nn.Linear(before, self.classes))


def small_networks(shape: tuple[int, int, int], classes: int) -> tuple[Candidate, ...]:
    """Return 48 candidates: 36 MLPs (width, depth, activation) and 12 ConvNets (width, depth, normalisation).

    Args:
        shape: of an image, channels, height, width; four pixels per side or more.
        classes: outputs.
    """
    perceptrons = [
        Candidate(shape, classes, "MLP", width, depth, activation)
        for activation in ("relu", "tanh", "sigmoid")
        for depth in (1, 2, 3)
        for width in (4, 8, 16, 32)
    ]
    convolutional = [
        Candidate(shape, classes, "ConvNet", width, depth, "relu", norm)
        for norm in ("none", "instance")
        for depth in (1, 2)
        for width in (1, 2, 4)
    ]
    return (*perceptrons, *convolutional)
