"""Building blocks of reference solutions: batched, in double precision, differentiable in the boundary values."""

from pinndd.pinn.reference.dirichlet import solve_dirichlet
from pinndd.pinn.reference.fourier import solve_periodic
from pinndd.pinn.reference.series import laplace_on_square

__all__ = ["laplace_on_square", "solve_dirichlet", "solve_periodic"]
