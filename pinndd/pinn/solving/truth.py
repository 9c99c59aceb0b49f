"""True solutions of batches of boundary conditions: of the reference, or of the fast solver where none is declared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from pinndd.pinn.declare.in_words import coordinates
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Ensemble, Reference, pointwise_residual
from pinndd.pinn.declare.recorded import RecordedSolutions
from pinndd.pinn.geometry.patches import TOLERANCE
from pinndd.pinn.models.features import FittedFeatures
from pinndd.pinn.solving.cache import remembered
from pinndd.pinn.solving.dense import DenseSettings, solve_densely, typical_size, weight_count, with_weights
from pinndd.pinn.solving.keys import fingerprint, key_of
from pinndd.pinn.solving.parts import SHOWN, WORTH, Solve, one_thread, processor_seconds, solved_one_by_one
from pinndd.pinn.solving.solver import GOAL, WIDTHS, at_least_missed, missed_values, probes, solve_with_estimate
from pinndd.pinn.solving.telling import tell
from pinndd.pinn.tasks.episodes import BoundaryEpisodes, Trainings
from pinndd.pinn.tasks.scales import AnswerScale

_CONDITIONS, _POINTS, _SEED = 16, 256, 44
"""Conditions of the training family and points by which the typical size of a component is measured."""

_ROUNDING = 1e-15
"""Part of the largest component below which another one is zero, whatever their units."""


_PROBED = 8
"""Conditions by which the fast solver chooses its weights; a quarter of them where each costs a solution."""

_FEW = 4
"""Conditions that are solved together without a question whether one by one were better."""

_BRIEF = 1.0
"""Seconds for one condition that may well be those of imports."""

_FEWEST_WEIGHTS = 600
"""Output weights from which on a nonlinear equation is tried with half the features first, which take an eighth of the time."""

_TIMED = 3
"""Conditions that are solved to see how long a further one takes."""

_TWICE = 1.5
"""A reference that takes so many times longer for two conditions than for one solves one after the other."""


def reference_of(pde: PDE) -> Reference:
    """Return the declared reference of a PDE, or the fast solver where none is declared."""
    if isinstance(pde.reference, RecordedSolutions):
        return CompletedReference(pde, pde.reference)
    return pde.reference if pde.reference is not None else OwnReference(pde)


def _declares_solver(pde: PDE) -> bool:
    """Whether the reference is a solver, which takes its time for every set of points."""
    return pde.reference is not None and not isinstance(pde.reference, RecordedSolutions)


def recorded_conditions(pde: PDE) -> Tensor | None:
    """Return the coefficients of the conditions whose solutions stand in files, ``(m, C)``; None where the reference is no files."""
    return pde.reference.read.coefficients if isinstance(pde.reference, RecordedSolutions) else None


@dataclass(frozen=True)
class OwnReference:
    """The fast solver as a reference."""

    pde: PDE

    def __call__(self, values: BoundaryValues, points: Tensor) -> Tensor:
        """Solve: ``(B, Q, outputs)``, float64."""
        return _solved(_Batch(self.pde, values, fingerprint(values)), own_settings(self.pde))(points)


@dataclass(frozen=True)
class CompletedReference:
    """Recorded solutions, and the fast solver for all other conditions."""

    pde: PDE
    recorded: RecordedSolutions

    def __call__(self, values: BoundaryValues, points: Tensor) -> Tensor:
        """Solve: ``(B, Q, outputs)``, float64."""
        known = self.recorded.known(values)
        u = points.new_zeros((len(values), len(points), self.pde.output_count))
        for mine, solver in ((known, self.recorded), (~known, OwnReference(self.pde))):
            if bool(mine.any()):
                u[mine] = solver(BoundaryValues(values.ensemble, values.coefficients[mine]), points)
        return u


def truth_errors(pde: PDE, values: BoundaryValues) -> Tensor | None:
    """Return the estimated error of the truth for every boundary condition, ``(B,)``; None where a reference gives it.

    It is relative, as errors in tables are: see `answer_scale`.
    """
    if isinstance(pde.reference, RecordedSolutions):
        known = pde.reference.known(values)
        others = BoundaryValues(values.ensemble, values.coefficients[~known])
        estimated = values.coefficients.new_zeros(len(values))
        if len(others):
            estimated[~known] = own_errors(pde, others)
        return estimated if len(others) else None
    return None if pde.reference is not None else own_errors(pde, values)


def own_errors(pde: PDE, values: BoundaryValues) -> Tensor:
    """Return the estimated error of the fast solver as the reference, ``(B,)``, in units of `answer_scale`.

    As for `pinndd.solve`, two fits that both missed the given values may agree, and are no truth.
    """
    batch, settings, where = _Batch(pde, values, fingerprint(values)), own_settings(pde), probes(pde)
    fitted, second = (_solved(batch, each) for each in (settings, settings.second))
    u, other = fitted(where), second(where)
    scale = answer_scale(pde, where)
    if scale is not None:
        u, other = scale.of(u), scale.of(other)
    errors: Tensor = (u - other).flatten(1).norm(dim=1) / u.flatten(1).norm(dim=1)
    return at_least_missed(errors.cpu(), missed_values(pde, values, fitted))


@lru_cache(maxsize=32)
def own_settings(pde: PDE) -> DenseSettings:
    """Return how densely the fast solver solves where it is the reference, the same for all conditions of a PDE.

    A fit of a nonlinear equation takes the cube of its weights: where there are many, half the features or fewer are taken if they
    meet the goal of the solver.
    """
    ensemble = pde.ensemble()
    linear = pointwise_residual(pde).is_linear()
    count = _PROBED if linear else _PROBED // 4
    drawn = BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(_SEED)))
    most = WIDTHS[pde.box.dimension][1 if linear and pde.output_count == 1 else 0]
    widths = [most]
    while not linear and widths[0] * pde.output_count > _FEWEST_WEIGHTS:
        widths.insert(0, widths[0] // 2)

    def chosen() -> Tensor:
        what = f"{pde.name}: choosing how densely true solutions are computed"
        tell(what, 0, 1)
        for k, width in enumerate(widths):
            found = solve_with_estimate(pde, drawn, width)
            tell(what, k + 1, len(widths))
            if float(found.error.median()) <= GOAL:
                break
        return torch.tensor(astuple(found.settings), dtype=torch.float64)

    kept = _kept(key_of(pde, "settings of our own", drawn), chosen, (7,)).tolist()
    features, seed, weight, scale, penalty, iterations, windows = kept
    return DenseSettings(int(features), int(seed), weight, scale, penalty, int(iterations), int(windows))


@lru_cache(maxsize=32)
def seconds_per_condition(pde: PDE) -> float:
    """Return the processor seconds that the true solution of one more condition takes; 0 for a linear PDE, solved for all at once.

    They are measured where no solution is kept, and remembered where measuring takes long, so that solutions at hand count as well.
    """
    if pointwise_residual(pde).is_linear():
        return 0.0
    ensemble = pde.ensemble()
    drawn = BoundaryValues(ensemble, ensemble.sample(_TIMED, torch.Generator().manual_seed(_SEED)))
    solve: Solve = _Answer(probes(pde)) if _declares_solver(pde) else _OwnSolve(own_settings(pde), typical_size(pde, drawn))

    def spent(count: int) -> float:
        before = processor_seconds()
        with one_thread():
            solve(pde, BoundaryValues(ensemble, drawn.coefficients[:count]))
        return processor_seconds() - before

    def measured() -> Tensor:
        seconds = spent(1)
        if _declares_solver(pde):  # many solve all conditions together
            seconds = (spent(_TIMED) - spent(1)) / (_TIMED - 1)
        elif seconds < _BRIEF:
            seconds = spent(1)
        return torch.tensor([max(0.0, seconds)], dtype=torch.float64)

    return float(_kept(key_of(pde, "seconds per condition", drawn), measured, (1,)))


@dataclass(frozen=True)
class _Batch:
    """Boundary conditions of a PDE, told apart by their values."""

    pde: PDE
    values: BoundaryValues = field(compare=False)
    fingerprint: str


@lru_cache(maxsize=16)
def _solved(batch: _Batch, settings: DenseSettings) -> FittedFeatures:
    """Solve a batch; the last few are remembered, since the same conditions are asked at several sets of points."""
    pde, values = batch.pde, batch.values
    shape = (len(values), weight_count(pde, settings))
    key = key_of(pde, f"our own, {settings}", values)

    def compute() -> Tensor:
        if pointwise_residual(pde).is_linear():  # one factorisation serves all conditions
            return solve_densely(pde, values, settings).weights
        return solved_one_by_one(pde, _OwnSolve(settings, typical_size(pde, values)), values)

    weights = _kept(key, compute, shape)
    return with_weights(pde, settings, weights, Trainings(values, settings.seed))


@dataclass(frozen=True)
class _OwnSolve:
    """Solve conditions of a nonlinear PDE by the fast solver; the answers are output weights ``(B, outputs · P)``."""

    settings: DenseSettings
    size: float

    def __call__(self, pde: PDE, values: BoundaryValues) -> Tensor:
        return solve_densely(pde, values, self.settings, size=self.size).weights


def _kept(key: str | None, compute: Callable[[], Tensor], shape: tuple[int, ...]) -> Tensor:
    """Compute a tensor, float64, or read what was computed before under the same key (None: there is none)."""
    if key is None:
        return compute()
    found = remembered(key, lambda: {"values": compute().contiguous().numpy()}, {"values": shape})["values"]
    return torch.from_numpy(found).clone()  # aligned as other tensors are


def superposes(pde: PDE, ensemble: Ensemble) -> bool:
    """Whether the solution is affine in the coefficients, so that a few solutions give all."""
    return ensemble.linear and pointwise_residual(pde).is_linear()


def solutions(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    """Return the reference solution at ``points`` ``(Q, d)`` for every boundary condition, ``(B, Q, outputs)``, float64.

    A linear PDE is solved once for each coefficient, and the solutions are added up.

    Raises:
        UserCodeError: the reference fails, or returns something of another shape.
        ValueError: it returns values that are not finite.
    """
    size = values.ensemble.size
    if not _declares_solver(pde) or len(values) <= size + 1 or not superposes(pde, values.ensemble):
        return _reference(pde, values, points)
    unit = torch.cat((torch.zeros((1, size), dtype=torch.float64), torch.eye(size, dtype=torch.float64)))
    basis = _reference(pde, BoundaryValues(values.ensemble, unit), points)
    return basis[0] + torch.einsum("bc,cqo->bqo", values.coefficients, basis[1:] - basis[0])


def answer_scale(pde: PDE, points: Tensor, derivatives: int = 0) -> AnswerScale | None:
    """Return in which units answers at ``points`` ``(Q, d)`` are compared (None: as they are, a relative error needs no more).

    Args:
        pde: where its training family has a mean, answers are compared by their deviation from the solution for that mean.
        points: where the solution is asked, float64.
        derivatives: 1 if the distance takes gradients too.

    Raises:
        ValueError: the solution of the training family is zero everywhere.
    """
    if pde.output_count == 1 and not pde.up_to_constant and not pde.ensemble().has_mean:
        return None
    return AnswerScale(typical_sizes(pde), _free(pde), _rest(pde, points, derivatives))


def _free(pde: PDE) -> Tensor:
    return torch.tensor([name in pde.up_to_constant for name in pde.components])


def _rest(pde: PDE, points: Tensor, derivatives: int = 0) -> Tensor | None:
    """Return the solution for the mean of the training family, followed by its partial derivatives if they are wanted."""
    if not pde.ensemble().has_mean:
        return None
    ensemble = pde.ensemble().rest()
    values = BoundaryValues(ensemble, torch.zeros((1, ensemble.size), dtype=torch.float64))
    fields = [solutions(pde, values, points)[0]]
    if derivatives:
        fields.append(_slopes(pde, values, points)[0].transpose(-1, -2).flatten(-2))
    return torch.cat(fields, -1)


@lru_cache(maxsize=32)
def typical_sizes(pde: PDE) -> Tensor:
    """Return the root mean square of each component over the training family and the domain, ``(outputs,)``, float64.

    The numbers are those of 16 fixed conditions, or of the recorded ones, at 256 fixed points, less the solution for the mean of the
    family. A component known up to a constant is taken less its mean; one that does not vary is given the size of the
    largest. A single component has size 1.

    Raises:
        ValueError: no component varies.
    """
    if pde.output_count == 1:
        return torch.ones(1, dtype=torch.float64)
    ensemble, generator = pde.ensemble(), torch.Generator().manual_seed(_SEED)
    drawn = ensemble.sample(_CONDITIONS, generator)
    recorded = recorded_conditions(pde)
    drawn = drawn if recorded is None else recorded
    points = pde.box.scale(torch.rand((_POINTS, pde.box.dimension), generator=generator, dtype=torch.float64))
    plain = AnswerScale(torch.ones(pde.output_count, dtype=torch.float64), _free(pde), _rest(pde, points))
    sizes = plain.of(solutions(pde, BoundaryValues(ensemble, drawn), points)).square().mean((0, 1)).sqrt()
    largest = float(sizes.max())
    if largest == 0:
        raise ValueError(
            f"PDE {pde.name!r}: the true solution is the same for the whole training family; give it conditions that vary"
        )
    return torch.where(sizes > _ROUNDING * largest, sizes, largest)


def boundary_episodes(
    pde: PDE, ensemble: Ensemble, coefficients: Tensor, points: Tensor, *, seed: int = 0, derivatives: int = 0
) -> BoundaryEpisodes:
    """Return boundary conditions with their true solutions.

    Args:
        pde: gives the reference.
        ensemble: family of the conditions.
        coefficients: ``(B, C)``.
        points: where the solution is asked, ``(Q, d)``, float64.
        seed: of the network.
        derivatives: 1 to hold the gradient of the solution too, by central differences of the reference.
    """
    values = BoundaryValues(ensemble, coefficients)
    truth = solutions(pde, values, points)
    slope = _slopes(pde, values, points) if derivatives else None
    return BoundaryEpisodes(values, points, truth, seed, slope, answer_scale(pde, points, derivatives))


def _reference(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    outside = ~pde.box.inside(points, -TOLERANCE)
    if bool(outside.any()):
        first = coordinates(points[int(outside.nonzero()[0])].tolist())
        raise ValueError(f"PDE {pde.name!r}: the reference is asked at {first}, outside the domain; ask inside it")
    # our own solutions are kept by their weights, and files need not be
    cached = _declares_solver(pde) and points.device.type == "cpu"
    key = key_of(pde, "declared", values, points) if cached else None
    solve = _declared if cached else _answer
    return _kept(key, lambda: solve(pde, values, points), (len(values), len(points), pde.output_count))


def _declared(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    """Ask a declared solver: for all conditions at once, or for one after the other where it works like that anyway.

    Many solvers take hardly longer for more conditions, and their last digits depend on which conditions they are asked together.
    Such a solver is asked once. One whose answer to a condition is the same bit for bit alone, and which takes twice as long for
    two, is asked by several processes where it takes long.
    """
    count = len(values)
    with one_thread():
        if count < _FEW:
            return _answer(pde, values, points)
        asked = _Asked(pde, values, points)
        one_by_one = _seconds_for_one(asked) * count
        if one_by_one > WORTH and _one_after_the_other(asked):
            return solved_one_by_one(pde, _Answer(points), values)
        what = f"{pde.name}: true solutions"
        if one_by_one > SHOWN:
            tell(what, 0, count)
        answer = _answer(pde, values, points)
        if one_by_one > SHOWN:
            tell(what, count, count)
        return answer


@dataclass(frozen=True)
class _Answer:
    """Ask the reference of a PDE at points."""

    points: Tensor

    def __call__(self, pde: PDE, values: BoundaryValues) -> Tensor:
        return _answer(pde, values, self.points)


@dataclass(frozen=True)
class _Asked:
    """What the reference of a PDE is asked first; all that is found out by it is about the PDE."""

    pde: PDE
    values: BoundaryValues = field(compare=False)
    points: Tensor = field(compare=False)

    def timed(self, conditions: slice) -> tuple[Tensor, float]:
        """Return the answer for some of the conditions, and the seconds that it took."""
        start = time.perf_counter()
        answer = _answer(self.pde, BoundaryValues(self.values.ensemble, self.values.coefficients[conditions]), self.points)
        return answer, time.perf_counter() - start


@lru_cache(maxsize=32)
def _seconds_for_one(asked: _Asked) -> float:
    seconds = asked.timed(slice(1))[1]
    # the first time may have imported and prepared a lot
    return asked.timed(slice(1))[1] if seconds < _BRIEF else seconds


@lru_cache(maxsize=32)
def _one_after_the_other(asked: _Asked) -> bool:
    both, seconds = asked.timed(slice(2))
    if not torch.equal(both[:1], asked.timed(slice(1))[0]):
        return False
    second, one = asked.timed(slice(1, 2))
    return torch.equal(both[1:], second) and seconds > _TWICE * one


def _answer(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    with torch.no_grad():
        u = reference_of(pde)(values, points)
    u = (u[..., None] if u.dim() == 2 else u).detach()
    if not bool(u.isfinite().all()):
        raise ValueError(f"PDE {pde.name!r}: the reference returned a value that is not finite; run 'pinndd check'")
    return u


def _slopes(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    """Central differences, or one-sided ones of second order at the faces, with a step of 1e-3 of the domain."""
    low, high = points.new_tensor(pde.box.low), points.new_tensor(pde.box.high)
    columns = []
    for axis in range(pde.box.dimension):
        step = 1e-3 * (high[axis] - low[axis])
        shift = torch.zeros_like(points)
        # the centre of the stencil moves inwards at a face; the quadratic through its three points is differentiated
        centre = points[:, axis].clamp(low[axis] + step, high[axis] - step)
        shift[:, axis] = centre - points[:, axis]
        side = torch.zeros_like(points)
        side[:, axis] = step
        left, middle, right = (solutions(pde, values, points + shift + k * side) for k in (-1, 0, 1))
        offset = -(shift[:, axis] / step)[None, :, None]
        columns.append((right - left) / (2 * step) + offset * (right - 2 * middle + left) / step)
    return torch.stack(columns, -1)
