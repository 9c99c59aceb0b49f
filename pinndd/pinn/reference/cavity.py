"""Steady flow in a square cavity whose lid moves along itself with a prescribed profile, by a spectral stream function.

The stream function ψ (``u = ψ_y``, ``v = -ψ_x``) solves ``ν Δ²ψ = ψ_y Δψ_x - ψ_x Δψ_y``. It is a combination of products
of clamped Legendre polynomials (Shen, 1994, doi:10.1137/0915089), which vanish on the walls with their slopes; one more
function of y carries the lid. The equation is collocated at the Gauss nodes of the weight ``(s (1 - s))²``, which is a Galerkin
method with clamped test functions, and solved by Newton's method. The pressure follows from its gradient, by a Galerkin method.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pinndd.pinn.reference.interpolation import gauss_legendre

_STEPS = 30
_FACTORS = (16.0, 8.0, 4.0, 2.8, 2.0, 1.7, 1.4, 1.2, 1.1, 1.0)
_CHUNK = 32


def clamped_legendre(s: Tensor, count: int, derivative: int) -> Tensor:
    """Evaluate a derivative of ``count`` polynomials that vanish with their slopes at 0 and 1: ``(N,)`` to ``(N, count)``."""
    x, columns = 2 * s.detach().cpu().numpy() - 1, []
    for k in range(count):
        coefficients = np.zeros(k + 5)
        coefficients[[k, k + 2, k + 4]] = 1.0, -2 * (2 * k + 5) / (2 * k + 7), (2 * k + 3) / (2 * k + 7)
        scale = 2.0**derivative / math.sqrt(2 * (2 * k + 3) ** 2 * (2 * k + 5))
        columns.append(scale * np.polynomial.legendre.legval(x, np.polynomial.legendre.legder(coefficients, derivative)))
    return torch.from_numpy(np.stack(columns, -1)).to(s.device)


def _upright(s: Tensor, count: int, derivative: int) -> Tensor:
    """The clamped polynomials and ``s³ - s²``, whose slope is 1 at the lid and which vanishes else: ``(N, count + 1)``."""
    lid = (s**3 - s**2, 3 * s**2 - 2 * s, 6 * s - 2, torch.full_like(s, 6.0), torch.zeros_like(s))[derivative]
    return torch.cat((clamped_legendre(s, count, derivative), lid[:, None]), -1)


def _legendre_values(s: Tensor, count: int, derivative: int) -> Tensor:
    columns = [
        2.0**derivative * np.polynomial.legendre.Legendre.basis(k).deriv(derivative)(2 * s.detach().cpu().numpy() - 1)
        for k in range(count)
    ]
    return torch.from_numpy(np.stack(columns, -1)).to(s.device)


def _product(across: Tensor, up: Tensor) -> Tensor:
    """Products of functions of x and functions of y at all pairs of nodes: ``(nodes², functions)``."""
    return torch.kron(across.contiguous(), up.contiguous())


@dataclass(frozen=True)
class CavityBasis:
    """Everything that does not depend on the lid.

    Attributes:
        nodes: ``(n,)``, collocation nodes in [0, 1].
        fields: name to ``(n², n (n + 1))``, from coefficients to a derivative of ψ at the pairs of nodes.
        gauss_fields: the same at the pairs of Gauss-Legendre nodes, where gradients are integrated.
        lid_to_modes: ``(n, n)``, from lid velocities at the nodes to coefficients of the clamped polynomials.
        to_pressure: ``(2 gauss nodes², n²)``, from the two parts of the gradient to Legendre coefficients of the pressure.
        unknown: as ``fields``, from the unknown coefficients alone.
        inner: coefficients that are unknown; the others belong to the lid.
        outer: those of the lid.
    """

    nodes: Tensor
    fields: dict[str, Tensor]
    gauss_fields: dict[str, Tensor]
    lid_to_modes: Tensor
    to_pressure: Tensor
    unknown: dict[str, Tensor]
    inner: Tensor
    outer: Tensor


@lru_cache(maxsize=4)
def cavity_basis(degree: int) -> CavityBasis:
    """Return the basis with ``degree`` polynomials along x and along y, float64, on the CPU."""
    from scipy.special import roots_jacobi  # slow to import, and only cavities need it

    # cached: tensors made in inference mode would later refuse to be differentiated through
    with torch.inference_mode(False):
        nodes = torch.from_numpy((roots_jacobi(degree, 2, 2)[0] + 1) / 2)
        gauss, weights = gauss_legendre(3 * degree // 2)
        numbers = torch.arange(degree * (degree + 1)).reshape(degree, degree + 1)
        fields, inner = _fields(nodes, degree), numbers[:, :-1].flatten()
        return CavityBasis(
            nodes,
            fields,
            _fields(gauss, degree),
            torch.linalg.inv(clamped_legendre(nodes, degree, 0)),
            _pressure_solver(gauss, weights, degree),
            {name: matrix[:, inner] for name, matrix in fields.items()},
            inner,
            numbers[:, -1].clone(),
        )


def _fields(nodes: Tensor, count: int) -> dict[str, Tensor]:
    x = [clamped_legendre(nodes, count, d) for d in range(5)]
    y = [_upright(nodes, count, d) for d in range(5)]
    return {
        "x": _product(x[1], y[0]),
        "y": _product(x[0], y[1]),
        "xx": _product(x[2], y[0]),
        "xy": _product(x[1], y[1]),
        "yy": _product(x[0], y[2]),
        "laplace_x": _product(x[3], y[0]) + _product(x[1], y[2]),
        "laplace_y": _product(x[2], y[1]) + _product(x[0], y[3]),
        "biharmonic": _product(x[4], y[0]) + 2 * _product(x[2], y[2]) + _product(x[0], y[4]),
    }


def _pressure_solver(nodes: Tensor, weights: Tensor, count: int) -> Tensor:
    """Return what maps a gradient at the nodes to Legendre coefficients of p with ``∫ ∇p · ∇q = ∫ gradient · ∇q``."""
    value, slope = _legendre_values(nodes, count, 0), _legendre_values(nodes, count, 1)
    gradient = torch.cat((_product(slope, value), _product(value, slope)))[:, 1:]
    weight = torch.outer(weights, weights).flatten().repeat(2)
    solver = torch.linalg.solve(gradient.T @ (weight[:, None] * gradient), gradient.T * weight)
    return torch.cat((torch.zeros_like(solver[:1]), solver)).T


def solve_cavity(
    lid: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    viscosity: float,
    corner: tuple[float, float] = (0.0, 0.0),
    side: float = 1.0,
    degree: int = 22,
    tolerance: float = 1e-6,
) -> Tensor:
    """Solve the steady Navier-Stokes equations in a square below a lid that moves along itself with a prescribed velocity.

        u u_x + v u_y + p_x = viscosity Δu,    u v_x + v v_y + p_y = viscosity Δv,    u_x + v_y = 0

    with no slip on the other walls and p = 0 in the lower left corner. The error falls faster than any power of ``1 / degree``
    for lids that vanish with their slopes at both ends; others are smoothed there.

    Args:
        lid: velocities: ``(N,)`` in [0, 1], along the lid, to ``(B, N)``.
        points: ``(Q, 2)``, x and y, float64.
        viscosity: kinematic; in the unit square with lids of velocity 1 the inverse of the Reynolds number.
        corner, side: lower left corner and side of the square.
        degree: number of polynomials along each axis.
        tolerance: of Newton's method, for the largest coefficient of its last step relative to the largest one; the error
            left is about its square.

    Returns:
        Tensor of shape ``(B, Q, 3)``: u, v and p, float64, differentiable in the lid.

    Raises:
        ArithmeticError: Newton's method does not converge.
        ValueError: the side is not positive.
    """
    if not 0 < side < math.inf:
        raise ValueError(f"side={side}: expected a positive number")
    # lengths in units of the side; velocities and pressure stay
    viscosity = viscosity / side
    basis, device = cavity_basis(degree), points.device
    moving = lid(basis.nodes.to(device)).double() @ basis.lid_to_modes.to(device).T
    answers = [_solve(basis, part.cpu(), viscosity, tolerance) for part in torch.split(moving, _CHUNK)]
    coefficients = torch.cat(answers)
    pressure = _gradient(basis, coefficients, viscosity) @ basis.to_pressure
    x, y = ((points[:, k].double().cpu() - corner[k]) / side for k in (0, 1))
    x = torch.cat((x, x.new_zeros(1)))
    y = torch.cat((y, y.new_zeros(1)))
    grid = coefficients.reshape(-1, degree, degree + 1)
    u = _at(clamped_legendre(x, degree, 0), grid, _upright(y, degree, 1))
    v = -_at(clamped_legendre(x, degree, 1), grid, _upright(y, degree, 0))
    p = _at(_legendre_values(x, degree, 0), pressure.reshape(-1, degree, degree), _legendre_values(y, degree, 0))
    return torch.stack((u, v, p - p[:, -1:]), -1)[:, :-1].to(device)


def _at(across: Tensor, grid: Tensor, up: Tensor) -> Tensor:
    """Evaluate ``Σ across[q, i] grid[b, i, j] up[q, j]``, ``(B, Q)``."""
    return ((across @ grid) * up).sum(-1)


def _solve(basis: CavityBasis, moving: Tensor, viscosity: float, tolerance: float) -> Tensor:
    """Return the coefficients of ψ ``(B, n (n + 1))``; their derivative in ``moving`` is that of the implicit function."""
    size = len(basis.inner) + len(basis.outer)
    with torch.no_grad():
        start = moving.new_zeros((len(moving), size))
        start[:, basis.outer] = moving
        psi, converged = _newton(basis, start, viscosity, tolerance)
        if not bool(converged.all()):
            psi[~converged] = _continued(basis, start[~converged], viscosity, tolerance)
    if not moving.requires_grad:
        return psi
    # one more step, whose Jacobian is a constant: its derivative is that of the solution
    spread = torch.zeros_like(psi).index_copy(1, basis.outer, moving)
    known = spread.index_copy(1, basis.inner, psi[:, basis.inner])
    step = torch.linalg.solve(_jacobian(basis, psi, viscosity), _defect(basis, known, viscosity))
    return known.index_add(1, basis.inner, step, alpha=-1)


def _newton(basis: CavityBasis, start: Tensor, viscosity: float, tolerance: float) -> tuple[Tensor, Tensor]:
    """Return where Newton's method leads from ``start``, and for which lids it converged, ``(B,)``."""
    psi, converged = start.clone(), torch.zeros(len(start), dtype=torch.bool)
    moving = torch.arange(len(start))
    for _ in range(_STEPS):
        own = psi[moving]
        step = torch.linalg.solve(_jacobian(basis, own, viscosity), _defect(basis, own, viscosity))
        own[:, basis.inner] -= step
        psi[moving] = own
        largest = step.abs().amax(-1)
        arrived = largest <= tolerance * own.abs().amax(-1)
        converged[moving[arrived]] = True
        moving = moving[~arrived & largest.isfinite()]
        if not len(moving):
            break
    return psi, converged


