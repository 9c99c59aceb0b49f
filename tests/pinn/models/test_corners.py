"""Which singular functions belong to a corner, and how much more accurate solutions are with them."""

from __future__ import annotations

import math

import deepxde as dde
import numpy as np
import pytest
import torch

from pinndd import PDE, Dirichlet, Neumann, Operator, Periodic, Robin, families, load_pde
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.solving import dense, solver
from pinndd.pinn.solving.given import given_values
from pinndd.pinn.solving.solver import probes, relative_gap, solve_given

ANY = families.Constant()
L_SHAPE = ((-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1))


def laplace(x, u):
    return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)


def stretched(x, u):
    """Laplace's equation in X = x, Y = 2 y."""
    return -dde.grad.hessian(u, x, i=0, j=0) - dde.grad.hessian(u, x, i=1, j=1) / 4


def in_polygon(vertices, residual=laplace, conditions=None, factor=1.0):
    vertices = [(float(x), factor * y) for x, y in vertices]
    edges = zip(vertices, vertices[1:] + vertices[:1], strict=True)
    kinds = conditions or [Dirichlet] * len(vertices)
    return PDE(
        name="corner",
        domain=dde.geometry.Polygon(vertices),
        residual=residual,
        conditions=[
            kind(f"e{k}", at={"from": one, "to": two}, values=ANY)
            for k, (kind, (one, two)) in enumerate(zip(kinds, edges, strict=True))
        ],
    )


def slit(residual=laplace):
    """The upper half of a square, with values at x > 0 on the axis and no flux at x < 0."""
    return PDE(
        name="slit",
        domain=dde.geometry.Rectangle([-1, 0], [1, 1]),
        residual=residual,
        conditions=[
            Neumann("free", at={"y": 0, "x": (-1, 0)}, values=ANY),
            Dirichlet("held", at={"y": 0, "x": (0, 1)}, values=ANY),
            *(Dirichlet(f"rim{k}", at=at, values=ANY) for k, at in enumerate(({"x": -1}, {"x": 1}, {"y": 1}))),
        ],
    )


def with_hole():
    hole = dde.geometry.Rectangle([-0.4, -0.4], [0.4, 0.4])
    corners = [(-0.4, -0.4), (0.4, -0.4), (0.4, 0.4), (-0.4, 0.4)]
    outer = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    sides = [(a, b) for loop in (corners, outer) for a, b in zip(loop, loop[1:] + loop[:1], strict=True)]
    return PDE(
        name="hole",
        domain=dde.geometry.Rectangle([-1, -1], [1, 1]) - hole,
        residual=laplace,
        conditions=[Dirichlet(f"e{k}", at={"from": a, "to": b}, values=ANY) for k, (a, b) in enumerate(sides)],
    )


def exponents(pde):
    """The corners, each with the smallest exponent and whether its powers reach everywhere."""
    corners = FeatureModel(pde, 10, singular=True).corners
    return {c.corner: (round(min(p for p, _ in c.powers), 4), math.isinf(c.reach)) for c in corners}


def test_exponents_are_those_of_the_opening_and_the_conditions():
    assert exponents(in_polygon(L_SHAPE)) == {(0, 0): (0.6667, True)}
    kinds = [Dirichlet, Dirichlet, Dirichlet, Neumann, Dirichlet, Dirichlet]
    assert exponents(in_polygon(L_SHAPE, conditions=kinds)) == {(0, 0): (0.3333, True)}
    assert exponents(in_polygon(L_SHAPE, conditions=[Neumann] * 6)) == {(0, 0): (0.6667, True)}
    hexagon = [(math.cos(k * math.pi / 3), math.sin(k * math.pi / 3)) for k in range(6)]
    assert list(exponents(in_polygon(hexagon)).values()) == [(1.5, True)] * 6
    assert exponents(slit()) == {(0.0, 0.0): (0.5, True)}


def test_clockwise_corners_and_other_units_change_nothing():
    assert exponents(in_polygon(L_SHAPE[::-1])) == exponents(in_polygon(L_SHAPE))
    # halved heights and the equation that goes with them
    assert exponents(in_polygon(L_SHAPE, stretched, factor=0.5)) == exponents(in_polygon(L_SHAPE))


def test_no_powers_stand_where_a_derivative_is_not_along_the_normal():
    def slanted(x, u, normal):
        return dde.grad.jacobian(u, x, i=0, j=1) + dde.grad.jacobian(u, x, i=0, j=0)

    pde = slit()
    conditions = [Operator("free", at={"y": 0, "x": (-1, 0)}, operator=slanted, values=ANY), *pde.conditions[1:]]
    changed = PDE(name="slanted", domain=pde.domain, residual=laplace, conditions=conditions)
    # z^(3/4) meets both conditions for zero values: with it, the smooth solution would be one of many
    assert (0.0, 0.0) not in exponents(changed)


