"""Physics that does not depend on units: a PDE in other units of coordinates, u and equations has the same fits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd import PDE, Dirichlet, Initial, Operator, Periodic
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.conditions import Condition
from pinndd.pinn.declare.loading import list_pdes, load_pde, remembered
from pinndd.pinn.declare.pde import BoundaryValues, pointwise_residual
from pinndd.pinn.families import Family, Fixed
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data, older_weights
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.episodes import BoundaryEpisodes

dde = import_deepxde()


@dataclass(frozen=True)
class Times(Family):
    """A family whose functions are multiplied by a factor."""

    family: Family
    factor: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.family.size)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.family.sample(count, generator)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return self.factor * self.family.evaluate(coefficients, s)


def in_other_units(pde: PDE, lengths: Sequence[float], sizes: Sequence[float], equations: Sequence[float]) -> PDE:
    """Return the PDE of ``sizes · u`` at points ``lengths · x``, its equations multiplied by ``equations``."""
    theirs, scale = pointwise_residual(pde), torch.tensor(lengths, dtype=torch.float64)

    def term(x: Tensor, u: Tensor, component: int, axes: Sequence[int]) -> Tensor:
        value = u[:, component : component + 1]
        for k, axis in enumerate(axes):
            value = dde.grad.jacobian(u if k == 0 else value, x, i=component if k == 0 else 0, j=axis)
        return value * (math.prod(lengths[a] for a in axes) / sizes[component])

    def residual(x: Tensor, u: Tensor) -> list[Tensor]:
        values = theirs(x / scale, torch.cat([term(x, u, c, axes) for c, axes in theirs.terms], -1))
        return [factor * values[:, e : e + 1] for e, factor in enumerate(equations)]

    def moved(condition: Condition | Periodic) -> Condition | Periodic:
        if isinstance(condition, Periodic):
            return condition
        if condition.gives_value:
            place = {"at": _at(pde, condition.at, lengths)} if isinstance(condition, Dirichlet) else {}
            return replace(condition, values=Times(condition.values, sizes[condition.component_number]), **place)
        if isinstance(condition, Initial):
            factor = sizes[condition.component_number] / lengths[-1] ** condition.order
            return replace(condition, values=Times(condition.values, factor))
        operator = pde.operators[condition.name]

        def says(x: Tensor, u: Tensor, normal: Tensor) -> Tensor:
            factors = operator.coefficients(x / scale)
            return sum(factors[:, k : k + 1] * term(x, u, c, axes) for k, (c, axes) in enumerate(operator.terms))

        return Operator(condition.name, _at(pde, condition.at, lengths), says, condition.values)

    numbered = {c.name: c for c in pde.valued}
    return PDE(
        pde.name,
        _domain(pde.domain, lengths),
        residual,
        [moved(numbered.get(c.name, c)) for c in pde.conditions],
        outputs=pde.outputs,
        equations=pde.equation_count,
        up_to_constant=pde.up_to_constant,
    )


def _at(pde: PDE, at: dict, lengths: Sequence[float]) -> dict:
    scaled = {}
    for key, value in at.items():
        if key == "angle":
            scaled[key] = value
        elif key in ("from", "to"):
            scaled[key] = tuple(v * a for v, a in zip(value, lengths, strict=False))
        else:
            a = lengths[pde.box.names.index(key)]
            scaled[key] = tuple(v * a for v in value) if isinstance(value, tuple) else value * a
    return scaled


def _domain(geometry: object, lengths: Sequence[float]) -> object:
    kinds, (a, *b) = dde.geometry, lengths
    match geometry:
        case kinds.GeometryXTime():
            time = kinds.TimeDomain(geometry.timedomain.t0 * lengths[-1], geometry.timedomain.t1 * lengths[-1])
            return kinds.GeometryXTime(_domain(geometry.geometry, lengths), time)
        case kinds.Interval():
            return kinds.Interval(geometry.l * a, geometry.r * a)
        case kinds.Disk():
            return kinds.Disk([0, 0], float(geometry.radius) * a)
        case kinds.Rectangle():
            return kinds.Rectangle([0, 0], [a, b[0]])
        case kinds.Polygon():
            return kinds.Polygon([(float(x) * a, float(y) * b[0]) for x, y in geometry.vertices])
    raise AssertionError(geometry)


def fitted(pde: PDE, coefficients: Tensor, points: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return weights of random features, and the rows of untrained networks: both are pure numbers."""
    data = collocation_data(pde, points[INTERIOR], {k: v for k, v in points.items() if k != INTERIOR}, 10.0)
    values = BoundaryValues(pde.ensemble(), coefficients)
    nothing = torch.zeros((1, pde.box.dimension)), torch.zeros((len(coefficients), 1, pde.output_count))
    episodes = BoundaryEpisodes(values, *nothing, seed=1)
    model, network = FeatureModel(pde, 30, 1.0), MLPModel(pde, (6, 6))
    # a penalty that keeps rounding errors small
    learner = Ridge(model, 1e-3) if pointwise_residual(pde).is_linear() else GaussNewton(model, 1e-2, iterations=5)
    prepared = network.prepare(data, episodes)
    rows = network.rows(prepared, network.initial(episodes, data[INTERIOR]))
    return model.weights(learner.fit(data, episodes)).detach(), rows.detach()


