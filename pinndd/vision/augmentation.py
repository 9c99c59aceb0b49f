"""Differentiable augmentation: random transforms of images, drawn from a seed.

Siamese, one transform for a whole batch, when real and synthetic images are compared: both get the same one, since they get the
same seed, and the derivative passes through it to the synthetic ones (Zhao & Bilen 2021, arXiv 2102.08259, whose strengths are
the defaults here). A transform of its own for each image when a network is trained.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import torch
from torch import Tensor

Strategy = Literal["crop", "scale", "rotate", "shear", "flip", "cutout", "brightness", "contrast", "saturation"]

ALL_STRATEGIES: tuple[Strategy, ...] = (
    "crop",
    "scale",
    "rotate",
    "shear",
    "flip",
    "cutout",
    "brightness",
    "contrast",
    "saturation",
)
"""For images of three colours."""

DIGIT_STRATEGIES: tuple[Strategy, ...] = ("crop", "scale", "rotate", "shear", "cutout", "brightness", "contrast")
"""For images of one channel that mean something else in a mirror."""

Uniform = Callable[[float, float], float]
"""Draws a number between two bounds."""

Place = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Where a pixel is filled from, as row and column, each of them times the pixel's row, its column and 1; in pixels, with the image's
middle as origin."""

_STAYS: Place = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclass
class _Transform:
    """What is drawn for one image; as it begins, nothing is changed.

    Attributes:
        place: where pixels are filled from.
        hole: first row, row after the last, first column, column after the last of what is cut out.
        brightness: added.
        contrast, saturation: factors.
    """

    place: Place = _STAYS
    hole: tuple[int, int, int, int] = (0, 0, 0, 0)
    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0

    def move(self, by_row: tuple[float, float], by_column: tuple[float, float], shift: tuple[float, float] = (0, 0)) -> None:
        """Add a step: pixels are filled from their row times a vector, their column times one, and a shift."""
        (a, b, down), (c, d, right) = self.place
        steps = (by_row, by_column, shift)
        (ra, rb, r0), (ca, cb, c0) = ([p * x + q * y for x, y in steps] for p, q in ((a, b), (c, d)))
        self.place = ((ra, rb, r0 + down), (ca, cb, c0 + right))


@dataclass(frozen=True)
class DifferentiableAugmentation:
    """Transform a batch of images at random: ``augment(images, seed)`` all alike, ``augment.each(images, seed)`` each by itself.

    Every strategy is linear or affine in the image, up to its own mean, and so differentiable to any order. What moves pixels
    is done first and in one resampling, however many strategies take part, so that images are blurred once.

    Args:
        strategies: to draw from; none leaves the images as they are.
        apply: one strategy per transform, drawn with equal chances, as in the source; or all.
        fill: what comes in from beyond the border and stands in a hole. 0 is the mean of standardised images; for digits the value
            of the background is better.
        crop: the greatest shift, as a share of a side; each axis is shifted by a whole number of pixels.
        scale: the greatest factor that an axis is shrunk by; it is widened by as much at most.
        rotate: the greatest angle, in degrees, either way.
        shear: the greatest sideways shift of a row, as a share of its distance to the middle row.
        cutout: side of the square that is filled, as a share of the image's.
        brightness: range of what is added, half of it either way, in units of the inputs.
        contrast: the least factor of the difference to the image's mean; the greatest is 1 more.
        saturation: the greatest factor of the difference to the pixel's grey value; the least is 0.

    Raises:
        ValueError: a strategy is unknown, ``apply`` is neither, or a strength is out of range.
    """

    strategies: Sequence[Strategy] = ALL_STRATEGIES
    _: KW_ONLY
    apply: Literal["one", "all"] = "one"
    fill: float = 0.0
    crop: float = 0.125
    scale: float = 1.2
    rotate: float = 15.0
    shear: float = 0.2
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
        if not math.isfinite(self.fill):
            raise ValueError(f"DifferentiableAugmentation: fill={self.fill}, expected a number")
        for name, low, high in (
            ("crop", 0, 1),
            ("scale", 1, math.inf),
            ("rotate", 0, 180),
            ("shear", 0, math.inf),
            ("cutout", 0, 1),
            ("brightness", 0, math.inf),
            ("contrast", 0, math.inf),
            ("saturation", 0, math.inf),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"DifferentiableAugmentation: {name}={getattr(self, name)}, expected {low} to {high}")

    def __call__(self, inputs: Tensor, seed: int) -> Tensor:
        """Return images that all underwent the same transform.

        Args:
            inputs: ``(n, C, H, W)``, floating.
            seed: of the transform, which does not depend on n, the values or the device.

        Raises:
            ValueError: the inputs are no batch of images, or a strategy needs three colours and there are not.
        """
        return self._transformed(inputs, seed, 1)

    def each(self, inputs: Tensor, seed: int) -> Tensor:
        """Return images with a transform of its own for each.

        Args:
            inputs: ``(n, C, H, W)``, floating.
            seed: of the transforms; that of an image depends on its place in the batch, not on n, the values or the device.

        Raises:
            ValueError: as above.
        """
        return self._transformed(inputs, seed, len(inputs))

    def _transformed(self, inputs: Tensor, seed: int, count: int) -> Tensor:
        """Return images after one transform for all, or one for each."""
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
        height, width = inputs.shape[2:]
        drawn = [self._drawn(uniform, height, width) for _ in range(count)]
        return _changed(inputs, drawn, self.fill)

    def _drawn(self, uniform: Uniform, height: int, width: int) -> _Transform:
        chosen = tuple(self.strategies)
        if self.apply == "one" and chosen:
            chosen = (chosen[_whole(uniform, 0, len(chosen) - 1)],)
        drawn = _Transform()
        for strategy in chosen:
            match strategy:
                case "crop":
                    down, right = (_whole(uniform, -most, most) for most in (round(self.crop * s) for s in (height, width)))
                    drawn.move((1, 0), (0, 1), (-down, -right))
                case "scale":
                    # a factor above 1 samples beyond the border, which shrinks the image
                    vertical, horizontal = (uniform(1 / self.scale, self.scale) for _ in range(2))
                    drawn.move((vertical, 0), (0, horizontal))
                case "rotate":
                    angle = math.radians(uniform(-self.rotate, self.rotate))
                    drawn.move((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle)))
                case "shear":
                    drawn.move((1, uniform(-self.shear, self.shear)), (0, 1))
                case "flip":
                    drawn.move((1, 0), (0, -1 if uniform(0, 1) < 0.5 else 1))
                case "cutout":
                    drawn.hole = (*self._span(uniform, height), *self._span(uniform, width))
                case "brightness":
                    drawn.brightness = uniform(-self.brightness / 2, self.brightness / 2)
                case "contrast":
                    drawn.contrast = uniform(self.contrast, self.contrast + 1)
                case "saturation":
                    drawn.saturation = uniform(0, self.saturation)
        return drawn

    def _span(self, uniform: Uniform, side: int) -> tuple[int, int]:
        """Draw the first place, and that after the last, of a hole whose middle is anywhere on a side."""
        size = round(self.cutout * side)
        first = _whole(uniform, 0, side - 1) - size // 2
        return max(first, 0), max(first + size, 0)


