"""Solved fields of some boundary conditions as the reference of a PDE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinndd.pinn.declare.tables import read_csv
from pinndd.storage.reading import FileError, Reading, as_numbers

if TYPE_CHECKING:
    import pandas as pd

    from pinndd.pinn.declare.pde import PDE, BoundaryValues

_NEIGHBOURS = 60
"""Nodes nearest to a point that its value is interpolated from."""

_SAME = 1e-9
"""Relative difference up to which coefficients are the same."""


class RecordedSolutionsError(FileError):
    """Files of solved fields that cannot be a reference."""


@dataclass(frozen=True)
class RecordedFields:
    """Solved fields of m boundary conditions, each at nodes of its own.

    Attributes:
        coefficients: of the training family, ``(m, C)``, float64.
        nodes: of each, ``(n, d)``, in units of the domain, [0, 1].
        fields: of each, ``(n, outputs)``.
        sources: file of each.
    """

    coefficients: Tensor
    nodes: Sequence[np.ndarray[Any, Any]]
    fields: Sequence[np.ndarray[Any, Any]]
    sources: Sequence[Path]

    def index(self, coefficients: Tensor) -> Tensor:
        """Return which recorded condition each row of coefficients ``(B, C)`` is, ``(B,)``; -1 for none."""
        apart = (coefficients.detach().cpu().double()[:, None] - self.coefficients).abs().amax(-1)
        size = self.coefficients.abs().amax().clamp_min(1e-300)
        best = apart.min(1)
        return torch.where(best.values <= _SAME * size, best.indices, -1)

    def at(self, which: int, unit_points: Tensor) -> Tensor:
        """Interpolate a field at points ``(Q, d)``, scaled to [0, 1]: ``(Q, outputs)``, by cubic radial functions of near nodes."""
        # scipy takes long to import, and few references are files
        from scipy.interpolate import RBFInterpolator

        nodes = self.nodes[which]
        found = RBFInterpolator(nodes, self.fields[which], min(_NEIGHBOURS, len(nodes)), kernel="cubic")(unit_points.numpy())
        return torch.from_numpy(found)


@dataclass(frozen=True)
class RecordedSolutions:
    """The solutions of some boundary conditions, in files; see `solutions_from`."""

    files: Mapping[Path, Mapping[str, Sequence[float]]]
    bound: RecordedFields | None = field(default=None, compare=False)

    def for_pde(self, pde: PDE) -> RecordedSolutions:
        """Read the files of a PDE's solutions.

        Raises:
            RecordedSolutionsError: a file lacks a column, holds a value that is not finite or a node outside the domain, or its
                condition is not one of the training family.
            FileNotFoundError: there is no such file.
        """
        rows, nodes, fields = [], [], []
        for path, given in self.files.items():
            rows.append(_coefficients(pde, path, given))
            table = _table(path, pde.box.names, pde.components)
            nodes.append(_nodes(pde, path, table[:, : pde.box.dimension]))
            fields.append(table[:, pde.box.dimension :])
        return RecordedSolutions(self.files, RecordedFields(torch.stack(rows), nodes, fields, tuple(self.files)))

    @property
    def read(self) -> RecordedFields:
        """What the files hold, once they belong to a PDE."""
        assert self.bound is not None
        return self.bound

    def known(self, values: BoundaryValues) -> Tensor:
        """Return which conditions are recorded, ``(B,)``, bool: those of the training family with recorded coefficients."""
        if any(values.ensemble.families[name] != family for name, family in values.ensemble.base.items()):
            return torch.zeros(len(values), dtype=torch.bool)
        return self.read.index(values.coefficients) >= 0

    def __call__(self, values: BoundaryValues, points: Tensor) -> Tensor:
        """Return the recorded solutions: ``(B, Q, outputs)``.

        Raises:
            RecordedSolutionsError: one of the conditions is not recorded.
        """
        which = self.read.index(values.coefficients)
        if bool((which < 0).any()):
            odd = values.coefficients[int((which < 0).nonzero()[0])].tolist()
            raise RecordedSolutionsError(
                f"no solution of the coefficients {odd} is recorded; there are files for {self.read.coefficients.tolist()}"
            )
        first = values.ensemble.patches[next(iter(values.ensemble.patches))]
        unit = first.domain.unscale(points.detach().cpu().double())
        return torch.stack([self.read.at(int(k), unit) for k in which])


def solutions_from(files: Mapping[str | Path, Mapping[str, Sequence[float] | float]]) -> RecordedSolutions:
    """Take solved fields of some boundary conditions as the reference of a PDE.

    They judge: the test conditions in distribution are the recorded ones. What training needs beside them comes from the fast
    solver of `pinndd.solve`, as without a reference.

    Args:
        files: path to the coefficients of the conditions that it was solved for, such as ``{"lid4.csv": {"lid": [4.0]}}``;
            conditions whose family has no coefficients are left out. A ``.csv`` has a column per coordinate and component; a NetCDF
            ``.nc`` has variables of these names, on a grid or along one dimension of nodes; a ``.npz`` has ``points`` ``(n, d)``
            and an array ``(n,)`` per component. Nodes may lie anywhere; values between them are interpolated.

    Returns:
        What `PDE` takes as ``reference``.

    Raises:
        RecordedSolutionsError: there are no files; all else is noticed when the PDE is made.
    """
    if not files:
        raise RecordedSolutionsError("solutions_from: no files; give at least one, with the coefficients of its condition")
    return RecordedSolutions(
        {
            Path(path): {name: [float(v) for v in np.atleast_1d(np.asarray(c, dtype=np.float64))] for name, c in given.items()}
            for path, given in files.items()
        }
    )


def _coefficients(pde: PDE, path: Path, given: Mapping[str, Sequence[float]]) -> Tensor:
    ensemble = pde.ensemble()
    sizes = {name: family.size for name, family in ensemble.families.items() if family.size}
    if set(given) != set(sizes):
        raise RecordedSolutionsError(f"{path}: coefficients of {', '.join(given) or 'nothing'}; expected those of {', '.join(sizes)}")
    found = torch.zeros(ensemble.size, dtype=torch.float64)
    for name, size in sizes.items():
        if len(given[name]) != size or not np.isfinite(given[name]).all():
            raise RecordedSolutionsError(f"{path}: {name}={list(given[name])}; expected {size} finite coefficients")
        found[ensemble.slices[name]] = torch.tensor(given[name], dtype=torch.float64)
    return found


def _nodes(pde: PDE, path: Path, nodes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    unit: np.ndarray[Any, Any] = pde.box.unscale(torch.from_numpy(nodes.copy())).numpy()
    outside = ~((unit >= -1e-6) & (unit <= 1 + 1e-6)).all(-1)
    if outside.any():
        where = ", ".join(f"{n} = {v:g}" for n, v in zip(pde.box.names, nodes[outside][0], strict=True))
        raise RecordedSolutionsError(f"{path}: the node {where} lies outside the domain, {pde.box.low} to {pde.box.high}")
    return unit


def _table(path: Path, coordinates: Sequence[str], components: Sequence[str]) -> np.ndarray[Any, Any]:
    """Read coordinates and components, ``(n, columns)``; a node that is there twice is taken once."""
    # pandas takes a third of a second to import, and few references are files
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"no file {path} of solved fields: check the path in solutions_from")
    names = [*coordinates, *components]
    frame = _frame(path, coordinates)
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        found = ", ".join(map(str, frame.columns))
        raise RecordedSolutionsError(f"{path} has no {lacking[0]!r}: expected {', '.join(names)}, found {found}")
    frame = frame[names].apply(pd.to_numeric, errors="coerce")
    bad = ~np.isfinite(frame.to_numpy(np.float64)).all(-1)
    if bad.any() or frame.empty:
        row = int(np.flatnonzero(bad)[0]) + 1 if bad.any() else 0
        what = f"row {row} holds a value that is no finite number" if row else "there are no rows"
        raise RecordedSolutionsError(f"{path}: {what}; leave such nodes out")
    table: np.ndarray[Any, Any] = frame.drop_duplicates(subset=list(coordinates)).to_numpy(np.float64)
    return table


def _frame(path: Path, coordinates: Sequence[str]) -> pd.DataFrame:
    """Read a file as a table of nodes."""
    import pandas as pd

    if path.suffix == ".csv":
        return read_csv(path, "expected a column per coordinate and component", RecordedSolutionsError)
    try:
        if path.suffix == ".npz":
            reading = Reading(path, "export it anew", RecordedSolutionsError)
            arrays = {n: as_numbers(reading, n, array) for n, array in reading.arrays().items()}
            points = arrays.pop("points", np.zeros((0, len(coordinates))))
            return pd.DataFrame(dict(zip(coordinates, points.T, strict=True)) | {n: a.ravel() for n, a in arrays.items()})
        if path.suffix == ".nc":
            # xarray takes half a second to import, and few references are files
            import xarray as xr

            with xr.open_dataset(path, engine="scipy") as dataset:
                return dataset.to_dataframe().reset_index()
    except RecordedSolutionsError:
        raise
    except (ValueError, TypeError, KeyError, OSError, EOFError) as error:
        raise RecordedSolutionsError(f"{path} is damaged or holds no table of nodes ({error}): export it anew") from error
    raise RecordedSolutionsError(f"{path}: solved fields are read from .csv, .nc and .npz; export it as one of these")
