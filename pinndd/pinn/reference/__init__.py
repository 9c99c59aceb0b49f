"""Building blocks of reference solutions: batched, in double precision, differentiable in the boundary values."""

from pinndd.pinn.reference.cavity import solve_cavity
from pinndd.pinn.reference.dirichlet import solve_dirichlet
from pinndd.pinn.reference.disk import laplace_on_disk
from pinndd.pinn.reference.dispersive import solve_dispersive
from pinndd.pinn.reference.finite_elements import LinearProblem, graded_mesh
from pinndd.pinn.reference.fourier import solve_periodic
from pinndd.pinn.reference.heat_on_square import heat_on_square
from pinndd.pinn.reference.interval import solve_interval
from pinndd.pinn.reference.series import helmholtz_on_square, laplace_on_square
from pinndd.pinn.reference.vibration import vibrating_beam, vibrating_string

__all__ = [
    "LinearProblem",
    "graded_mesh",
    "heat_on_square",
    "helmholtz_on_square",
    "laplace_on_disk",
    "laplace_on_square",
    "solve_cavity",
    "solve_dirichlet",
    "solve_dispersive",
    "solve_interval",
    "solve_periodic",
    "vibrating_beam",
    "vibrating_string",
]
