"""FitzHugh-Nagumo equations: an excitable fibre with sealed ends, a voltage v and a slow recovery w.

    v_t = 0.02 v_xx + v - v³/3 - w + 0.5,    w_t = 0.3 (v + 0.7 - 0.8 w),    0 < x < 1,  0 < t < 3
    dv/dn = 0 at both ends,  v(x, 0) = voltage(x),  w(x, 0) = recovery(x)

In training voltage and recovery start at -1 and -0.5 with random cosines about them, which have no slope at the ends. The shift
``excited`` starts with larger voltages, which is not trivial for a nonlinear equation.
"""

from dataclasses import replace

import deepxde as dde

from pinndd import PDE, Initial, Neumann, families

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 3))


def residual(x, u):
    v, w = u[:, 0:1], u[:, 1:2]
    v_t, w_t = (dde.grad.jacobian(u, x, i=i, j=1) for i in (0, 1))
    v_xx = dde.grad.hessian(u, x, component=0, i=0, j=0)
    return [v_t - 0.02 * v_xx - v + v**3 / 3 + w - 0.5, w_t - 0.3 * (v + 0.7 - 0.8 * w)]


VOLTAGE = families.Cosine(modes=3, amplitude=0.6, mean=-1.0)
RECOVERY = families.Cosine(modes=2, amplitude=0.2, mean=-0.5)

pde = PDE(
    name="fitzhugh_nagumo",
    title="FitzHugh-Nagumo equations on a sealed fibre",
    domain=domain,
    residual=residual,
    conditions=[
        Neumann("left", at={"x": 0}, values=families.Zero(), component="v"),
        Neumann("right", at={"x": 1}, values=families.Zero(), component="v"),
        Initial("voltage", values=VOLTAGE, component="v"),
        Initial("recovery", values=RECOVERY, component="w"),
    ],
    shifts={"excited": {"voltage": replace(VOLTAGE, amplitude=0.9)}},
    outputs=("v", "w"),
)
