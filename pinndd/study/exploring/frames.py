"""The field of a boundary condition at once, with its estimated error: what the page of `pinndd explore` computes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE, BoundaryValues, pointwise_residual
from pinndd.pinn.geometry.patches import TOLERANCE
from pinndd.pinn.jets.features import Features
from pinndd.pinn.solving.dense import DenseSettings, dense_learner, dense_points, typical_size
from pinndd.pinn.solving.solver import GOAL, WEIGHTS, WIDTHS, probes
from pinndd.pinn.solving.truth import solutions
from pinndd.pinn.tasks.episodes import ConditionValues
from pinndd.study.exploring.fits import AffineFits, Fits, fits_of
from pinndd.study.results.intervals import Array
from pinndd.study.solving_on_set import learners_of

NODES = (401, 81, 51)
"""Nodes along the axes that are shown: of a line, of a map, of a map whose section is chosen, where features are evaluated anew."""

LINEAR_COLUMNS, ITERATED_COLUMNS = 1000, 360
"""Most weights of a dense fit, in closed form and by Gauss-Newton: more would take too long to begin, or for a frame."""

TRIALS = 16
"""Draws of the training family by which the weight of the conditions is chosen."""

KEPT = 4
"""Sections whose features are kept."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Fields of one PDE for one boundary condition after the other.

    Attributes:
        pde: the equation.
        fits: weights of the model that is shown.
        second: weights of another one, with which it is compared.
        data: the distilled set whose points it is trained on (None: many points).
        size: typical size of u, by which a component that is zero is judged.
    """

    pde: PDE
    fits: Fits
    second: Fits
    data: SyntheticData | None
    size: float
    _kept: OrderedDict[tuple[int, tuple[float, ...]], Tensor] = field(default_factory=OrderedDict, repr=False)

    @property
    def linear(self) -> bool:
        """Whether weights are a matrix product."""
        return isinstance(self.fits, AffineFits)

    @property
    def width(self) -> int:
        """Random features per output."""
        return int(self.fits.features.jets(self._probes[:1], [()])[0].shape[1])

    @cached_property
    def axes(self) -> tuple[Array, ...]:
        """Nodes along the axes that are shown, the first or the first two."""
        shown = min(2, self.pde.box.dimension)
        bounds = zip(self.pde.box.low[:shown], self.pde.box.high[:shown], strict=True)
        return tuple(np.linspace(low, high, NODES[min(3, self.pde.box.dimension) - 1]) for low, high in bounds)

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the coordinates that are held: all after the first two."""
        return self.pde.box.names[2:]

    def field(self, weights: Tensor, component: int = 0, held: tuple[float, ...] = ()) -> Array:
        """Return one component over the axes that are shown, ``(n,)`` or ``(n, m)``, NaN outside the domain.

        Args:
            weights: of the model, ``(1, outputs · P)``.
            component: number of it.
            held: values of the coordinates that are held.
        """
        return self._on_grid(self._features(0, held) @ self._block(weights, component)[0])

    def gap(self, weights: Tensor, second: Tensor, component: int = 0, held: tuple[float, ...] = ()) -> Array:
        """Return by how much two models differ, like `field`."""
        other = self._on_grid(self._features(1, held) @ self._block(second, component)[0])
        return np.abs(self.field(weights, component, held) - other)

    def estimated_error(self, weights: Tensor, second: Tensor) -> float:
        """Return the relative difference of two models: root mean square over the domain, and over the components.

        Each component is relative to its own size, less the part of it that no coefficient changes.
        """
        u, other = self._at_probes(0, weights), self._at_probes(1, second)
        gaps, free = u - other, [name in self.pde.up_to_constant for name in self.pde.components]
        deviations = u - self._rest_at_probes
        for values in (gaps, deviations):
            values[:, free] -= values[:, free].mean(0)
        size = deviations.square().mean(0)
        floor = max(1e-6 * float(size.max()), (1e-6 * self.size) ** 2)
        return float((gaps.square().mean(0) / size.clamp_min(floor)).mean().sqrt())

    def truth(self, values: BoundaryValues, component: int = 0, held: tuple[float, ...] = ()) -> Array:
        """Return one component of the reference solution, like `field`.

        Raises:
            UserCodeError: the reference fails, or returns something of another shape.
            ValueError: it returns values that are not finite.
        """
        return self._on_grid(solutions(self.pde, values, self._section(held))[0, :, component])

    def relative_error(self, shown: Array, truth: Array, component: int = 0, held: tuple[float, ...] = ()) -> float:
        """Return the error of a field over the section, relative to the solution less the part that no coefficient changes.

        Root mean squares; a component known up to a constant is compared less its mean.
        """
        error, size = shown - truth, truth - self._rest_field(component, held)
        if self.pde.components[component] in self.pde.up_to_constant:
            error, size = error - np.nanmean(error), size - np.nanmean(size)
        scale = float(np.sqrt(np.nanmean(size**2))) or self.size
        return float(np.sqrt(np.nanmean(error**2))) / scale

    @cached_property
    def _probes(self) -> Tensor:
        return probes(self.pde)

    @cached_property
    def _at(self) -> tuple[Tensor, Tensor]:
        """Features of both models where they are compared."""
        one, two = (_values(fits.features, self._probes) for fits in (self.fits, self.second))
        return one, two

    def _at_probes(self, model: int, weights: Tensor) -> Tensor:
        return self._at[model] @ weights.reshape(self.pde.output_count, -1).T

    @cached_property
    def _rest_weights(self) -> Tensor | None:
        """Weights for the means of all families, where there are any."""
        ensemble = self.pde.ensemble()
        if not ensemble.has_mean:
            return None
        return self.fits.weights(BoundaryValues(ensemble.rest(), torch.zeros((1, 0), dtype=torch.float64)))

    @cached_property
    def _rest_at_probes(self) -> Tensor:
        found = self._rest_weights
        return self._probes.new_zeros(()) if found is None else self._at_probes(0, found)

    def _rest_field(self, component: int, held: tuple[float, ...]) -> Array | float:
        found = self._rest_weights
        return 0.0 if found is None else self.field(found, component, held)

    def _block(self, weights: Tensor, component: int) -> Tensor:
        return weights.reshape(len(weights), self.pde.output_count, -1)[:, component]

    def _features(self, model: int, held: tuple[float, ...]) -> Tensor:
        """Features of a model at the nodes of a section that lie in the domain; those of the last sections are kept."""
        key = (model, held)
        if key not in self._kept:
            features = (self.fits, self.second)[model].features
            self._kept[key] = _values(features, self._section(held))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _section(self, held: tuple[float, ...]) -> Tensor:
        return self._nodes(held)[self._inside]

    def _nodes(self, held: tuple[float, ...]) -> Tensor:
        mesh = np.stack(np.meshgrid(*self.axes, indexing="ij"), -1).reshape(-1, len(self.axes))
        return torch.from_numpy(np.concatenate((mesh, np.broadcast_to(held, (len(mesh), len(held)))), 1))

    @cached_property
    def _inside(self) -> Tensor:
        """Which nodes lie in the domain."""
        return self.pde.box.inside(self._nodes(self.pde.box.low[2:]), -TOLERANCE)

    def _on_grid(self, values: Tensor) -> Array:
        grid = np.full(len(self._inside), np.nan)
        grid[self._inside.numpy()] = values.double().cpu().numpy()
        return grid.reshape([len(a) for a in self.axes])


