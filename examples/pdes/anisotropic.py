"""Steady heat in a fibre composite, which conducts along its fibres best; all edges exchange heat with their surroundings.

    u_xx + 0.8 u_xy + 0.5 u_yy = 0,    -1 < x < 1,  0 < y < 3
    u + du/dn = left(y), right(y), bottom(x), top(x)

In training every edge sees a random constant and waves along it; the shifts are steps on one edge, and the opposite edges alike.
"""

import deepxde as dde

from pinndd import PDE, Robin, families

domain = dde.geometry.Rectangle([-1, 0], [1, 3])


def residual(x, u):
    u_xx, u_xy, u_yy = (dde.grad.hessian(u, x, i=i, j=j) for i, j in ((0, 0), (0, 1), (1, 1)))
    return u_xx + 0.8 * u_xy + 0.5 * u_yy


SURROUNDINGS = families.Fourier(modes=2, amplitude=2.0, constant=1.0, period=2.0)

pde = PDE(
    name="anisotropic",
    title="Anisotropic diffusion with Robin edges",
    domain=domain,
    residual=residual,
    conditions=[
        Robin("left", at={"x": -1}, values=SURROUNDINGS),
        Robin("right", at={"x": 1}, values=SURROUNDINGS),
        Robin("bottom", at={"y": 0}, values=SURROUNDINGS),
        Robin("top", at={"y": 3}, values=SURROUNDINGS),
    ],
    shifts={
        "steps": {"left": families.PiecewiseConstant(pieces=4, amplitude=2.0, smoothing=0.1)},
        "correlated": {"right": families.Tied(to="left"), "top": families.Tied(to="bottom")},
    },
    units={"u": "K", "x": "m", "y": "m"},
)
