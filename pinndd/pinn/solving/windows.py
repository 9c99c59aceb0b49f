"""Windows of time: an evolving equation as several that follow each other, each starting from where the last one ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.features import Features
from pinndd.pinn.jets.windowed import WindowedFeatures
from pinndd.pinn.models.features import FittedFeatures
from pinndd.pinn.tasks.episodes import ConditionValues, Draws


def can_be_cut(pde: PDE) -> bool:
    """Whether an equation evolves from initial values, and all other conditions hold at all times."""
    if not pde.box.has_time or not any(patch.initial for patch in pde.patches.values()):
        return False
    ends = [pde.box.low[-1], pde.box.high[-1]]
    for patch in pde.patches.values():
        if not patch.initial:
            s = torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, patch.dimension)
            if patch.points(s)[:, -1].tolist() != ends:
                return False
    return True


@dataclass(frozen=True)
class Window:
    """A part of the time of an equation.

    Attributes:
        pde: the equation during that time.
        share: where the window begins and ends, in parts of the whole time.
    """

    pde: PDE
    share: tuple[float, float]

    def values(self, whole: ConditionValues, before: FittedFeatures | None) -> ConditionValues:
        """Return the values of the conditions in the window: those of the whole time, and at its start those of the window before."""
        return whole if self.share == (0.0, 1.0) else WindowValues(self, whole, before)

    def in_whole(self, name: str, s: Tensor) -> Tensor:
        """Map local coordinates ``(N, k)`` of condition ``name`` in the window to those in the whole time."""
        if self.share == (0.0, 1.0) or self.pde.patches[name].initial:
            return s
        first, last = self.share
        return torch.cat((s[:, :-1], first + (last - first) * s[:, -1:]), -1)


@dataclass(frozen=True)
class WindowValues:
    """The conditions of a window as functions of its own local coordinates.

    Attributes:
        window: the window.
        whole: the conditions of the whole time.
        before: the solution in the window before (None: it is the first).
    """

    window: Window
    whole: ConditionValues
    before: FittedFeatures | None

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, name: str) -> Callable[[Tensor], Tensor]:
        """Return condition ``name``: local coordinates ``(N, k)`` to ``(B, N)``."""
        patch, before = self.window.pde.patches[name], self.before

        def at_start(s: Tensor) -> Tensor:
            assert before is not None
            where, operator = patch.points(s), self.window.pde.operators[name]
            rows = operator.rows_of(before.features, where, self.window.pde.output_count)
            return before.weights @ rows.T

        def in_whole(s: Tensor) -> Tensor:
            return self.whole[name](self.window.in_whole(name, s))

        return at_start if patch.initial and before is not None else in_whole


def windows(pde: PDE, count: int) -> tuple[Window, ...]:
    """Cut the time of an equation into equal windows."""
    if count == 1:
        return (Window(pde, (0.0, 1.0)),)
    low, high, geometry = pde.box.low[-1], pde.box.high[-1], pde.domain
    times = [low + (high - low) * k / count for k in range(count)] + [high]
    cut = []
    for k, (start, end) in enumerate(pairwise(times)):
        part = type(geometry)(geometry.geometry, type(geometry.timedomain)(start, end))
        cut.append(Window(replace(pde, domain=part, reference=None, stand_in=None, shifts={}), (k / count, (k + 1) / count)))
    return tuple(cut)


def joined(features: Sequence[Features], parts: Sequence[Window]) -> Features:
    """Return the features of the whole time from those of every window."""
    return features[0] if len(parts) == 1 else WindowedFeatures(tuple(features), tuple(w.pde.box.low[-1] for w in parts[1:]))


def together(fits: Sequence[FittedFeatures], parts: Sequence[Window], episodes: Draws) -> FittedFeatures:
    """Put the solutions in all windows together to one of the whole time."""
    weights = torch.cat([f.weights.reshape(len(f.weights), f.outputs, -1) for f in fits], -1)
    return FittedFeatures(joined([f.features for f in fits], parts), weights.flatten(1), episodes, fits[0].outputs)


def apart(fitted: FittedFeatures) -> Iterator[FittedFeatures]:
    """Yield the solutions in all windows of one of the whole time."""
    families = fitted.features.parts if isinstance(fitted.features, WindowedFeatures) else (fitted.features,)
    blocks = fitted.weights.reshape(len(fitted.weights), fitted.outputs, -1)
    for features, weights in zip(families, torch.split(blocks, [f.width for f in families], -1), strict=True):
        yield FittedFeatures(features, weights.flatten(1), fitted.episodes, fitted.outputs)
