"""Heat in the plastic around a thin wire, cooled by air at its outside; everything begins at 300 K.

    T_t = 0.1 (T_rr + T_r / r),    0.1 mm < r < 1 mm,  0 < t < 300 s
    T(0.1, t) = wire(t),  T + 0.5 dT/dr = air(t) at r = 1,  T(r, 0) = 300

In training wire and air deviate from 300 K by slow waves that begin at zero. The shift ``pulse`` heats the wire for a short time,
``drift`` moves the air by faster waves.
"""

from dataclasses import replace

import deepxde as dde

from pinndd import PDE, Dirichlet, Initial, Robin, families

DIFFUSIVITY, REST = 0.1, 300.0  # mm²/s, K

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0.1, 1), dde.geometry.TimeDomain(0, 300))


def residual(x, u):
    u_t, u_r = dde.grad.jacobian(u, x, i=0, j=1), dde.grad.jacobian(u, x, i=0, j=0)
    return u_t - DIFFUSIVITY * (dde.grad.hessian(u, x, i=0, j=0) + u_r / x[:, 0:1])


WIRE = families.Sine(modes=3, amplitude=20.0, mean=REST)
AIR = families.Sine(modes=2, amplitude=5.0, mean=REST)

pde = PDE(
    name="hot_wire",
    title="Heat around a wire, cooled by air",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("wire", at={"r": 0.1}, values=WIRE),
        Robin("air", at={"r": 1}, values=AIR, slope=0.5),
        Initial("start", values=families.Fixed(REST)),
    ],
    shifts={
        "pulse": {"wire": families.Bump(amplitude=30.0, mean=REST)},
        "drift": {"air": replace(AIR, weights=(0.3, 1.0))},
    },
    coordinates=("r", "t"),
    units={"u": "K", "r": "mm", "t": "s"},
)
