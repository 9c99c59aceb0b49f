"""Function families: draw coefficients, evaluate the functions, differentiably and on any device.

A family lives on the local coordinate ``s`` of a boundary patch, scaled to [0, 1] along every axis. Coefficients are drawn
with ``sample`` and functions are evaluated with ``evaluate``, which broadcasts: coefficients ``(..., size)`` against
coordinates ``(..., k)`` give values ``(...)``. So ``(B, 1, size)`` against ``(N, k)`` evaluates B functions at N points,
and ``(N, size)`` against ``(N, k)`` evaluates one function per point. A family may have a ``mean``, which every function of it
contains: a linear family is then affine in its coefficients.
"""

from pinndd.pinn.families.base import Family, LinearFamily, draw
from pinndd.pinn.families.composed import Along, Constant, Fixed, Product, Sum, Tied, Zero
from pinndd.pinn.families.gaussian_process import GaussianProcess
from pinndd.pinn.families.known import Known
from pinndd.pinn.families.local import Bump, PiecewiseConstant
from pinndd.pinn.families.waves import Chebyshev, Clamped, Cosine, Fourier, Sine

__all__ = [
    "Along",
    "Bump",
    "Chebyshev",
    "Clamped",
    "Constant",
    "Cosine",
    "Family",
    "Fixed",
    "Fourier",
    "GaussianProcess",
    "Known",
    "LinearFamily",
    "PiecewiseConstant",
    "Product",
    "Sine",
    "Sum",
    "Tied",
    "Zero",
    "draw",
]
