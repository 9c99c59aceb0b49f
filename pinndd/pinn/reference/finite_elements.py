"""Linear elliptic problems by finite elements, factorised once and solved for a batch of boundary data.

Built on scikit-fem (Gustafsson and McBain, 2020, doi:10.21105/joss.02369), which is imported when a problem is assembled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.pinn.geometry.patches import Patch

_OUTSIDE = 1e-7
"""Distance from a triangle, relative to its size, within which a point still belongs to it."""

_ORDER = 10
"""Degree that the quadrature of boundary data is exact for."""


def graded_mesh(cells: Any, corners: Sequence[tuple[float, float]], *, levels: int) -> Any:
    """Refine a triangular mesh towards corners where the solution is singular.

    Every level halves the triangles that touch a corner and their neighbours, so that their size there falls to
    ``2^-levels`` of what it was, and with it the error that the singularity makes (Schwab, p- and hp-Finite Element Methods,
    1998, section 4.5).

    Args:
        cells: a `skfem.MeshTri`.
        corners: places of the singularities, which are nodes.
        levels: number of refinements.
    """
    slack = 1e-9 * float(np.ptp(cells.p, axis=1).max())
    for _ in range(levels):
        near = np.zeros(cells.t.shape[1], dtype=bool)
        for corner in corners:
            touching = (np.abs(cells.p - np.array(corner)[:, None]).max(0) < slack)[cells.t].any(0)
            around = np.unique(cells.t[:, touching])
            near |= np.isin(cells.t, around).any(0)
        cells = cells.refined(np.flatnonzero(near))
    return cells


@dataclass(frozen=True)
class LinearProblem:
    """``a(u, v) = ∫ weight g · v`` over a part of the boundary, with u given on another part, for many boundary data.

    Attributes:
        basis: a `skfem.Basis` of Lagrange triangles, of one component or of two.
        matrix: of the bilinear form a.
        patches: of the PDE, by name of the condition.
        given: conditions on u itself, with the component they are about.
        natural: conditions on the flux or the traction g, with their component; where none is named, g is zero.
        weight: positive function of x and y, such as a permeability.
    """

    basis: Any
    matrix: Any
    patches: Mapping[str, Patch]
    given: Mapping[str, int]
    natural: Mapping[str, int]
    weight: Callable[[Tensor, Tensor], Tensor] = lambda x, y: torch.ones_like(x)

    @cached_property
    def components(self) -> int:
        """Number of components of u."""
        return int(self.basis.elem.dim) if hasattr(self.basis.elem, "elem") else 1

    def solve(self, values: Mapping[str, Callable[[Tensor], Tensor]], points: Tensor) -> Tensor:
        """Solve for all boundary data at once.

        Args:
            values: by name of the condition, of its local coordinates ``(N, 1)``: ``(B, N)``.
            points: ``(Q, 2)``.

        Returns:
            Tensor of shape ``(B, Q)``, or ``(B, Q, components)``, float64.

        Raises:
            ValueError: a point lies outside the mesh.
        """
        loads = [self._evaluate(values, name, local) @ matrix for name, (local, matrix) in self._loads.items()]
        ends = [(unknowns, self._evaluate(values, name, local)) for name, (local, unknowns) in self._given.items()]
        u = np.zeros((self.basis.N, len(ends[0][1])))
        for unknowns, value in ends:
            u[unknowns] = value.T
        right = sum(load.T for load in loads) - self.matrix @ u
        u[self._free] = self._factors.solve(np.ascontiguousarray(right[self._free]))
        return self._at(u, points)

    @staticmethod
    def _evaluate(values: Mapping[str, Callable[[Tensor], Tensor]], name: str, local: Tensor) -> Any:
        return values[name](local).detach().double().cpu().numpy()

    @cached_property
    def _given(self) -> dict[str, tuple[Tensor, Any]]:
        """Local coordinates and numbers of the unknowns that each condition on u fixes."""
        found = {}
        for name, component in self.given.items():
            label = "u" if self.components == 1 else f"u^{component + 1}"
            unknowns = self.basis.get_dofs(self._facets(name)).all(label)
            places = torch.from_numpy(np.ascontiguousarray(self.basis.doflocs[:, unknowns].T))
            found[name] = self.patches[name].local(places), unknowns
        return found

    @cached_property
    def _loads(self) -> dict[str, tuple[Tensor, Any]]:
        """Local coordinates of quadrature nodes, and the matrix from values there to integrals with the test functions."""
        from scipy.sparse import coo_array
        from skfem import FacetBasis

        found = {}
        for name, component in self.natural.items():
            edge = FacetBasis(self.basis.mesh, self.basis.elem, facets=self._facets(name), intorder=_ORDER)
            places = torch.from_numpy(np.ascontiguousarray(np.asarray(edge.global_coordinates()).reshape(2, -1).T))
            weights = edge.dx.reshape(-1) * self.weight(*places.unbind(-1)).numpy()
            nodes = np.arange(len(places)).reshape(edge.dx.shape)
            tests = [np.asarray(edge.basis[k][0]) for k in range(edge.Nbfun)]
            entries = [weights * (t if self.components == 1 else t[component]).reshape(-1) for t in tests]
            columns = [np.broadcast_to(edge.element_dofs[k][:, None], nodes.shape).reshape(-1) for k in range(edge.Nbfun)]
            index = (np.tile(nodes.reshape(-1), edge.Nbfun), np.concatenate(columns))
            matrix = coo_array((np.concatenate(entries), index), shape=(len(places), self.basis.N))
            found[name] = self.patches[name].local(places), matrix.tocsr()
        return found

    def _facets(self, name: str) -> Any:
        """Return the edges of the mesh whose ends lie on a condition's part of the boundary, straight or round."""
        mesh, patch = self.basis.mesh, self.patches[name]
        on = patch.contains(torch.from_numpy(np.ascontiguousarray(mesh.p.T))).numpy()
        facets = mesh.boundary_facets()
        return facets[on[mesh.facets[:, facets]].all(0)]

    @cached_property
    def _free(self) -> Any:
        return np.setdiff1d(np.arange(self.basis.N), np.concatenate([unknowns for _, unknowns in self._given.values()]))

    @cached_property
    def _factors(self) -> Any:
        from scipy.sparse.linalg import splu

        return splu(self.matrix[self._free][:, self._free].tocsc())

    def _at(self, coefficients: Any, points: Tensor) -> Tensor:
        """Evaluate solutions with coefficients ``(N, B)``."""
        cells, local = _locate(self.basis, points.double().cpu().numpy().T)
        u = np.zeros((coefficients.shape[1], len(cells), self.components))
        for k in range(self.basis.Nbfun):
            shape = np.asarray(self.basis.elem.gbasis(self.basis.mapping, local[:, :, None], k, tind=cells)[0])[..., 0]
            u += coefficients[self.basis.element_dofs[k, cells]].T[..., None] * shape.reshape(-1, len(cells)).T
        answer = torch.from_numpy(u).to(points.device)
        return answer if self.components > 1 else answer[..., 0]


