"""Networks of the field: the ConvNet of the distillation papers, and a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

Norm = Literal["instance", "group", "layer", "none"]

NORMS: dict[str, Callable[[int], nn.Module]] = {
    # one channel per group normalises over space only, as instance normalisation does, with weights of its own
    "instance": lambda width: nn.GroupNorm(width, width),
    "group": lambda width: nn.GroupNorm(4, width),
    "layer": lambda width: nn.GroupNorm(1, width),
    "none": lambda width: nn.Identity(),
}
"""Normalisations without running statistics, by their names."""


@dataclass(frozen=True)
class ConvNet:
    """Build ConvNet-d: d blocks of 3x3 convolution, normalisation, ReLU and 2x2 mean pooling, and a linear layer.

    With three blocks of width 128 and instance normalisation it is the usual network of dataset distillation (Gidaris &
    Komodakis 2018, arXiv 1804.09458; Zhao, Mopuri & Bilen 2021, arXiv 2006.05929).

    Args:
        shape: of an image, channels, height, width.
        classes: outputs.
        width: channels of every block.
        depth: blocks; each halves height and width.
        norm: instance, group (four groups), layer or none.

    Raises:
        ValueError: a number is not positive, the norm is unknown or does not divide the width, or the image is too small for
            the depth.
    """

    shape: tuple[int, int, int]
    classes: int
    width: int = 128
    depth: int = 3
    norm: Norm = "instance"

    def __post_init__(self) -> None:
        if min(*self.shape, self.classes, self.width, self.depth) < 1:
            raise ValueError(
                f"ConvNet: shape={self.shape}, classes={self.classes}, width={self.width} and depth={self.depth} must be positive"
            )
        if self.norm not in NORMS:
            raise ValueError(f"ConvNet: norm={self.norm!r}, expected one of {', '.join(NORMS)}")
        if self.norm == "group" and self.width % 4:
            raise ValueError(f"ConvNet: width={self.width} must be divisible by the 4 groups of norm='group'")
        if min(self.shape[1:]) < 2**self.depth:
            raise ValueError(
                f"ConvNet: an image of {self.shape[1]} x {self.shape[2]} is too small for depth={self.depth}, expected at least "
                f"{2**self.depth} pixels per side: lower the depth"
            )

    def __call__(self) -> nn.Module:
        """Return a network with fresh initial weights."""
        channels, height, width = self.shape
        layers: list[nn.Module] = []
        for _ in range(self.depth):
            layers += [
                nn.Conv2d(channels, self.width, 3, padding=1),
                NORMS[self.norm](self.width),
                nn.ReLU(),
                nn.AvgPool2d(2),
            ]
            channels, height, width = self.width, height // 2, width // 2
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, self.classes))


@dataclass(frozen=True)
class MLP:
    """Build a multilayer perceptron with ReLU on flattened inputs.

    Args:
        inputs: entries of an example.
        classes: outputs.
        hidden: widths of the hidden layers.

    Raises:
        ValueError: a number is not positive.
    """

    inputs: int
    classes: int
    hidden: Sequence[int] = (128,)

    def __post_init__(self) -> None:
        if min(self.inputs, self.classes, *self.hidden) < 1:
            raise ValueError(f"MLP: inputs={self.inputs}, classes={self.classes} and hidden={self.hidden} must be positive")

    def __call__(self) -> nn.Module:
        """Return a network with fresh initial weights."""
        layers: list[nn.Module] = [nn.Flatten()]
        before = self.inputs
        for width in self.hidden:
            layers += [nn.Linear(before, width), nn.ReLU()]
            before = width
        return nn.Sequential(*layers, nn.Linear(before, self.classes))