def _whole(uniform: Uniform, low: int, high: int) -> int:
    """Draw one of the whole numbers from low to high."""
    return min(math.floor(uniform(low, high + 1)), high)


def _changed(inputs: Tensor, drawn: Sequence[_Transform], fill: float) -> Tensor:
    """Return the images ``(n, C, H, W)`` after one transform for all, or one for each; what no transform does is not done."""

    def numbers(name: str) -> Tensor:
        values = [getattr(each, name) for each in drawn]
        return torch.tensor(values, dtype=inputs.dtype, device=inputs.device)[:, None, None, None]

    if any(each.place != _STAYS for each in drawn):
        inputs = _resampled(inputs, [each.place for each in drawn], fill)
    if any(each.hole != _Transform.hole for each in drawn):
        inputs = torch.where(_inside(inputs, [each.hole for each in drawn]), fill, inputs)
    if any(each.brightness for each in drawn):
        inputs = inputs + numbers("brightness")
    if any(each.contrast != 1 for each in drawn):
        mean = inputs.mean((1, 2, 3), keepdim=True)
        inputs = mean + numbers("contrast") * (inputs - mean)
    if any(each.saturation != 1 for each in drawn):
        grey = inputs.mean(1, keepdim=True)
        inputs = grey + numbers("saturation") * (inputs - grey)
    return inputs


def _inside(inputs: Tensor, holes: Sequence[tuple[int, int, int, int]]) -> Tensor:
    """Return where the pixels are in the hole: ``(1 or n, 1, H, W)``."""
    top, bottom, left, right = torch.tensor(holes, device=inputs.device).T[:, :, None].unbind()
    rows, columns = (torch.arange(side, device=inputs.device) for side in inputs.shape[2:])
    inside_rows, inside_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    return (inside_rows[:, :, None] & inside_columns[:, None, :])[:, None]


def _resampled(inputs: Tensor, places: Sequence[Place], fill: float = 0.0) -> Tensor:
    """Sample images bilinearly at the places of their pixels.

    Args:
        inputs: ``(n, C, H, W)``.
        places: one for all or one for each image.
        fill: the value beyond the border.
    """
    height, width = inputs.shape[2:]
    # in half precision a place would be wrong by a tenth of a pixel
    precise = torch.promote_types(inputs.dtype, torch.float32)
    moves = torch.tensor(places, dtype=precise, device=inputs.device)
    rows, columns = (torch.arange(side, dtype=precise, device=inputs.device) - (side - 1) / 2 for side in (height, width))
    pixel = torch.stack((*torch.meshgrid(rows, columns, indexing="ij"), rows.new_ones((height, width))))
    row, column = (moves @ pixel.flatten(1) + torch.tensor([[height - 1], [width - 1]]).to(moves) / 2).unbind(1)
    pixels = inputs.flatten(2)
    result, covered = torch.zeros_like(pixels), torch.zeros_like(row, dtype=inputs.dtype)
    # four gathers in place of grid_sample, whose derivative cannot be differentiated again
    for near_row in (row.floor(), row.floor() + 1):
        for near_column in (column.floor(), column.floor() + 1):
            weight = (1 - (row - near_row).abs()) * (1 - (column - near_column).abs())
            inside = (near_row >= 0) & (near_row < height) & (near_column >= 0) & (near_column < width)
            index = (near_row.clamp(0, height - 1) * width + near_column.clamp(0, width - 1)).to(torch.int64)
            weight = (weight * inside).to(inputs.dtype)
            result = result + weight[:, None] * pixels.gather(2, index[:, None].expand_as(pixels))
            covered = covered + weight
    return (result + fill * (1 - covered[:, None])).reshape(inputs.shape)
