"""Conditions that an equation asks for and a PDE does not declare."""

from __future__ import annotations

import deepxde as dde
import pytest

from pinndd import PDE, Dirichlet, Initial, Neumann, Operator, Periodic, families, solve
from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.posed import missing_conditions

LINE = dde.geometry.Interval(0, 2)
ROD = dde.geometry.GeometryXTime(LINE, dde.geometry.TimeDomain(0, 3))
SQUARE = dde.geometry.Rectangle([0, 0], [1, 1])
DRILLED = SQUARE - dde.geometry.Disk([0.5, 0.5], 0.2)
ZERO = families.Zero()
NORMAL = families.Sine()


def d(u, x, *axes):
    for axis in axes:
        u = dde.grad.jacobian(u, x, i=0, j=axis)
    return u


def heat(x, u):
    return d(u, x, 1) - d(u, x, 0, 0)


def wave(x, u):
    return d(u, x, 1, 1) - d(u, x, 0, 0)


def transport(x, u):
    return d(u, x, 1) + d(u, x, 0)


def dispersive(x, u):
    return d(u, x, 1) + d(u, x, 0, 0, 0)


def oscillator(x, u):
    return d(u, x, 0, 0) + u


def laplace(x, u):
    return d(u, x, 0, 0) + d(u, x, 1, 1)


def stream_and_vorticity(x, u):
    psi, w = u[:, :1], u[:, 1:]
    return [d(psi, x, 0, 0) + d(psi, x, 1, 1) + w, d(w, x, 0, 0) + d(w, x, 1, 1)]


def at(kind, name, component=0, **place):
    return kind(name, at=place, values=ZERO, component=component)


LEFT, RIGHT = at(Dirichlet, "left", x=0), at(Neumann, "right", x=2)
START, VELOCITY = Initial("start", values=NORMAL), Initial("velocity", values=NORMAL, order=1)
EDGES = [at(Dirichlet, "west", x=0), at(Dirichlet, "east", x=1), at(Dirichlet, "south", y=0), at(Dirichlet, "north", y=1)]
HALF = Dirichlet("half", at={"x": 0, "y": (0, 0.5)}, values=ZERO)
HOLE = Neumann("hole", at={"circle": ((0.5, 0.5), 0.2)}, values=ZERO)
SLOPE = Operator("slope", at={"x": 0}, operator=lambda x, u, n: d(u, x, 0), values=ZERO)
NO_SLIP = [
    *(at(Dirichlet, f"psi {k}", **{axis: end}) for k, (axis, end) in enumerate([("x", 0), ("x", 1), ("y", 0), ("y", 1)])),
    *(at(Neumann, f"slope {k}", **{axis: end}) for k, (axis, end) in enumerate([("x", 0), ("x", 1), ("y", 0), ("y", 1)])),
]


def pde(domain, residual, *conditions, outputs=1):
    return PDE(name="posed", domain=domain, residual=residual, conditions=list(conditions), outputs=outputs)


@pytest.mark.parametrize(
    "declared",
    [
        pde(ROD, heat, LEFT, RIGHT, START),
        pde(ROD, heat, Periodic("ring"), START),
        pde(ROD, wave, LEFT, RIGHT, START, VELOCITY),
        pde(ROD, transport, LEFT, START),
        pde(ROD, dispersive, LEFT, SLOPE, RIGHT, START),
        pde(LINE, oscillator, LEFT, SLOPE),
        pde(SQUARE, laplace, *EDGES),
        pde(DRILLED, laplace, *EDGES, HOLE),
        pde(SQUARE, stream_and_vorticity, *NO_SLIP, outputs=("psi", "w")),
    ],
    ids=["heat", "ring", "wave", "transport", "dispersive", "initial values of an ODE", "square", "drilled", "no slip"],
)
def test_as_many_conditions_as_asked_are_enough(declared):
    assert missing_conditions(declared) == []


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (pde(ROD, heat, LEFT, RIGHT), "u_t: 1 condition(s) needed at the initial time, 0 declared"),
        (pde(ROD, wave, LEFT, RIGHT, START), "u_tt: 2 condition(s) needed at the initial time, 1 declared"),
        (pde(ROD, heat, LEFT, START), "u_xx: 1 condition(s) needed at (2, "),
        (pde(LINE, oscillator, LEFT), "u_xx: 1 condition(s) needed at (2) on the boundary, 0 declared"),
        (pde(SQUARE, laplace, HALF, *EDGES[1:]), "u_xx: 1 condition(s) needed at (0, 0."),
        (pde(DRILLED, laplace, *EDGES), "1 condition(s) needed at (0."),
        (pde(SQUARE, stream_and_vorticity, *NO_SLIP[1:], outputs=("psi", "w")), "psi_xx, w_xx: 2 condition(s) needed at (0, "),
    ],
    ids=["no start", "no velocity", "one end", "ODE", "half an edge", "hole", "no stream function"],
)
def test_missing_conditions_are_told_with_their_place(declared, said):
    (found,) = missing_conditions(declared)
    assert said in found


def test_a_forgotten_condition_is_told_by_check_and_by_whoever_solves():
    forgotten = pde(LINE, oscillator, LEFT)
    said = missing_conditions(forgotten)
    assert [f.message for f in check_pde(forgotten) if (f.level, f.subject) == ("warning", "conditions")] == said
    assert set(said) <= set(solve(forgotten, {"left": 1.0}).notes)
