"""``pinndd distill --sensors`` and ``pinndd study --sensors``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pinndd.outer_loop import DivergedError
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE
from pinndd.study import words
from pinndd.study.outcome import DISTILLED, StudySettings
from pinndd.study.plots.style import house_style, save_figure
from pinndd.study.sensor_setup import require_sensors, sensor_learner
from pinndd.study.sensor_study import SensorStudy, picture, study_sensors, write_study
from pinndd.study.sensors import Placement, place_sensors
from pinndd.terminal.datafile import MODULE
from pinndd.terminal.distilling import require_free
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, study_settings


def distill_sensors(
    module: str, protocol: str, count: int, out: Path | None, options: Options, resume: bool, overwrite: bool
) -> None:
    """Place sensors, save them as a set of the retrain protocol with a picture beside it, and print where they stand."""
    with checking_input():
        pde, settings = checked(module, protocol, [count], options)
        path = out or Path(f"{pde.name}-sensors.npz")
        checkpoint = path.with_suffix(".checkpoint.npz")
        require_free(path, checkpoint, resume=resume, overwrite=overwrite)
    hint = f"go on with the same command and --resume if {checkpoint} is there, else without"
    with working(hint), ProgressBars() as bars:
        try:
            placement = place_sensors(pde, count, settings, settings.seed, bars, options.points, checkpoint, resume)
        except DivergedError as error:
            error.best.save(path)
            raise RuntimeError(f"{error} It is saved as {path}.") from error
        placement.found.data.with_header(**{MODULE: module}).save(path)
        with house_style():
            save_figure(picture(placement), path.with_suffix(".png"))
        checkpoint.unlink(missing_ok=True)
    show_placement(placement)
    console = Console(highlight=False)
    console.print(f"saved: {path} (as CSV: pinndd export {path})", soft_wrap=True, markup=False)
    console.print(f"picture: {path.with_suffix('.png')}", soft_wrap=True, markup=False)


def study(module: str, protocol: str, sizes: str, out: Path | None, options: Options, resume: bool, overwrite: bool) -> None:
    """Compare the distilled placement with every baseline at several numbers of sensors, and write tables and pictures."""
    with checking_input():
        counts = parse_sizes(sizes)
        pde, settings = checked(module, protocol, counts, options)
        folder = out or Path("runs") / f"{pde.name}-sensors"
        if resume:
            raise ValueError("--resume: a study of sensors takes minutes and keeps no state; run it again with --overwrite")
        if folder.exists() and any(folder.iterdir()) and not (overwrite and (folder / "summary.json").exists()):
            raise ValueError(f"{folder} is not empty: replace a study with --overwrite, or choose another folder with --out")
    with working("nothing is kept of a study of sensors before its end: begin again"), ProgressBars() as bars:
        found = study_sensors(pde, counts, settings, bars, options.points)
        pictures = write_study(found, folder)
    show_study(found)
    for file in pictures:
        Console(highlight=False).print(f"picture: {file}", soft_wrap=True, markup=False)


def checked(module: str, protocol: str, counts: Sequence[int], options: Options) -> tuple[PDE, StudySettings]:
    """Return the PDE and the settings of a placement.

    Raises:
        ValueError: the options do not fit sensors, the PDE or this machine.
    """
    if protocol not in ("retrain", "all"):
        raise ValueError(
            f"--sensors goes with --protocol retrain, not {protocol}: a new model is trained on what they measure"
        )
    if options.boundary_points is not None:
        raise ValueError("--sensors and --boundary-points exclude each other: the sensors are the boundary points")
    pde = load_pde(module)
    for count in counts:
        require_sensors(pde, count)
    sensor_learner(pde, options.learner)
    return pde, study_settings(pde, options)


def parse_sizes(text: str) -> list[int]:
    """Read numbers of sensors such as ``9,12,18``.

    Raises:
        ValueError: something else was given.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--sensors {text}: expected a number of sensors, or several with commas, such as 9,12,18")
    return sorted({int(part) for part in parts})


def show_placement(placement: Placement) -> None:
    """Print where the sensors stand, and their error beside that of the best baseline."""
    setup, data, best = placement.setup, placement.found.data, placement.baselines[0]
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = setup.pde.box.names
    table.add_column("condition")
    for name in names:
        table.add_column(f"{name} ({setup.pde.units[name]})" if name in setup.pde.units else name, justify="right")
    for name in setup.measured:
        for point in setup.pde.patches[name].points(data[name].cpu()).tolist():
            table.add_row(name, *(f"{v:.3f}" for v in point))
    console = Console(highlight=False)
    console.print(table)
    counts = ", ".join(f"{n} on {name}" for name, n in setup.counts(data).items())
    console.print(f"{sum(setup.counts(data).values())} sensors: {counts}", soft_wrap=True, markup=False)
    if setup.known:
        console.print(f"known to be zero, nothing to measure: {', '.join(setup.known)}", soft_wrap=True, markup=False)
    console.print(
        f"error on validation conditions {words.percent(setup.error(data))}, best baseline {words.percent(best.error)} "
        f"({best.method}); placed in {words.seconds(placement.found.seconds)}",
        soft_wrap=True,
        markup=False,
    )


def show_study(study: SensorStudy) -> None:
    """Print error and ratio for every number of sensors and every shift."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("sensors", "conditions", "distilled", "best baseline", "ratio (95 %)"):
        table.add_column(column, no_wrap=True)
    rows = study.rows
    for row in rows:
        if row.method != DISTILLED:
            continue
        terms = (row.boundary_points, row.shift, row.baseline)
        best = next((r for r in rows if (r.boundary_points, r.shift, r.method) == terms), None)
        error = "" if best is None else f"{words.percent(best.mean)} {best.method}"
        cells = (words.shift_name(row.shift), words.percent(row.mean), error, words.ratio(row))
        table.add_row(str(row.boundary_points), *cells)
    Console(highlight=False, width=120).print(table)