def _values(features: Features, points: Tensor) -> Tensor:
    found: Any = features.jets(points, [()])[0]
    values: Tensor = found
    return values


def open_frames(pde: PDE, data: SyntheticData | None = None) -> Frames:
    """Prepare fields of a PDE, by the learner of a distilled set on its points, or by many features on many points.

    Args:
        pde: the equation.
        data: the distilled set (None: many points).

    Raises:
        ValueError: the set holds no points to train on (see `pinndd.study.solving_on_set.learners_of`).
    """
    ensemble = pde.ensemble()
    drawn = BoundaryValues(ensemble, ensemble.sample(TRIALS, torch.Generator().manual_seed(0)))
    size = typical_size(pde, drawn)
    whole = size * float(pde.sizes.values.max())
    if data is not None:
        seed = int(data.header.get("seed", 0))
        one, two = learners_of(pde, data)
        return Frames(pde, fits_of(pde, one, data, seed), fits_of(pde, two, data, seed + 1), data, whole)
    linear = pointwise_residual(pde).is_linear()
    most = LINEAR_COLUMNS if linear else ITERATED_COLUMNS
    width = min(WIDTHS[pde.box.dimension][0], most // pde.output_count)
    if not linear:
        return _dense(pde, width, WEIGHTS[0], size)
    found: list[tuple[float, Frames]] = []
    for weight in WEIGHTS:
        frames = _dense(pde, width, weight, size)
        found.append((_median_error(frames, drawn), frames))
        if found[-1][0] <= GOAL:
            break
    return min(found, key=lambda pair: pair[0])[1]


def _dense(pde: PDE, width: int, weight: float, size: float) -> Frames:
    """Two dense fits that differ as those of `pinndd.pinn.solving.solver.solve_with_estimate` do."""
    one = DenseSettings(width, seed=0, weight=weight)
    made = [fits_of(pde, dense_learner(pde, s, size), dense_points(pde, s), s.seed) for s in (one, one.second)]
    return Frames(pde, made[0], made[1], None, size * float(pde.sizes.values.max()))


def _median_error(frames: Frames, values: BoundaryValues) -> float:
    each = [_one(values, k) for k in range(len(values))]
    return float(np.median([frames.estimated_error(frames.fits.weights(v), frames.second.weights(v)) for v in each]))


def _one(values: BoundaryValues, number: int) -> ConditionValues:
    return BoundaryValues(values.ensemble, values.coefficients[number : number + 1])
