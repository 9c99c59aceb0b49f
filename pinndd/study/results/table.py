"""The table of results, one row per trained model and boundary condition: its columns, and how it is made and read."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

DISTILLED = "distilled"
"""Name of the distilled set among the methods."""

DENSE = "dense"
"""Name of the set of several times as many points that stands for full data, among the methods."""

FRESH = "fresh-samples"
"""Name of as many points, drawn anew at every step: the ceiling of a learner that trains by steps, among the methods."""

NO_SHIFT = "none"
"""Name of the training family among the shifts: in distribution."""

RELATIVE_L2 = "relative-l2"
"""Name of the distance that a study takes unless it says otherwise."""

COLUMNS: Mapping[str, str] = {
    "pde": "str",
    "protocol": "str",
    "method": "str",
    "learner": "str",
    "points": "int64",
    "boundary_points": "int64",
    "shift": "str",
    "seed": "int64",
    "episode": "int64",
    "error": "float64",
    "seconds": "float64",
    "distilled_with": "str",
    "ceiling": "bool",
}
"""Columns of a table of results, in order, with their types.

``pde, protocol, method, learner``: what was trained on what; methods are the names of the samplers, ``distilled``, and
those of the ceilings (``dense``, ``fresh-samples``, ...). ``points``: interior points (tuples for the amortised protocol,
solved conditions for the solved one). ``boundary_points``: boundary points, or sensors. ``shift``: family of the boundary
condition. ``seed``: of the distillation, or of the draw of the baseline. ``episode``: number of the boundary condition
within the shift; rows of different methods with equal shift, seed and episode are paired: same boundary condition, same
initial weights. ``error``: in the distance of the study. ``seconds``: see `SECONDS`. ``distilled_with``: learner that the
set was distilled with; empty for other methods. ``ceiling``: whether the method stands outside the comparison at equal
terms, since it sees more data.

A system of several components has a column for the error of each alone behind these, ``error_u``: in the same distance, NaN where
the true component is zero everywhere. Where no reference is declared, `TRUTH_ERROR` says how far off the truth is by estimate.
"""

TRUTH_ERROR = "truth_error"
"""Column of the estimated relative error of the truth, there only where it does not come from a reference."""

_COMPONENT = "error_"


def component_column(name: str) -> str:
    """Return the column that holds the error of a component alone."""
    return f"{_COMPONENT}{name}"


def component_columns(frame: DataFrame) -> dict[str, str]:
    """Return the columns of the errors of components alone, by the name of the component; none where there is one component."""
    return {str(name).removeprefix(_COMPONENT): str(name) for name in frame.columns if str(name).startswith(_COMPONENT)}


SECONDS = "wall time of training, per boundary condition that the training served"
"""What the column ``seconds`` holds, in every protocol."""

_OPTIONAL: Mapping[str, Any] = {"distilled_with": "", "ceiling": False}


class TableError(ValueError):
    """Rows that are no results: a column is missing, unknown, or holds something of another type."""


def as_table(rows: Iterable[Mapping[str, object]] | DataFrame) -> DataFrame:
    """Return results as a data frame with exactly `COLUMNS` and the errors of components, numbered from 0.

    Args:
        rows: one mapping per row, or a frame; ``distilled_with`` and ``ceiling`` may be left out.

    Raises:
        TableError: the rows are no results; the column is named.
    """
    from pandas import DataFrame

    frame = rows.reset_index(drop=True) if isinstance(rows, DataFrame) else DataFrame([{**_OPTIONAL, **row} for row in rows])
    if frame.empty:
        frame = frame.reindex(columns=list(COLUMNS))
    frame = frame.assign(**{name: value for name, value in _OPTIONAL.items() if name not in frame})
    optional = [TRUTH_ERROR] if TRUTH_ERROR in frame else []
    known = dict(COLUMNS) | dict.fromkeys([*component_columns(frame).values(), *optional], "float64")
    missing, unknown = ([n for n in a if n not in b] for a, b in ((COLUMNS, frame.columns), (frame.columns, known)))
    if missing or unknown:
        said = [f"missing {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise TableError(f"columns of results: {'; '.join(said)}; expected {', '.join(COLUMNS)}")
    return DataFrame({name: _typed(frame, name, kind) for name, kind in known.items()})


def _typed(frame: DataFrame, name: str, kind: str) -> Any:
    column: Any = frame[name]
    wrong = [value for value in column if not isinstance(value, str)] if kind == "str" else []
    try:
        if wrong or (kind != "float64" and column.isna().any()):
            raise TypeError(f"found {wrong[0] if wrong else 'nothing'!r}")
        if kind == "int64" and not (column == column.astype(kind)).all():
            raise TypeError("not all of them are whole")
        return column.astype(kind)
    except (TypeError, ValueError) as error:
        raise TableError(f"column {name!r} of results ({error}): expected values of type {kind}") from error


def rows_of(frame: DataFrame) -> Iterator[Any]:
    """Return the rows as named tuples of plain Python values; what is missing is None."""
    missing = frame.isna().to_numpy()
    columns = [
        [None if gone else value for value, gone in zip(frame.iloc[:, k].tolist(), missing[:, k], strict=True)]
        for k in range(frame.shape[1])
    ]
    return map(_row_type(tuple(map(str, frame.columns)))._make, zip(*columns, strict=True))


@cache
def _row_type(columns: tuple[str, ...]) -> Any:
    """A class of named tuples; a column whose name is no identifier is read by its place."""
    return namedtuple("Row", columns, rename=True)


def first_row(frame: DataFrame) -> Any:
    """Return the first row as `rows_of` does, or None."""
    return next(rows_of(frame.head(1)), None)


def error_column(distance: str) -> str:
    """Return the name under which files hold the column ``error``: that of the distance, such as ``relative_l2``."""
    return distance.replace("-", "_")


def named_for_files(frame: DataFrame, distance: str) -> DataFrame:
    """Return results with the columns of errors named after the distance: ``relative_l2``, ``relative_l2_u``."""
    prefix = error_column(distance)
    own = {column: f"{prefix}_{name}" for name, column in component_columns(frame).items()}
    return frame.rename(columns={"error": prefix} | own)


def named_from_files(frame: DataFrame, distance: str) -> DataFrame:
    """Undo `named_for_files`."""
    prefix = error_column(distance)
    own = {str(n): component_column(str(n).removeprefix(f"{prefix}_")) for n in frame.columns if str(n).startswith(f"{prefix}_")}
    return frame.rename(columns={prefix: "error"} | own)
