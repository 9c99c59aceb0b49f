"""Markers of points that lie on one another: none hides another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from pinndd.study.results.intervals import Array

_NEAR, _SAME = 0.02, 1e-3
"""Distances, in sides of the domain, at which two markers touch and at which two points are one in the picture."""

_GROWTH = 2.4
"""Of the area of a marker beneath another one."""


def marker_sizes(panels: Sequence[Mapping[str, Array]], sides: Array, smallest: float) -> dict[str, float]:
    """Return the area of the markers of every set, larger for one that lies beneath another in any of the panels.

    Args:
        panels: the same sets of points in each, ``(n, 2)``, from the lowest to the highest.
        sides: of the domain, ``(2,)``.
        smallest: area, in square points, of markers that lie on no other.
    """
    names = list(panels[0])
    levels = dict.fromkeys(names, 0)
    for k, name in reversed(list(enumerate(names))):
        above = [o for o in names[k + 1 :] if any(_touch(points[name], points[o], sides) for points in panels)]
        levels[name] = max((levels[other] + 1 for other in above), default=0)
    return {name: smallest * _GROWTH**level for name, level in levels.items()}


def count_coincident(ax: Axes, points: Array, sides: Array) -> None:
    """Write how many points of a set lie at one place, where there are several."""
    places, counts = np.unique(np.round(points / (_SAME * sides)), axis=0, return_counts=True)
    for place, count in zip(places * _SAME * sides, counts.tolist(), strict=True):
        if count > 1:
            ax.annotate(f"{count}×", place, (4, 4), textcoords="offset points", fontsize=7, zorder=6, annotation_clip=False)


def _touch(below: Array, above: Array, sides: Array) -> bool:
    if not len(below) or not len(above):
        return False
    apart = np.abs(below[:, None] - above) / sides
    return bool((apart.max(-1) < _NEAR).any())