def _continued(basis: CavityBasis, start: Tensor, viscosity: float, tolerance: float) -> Tensor:
    """Follow the solution of each lid from a viscous fluid to the wanted viscosity.

    Raises:
        ArithmeticError: a solution cannot be followed.
    """
    psi = start
    for factor in _FACTORS:
        psi, converged = _newton(basis, psi, factor * viscosity, tolerance)
        if not bool(converged.all()):
            worst = float(start[~converged].abs().max())
            raise ArithmeticError(
                f"cavity: Newton's method does not converge in {_STEPS} steps at viscosity={viscosity}, nor by following the "
                f"solution from a more viscous fluid, with a lid of coefficients up to {worst:.3g}; slow the lid "
                "down, or raise the viscosity"
            )
    return psi


def _defect(basis: CavityBasis, psi: Tensor, viscosity: float) -> Tensor:
    at = {name: psi @ basis.fields[name].T for name in ("x", "y", "laplace_x", "laplace_y", "biharmonic")}
    return viscosity * at["biharmonic"] - at["y"] * at["laplace_x"] + at["x"] * at["laplace_y"]


def _jacobian(basis: CavityBasis, psi: Tensor, viscosity: float) -> Tensor:
    at = {name: (psi @ basis.fields[name].T)[..., None] for name in ("x", "y", "laplace_x", "laplace_y")}
    matrix = viscosity * basis.unknown["biharmonic"] + at["x"] * basis.unknown["laplace_y"]
    for sign, factor, other in ((-1, "y", "laplace_x"), (-1, "laplace_x", "y"), (1, "laplace_y", "x")):
        matrix.addcmul_(at[factor], basis.unknown[other], value=sign)
    return matrix


def _gradient(basis: CavityBasis, psi: Tensor, viscosity: float) -> Tensor:
    """Return p_x and p_y at the nodes, side by side: ``(B, 2 n²)``."""
    at = {name: psi @ matrix.T for name, matrix in basis.gauss_fields.items()}
    u, v = at["y"], -at["x"]
    along = viscosity * at["laplace_y"] - u * at["xy"] - v * at["yy"]
    up = -viscosity * at["laplace_x"] + u * at["xx"] + v * at["xy"]
    return torch.cat((along, up), -1)