def test_robin_conditions_count_as_normal_derivatives():
    pde = slit()
    conditions = [Robin("free", at={"y": 0, "x": (-1, 0)}, value=2.0, values=ANY), *pde.conditions[1:]]
    changed = PDE(name="robin", domain=pde.domain, residual=laplace, conditions=conditions)
    assert exponents(changed) == exponents(pde)


def test_powers_around_a_hole_end_before_the_next_edge():
    corners = FeatureModel(with_hole(), 10, singular=True).corners
    assert len(corners) == 4
    for corner in corners:
        scale = abs(corner.slope[0])
        assert corner.reach == pytest.approx(0.6 * scale, rel=1e-3)  # to the outer edge


def nonlinear(x, u):
    return (1 + u**2) * laplace(x, u)


def mixed(x, u):
    return dde.grad.hessian(u, x, i=0, j=0) - dde.grad.hessian(u, x, i=1, j=1)


@pytest.mark.parametrize("residual", [nonlinear, mixed], ids=["depends on u", "hyperbolic"])
def test_equations_without_known_exponents_have_no_singular_features(residual):
    assert exponents(in_polygon(L_SHAPE, residual)) == {}


def test_a_corner_is_left_alone_where_it_is_unknown_what_holds():
    pde = in_polygon(L_SHAPE)
    fewer = PDE(name="open", domain=pde.domain, residual=laplace, conditions=[c for c in pde.conditions if c.name != "e2"])
    assert exponents(fewer) == {}

    def curved(x, u, normal):
        return laplace(x, u)

    other = Operator("e2", at=pde.conditions[2].at, operator=curved, values=ANY)
    conditions = [*(c for c in pde.conditions if c.name != "e2"), other]
    changed = PDE(name="curved", domain=pde.domain, residual=laplace, conditions=conditions)
    assert exponents(changed) == {}


def test_smooth_and_evolving_problems_have_none():
    for name in ("heat", "poisson", "helmholtz", "laplace_disk", "convection_diffusion", "elasticity", "heat_2d", "beam"):
        assert exponents(load_pde(name)) == {}
    ring = PDE(
        name="ring",
        domain=dde.geometry.Rectangle([0, 0], [1, 1]),
        residual=laplace,
        conditions=[Periodic("around", axis="x"), *(Dirichlet(f"e{y}", at={"y": y}, values=ANY) for y in (0, 1))],
    )
    assert exponents(ring) == {}


def power(a, x, y, start):
    """Im z^a, zero at the angle ``start`` and positive after it."""
    angle = np.mod(np.arctan2(y, x) - start, 2 * np.pi)
    # rounding must not turn an edge at the angle 0 all the way round
    angle = np.where(angle > 1.75 * np.pi, angle - 2 * np.pi, angle)
    return np.hypot(x, y) ** a * np.sin(a * angle)


def error(pde, values, exact):
    where = probes(pde, 3)
    truth = torch.from_numpy(exact(*where.numpy().T))[None, :, None]
    return float(relative_gap(pde, truth, solve_given(pde, given_values(pde, values)).field(where))[0])


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(solver, "WIDTHS", {2: (200,)})


@pytest.mark.parametrize("factor", [1.0, 0.5], ids=["Laplace", "stretched"])
def test_a_re_entrant_corner_costs_no_accuracy(narrow, monkeypatch, factor):
    pde = in_polygon(L_SHAPE, laplace if factor == 1 else stretched, factor=factor)

    def exact(x, y):
        # the third quarter-turn is outside: the domain lies between the angles π / 2 and 2π
        return power(2 / 3, x, y / factor, np.pi / 2) + x * y

    values = {c.name: exact for c in pde.valued}
    assert error(pde, values, exact) < 1e-5
    monkeypatch.setattr(dense, "dense_features", lambda pde, s: FeatureModel(pde, s.width, s.scale))
    assert error(pde, values, exact) > 3e-3


def test_a_change_of_conditions_on_a_straight_edge_costs_no_accuracy(narrow):
    def exact(x, y):
        return power(0.5, x, y, 0.0)

    values = {"free": 0.0, "held": 0.0, **{f"rim{k}": exact for k in range(3)}}
    assert error(slit(), values, exact) < 1e-5


def test_powers_that_end_help_around_a_hole(narrow, monkeypatch):
    pde = with_hole()
    values = given_values(pde, {c.name: 1.0 if k < 4 else 0.0 for k, c in enumerate(pde.valued)})
    singular = float(solve_given(pde, values).error[0])
    monkeypatch.setattr(dense, "dense_features", lambda pde, s: FeatureModel(pde, s.width, s.scale))
    assert singular < 0.4 * float(solve_given(pde, values).error[0])
