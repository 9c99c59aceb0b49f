"""Plane stress in an elastic square that is clamped on the left and pulled and sheared on the right.

    σ_xx = (u_x + ν v_y) / (1 - ν²),  σ_yy = (v_y + ν u_x) / (1 - ν²),  σ_xy = (u_y + v_x) / (2 + 2ν),    ν = 0.3
    ∂σ_xx/∂x + ∂σ_xy/∂y = 0,  ∂σ_xy/∂x + ∂σ_yy/∂y = 0,    0 < x, y < 1  (displacements u, v; Young's modulus 1)
    u = v = 0 at x = 0;  σ n = (pull(s), shear(s)) at x = 1;  σ n = 0 at y = 0 and y = 1

In training both components of the traction are three sines, which vanish at the free corners. The shifts ``frequency``
(energy on the highest mode), ``sparse`` (two active modes a component) and ``correlated`` (shear equal to the pull: an oblique
traction) stay in the span of these functions; ``bump`` (a narrow load) and ``rough`` (a Gaussian process) leave it.

Reference: finite elements of degree 4 on a mesh refined towards the two clamped corners, where the stress is singular like
r^(-0.24) (Williams, 1952, doi:10.1115/1.4010553; scikit-fem, doi:10.21105/joss.02369). Its relative error is below 1e-5.
"""

from dataclasses import replace
from functools import lru_cache

import deepxde as dde
import numpy as np
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Operator, families
from pinndd.pinn.reference import LinearProblem, graded_mesh

POISSON_RATIO = 0.3
STIFFNESS, SHEAR_MODULUS = 1 / (1 - POISSON_RATIO**2), 1 / (2 + 2 * POISSON_RATIO)

domain = dde.geometry.Rectangle([0, 0], [1, 1])


def residual(x: Tensor, u: Tensor) -> list[Tensor]:
    (u_xx, u_xy, u_yy), (v_xx, v_xy, v_yy) = (
        [dde.grad.hessian(u, x, component=c, i=i, j=j) for i, j in ((0, 0), (0, 1), (1, 1))] for c in (0, 1)
    )
    return [
        STIFFNESS * (u_xx + POISSON_RATIO * v_xy) + SHEAR_MODULUS * (u_yy + v_xy),
        STIFFNESS * (v_yy + POISSON_RATIO * u_xy) + SHEAR_MODULUS * (v_xx + u_xy),
    ]


def traction_x(x: Tensor, u: Tensor, normal: Tensor) -> Tensor:
    u_x, v_y = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=1, j=1)
    return STIFFNESS * (u_x + POISSON_RATIO * v_y) * normal[:, 0:1] + shear_stress(x, u) * normal[:, 1:2]


def traction_y(x: Tensor, u: Tensor, normal: Tensor) -> Tensor:
    u_x, v_y = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=1, j=1)
    return shear_stress(x, u) * normal[:, 0:1] + STIFFNESS * (v_y + POISSON_RATIO * u_x) * normal[:, 1:2]


def shear_stress(x: Tensor, u: Tensor) -> Tensor:
    return SHEAR_MODULUS * (dde.grad.jacobian(u, x, i=0, j=1) + dde.grad.jacobian(u, x, i=1, j=0))


@lru_cache(maxsize=4)
def problem(cells: int = 16, levels: int = 10) -> LinearProblem:
    from skfem import Basis, BilinearForm, ElementTriP4, ElementVector, MeshTri
    from skfem.helpers import ddot, eye, sym_grad, trace

    grid = np.linspace(0, 1, cells + 1)
    mesh = graded_mesh(MeshTri.init_tensor(grid, grid), [(0, 0), (0, 1)], levels=levels)
    basis = Basis(mesh, ElementVector(ElementTriP4()))

    @BilinearForm
    def work(u, v, w):  # type: ignore[no-untyped-def]
        strain = sym_grad(u)
        stress = 2 * SHEAR_MODULUS * strain + eye(STIFFNESS * POISSON_RATIO * trace(strain), 2)
        return ddot(stress, sym_grad(v))

    return LinearProblem(
        basis, work.assemble(basis), pde.patches, given={"clamp_u": 0, "clamp_v": 1}, natural={"pull": 0, "shear": 1}
    )


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return problem().solve(values, points)


LOAD, FREE = families.Sine(modes=3), families.Zero()
HIGH, ROUGH = replace(LOAD, weights=(0.3, 0.6, 1.0)), families.GaussianProcess(length=0.12, pinned=True)

pde = PDE(
    name="elasticity",
    title="Plane stress in a clamped square under a traction",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("clamp_u", {"x": 0}, FREE),
        Dirichlet("clamp_v", {"x": 0}, FREE, component="v"),
        Operator("pull", {"x": 1}, traction_x, LOAD),
        Operator("shear", {"x": 1}, traction_y, LOAD),
        Operator("bottom_x", {"y": 0}, traction_x, FREE),
        Operator("bottom_y", {"y": 0}, traction_y, FREE),
        Operator("top_x", {"y": 1}, traction_x, FREE),
        Operator("top_y", {"y": 1}, traction_y, FREE),
    ],
    reference=reference,
    shifts={
        "frequency": {"pull": HIGH, "shear": HIGH},
        "sparse": {"pull": replace(LOAD, active=2), "shear": replace(LOAD, active=2)},
        "correlated": {"shear": families.Tied(to="pull")},
        "bump": {"pull": families.Bump(width=(0.08, 0.1)), "shear": families.Bump(width=(0.08, 0.1))},
        "rough": {"pull": ROUGH, "shear": ROUGH},
    },
    outputs=("u", "v"),
    budget=(100, 60),
)
