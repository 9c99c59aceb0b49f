"""Telegraph equation: a pulse runs along a cable of two metres that is short-circuited at its end.

    u_tt + 2 u_t + u = u_xx,    0 < x < 2,  0 < t < 3
    u(0, t) = pulse(t),  u(2, t) = 0,  u(x, 0) = 0,  u_t(x, 0) = 0

In training a bump of random height, place and width is sent from the left end; the shift ``waves`` sends four sines. The cable is
Heaviside's without distortion: the pulse keeps its shape, ``u = exp(-x) pulse(t - x)`` until it comes back from the end.
"""

import deepxde as dde

from pinndd import PDE, Dirichlet, Initial, families

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 2), dde.geometry.TimeDomain(0, 3))


def residual(x, u):
    u_t, u_tt = dde.grad.jacobian(u, x, i=0, j=1), dde.grad.hessian(u, x, i=1, j=1)
    return u_tt + 2 * u_t + u - dde.grad.hessian(u, x, i=0, j=0)


pde = PDE(
    name="telegraph",
    title="Telegraph equation with a pulse at one end",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("pulse", at={"x": 0}, values=families.Bump(width=(0.08, 0.12), center=(0.35, 0.5))),
        Dirichlet("short", at={"x": 2}, values=families.Zero()),
        Initial("start", values=families.Zero()),
        Initial("velocity", values=families.Zero(), order=1),
    ],
    shifts={"waves": {"pulse": families.Sine(modes=4, amplitude=0.5)}},
    units={"u": "V", "x": "m", "t": "ns"},
)
