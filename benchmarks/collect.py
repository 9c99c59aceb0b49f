"""Collect the summaries of study runs under benchmarks/results/, and print the table that the README quotes.

python benchmarks/collect.py runs/heat runs/burgers ...   # copy the summaries of these runs, then print
python benchmarks/collect.py                              # print from what is committed
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SIZE_COLUMNS = ("protocol", "learner", "method", "points", "shift", "distilled_with")


def collect(run: Path) -> None:
    """Copy summary and configuration of a run, named after its PDE and protocols."""
    rows = json.loads((run / "summary.json").read_text())
    name = f"{rows[0]['pde']}-{'-'.join(dict.fromkeys(r['protocol'] for r in rows))}"
    shutil.copyfile(run / "summary.json", RESULTS / f"{name}.json")
    # the folder of the run is a path of one machine
    config = re.sub(r" --out [^\s\"]+| --overwrite", "", (run / "config.toml").read_text())
    (RESULTS / f"{name}.toml").write_text(config)
    sizes = errors_by_size(run)
    if len({row["points"] for row in sizes}) > 1:
        (RESULTS / "curves").mkdir(exist_ok=True)
        (RESULTS / "curves" / f"{name}.json").write_text(json.dumps(sizes, indent=1) + "\n")


def errors_by_size(run: Path) -> list[dict[str, Any]]:
    """Return the mean error of every learner, method, number of points and shift of a run, its other sizes included.

    Sets that were distilled with different learners are different methods.
    """
    groups: dict[tuple[str, ...], list[float]] = {}
    for file in (run / "results.csv", run / "curve.csv"):
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                key = tuple(row[name] for name in SIZE_COLUMNS)
                groups.setdefault(key, []).append(float(row["relative_l2"]))
    rows = [dict(zip(SIZE_COLUMNS, key, strict=True)) for key in groups]
    return [
        {**row, "points": int(row["points"]), "mean": sum(errors) / len(errors), "models": len(errors)}
        for row, errors in zip(rows, groups.values(), strict=True)
    ]


def table() -> str:
    """Return a Markdown table of every distilled set with its own learner, one row a PDE, protocol and shift."""
    lines = [
        "| PDE | protocol | learner | shift | distilled, % | best tuned baseline, % | ratio (95 % interval) |",
        "|---|---|---|---|---|---|---|",
    ]
    for path in sorted(RESULTS.glob("*-*.json")):
        rows = json.loads(path.read_text())
        for row in rows:
            if row["method"] != "distilled" or row["learner"] != row["distilled_with"] or row["ratio"] is None:
                continue
            terms = ("protocol", "learner", "shift", "points", "boundary_points")
            rival = next(r for r in rows if r["method"] == row["baseline"] and all(r[t] == row[t] for t in terms))
            best = f"{percent(rival['mean'])} ({rival['method']})"
            lines.append(
                f"| {row['pde']} | {row['protocol']} | {row['learner']} | {row['shift']} | {percent(row['mean'])} | {best} | "
                f"{row['ratio']:.2f} ({row['ratio_low']:.2f}–{row['ratio_high']:.2f}) |"
            )
    return "\n".join(lines)


def percent(error: float) -> str:
    """Two significant digits, in per cent, without an exponent."""
    return f"{100 * error:.2g}" if error < 0.995 else f"{100 * error:.0f}"


def main() -> None:
    """Collect the runs named on the command line and print the table."""
    RESULTS.mkdir(exist_ok=True)
    for run in sys.argv[1:]:
        collect(Path(run))
    print(table())


if __name__ == "__main__":
    main()
