"""Stokes flow through a channel, given as it comes in.

    p_x = u_xx + u_yy,    p_y = v_xx + v_yy,    u_x + v_y = 0,    0 < x < 3,  0 < y < 1
    u = inflow(y), v = 0 at x = 0;  u = v = 0 at the walls y = 0 and y = 1;  p = 0, v = 0 at x = 3

In training the inflow is a parabola, 4 y (1 - y), with three random sines on top. The shift ``sparse`` has one of them, and in
``jet`` a bump of fast fluid comes in beside it.
"""

from dataclasses import replace

import deepxde as dde

from pinndd import PDE, Dirichlet, families

domain = dde.geometry.Rectangle([0, 0], [3, 1])


def residual(x, u):
    p_x, p_y = (dde.grad.jacobian(u, x, i=2, j=j) for j in (0, 1))
    u_x, v_y = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=1, j=1)
    drag_u, drag_v = (sum(dde.grad.hessian(u, x, component=c, i=j, j=j) for j in (0, 1)) for c in (0, 1))
    return [p_x - drag_u, p_y - drag_v, u_x + v_y]


def parabola(s):
    return 4 * s[:, 0] * (1 - s[:, 0])


INFLOW = families.Sine(modes=3, amplitude=0.3, mean=parabola)
STILL = families.Zero()

pde = PDE(
    name="stokes",
    title="Stokes flow through a channel",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("inflow", at={"x": 0}, values=INFLOW, component="u"),
        Dirichlet("inflow_v", at={"x": 0}, values=STILL, component="v"),
        *(Dirichlet(f"{wall}_{c}", at={"y": y}, values=STILL, component=c) for wall, y in (("floor", 0), ("roof", 1)) for c in "uv"),
        Dirichlet("outflow_p", at={"x": 3}, values=STILL, component="p"),
        Dirichlet("outflow_v", at={"x": 3}, values=STILL, component="v"),
    ],
    shifts={
        "sparse": {"inflow": replace(INFLOW, active=1)},
        "jet": {"inflow": families.Bump(amplitude=0.8, width=(0.08, 0.12), mean=parabola)},
    },
    outputs=("u", "v", "p"),
    units={"u": "m/s", "v": "m/s", "p": "Pa", "x": "m", "y": "m"},
)
