"""A solution that a person can use: asked anywhere in the domain, with an estimate of its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.geometry.patches import TOLERANCE
from pinndd.pinn.solving.writing import CASE, Gridded, Variable, write_gridded

if TYPE_CHECKING:
    import xarray as xr

NODES = {1: 401, 2: 101, 3: 41, 4: 17}
"""Nodes along every axis of the grid of a saved or drawn solution, by the number of coordinates."""

_CHUNK = 20_000_000
"""Values that are computed at a time."""


@dataclass(frozen=True)
class Solution:
    """Solutions of one PDE for B boundary conditions.

    Attributes:
        pde: the equation.
        field: points ``(Q, d)`` to u, ``(B, Q, outputs)``.
        error: estimated error of each, root mean square over the domain relative to that of u, ``(B,)``.
        residual: root mean square of the residual at fresh points, relative to the size of its terms, ``(B,)``.
        uncertainty: how far the measured boundary values leave u open, root mean square relative to that of u, ``(B,)``; None where
            nothing was measured.
        features: random features per output of the fit.
        points: interior and boundary points of the fit.
        seconds: wall time.
        notes: what somebody who uses the solution should know, in sentences.
    """

    pde: PDE
    field: Callable[[Tensor], Tensor]
    error: np.ndarray[Any, Any]
    residual: np.ndarray[Any, Any]
    uncertainty: np.ndarray[Any, Any] | None
    features: int
    points: tuple[int, int]
    seconds: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.error)

    def __call__(self, points: Any, which: slice = slice(None)) -> np.ndarray[Any, Any]:
        """Evaluate u at points ``(Q, d)``: ``(B, Q, outputs)``, float64; ``which`` of the boundary conditions (all).

        Raises:
            ValueError: the points have another shape, or one lies outside the domain.
        """
        where = torch.as_tensor(np.asarray(points, dtype=np.float64))
        if where.dim() != 2 or where.shape[1] != self.pde.box.dimension:
            raise ValueError(
                f"points of shape {tuple(where.shape)}: expected (Q, {self.pde.box.dimension}), the coordinates "
                f"{', '.join(self.pde.box.names)}"
            )
        outside = ~self.pde.box.inside(where, -TOLERANCE)
        if bool(outside.any()):
            raise ValueError(f"the point {where[int(outside.nonzero()[0])].tolist()} lies outside the domain")
        step = max(1, _CHUNK // max(1, len(self) * self.pde.output_count))
        none = np.zeros((len(range(len(self))[which]), 0, self.pde.output_count))
        return np.concatenate([none, *(self.field(part)[which].numpy() for part in torch.split(where, step) if len(part))], 1)

    def on_grid(
        self, nodes: int | None = None, which: slice = slice(None)
    ) -> tuple[tuple[np.ndarray[Any, Any], ...], np.ndarray[Any, Any]]:
        """Evaluate u on a grid over the bounding box of the domain.

        Args:
            nodes: along every axis, both ends included (None: 101 for two coordinates, 41 for three).
            which: of the boundary conditions (all).

        Returns:
            The coordinates along every axis, and u of shape ``(B, n_1, …, n_d, outputs)``, NaN outside the domain.
        """
        if len(self) == 1 and nodes in (None, NODES[self.pde.box.dimension]):
            axes, u = self._alone
            return tuple(axis.copy() for axis in axes), u[which].copy()
        return self._evaluated(nodes or NODES[self.pde.box.dimension], which)

    @cached_property
    def _alone(self) -> tuple[tuple[np.ndarray[Any, Any], ...], np.ndarray[Any, Any]]:
        """The one condition that there is, on the usual grid: the picture and the file show the same."""
        return self._evaluated(NODES[self.pde.box.dimension], slice(None))

    def _evaluated(self, count: int, which: slice) -> tuple[tuple[np.ndarray[Any, Any], ...], np.ndarray[Any, Any]]:
        box = self.pde.box
        axes = tuple(np.linspace(low, high, count) for low, high in zip(box.low, box.high, strict=True))
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, box.dimension)
        inside = box.inside(torch.from_numpy(mesh), -TOLERANCE).numpy()
        found = self(mesh[inside], which)
        u = np.full((len(found), len(mesh), self.pde.output_count), np.nan)
        u[:, inside] = found
        return axes, u.reshape(len(found), *[count] * box.dimension, self.pde.output_count)

    def gridded(self, nodes: int | None = None) -> Gridded:
        """Return u on a grid with coordinates, units and the estimated errors, as files hold it.

        Args:
            nodes: along every axis (None: as `on_grid`).
        """
        axes, u = self.on_grid(nodes)
        names, units = self.pde.box.names, self.pde.units
        variables: dict[str, Variable] = {
            name: ((CASE, *names), u[..., k], {"units": units.get(name, "1")}) for k, name in enumerate(self.pde.components)
        }
        said = {"long_name": "estimated relative error, root mean square over the domain", "units": "1"}
        variables["estimated_error"] = ((CASE,), self.error, said)
        residual = {"long_name": "residual relative to the size of its terms", "units": "1"}
        variables["relative_residual"] = ((CASE,), self.residual, residual)
        if self.uncertainty is not None:
            what = "relative standard deviation that the measured boundary values leave"
            variables["uncertainty"] = ((CASE,), self.uncertainty, {"long_name": what, "units": "1"})
        coordinates: dict[str, Variable] = {CASE: ((CASE,), np.arange(len(self), dtype=np.int32), {})}
        coordinates |= {n: ((n,), a, {"units": units.get(n, "1")}) for n, a in zip(names, axes, strict=True)}
        about = {"title": self.pde.title or self.pde.name, "source": "pinndd", "notes": " ".join(self.notes)}
        return Gridded(coordinates, variables, about)

    def dataset(self, nodes: int | None = None) -> xr.Dataset:
        """Return u on a grid as an xarray data set, with coordinates, units and the estimated errors.

        Args:
            nodes: along every axis (None: as `on_grid`).
        """
        return self.gridded(nodes).dataset()

    def save(self, path: Path | str, nodes: int | None = None) -> tuple[Path, ...]:
        """Write the solution on a grid: ``.nc`` (NetCDF), ``.csv``, or ``.vtu`` for two or three coordinates of space.

        Args:
            path: of the file, which is replaced.
            nodes: along every axis (None: as `on_grid`).

        Returns:
            The files that were written; a VTK series has several.

        Raises:
            ValueError: the ending is unknown, or the format cannot hold this solution.
        """
        return write_gridded(self.pde, self.gridded(nodes), Path(path))
