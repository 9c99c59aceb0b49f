"""The points of a distilled set as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import INTERIOR, row_scales
from pinndd.pinn.sets.points import boundary_points, is_amortised, measured_conditions
from pinndd.pinn.solving.reading import CONDITION, VALUE
from pinndd.storage.writing import write_atomically

INTERIOR_KIND, BOUNDARY_KIND, INITIAL_KIND = "interior", "boundary", "initial"


def write_csv(pde: PDE, data: SyntheticData, path: Path | str) -> tuple[Path]:
    """Write a distilled set as CSV, atomically: one row per point.

    Columns: ``condition`` (``interior``, or the name of the condition), ``kind`` (``interior``, ``boundary``, ``initial``),
    the coordinates, for the amortised protocol the coefficients (``start[0]``, …), and ``weight``: the training loss is the
    sum over the rows of weight × squared residual, or of weight × squared error of the boundary value, in the units of the PDE. Where
    there are several equations, ``weight`` is that of the first, ``weight[1]``, … are those of the others.

    Args:
        pde: the equation that the set was distilled for.
        data: a set of the retrain or of the amortised protocol.
        path: the file; its folder is made if it is not there.

    Returns:
        The file.

    Raises:
        ValueError: the set has no interior points.
    """
    names = list(pde.box.names)
    if is_amortised(pde, data):
        names += [f"{name}[{k}]" for name, family in pde.ensemble().families.items() for k in range(family.size)]
    kinds = {INTERIOR: INTERIOR_KIND}
    for condition in pde.valued:
        kinds[condition.name] = INITIAL_KIND if pde.patches[condition.name].initial else BOUNDARY_KIND
    points = {INTERIOR: data[INTERIOR].detach().double().cpu(), **boundary_points(pde, data)}
    scales = row_scales(pde, data)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    columns = weight_columns(pde)
    writer.writerow(("condition", "kind", *names, *columns))
    for name, kind in kinds.items():
        weights = scales[name].detach().double().square()
        weights = weights if name == INTERIOR else weights[:, None]
        for place, row in zip(points[name].tolist(), weights.tolist(), strict=True):
            writer.writerow((name, kind, *map(repr, place), *map(repr, row), *[""] * (len(columns) - len(row))))
    with write_atomically(Path(path)) as file:
        file.write(text.getvalue().encode())
    return (Path(path),)


def weight_columns(pde: PDE) -> list[str]:
    """Return the columns of weights: that of the first equation and of the conditions, then those of the other equations."""
    return ["weight", *(f"weight[{k}]" for k in range(1, pde.equation_count))]


def write_sensors(pde: PDE, data: SyntheticData, path: Path | str) -> tuple[Path, Path]:
    """Write a distilled set of sensors: all its points as `write_csv`, and a table of readings to be filled in.

    The second file, ``NAME-readings.csv``, has the columns ``condition``, the coordinates and an empty ``value``, one row per sensor.
    With values it is what ``pinndd solve PDE --data SET --values NAME-readings.csv`` asks for. Conditions that are known need no
    sensors and are not in it.

    Args:
        pde: the equation that the set was distilled for.
        data: a set of the sensors protocol.
        path: of the first file.

    Returns:
        Both files.
    """
    (points,) = write_csv(pde, data, path)
    places = boundary_points(pde, data)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((CONDITION, *pde.box.names, VALUE))
    for name in measured_conditions(pde, data):
        for place in places[name].tolist():
            writer.writerow((name, *map(repr, place), ""))
    readings = points.with_name(f"{points.stem}-readings.csv")
    with write_atomically(readings) as file:
        file.write(text.getvalue().encode())
    return points, readings
