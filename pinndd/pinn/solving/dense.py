"""The fast solver: as many random features and collocation points as the accuracy needs, in closed form or by Gauss-Newton."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.rows import Rows, RowsModel
from pinndd.pinn.models.balanced import typical_equations
from pinndd.pinn.models.features import FeatureModel, FittedFeatures
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import allocate, sample_points
from pinndd.pinn.solving.given import SomeValues
from pinndd.pinn.solving.telling import tell
from pinndd.pinn.solving.windows import apart, joined, together, windows
from pinndd.pinn.tasks.episodes import ConditionValues, Draws, Trainings

INTERIOR_ROWS, BOUNDARY_ROWS = 3.0, 1.0
"""Rows of the least-squares problem for each weight of the model."""

FLUX_WEIGHT = 9.0
"""Weight of a condition on derivatives against one on u: a flux that is missed is felt everywhere."""

_FLAT = 1e-2
"""Relative decrease of the loss at which Gauss-Newton has arrived: its last steps are quadratic, and what remains after them is the
rounding of the normal equations, which moves the weights and not the field."""

_PROMISE = 0.5
"""Part of the loss that a further step leaves where it has arrived, by the linearised problem."""

TOGETHER = 1
"""Conditions of a nonlinear PDE in one batch: two take longer than one after the other on a CPU, where they leave the cache."""


@dataclass(frozen=True)
class DenseSettings:
    """How densely a solution is computed.

    Attributes:
        width: random features per output P.
        seed: of features and points.
        weight: of the conditions against the equations, where the rows of both have unit size.
        scale: standard deviation of the inner weights of the features.
        penalty: of the output weights, relative to the mean square of the columns of the least-squares matrix.
        iterations: most Gauss-Newton steps of a nonlinear equation.
        windows: parts of the time that are solved one after the other, each with ``width`` features.
    """

    width: int
    seed: int
    weight: float = 1.0
    scale: float = 2.0
    penalty: float = 1e-14
    iterations: int = 40
    windows: int = 1

    @property
    def second(self) -> DenseSettings:
        """Settings of another draw with less weight on the conditions: what the two fits differ by is about the error of the first.

        Draws alone would miss alike what a corner or a jump takes away; another weighting shows it.
        """
        less = 10 if self.weight < 1 else 3 if self.windows > 1 else 2
        return replace(self, seed=self.seed + 1, weight=self.weight / less)


@dataclass(frozen=True)
class DenseModel(RowsModel):
    """Random features whose least-squares problem has rows of unit size, whatever the units of measurement.

    It is a linear model and a least-squares model (`pinndd.learners`). Every equation has the same weight, and every condition.

    Args:
        features: the model whose rows are scaled.
        weight: of the conditions against the equations.
        size: of u, relative to its typical size, at which the terms of a nonlinear equation are compared.
    """

    features: FeatureModel
    weight: float
    size: float

    @property
    def parameter_count(self) -> int:
        """Number of trained weights."""
        return self.features.parameter_count

    def prepare(self, data: SyntheticData, episodes: Draws) -> Rows:
        """Evaluate features and boundary values at the points of ``data``, and scale every row."""
        rows, scales, start = self.features.prepare(data, episodes), [], 0
        for name, operator in self.features.pde.operators.items():
            block = rows.boundary[start : start + data[name].shape[0]]
            weight = self.weight * (FLUX_WEIGHT if operator.differentiates else 1.0)
            scales.append((weight**0.5 * _unit(block)).expand(len(block)))
            start += len(block)
        boundary = torch.cat(scales)
        return replace(
            rows,
            interior_scale=self._equation_scales(rows),
            boundary=boundary[:, None] * rows.boundary,
            targets=boundary * rows.targets,
        )

    def system(self, data: SyntheticData, episodes: Draws) -> tuple[Tensor, Tensor]:
        """Return the rows of a linear PDE: matrix ``(R, outputs · P)`` and right-hand sides ``(E, R)``."""
        return self.prepare(data, episodes).system()

    def fitted(self, weights: Tensor, episodes: Draws) -> FittedFeatures:
        """Return the models with output weights ``(E, outputs · P)``."""
        return self.features.fitted(weights, episodes)

    def weights(self, fitted: FittedFeatures) -> Tensor:
        """Return the trained weights of models."""
        return self.features.weights(fitted)

    def _equation_scales(self, rows: Rows) -> Tensor:
        """Return the scale of the rows of every equation, ``(1, equations)``, linearised at a random u of typical size."""
        equations = typical_equations(rows, self.size)
        return torch.stack([_unit(equations[:, e]) for e in range(equations.shape[1])])[None]


def _unit(block: Tensor) -> Tensor:
    """The factor that makes the sum of squares of a block of rows ``(n, P)`` the number of its columns."""
    total = block.square().sum()
    return (block.shape[-1] / total).sqrt() if float(total) > 0 else total.new_ones(())


def solve_densely(
    pde: PDE, values: ConditionValues, settings: DenseSettings, device: str = "cpu", size: float | None = None
) -> FittedFeatures:
    """Solve for B boundary conditions; for a linear PDE one factorisation serves all.

    Args:
        pde: the equation.
        values: the conditions, as functions of the local coordinates.
        settings: how densely.
        device: where.
        size: of u, relative to its typical size (None: that of the values).
    """
    parts, fits = windows(pde, settings.windows), list[FittedFeatures]()
    size = typical_size(pde, values) if size is None else size
    for window in parts:
        here = window.values(values, fits[-1] if fits else None)
        fits.append(_solve_at_once(window.pde, here, settings, device, size))
    return together(fits, parts, Trainings(values, settings.seed))


def _solve_at_once(pde: PDE, values: ConditionValues, settings: DenseSettings, device: str, size: float) -> FittedFeatures:
    """Solve in one window."""
    data = dense_points(pde, settings).to(device)
    learner = dense_learner(pde, settings, size)
    with torch.no_grad():
        if isinstance(learner, Ridge):
            trainings = Trainings(values, settings.seed)
            solved: FittedFeatures = learner.model.fitted(
                _least_squares(*learner.model.system(data, trainings), learner.penalty), trainings
            )
            return solved
        parts = [learner.parameters(learner.fit(data, Trainings(part, settings.seed))) for part in batches(values, TOGETHER)]
    found: FittedFeatures = learner.model.fitted(torch.cat(parts), Trainings(values, settings.seed))
    return found


def solve_nearby(
    pde: PDE, fitted: FittedFeatures, values: ConditionValues, nearby: ConditionValues, settings: DenseSettings
) -> FittedFeatures:
    """Solve for boundary values near those of a dense solution, to first order in how far they are; exact for a linear PDE.

    Args:
        pde: the equation.
        fitted: the solution for ``values``, by `solve_densely` with the same settings.
        values: one boundary condition.
        nearby: others, whose solutions are returned.
        settings: how densely.
    """
    parts, fits = windows(pde, settings.windows), list[FittedFeatures]()
    before: FittedFeatures | None = None
    size = typical_size(pde, values)
    for window, here in zip(parts, apart(fitted), strict=True):
        there = window.values(nearby, fits[-1] if fits else None)
        fits.append(_nearby_at_once(window.pde, here, window.values(values, before), there, settings, size))
        before = here
    return together(fits, parts, Trainings(nearby, settings.seed))


def _nearby_at_once(
    pde: PDE, fitted: FittedFeatures, values: ConditionValues, nearby: ConditionValues, settings: DenseSettings, size: float
) -> FittedFeatures:
    """Solve nearby in one window."""
    data = dense_points(pde, settings).to(fitted.weights.device)
    learner = dense_learner(pde, settings, size)
    model, trainings = learner.model, Trainings(nearby, settings.seed)
    assert isinstance(model, DenseModel)
    with torch.no_grad():
        here = model.prepare(data, Trainings(values, settings.seed))
        change = model.prepare(data, trainings).targets - here.targets
        weights = model.weights(fitted)
        _, jacobian = model.linearise(here, weights)
        interior = change.new_zeros((len(change), jacobian.rows - change.shape[1]))
        moved = _least_squares(jacobian.dense()[0], torch.cat((interior, change), -1), learner.penalty)
    return model.fitted(weights + moved, trainings)


def dense_learner(pde: PDE, settings: DenseSettings, size: float) -> Ridge | GaussNewton:
    """Return the learner of a dense solution: in closed form for a linear PDE, else by Gauss-Newton.

    Args:
        pde: the equation.
        settings: how densely.
        size: of u, relative to its typical size.
    """
    features = dense_features(pde, settings)
    model = DenseModel(features, settings.weight, size)
    # the columns of the scaled rows of every equation and condition have a mean square of 1 in sum
    blocks = features.residual.equations + sum(
        settings.weight * (FLUX_WEIGHT if operator.differentiates else 1.0) for operator in pde.operators.values()
    )
    penalty = settings.penalty * blocks
    if features.residual.is_linear():
        return Ridge(model, penalty)
    steps = partial(tell, f"Gauss-Newton, {settings.iterations} steps at most")
    return GaussNewton(model, penalty, iterations=settings.iterations, decrease=_FLAT, promise=_PROMISE, progress=steps)


def dense_features(pde: PDE, settings: DenseSettings) -> FeatureModel:
    """Return the features of a dense solution: random ones, and those that are singular at corners of the domain."""
    return FeatureModel(pde, settings.width, settings.scale, singular=True)


def with_weights(pde: PDE, settings: DenseSettings, weights: Tensor, episodes: Draws) -> FittedFeatures:
    """Return the dense solution that has output weights ``(B, outputs · P)``, such as those that were kept."""
    parts = windows(pde, settings.windows)
    families = [dense_features(window.pde, settings).whole_features(settings.seed, weights) for window in parts]
    return FittedFeatures(joined(families, parts), weights, episodes, pde.output_count)


def weight_count(pde: PDE, settings: DenseSettings) -> int:
    """Return the number of output weights of a dense solution."""
    return settings.windows * dense_features(pde, settings).whole_count


def condition_places(pde: PDE, settings: DenseSettings) -> dict[str, Tensor]:
    """Return the local coordinates at which a dense solution asks for the values of every condition, ``(n, k)``."""
    places: dict[str, list[Tensor]] = {name: [] for name in pde.patches}
    for number, window in enumerate(windows(pde, settings.windows)):
        data = dense_points(window.pde, settings)
        for name, patch in pde.patches.items():
            if number == 0 or not patch.initial:
                places[name].append(window.in_whole(name, data[name]))
    return {name: torch.cat(found) for name, found in places.items()}


def _least_squares(matrix: Tensor, targets: Tensor, penalty: float) -> Tensor:
    """Solve ``min_θ ‖A θ - b‖² + penalty ‖θ‖²`` for all right-hand sides ``(E, R)``, ``(E, P)``.

    As `pinndd.learners.ridge.ridge_solve`, without a derivative: the orthogonal factor is never formed, which halves the time.
    """
    columns = matrix.shape[1]
    rows = torch.cat((matrix, penalty**0.5 * torch.eye(columns, dtype=matrix.dtype, device=matrix.device)))
    right = torch.cat((targets.T, targets.new_zeros((columns, len(targets)))))
    solution: Tensor = torch.linalg.lstsq(rows, right, driver="gels").solution
    return solution.T.contiguous()


def dense_points(pde: PDE, settings: DenseSettings) -> SyntheticData:
    """Draw the Sobol points of the least-squares problem."""
    return collocation_data(pde, *sample_points(pde, "sobol", *_asked_for(pde, settings), settings.seed + 1))


def dense_counts(pde: PDE, settings: DenseSettings) -> tuple[int, int]:
    """Return how many interior and boundary points a dense solution has, in all its windows together."""
    interior, boundary = _asked_for(pde, settings)
    return settings.windows * interior, settings.windows * sum(allocate(pde, boundary).values())


def _asked_for(pde: PDE, settings: DenseSettings) -> tuple[int, int]:
    """The numbers of interior and boundary points of one window."""
    weights = settings.width * pde.output_count
    return round(INTERIOR_ROWS * weights / pde.equation_count), max(len(pde.valued), round(BOUNDARY_ROWS * weights))


def batches(values: ConditionValues, count: int) -> Iterator[ConditionValues]:
    """Cut a batch of boundary conditions into parts."""
    for start in range(0, len(values), count):
        yield SomeValues(values, slice(start, start + count))


def typical_size(pde: PDE, values: ConditionValues) -> float:
    """Return the root mean square of the given values of u, relative to its typical size; 1 where all are zero or none is given."""
    generator, squares = torch.Generator().manual_seed(0), []
    for condition in pde.valued:
        if condition.gives_value:
            s = pde.patches[condition.name].drawn(64, generator)
            squares.append((values[condition.name](s) / pde.sizes.values[condition.component_number]).square().mean())
    size = math.sqrt(float(torch.stack(squares).mean())) if squares else 0.0
    return size or 1.0
