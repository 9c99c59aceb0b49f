"""The images of a set by class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.stated.parts import Pictures
from pinndd.study.classification.dataset import is_whitened
from pinndd.study.plots.style import WIDTH, house_style, new_figure, wrap_axes
from pinndd.vision.datasets import Dataset
from pinndd.vision.whitening import ZCA

_ACROSS = 5
"""Classes side by side where each has one image."""

_ROUNDING = 0.005
"""By which colours may leave the range of the data without a word: standardised and restored, they are rounded."""

_HARD = 0.005
"""Entropy in bits below which a label counts as hard."""


_MOST_CLASSES = 20
"""Classes that are drawn: the rows of more are too small to be seen."""


def image_grid(data: SyntheticData, dataset: Dataset | Pictures, *, columns: int = 10, title: str | None = None) -> Figure:
    """Draw the images of a set, one row per class, all on one scale, with the entropy of each soft label below its image.

    An image stands with its most probable class; where each class has one, classes stand side by side. Standardisation and
    whitening are undone, so that 0 is black and 1 is white, or full colour, as in the data set; learned pixels may lie beyond,
    and the scale is widened to hold them.

    Args:
        data: with ``inputs`` ``(n, C, H, W)``, C 1 or 3, and ``targets`` ``(n, K)``.
        dataset: gives names of the classes, mean and standard deviation; of many classes the first are drawn.
        columns: images per class that are shown.
        title: None: one that says what is shown.

    Raises:
        ValueError: the inputs are no images, or the set is of other classes than the data set.
    """
    inputs, targets = data["inputs"].detach().cpu(), data["targets"].detach().cpu()
    if inputs.ndim != 4 or inputs.shape[1] not in (1, 3):
        raise ValueError(f"image_grid: inputs have shape {tuple(inputs.shape)}, expected images (n, C, H, W) with C 1 or 3")
    if targets.shape != (len(inputs), len(dataset.classes)) or columns < 1:
        raise ValueError(
            f"image_grid: targets have shape {tuple(targets.shape)}, expected ({len(inputs)}, {len(dataset.classes)}), and "
            f"columns={columns} at least 1"
        )
    images = _restored(data, dataset)
    numbers, entropies = targets.argmax(-1), _entropy(targets)
    groups = [(numbers == k).nonzero()[:, 0] for k in range(len(dataset.classes))][:_MOST_CLASSES]
    shown = max(1, min(columns, max(len(group) for group in groups)))
    low, high = min(0.0, float(images.min())), max(1.0, float(images.max()))
    soft = bool((entropies > _HARD).any())
    with house_style():
        if shown == 1:
            figure, axes = _one_each(images, groups, dataset.classes, low, high)
        else:
            figure, axes = _rows(images, groups, dataset.classes, shown, low, high)
        if soft:
            for ax, own in axes:
                ax.set_xlabel(f"{float(entropies[own]):.2f}", fontsize=7, labelpad=1)
        if images.shape[1] == 1:
            scale, drawn = ScalarMappable(Normalize(low, high), "gray"), figure.axes
            figure.colorbar(scale, ax=drawn, label="intensity (data: 0 to 1)", pad=0.02, fraction=0.03, aspect=30)
        figure.suptitle(title or _title(images, low, high, soft))
    return figure


def _rows(
    images: Tensor, groups: Sequence[Tensor], names: Sequence[str], shown: int, low: float, high: float
) -> tuple[Figure, list[tuple[Axes, int]]]:
    """Draw one row per class; return the axes of each image with its number."""
    cell = min(0.9, 0.88 * WIDTH / (shown + 1.2))
    figure = new_figure(max(4.6, (shown + 2.4) * cell), 0.7 + len(groups) * (cell + 0.17))
    axes = figure.subplots(len(groups), shown, squeeze=False)
    drawn = []
    for name, group, row in zip(names, groups, axes, strict=False):
        for ax, own in zip_longest(row, group[:shown].tolist()):
            _bare(ax)
            if own is not None:
                _show(ax, images[own], low, high)
                drawn.append((ax, own))
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    return figure, drawn


def _one_each(
    images: Tensor, groups: Sequence[Tensor], names: Sequence[str], low: float, high: float
) -> tuple[Figure, list[tuple[Axes, int]]]:
    """Draw one image per class side by side; return the axes of each image with its number."""
    across = min(_ACROSS, len(groups))
    figure = new_figure(WIDTH, 0.7 + 1.9 * -(-len(groups) // across))
    drawn = []
    for ax, name, group in zip(wrap_axes(figure, len(groups), across), names, groups, strict=False):
        _bare(ax)
        ax.set_title(name, fontsize=9, pad=2)
        if len(group):
            _show(ax, images[int(group[0])], low, high)
            drawn.append((ax, int(group[0])))
    return figure, drawn


def _restored(data: SyntheticData, dataset: Dataset | Pictures) -> Tensor:
    inputs = data["inputs"].detach()
    if is_whitened(data):
        inputs = ZCA.from_tensors(data.fields).invert(inputs)
    return dataset.restore(inputs.to(dataset.std)).cpu()


def _entropy(targets: Tensor) -> Tensor:
    """Return the entropy of each label in bits, ``(n,)``."""
    return -torch.xlogy(targets.double(), targets.double()).sum(-1) / torch.log(torch.tensor(2.0, dtype=torch.float64))


def _title(images: Tensor, low: float, high: float, soft: bool) -> str:
    beyond = (
        ""
        if images.shape[1] == 1 or (low > -_ROUNDING and high < 1 + _ROUNDING)
        else f"\ncolours from {low:.1f} to {high:.1f} of the data's 0 to 1"
    )
    return f"{len(images)} images by class{'; below: entropy of the label, bits' if soft else ''}{beyond}"


def _bare(ax: Axes) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _show(ax: Axes, image: Tensor, low: float, high: float) -> None:
    if len(image) == 1:
        ax.imshow(image[0].numpy(), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    else:
        ax.imshow(((image - low) / (high - low)).movedim(0, -1).numpy(), interpolation="nearest")
