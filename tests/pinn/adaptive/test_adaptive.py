"""Adaptive collocation: where the methods of the papers put points, by the densities and thresholds that they state."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace

import deepxde as dde
import pytest
import torch

from pinndd import PDE, BoundaryValues, Dirichlet, families
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.ridge import Ridge
from pinndd.pinn.adaptive import PACMANN, R3, RAD, RARD, squared_residual, train_adaptively
from pinndd.pinn.adaptive.protocol import uniform_points
from pinndd.pinn.adaptive.r3 import retained
from pinndd.pinn.adaptive.rad import draw_by_residual, residual_density
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.geometry.domain import domain_from
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.sets.samplers import sample_points, sobol
from pinndd.pinn.solving.truth import boundary_episodes
from pinndd.pinn.tasks.episodes import BoundaryEpisodes

SQUARE = domain_from(dde.geometry.Rectangle([-1, 0], [1, 2]))
DISK = domain_from(dde.geometry.Disk([0, 0], 1))
CENTRE, WIDTH = torch.tensor([0.4, 1.1], dtype=torch.float64), 0.2
METHODS = (RAD(), RARD(), R3(), PACMANN(step=0.05))


def peak(points, models=1):
    """Square of a Gaussian bump: that of ``models`` models alike."""
    squared = (-(points - CENTRE).square().sum(-1) / WIDTH**2).exp()
    return squared if points.dim() == 3 else squared.expand(models, -1)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@cache
def conditions(name):
    """Three boundary conditions."""
    pde = load_pde(name)
    ensemble = pde.ensemble()
    points = pde.box.scale(sobol(1024, pde.box.dimension, 33))
    return boundary_episodes(pde, ensemble, ensemble.sample(3, seeded(13_300)), points)


def uniform(domain, *shape, seed=0):
    return domain.scale(torch.rand((*shape, domain.dimension), generator=seeded(seed), dtype=torch.float64))


@pytest.mark.parametrize(("k", "c"), [(1.0, 1.0), (2.0, 0.0), (0.5, 1.0)])
def test_the_density_of_rad_is_that_of_its_paper(k, c):
    """Share of a circle around the peak, against the integral of (ε^k / E[ε^k] + c) / (1 + c): a Gaussian and a uniform part."""
    radius, area, count = 1.5 * WIDTH, 4.0, 100_000
    pool = uniform(SQUARE, count)
    near = (pool - CENTRE).norm(dim=-1) < radius
    share = float(residual_density(peak(pool), k, c)[0, near].sum())
    # ε^k is a Gaussian of variance WIDTH² / k along each axis
    expected = (1 - math.exp(-k * radius**2 / WIDTH**2 / 2) + c * math.pi * radius**2 / area) / (1 + c)
    assert share == pytest.approx(expected, rel=3 / math.sqrt(int(near.sum())))
    assert share > 2 * math.pi * radius**2 / area


def test_rad_draws_from_its_density():
    """Chi-square of 20 000 draws from 100 candidates: mean 99 and standard deviation 14 if they follow the density."""
    models, rad = 20_000, RAD(candidates=100)
    pool = uniform_points(SQUARE, (100,), seeded(1), CENTRE)
    drawn = rad.move(uniform(SQUARE, models, 1), 1, partial(peak, models=models), SQUARE, seeded(1))[:, 0]
    which = (drawn[:, None] == pool).all(-1).double()
    assert bool((which.sum(-1) == 1).all())
    expected = models * residual_density(peak(pool), 1.0, 1.0)[0]
    chi_square = float(((which.sum(0) - expected).square() / expected).sum())
    assert 99 - 3 * 14 < chi_square < 99 + 3 * 14


def test_a_density_has_sum_one_and_is_uniform_where_nothing_is_known():
    squared = torch.tensor([[1.0, 4.0, 9.0], [0.0, 0.0, 0.0], [1.0, math.inf, 2.0]], dtype=torch.float64)
    density = residual_density(squared, 1.0, 1.0)
    assert density[0].tolist() == pytest.approx([(e / 2 + 1) / 6 for e in (1, 2, 3)])
    assert density[1:].flatten().tolist() == pytest.approx([1 / 3] * 6)


def test_rar_d_keeps_its_points_and_ends_with_all_of_them():
    method = RARD()
    assert method.sizes(65, 4) == [32, 40, 48, 56, 65]
    assert method.sizes(65, 0) == [65]
    points = uniform(SQUARE, 20, 32)
    grown = replace(method, candidates=20_000).move(points, 64, partial(peak, models=20), SQUARE, seeded())
    assert torch.equal(grown[:, :32], points)
    # density ε²: a Gaussian of variance WIDTH²/2 along each axis, centred at the peak
    new = grown[:, 32:] - CENTRE
    assert float(new.square().mean()) == pytest.approx(WIDTH**2 / 2, rel=0.15)
    assert bool((new[:, 0] != new[:, 1]).all())


def test_r3_retains_exactly_the_points_above_the_mean_residual():
    points = uniform(SQUARE, 20, 100)
    moved = R3().move(points, 100, peak, SQUARE, seeded(3))
    size = peak(points).sqrt()
    above = size > size.mean(-1, keepdim=True)
    assert torch.equal((moved == points).all(-1), above)
    assert torch.equal(retained(peak(points)), above)
    assert 0 < int(above.sum()) < above.numel()


def test_r3_gathers_points_round_by_round_and_lets_go_when_the_peak_is_gone():
    """Theorem of its paper: the mean residual of the population grows while the landscape stays the same."""
    points, means, generator = uniform(SQUARE, 40, 100), [], seeded(4)
    for _ in range(8):
        means.append(float(peak(points).sqrt().mean()))
        points = R3().move(points, 100, peak, SQUARE, generator)
    assert means == sorted(means)
    assert means[-1] > 3 * means[0]
    for _ in range(12):
        points = R3().move(points, 100, lambda p: peak(-p + torch.tensor([0.0, 2.0])), SQUARE, generator)
    assert float(peak(points).sqrt().mean()) < 2 * means[0]


def test_pacmann_climbs_the_squared_residual():
    angles = torch.linspace(0, 2 * math.pi, 50, dtype=torch.float64)
    points = (CENTRE + 1.5 * WIDTH * torch.stack((angles.cos(), angles.sin()), -1)).expand(3, -1, -1)
    method = PACMANN(step=2e-3, steps=10)
    moved = method.move(points, 50, peak, SQUARE, seeded())
    assert bool((peak(moved) > 1.2 * peak(points)).all())
    # a step of Adam is about `step` long along each axis, in parts of the extent (2 here)
    assert float((moved - points).abs().max()) == pytest.approx(2 * method.step * method.steps, rel=0.02)


def test_pacmann_walks_to_the_maximum():
    points = CENTRE + 0.1 * torch.tensor([[[1.0, 0.5], [-1.0, 0.2]]], dtype=torch.float64)
    found = PACMANN(step=1e-3, steps=400).ascend(points, peak, SQUARE)
    assert float((found - CENTRE).abs().max()) < 1e-3


@pytest.mark.parametrize("domain", [SQUARE, DISK], ids=["rectangle", "disk"])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_points_stay_inside_and_have_the_promised_number(method, domain):
    """A residual that grows outwards draws every point to the boundary, and a long ascent beyond it."""
    sizes = method.sizes(40, 3)
    assert sizes[-1] == max(sizes) == 40
    points, generator = uniform(domain, 5, sizes[0]), seeded(2)
    for size in sizes[1:]:

        def residual(p):
            squared = p.square().sum(-1)
            return squared if p.dim() == 3 else squared.expand(5, -1)

        points = method.move(points, size, residual, domain, generator)
        assert points.shape == (5, size, 2)
        assert bool(domain.inside(points).all())


def test_draws_are_repeated_by_their_generator():
    for method in METHODS:
        first, again = (
            method.move(uniform(SQUARE, 1, 20), 30 if method.name == "rar-d" else 20, peak, SQUARE, seeded(5))
            for _ in range(2)
        )
        assert torch.equal(first, again)


@pytest.mark.parametrize("kind", ["features", "mlp"])
@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_the_residual_of_trained_models_agrees_with_finite_differences(kind, name):
    """Of u, from its values alone; and its slope in the points, that PACMANN climbs, from its own values."""
    pde = load_pde(name)
    episodes = conditions(name)[:2]
    if kind == "features":
        model = FeatureModel(pde, 30, 1.0)
        fitted = model.fitted(torch.randn((2, 30), generator=seeded(), dtype=torch.float64), episodes)
    else:
        model = MLPModel(pde, (8, 8))
        fitted = model.fitted(model.initial(episodes, torch.zeros((), dtype=torch.float64)), episodes)
    points, h = pde.box.scale(0.1 + 0.8 * uniform_unit(6)), 1e-4
    x, t = torch.tensor([[h, 0.0], [0.0, h]], dtype=torch.float64)

    def u(p):
        return fitted(p)[..., 0]

    u_t, u_x = ((u(points + d) - u(points - d)) / (2 * h) for d in (t, x))
    u_xx = (u(points + x) - 2 * u(points) + u(points - x)) / h**2
    expected = (u_t - 0.05 * u_xx + (u(points) * u_x if name == "burgers" else 0)).square() / pde.sizes.equations.square()
    residual = partial(squared_residual, fitted, model.pde)
    assert torch.allclose(residual(points), expected, rtol=1e-4, atol=1e-6)
    own = torch.stack((points, points.flip(0))).requires_grad_()
    both = residual(own)
    assert torch.allclose(both[0], residual(points)[0], rtol=1e-10)
    assert torch.allclose(both[1], residual(points)[1].flip(0), rtol=1e-10)
    (slope,) = torch.autograd.grad(both.sum(), own)
    with torch.no_grad():
        differences = torch.stack([(residual(own + d) - residual(own - d)) / (2 * h) for d in (x, t)], -1)
    assert float((slope - differences).norm()) < 1e-5 * float(slope.norm())


def uniform_unit(count):
    return torch.rand((count, 2), generator=seeded(7), dtype=torch.float64)


LEARNERS = {
    "ridge": (lambda pde: Ridge(FeatureModel(pde, 80, 1.0)), "heat"),
    "gauss-newton": (lambda pde: GaussNewton(FeatureModel(pde, 40, 1.0)), "burgers"),
    "adam": (lambda pde: Adam(MLPModel(pde, (8, 8)), steps=9, dtype=torch.float64), "burgers"),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_points_that_do_not_move_train_the_models_of_the_plain_learner(name):
    make, equation = LEARNERS[name]
    pde = load_pde(equation)
    episodes = conditions(equation)
    data = collocation_data(pde, *sample_points(pde, "sobol", 20, 12, 1), boundary_weight=10.0)
    learner = make(pde)
    still = _train(learner, _Still(), 2, data, episodes)
    with torch.no_grad():
        plain = learner.fit(data, episodes)
    # Gauss-Newton accepts a step by its loss, which is flat: rounding decides on the last one, and its size is what two fits share
    near = learner.tolerance if isinstance(learner, GaussNewton) else 1e-9
    assert torch.allclose(still(episodes.points), plain(episodes.points), rtol=10 * near, atol=near)


def test_levenberg_marquardt_goes_on_from_its_weights_on_points_of_each_condition():
    pde, episodes = load_pde("heat"), conditions("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", 10, 12, 1), boundary_weight=10.0)
    learner, seen = LevenbergMarquardt(MLPModel(pde, (8, 8))), []

    class Watched:
        name, sizes = RARD().name, RARD().sizes

        def move(self, points, *rest):
            seen.append(RARD().move(points, *rest))
            return seen[-1]

    moved = train_adaptively(learner, Watched(), 2, 20, data, episodes, pde.box, seeded())
    assert [p.shape[1] for p in seen] == [15, 20]
    assert not torch.equal(seen[-1][0], seen[-1][1])
    for e, points in enumerate(seen[-1]):  # every network meets its own points
        prepared = learner.prepare(data.with_fields({INTERIOR: points}), episodes[e : e + 1])
        first = learner.model.rows(prepared, learner.initial(data, episodes)[e : e + 1]).square().sum()
        assert float(learner.model.rows(prepared, moved.parameters[e : e + 1]).square().sum()) < 1e-5 * float(first)
    still = _train(learner, _Still(), 1, data, episodes)
    with torch.no_grad():
        plain = learner.fit(data, episodes).parameters
        on = learner.train(learner.prepare(data, episodes), plain)
    torch.testing.assert_close(still.parameters, on, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_each_condition_has_points_of_its_own(method):
    """The first model does not depend on what the others are trained for, but their points are apart."""
    pde = load_pde("heat")
    episodes = conditions("heat")
    first = method.sizes(20, 2)[0]
    data = collocation_data(pde, *sample_points(pde, "sobol", first, 12, 1), boundary_weight=10.0)
    seen = []

    class Watched:
        name, sizes = method.name, method.sizes

        def move(self, points, *rest):
            seen.append(method.move(points, *rest))
            return seen[-1]

    train_adaptively(Ridge(FeatureModel(pde, 80, 1.0)), Watched(), 2, 20, data, episodes, pde.box, seeded())
    assert [tuple(p.shape) for p in seen] == [(3, size, 2) for size in method.sizes(20, 2)[1:]]
    assert not torch.equal(seen[-1][0], seen[-1][1])


def test_other_learners_and_wrong_numbers_are_told():
    pde = load_pde("heat")
    episodes = conditions("heat")[:1]
    data = collocation_data(pde, *sample_points(pde, "sobol", 20, 12, 1))
    with pytest.raises(ValueError, match="SimpleNamespace: expected Ridge or GaussNewton on a HeadModel, or Adam or Levenberg"):
        _train(SimpleNamespace(), R3(), 1, data, episodes)
    with pytest.raises(ValueError, match="20 interior points to begin with, expected 10 of 20"):
        _train(Ridge(FeatureModel(pde)), RARD(), 1, data, episodes)
    for wrong in (partial(RAD, k=-1.0), partial(RARD, start=0.0), partial(PACMANN, step=0.0)):
        with pytest.raises(ValueError, match=r"RAD|RAR-D|PACMANN"):
            wrong()
    with pytest.raises(ValueError, match="2 points out of 1 candidates"):
        draw_by_residual(2, peak, SQUARE, seeded(), CENTRE, k=1.0, c=1.0, candidates=1)


STEEP, FRONT = 20.0, 0.35


def front(x):
    """A steep step between two ends of value zero."""
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    left, right = (STEEP * (ends - FRONT)).tanh()
    return (STEEP * (x - FRONT)).tanh() - left - (right - left) * x


def front_residual(x, u):
    y = (STEEP * (x - FRONT)).tanh()
    return dde.grad.hessian(u, x, i=0, j=0) + 2 * STEEP**2 * y * (1 - y.square())


@pytest.mark.parametrize("method", [RARD(), PACMANN()], ids=lambda m: m.name)
def test_refined_points_beat_uniform_ones_on_a_steep_front(method):
    """Same learner, features and number of points; geometric mean of the error over eight draws."""
    pde = PDE(
        name="front",
        domain=dde.geometry.Interval(0, 1),
        residual=front_residual,
        conditions=[Dirichlet(name, at={"x": x}, values=families.Zero()) for name, x in (("left", 0), ("right", 1))],
        reference=lambda values, points: front(points[:, 0]).expand(len(values), -1),
    )
    values = BoundaryValues(pde.ensemble(), torch.zeros((1, 0), dtype=torch.float64))
    grid = torch.linspace(0, 1, 401, dtype=torch.float64)[:, None]
    truth = front(grid[:, 0])
    learner, gains = Ridge(FeatureModel(pde, 200, 10.0)), []
    for seed in range(8):
        episodes = BoundaryEpisodes(values, grid, truth[None, :, None], seed)
        first, full = (
            collocation_data(pde, *sample_points(pde, "uniform", n, 2, seed + 1), boundary_weight=1e6)
            for n in (method.sizes(60, 4)[0], 60)
        )
        with torch.no_grad():
            moved = train_adaptively(learner, method, 4, 60, first, episodes, pde.box, seeded(seed))
            errors = [(fitted(grid)[0, :, 0] - truth).norm() for fitted in (learner.fit(full, episodes), moved)]
        gains.append(float((errors[0] / errors[1]).log()))
    assert sum(gains) / len(gains) > math.log(1.5)


class _Still:
    """A method that moves nothing."""

    name = "still"

    def sizes(self, count, rounds):
        return [count] * (rounds + 1)

    def move(self, points, count, residual, domain, generator):
        assert bool(residual(points).isfinite().all())
        return points


def _train(learner, method, rounds, data, episodes):
    return train_adaptively(learner, method, rounds, data[INTERIOR].shape[0], data, episodes, load_pde("heat").box, seeded())
