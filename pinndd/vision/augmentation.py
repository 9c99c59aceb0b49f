"""Differentiable siamese augmentation: one random transform for every image of a batch, drawn from a seed.

Real and synthetic images that are compared get the same transform, since they get the same seed; the derivative passes
through it to the synthetic ones. Source: Zhao & Bilen (2021), arXiv 2102.08259, whose strengths are the defaults here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

Strategy = Literal["crop", "scale", "rotate", "flip", "cutout", "brightness", "contrast", "saturation"]

ALL_STRATEGIES: tuple[Strategy, ...] = ("crop", "scale", "rotate", "flip", "cutout", "brightness", "contrast", "saturation")
"""For images of three colours."""

DIGIT_STRATEGIES: tuple[Strategy, ...] = ("crop", "scale", "rotate", "cutout", "brightness", "contrast")
"""For images of one channel that mean something else in a mirror."""

Uniform = Callable[[float, float], float]
"""Draws a number between two bounds."""


@dataclass(frozen=True)
class DifferentiableAugmentation:
    """Transform a batch of images at random, all alike.

    Every strategy is linear or affine in the image, up to its own mean, and so differentiable to any order. What comes in
    from beyond the border is 0, which is the mean of standardised images.

    Args:
        strategies: to draw from; none leaves the images as they are.
        apply: one strategy a call, drawn with equal chances, as in the source; or all, one after the other.
        crop: the greatest shift, as a share of a side; each axis is shifted by a whole number of pixels.
        scale: the greatest factor that an axis is shrunk by; it is widened by as much at most.
        rotate: the greatest angle, in degrees, either way.
        cutout: side of the square that is set to 0, as a share of the image's.
        brightness: range of what is added, half of it either way, in units of the inputs.
        contrast: the least factor of the difference to the image's mean; the greatest is 1 more.
        saturation: the greatest factor of the difference to the pixel's grey value; the least is 0.

    Raises:
        ValueError: a strategy is unknown, ``apply`` is neither, or a strength is out of range.
    """

    strategies: Sequence[Strategy] = ALL_STRATEGIES
    _: KW_ONLY
    apply: Literal["one", "all"] = "one"
    crop: float = 0.125
    scale: float = 1.2
    rotate: float = 15.0
    cutout: float = 0.5
    brightness: float = 1.0
    contrast: float = 0.5
    saturation: float = 2.0

    def __post_init__(self) -> None:
        unknown = [strategy for strategy in self.strategies if strategy not in ALL_STRATEGIES]
        if unknown:
            raise ValueError(
                f"DifferentiableAugmentation: unknown strategy {unknown[0]!r}; expected some of {', '.join(ALL_STRATEGIES)}"
            )
        if self.apply not in {"one", "all"}:
            raise ValueError(f"DifferentiableAugmentation: apply={self.apply!r}, expected 'one' or 'all'")
        for name, low, high in (
            ("crop", 0, 1),
            ("scale", 1, math.inf),
            ("rotate", 0, 180),
            ("cutout", 0, 1),
            ("brightness", 0, math.inf),
            ("contrast", 0, math.inf),
            ("saturation", 0, math.inf),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"DifferentiableAugmentation: {name}={getattr(self, name)}, expected {low} to {high}")

    def __call__(self, inputs: Tensor, seed: int) -> Tensor:
        """Return transformed images.

        Args:
            inputs: ``(n, C, H, W)``, floating.
            seed: of the transform, which does not depend on n, the values or the device.

        Raises:
            ValueError: the inputs are no batch of images, or a strategy needs three colours and there are not.
        """
        if inputs.ndim != 4:
            raise ValueError(
                f"DifferentiableAugmentation: inputs have shape {tuple(inputs.shape)}, expected images (n, C, H, W): a "
                "table has no augmentation, leave it out"
            )
        if "saturation" in self.strategies and inputs.shape[1] != 3:
            raise ValueError(
                f"DifferentiableAugmentation: the strategy 'saturation' needs 3 channels, the images have "
                f"{inputs.shape[1]}: take strategies=DIGIT_STRATEGIES, or leave it out"
            )
        # plain numbers do not depend on the device, and are allowed in a vmap
        uniform = random.Random(seed).uniform
        chosen = tuple(self.strategies)
        if self.apply == "one" and chosen:
            chosen = (chosen[_whole(uniform, 0, len(chosen) - 1)],)
        for strategy in chosen:
            inputs = self._transformed(strategy, inputs, uniform)
        return inputs

    def _transformed(self, strategy: Strategy, inputs: Tensor, uniform: Uniform) -> Tensor:
        height, width = inputs.shape[2:]
        match strategy:
            case "crop":
                down, right = (_whole(uniform, -most, most) for most in (round(self.crop * s) for s in (height, width)))
                return _shifted(inputs, down, right)
            case "scale":
                # a factor above 1 samples beyond the border, which shrinks the image
                vertical, horizontal = (uniform(1 / self.scale, self.scale) for _ in range(2))
                return _resampled(inputs, ((vertical, 0.0), (0.0, horizontal)))
            case "rotate":
                angle = math.radians(uniform(-self.rotate, self.rotate))
                cosine, sine = math.cos(angle), math.sin(angle)
                return _resampled(inputs, ((cosine, sine), (-sine, cosine)))
            case "flip":
                return inputs.flip(3) if uniform(0, 1) < 0.5 else inputs
            case "cutout":
                return inputs * self._mask(inputs, uniform)
            case "brightness":
                return inputs + uniform(-self.brightness / 2, self.brightness / 2)
            case "contrast":
                mean = inputs.mean((1, 2, 3), keepdim=True)
                return mean + uniform(self.contrast, self.contrast + 1) * (inputs - mean)
            case "saturation":
                grey = inputs.mean(1, keepdim=True)
                return grey + uniform(0, self.saturation) * (inputs - grey)

    def _mask(self, inputs: Tensor, uniform: Uniform) -> Tensor:
        """Return 0 in a square whose middle is anywhere in the image, and 1 elsewhere: ``(H, W)``."""
        mask = inputs.new_ones(inputs.shape[2:])
        spans = []
        for side in mask.shape:
            size = round(self.cutout * side)
            first = _whole(uniform, 0, side - 1) - size // 2
            spans.append(slice(max(first, 0), max(first + size, 0)))
        mask[spans[0], spans[1]] = 0
        return mask


def _whole(uniform: Uniform, low: int, high: int) -> int:
    """Draw one of the whole numbers from low to high."""
    return min(math.floor(uniform(low, high + 1)), high)


def _shifted(inputs: Tensor, down: int, right: int) -> Tensor:
    """Move images by whole pixels."""
    height, width = inputs.shape[2:]
    border = pad(inputs, (abs(right), abs(right), abs(down), abs(down)))
    top, left = abs(down) - down, abs(right) - right
    return border[:, :, top : top + height, left : left + width]


def _resampled(inputs: Tensor, matrix: tuple[tuple[float, float], tuple[float, float]]) -> Tensor:
    """Sample images bilinearly where a matrix takes the pixels, with the image's middle as origin.

    Args:
        inputs: ``(n, C, H, W)``.
        matrix: from the row and the column of a pixel to those of the place that it is filled from, in pixels.
    """
    height, width = inputs.shape[2:]
    # in half precision a place would be wrong by a tenth of a pixel
    precise = torch.promote_types(inputs.dtype, torch.float32)
    rows, columns = (torch.arange(side, dtype=precise, device=inputs.device) - (side - 1) / 2 for side in (height, width))
    places = [by_row * rows[:, None] + by_column * columns[None, :] for by_row, by_column in matrix]
    row, column = (place + (side - 1) / 2 for place, side in zip(places, (height, width), strict=True))
    pixels = inputs.flatten(2)
    result = torch.zeros_like(pixels)
    # four gathers in place of grid_sample, whose derivative cannot be differentiated again
    for near_row in (row.floor(), row.floor() + 1):
        for near_column in (column.floor(), column.floor() + 1):
            weight = (1 - (row - near_row).abs()) * (1 - (column - near_column).abs())
            inside = (near_row >= 0) & (near_row < height) & (near_column >= 0) & (near_column < width)
            index = near_row.clamp(0, height - 1) * width + near_column.clamp(0, width - 1)
            weight = (weight * inside).to(inputs.dtype).flatten()
            result = result + weight * pixels.index_select(2, index.to(torch.int64).flatten())
    return result.reshape(inputs.shape)