def _locate(basis: Any, places: Any) -> tuple[Any, Any]:
    """Return the triangle of each place ``(2, Q)`` and its coordinates there; rounding may put a place just outside."""
    from scipy.spatial import cKDTree

    mesh = basis.mesh
    tree = cKDTree(mesh.p[:, mesh.t].mean(1).T)
    cells = np.zeros(places.shape[1], dtype=np.int64)
    left = np.arange(places.shape[1])
    outside = np.full(places.shape[1], np.inf)
    for count in (8, 64, mesh.t.shape[1]):
        near = tree.query(places[:, left].T, min(count, mesh.t.shape[1]))[1]
        local = basis.mapping.invF(np.repeat(places[:, left, None], near.shape[1], 2).reshape(2, -1, 1), near.reshape(-1))
        x, y = local.reshape(2, *near.shape)
        distance = np.maximum(np.maximum(-x, -y), x + y - 1)
        best = distance.argmin(1)
        cells[left], outside[left] = near[np.arange(len(left)), best], distance[np.arange(len(left)), best]
        left = left[outside[left] > 1e-12]
        if not len(left):
            break
    if outside.max() > _OUTSIDE:
        x, y = places[:, outside.argmax()]
        raise ValueError(f"the reference was asked at ({x:.6g}, {y:.6g}), outside its domain; ask it at points inside")
    return cells, basis.mapping.invF(places[:, :, None], cells)[..., 0]