exponents = st.lists(st.floats(-9, 9), min_size=12, max_size=12)


@pytest.mark.parametrize("name", [name for name, _ in list_pdes()])
@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(exponents)
def test_fits_do_not_depend_on_units(name: str, drawn: list[float]) -> None:
    pde = load_pde(name)
    factors = [10.0**each for each in drawn]
    lengths, sizes, equations = factors[: pde.box.dimension], factors[3:6], factors[6 : 6 + pde.equation_count]
    if pde.box.region is not None:
        lengths = [lengths[0]] * 2  # normals are those of the user's coordinates
    other = in_other_units(pde, lengths, sizes, equations)
    assert pointwise_residual(other).is_linear() == pointwise_residual(pde).is_linear()
    coefficients = pde.ensemble().sample(2, torch.Generator().manual_seed(0))
    interior, boundary = sample_points(pde, "sobol", 20, 12, 1)
    ours = fitted(pde, coefficients, {INTERIOR: interior, **boundary})
    theirs = fitted(other, coefficients, {INTERIOR: interior * torch.tensor(lengths, dtype=torch.float64), **boundary})
    for mine, wanted in zip(theirs, ours, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-6 * float(wanted.abs().max()))


@pytest.mark.parametrize("name", ["heat", "convection_diffusion", "wave"])
def test_fits_do_not_depend_on_a_mean(name: str) -> None:
    """That of linear equations without a source: 1e5 kelvin and what varies about them is what varies, and 1e5 kelvin."""
    pde, given_there = load_pde(name), {"mean": 1e5}
    conditions = [
        replace(c, values=replace(c.values, **given_there)) if c.joins is None and _takes_a_mean(c) else c for c in pde.conditions
    ]
    if name == "wave":
        conditions[:2] = [replace(c, values=Fixed(1e5)) for c in conditions[:2]]
    warm = replace(pde, conditions=conditions, shifts={}, reference=None, stand_in=None)
    assert warm.sizes.means.tolist() == [1e5]
    coefficients = pde.ensemble().sample(2, torch.Generator().manual_seed(0))
    interior, boundary = sample_points(pde, "sobol", 20, 12, 1)
    points = {INTERIOR: interior, **boundary}
    for mine, wanted in zip(fitted(warm, coefficients, points), fitted(pde, coefficients, points), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


def _takes_a_mean(condition: Condition) -> bool:
    """Whether a mean of u is one of what the condition says, where it has a factor of 1."""
    return hasattr(condition.values, "amplitude") and not (isinstance(condition, Initial) and condition.order)


def test_a_set_whose_weights_are_of_another_kind_is_told() -> None:
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", 16, 9, 0))
    assert older_weights(data) == ""
    assert older_weights(data.with_header(protocol="retrain", **remembered(pde))) == ""
    assert "weights were those of rows in the units of the user" in older_weights(data.with_header(protocol="retrain", pde="heat"))
