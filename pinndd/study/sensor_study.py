"""A study of sensors: error against their number, for the distilled placement and every baseline, on conditions never seen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinndd.checkpoint import write_json
from pinndd.pinn.declare.pde import PDE
from pinndd.study.outcome import DISTILLED, NO_SHIFT, Progress, Result, StudySettings
from pinndd.study.plots.sensors import draw_error_by_sensors, draw_placement
from pinndd.study.plots.style import house_style, save_figure
from pinndd.study.retrain import quiet
from pinndd.study.retrain_setup import test_episodes
from pinndd.study.run_folder import write_csv
from pinndd.study.sensors import Placement, place_sensors
from pinndd.study.summary import SummaryRow, summarise

PROTOCOL = "sensors"
"""Name of this use of the retrain protocol in results; the sets themselves are sets of the retrain protocol."""


@dataclass(frozen=True)
class SensorStudy:
    """Placements of all sizes and seeds, and the errors on test conditions.

    Attributes:
        pde: the PDE.
        placements: by number of sensors, one a seed.
        results: one row a trained model and test condition; ``boundary_points`` is the number of sensors.
    """

    pde: PDE
    placements: Mapping[int, Sequence[Placement]]
    results: Sequence[Result]

    @property
    def rows(self) -> list[SummaryRow]:
        """Means with intervals, and ratios to the best baseline of each size and shift."""
        return summarise(self.results)

    def allocations(self) -> list[dict[str, Any]]:
        """Return how many sensors every method has on every condition, one entry a size, seed and method."""
        return [
            {"sensors": count, "seed": p.setup.seed, "method": method, "allocation": p.setup.counts(data)}
            for count, placements in self.placements.items()
            for p in placements
            for method, data in methods(p).items()
        ]


def study_sensors(
    pde: PDE, sizes: Sequence[int], settings: StudySettings, progress: Progress = quiet, points: int | None = None
) -> SensorStudy:
    """Place sensors for every size and seed, and train on them and on every baseline for test conditions of every shift.

    Args:
        pde: the PDE.
        sizes: numbers of sensors.
        settings: seeds, test conditions, budget, learner and device.
        progress: called often.
        points: interior points (None: plenty).

    Raises:
        ValueError: a size is smaller than the number of conditions to measure.
    """
    placements: dict[int, list[Placement]] = {}
    results: list[Result] = []
    total, done = len(sizes) * settings.seeds, 0
    for count in sizes:
        for seed in range(settings.seed, settings.seed + settings.seeds):
            placement = place_sensors(pde, count, settings, seed, progress, points)
            placements.setdefault(count, []).append(placement)
            results += tested(placement, settings, count)
            done += 1
            progress("sensors: sizes and seeds", done, total, None)
    return SensorStudy(pde, placements, results)


def tested(placement: Placement, settings: StudySettings, count: int) -> list[Result]:
    """Train on the sensors and on every baseline for test conditions of every shift, and return one row each."""
    setup = placement.setup
    results = []
    for shift in settings.tested(setup.pde.shifts):
        episodes = test_episodes(setup.pde, shift, settings.test_conditions, setup.seed, settings.device)
        for method, data in methods(placement).items():
            started = time.perf_counter()
            losses = setup.losses(data, episodes).tolist()
            seconds = (time.perf_counter() - started) / len(losses)
            terms = (setup.name, len(setup.interior), count, shift, setup.seed)
            learner = setup.name if method == DISTILLED else ""
            results += [
                Result(setup.pde.name, PROTOCOL, method, *terms, episode, loss, seconds, learner)
                for episode, loss in enumerate(losses)
            ]
    return results


def methods(placement: Placement) -> dict[str, Any]:
    """Return the distilled set and the set of every baseline, by method."""
    return {DISTILLED: placement.found.data, **{t.method: t.data for t in placement.baselines}}


def write_study(study: SensorStudy, folder: Path) -> list[Path]:
    """Write results, summary, the sets and the pictures of a study into a folder, and return the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(study.results, folder / "results.csv")
    rows = study.rows
    summary = {"rows": [row.to_json() for row in rows], "allocations": study.allocations()}
    write_json(folder / "summary.json", summary, allow_nan=False)
    pictures = []
    with house_style():
        for count, placements in study.placements.items():
            placements[0].found.data.save(folder / f"sensors-{count}.npz")
            pictures.append(folder / f"sensors-{count}.png")
            save_figure(picture(placements[0]), pictures[-1])
        if len(study.placements) > 1:
            pictures.append(folder / "error-by-sensors.png")
            save_figure(draw_error_by_sensors(rows), pictures[-1])
    return pictures


def picture(placement: Placement) -> Any:
    """Draw a placement beside the baseline that is best on validation conditions."""
    best = placement.baselines[0]
    return draw_placement(placement.setup.pde, placement.setup.measured, placement.found.data, best.data, best.method)


def load_records(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a folder, a file a PDE, by name."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def sensor_table(records: Iterable[Mapping[str, Any]], shift: str = NO_SHIFT) -> str:
    """Return a Markdown table of the errors under one shift, a row a PDE and number of sensors.

    Args:
        records: of one PDE each, with ``rows`` of the summary.
        shift: of the rows that are shown.
    """
    lines = [
        "| PDE | sensors | distilled, % | best baseline, % | ratio (95 % interval) | others, % |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for record in records:
        rows = [row for row in record["rows"] if row["shift"] == shift]
        for row in rows:
            if row["method"] == DISTILLED:
                lines.append(_line(row, [r for r in rows if r["boundary_points"] == row["boundary_points"]]))
    return "\n".join(lines)


def _line(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the line of one number of sensors."""
    best = next(r for r in rows if r["method"] == row["baseline"])
    others = {r["method"]: _percent(r["mean"]) for r in rows if r["method"] not in (DISTILLED, best["method"])}
    return (
        f"| {row['pde']} | {row['boundary_points']} | {_percent(row['mean'])} | {_percent(best['mean'])} ({best['method']}) | "
        f"{row['ratio']:.2f} ({row['ratio_low']:.2f}–{row['ratio_high']:.2f}) | "
        f"{', '.join(f'{method} {error}' for method, error in others.items())} |"
    )


def _percent(error: float) -> str:
    """Two significant digits, in per cent, without an exponent."""
    return f"{100 * error:.2g}" if error < 0.995 else f"{100 * error:.0f}"
