"""Write a solution for other programs: NetCDF by SciPy, CSV by pandas, VTK by meshio."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinndd.pinn.declare.pde import PDE
from pinndd.storage.writing import write_atomically

if TYPE_CHECKING:
    import xarray as xr

SUFFIXES = (".nc", ".csv", ".vtu")
CASE = "condition"
_FRAMES = 21
"""Moments of a VTK series."""

Variable = tuple[tuple[str, ...], np.ndarray[Any, Any], Mapping[str, str]]
"""Names of the axes, numbers, and what is said of them."""


@dataclass(frozen=True)
class Gridded:
    """Solutions on a grid, as files hold them.

    Attributes:
        coordinates: along every axis, by the name of the axis.
        variables: on the grid, or one number per boundary condition.
        about: what is said of the whole.
    """

    coordinates: Mapping[str, Variable]
    variables: Mapping[str, Variable]
    about: Mapping[str, str]

    def dataset(self) -> xr.Dataset:
        """Return it as an xarray data set."""
        # xarray takes half a second to import, and only some files need it
        import xarray as xr

        return xr.Dataset(dict(self.variables), dict(self.coordinates), dict(self.about))


def require_format(pde: PDE, conditions: int, path: Path) -> None:
    """Make sure that solutions can be written to a file, before anything is solved.

    Raises:
        ValueError: the ending is unknown, or the format cannot hold this many coordinates or conditions.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"{path}: solutions are written as {', '.join(SUFFIXES)} (NetCDF, table, VTK); choose one of these endings"
        )
    if path.suffix == ".vtu" and pde.box.space_dimension not in (2, 3):
        raise ValueError(
            f"{path}: VTK is for two or three coordinates of space, {pde.name!r} has {pde.box.space_dimension}; use .nc or .csv"
        )
    if path.suffix == ".vtu" and conditions > 1:
        raise ValueError(f"{path}: VTK holds one boundary condition, there are {conditions}; use .nc, which holds them all")


def files_of(pde: PDE, path: Path) -> tuple[Path, ...]:
    """Return the files that `write_gridded` writes."""
    if path.suffix != ".vtu" or not pde.box.has_time:
        return (path,)
    return (path.with_suffix(".pvd"), *(path.with_name(f"{path.stem}_{k:03d}.vtu") for k in range(_FRAMES)))


def write_gridded(pde: PDE, solved: Gridded, path: Path) -> tuple[Path, ...]:
    """Write solutions, atomically.

    Args:
        pde: the equation.
        solved: of `Solution.gridded`.
        path: ``.nc`` NetCDF; ``.csv`` one row per condition and node of the grid that lies in the domain; ``.vtu`` for ParaView, and
            a series of them beside a ``.pvd`` where the PDE evolves.

    Returns:
        The files that were written.

    Raises:
        ValueError: see `require_format`.
    """
    require_format(pde, len(solved.coordinates[CASE][1]), path)
    if path.suffix == ".nc":
        content = _netcdf(solved)
        with write_atomically(path) as file:
            file.write(content)
        return (path,)
    dataset = solved.dataset()
    if path.suffix == ".csv":
        fields = dataset.drop_vars([name for name in dataset.data_vars if pde.box.names[0] not in dataset[name].dims])
        table = fields.to_dataframe().dropna(how="all").reset_index()
        text = table.to_csv(index=False)
        with write_atomically(path) as file:
            file.write(text.encode())
        return (path,)
    return _write_vtk(pde, dataset, path)


def _netcdf(solved: Gridded) -> bytes:
    """Return classic NetCDF with offsets of 64 bits, which all libraries read, as xarray would write it."""
    # scipy takes a quarter of a second to import, and only files need it
    from scipy.io import netcdf_file

    content = io.BytesIO()
    with netcdf_file(content, "w", version=2) as file:
        for name, (_, values, _) in solved.coordinates.items():
            file.createDimension(name, len(values))
        for name, (dims, values, said) in {**solved.coordinates, **solved.variables}.items():
            variable = file.createVariable(name, values.dtype, dims)
            variable[:] = values
            for key, text in said.items():
                setattr(variable, key, text.encode())
            if name in solved.variables:
                variable._FillValue = values.dtype.type("nan")
        for key, text in solved.about.items():
            setattr(file, key, text.encode())
        file.flush()
        return content.getvalue()


def _write_vtk(pde: PDE, dataset: xr.Dataset, path: Path) -> tuple[Path, ...]:
    space = pde.box.names[: pde.box.space_dimension]
    one = dataset.isel({CASE: 0})
    names = [str(name) for name in dataset.data_vars if space[0] in dataset[name].dims]
    if not pde.box.has_time:
        _write_vtu(path, {n: one[n].transpose(*space).to_numpy() for n in names}, [one[c].to_numpy() for c in space])
        return (path,)
    clock = pde.box.names[-1]
    moments = np.unique(np.linspace(0, one.sizes[clock] - 1, _FRAMES).round().astype(int))
    (collection, *files), entries = files_of(pde, path)[: len(moments) + 1], []
    for file, moment in zip(files, moments, strict=True):
        now = one.isel({clock: int(moment)})
        _write_vtu(file, {n: now[n].transpose(*space).to_numpy() for n in names}, [one[c].to_numpy() for c in space])
        entries.append(f'<DataSet timestep="{float(now[clock])!r}" file="{file.name}"/>')
    text = f'<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1"><Collection>{"".join(entries)}</Collection></VTKFile>\n'
    with write_atomically(collection) as target:
        target.write(text.encode())
    return (collection, *files)


def _write_vtu(path: Path, fields: Mapping[str, np.ndarray[Any, Any]], axes: list[np.ndarray[Any, Any]]) -> None:
    """Write the cells of a grid all of whose corners lie in the domain."""
    import meshio

    shape = tuple(len(a) for a in axes)
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    points = np.concatenate((mesh, np.zeros((len(mesh), 3 - len(axes)))), 1)
    number = np.arange(len(mesh)).reshape(shape)
    low, high = slice(None, -1), slice(1, None)
    floor = [(low, low), (high, low), (high, high), (low, high)]
    corners = floor if len(axes) == 2 else [(*f, end) for end in (low, high) for f in floor]
    cells = np.stack([number[corner].ravel() for corner in corners], -1)
    inside = np.isfinite(next(iter(fields.values())).ravel())
    cells = cells[inside[cells].all(-1)]
    used, renumbered = np.unique(cells, return_inverse=True)
    kind = "quad" if len(axes) == 2 else "hexahedron"
    grid = meshio.Mesh(
        points[used], [(kind, renumbered.reshape(cells.shape))], {n: f.ravel()[used] for n, f in fields.items()}
    )
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "grid.vtu"
        grid.write(written, file_format="vtu")
        content = io.BytesIO(written.read_bytes())
    with write_atomically(path) as file:
        file.write(content.getvalue())
