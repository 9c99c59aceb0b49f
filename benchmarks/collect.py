"""Collect the summaries of study runs under benchmarks/results/, and print the table that the README quotes.

python benchmarks/collect.py runs/heat runs/burgers ...   # copy the summaries of these runs, then print
python benchmarks/collect.py                              # print from what is committed
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def collect(run: Path) -> None:
    """Copy summary and configuration of a run, named after its PDE and protocols."""
    rows = json.loads((run / "summary.json").read_text())
    name = f"{rows[0]['pde']}-{'-'.join(dict.fromkeys(r['protocol'] for r in rows))}"
    shutil.copyfile(run / "summary.json", RESULTS / f"{name}.json")
    # the folder of the run is a path of one machine
    config = re.sub(r" --out [^\s\"]+| --overwrite", "", (run / "config.toml").read_text())
    (RESULTS / f"{name}.toml").write_text(config)


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
            best = f"{100 * rival['mean']:.2g} ({rival['method']})"
            lines.append(
                f"| {row['pde']} | {row['protocol']} | {row['learner']} | {row['shift']} | {100 * row['mean']:.2g} | {best} | "
                f"{row['ratio']:.2f} ({row['ratio_low']:.2f}–{row['ratio_high']:.2f}) |"
            )
    return "\n".join(lines)


def main() -> None:
    """Collect the runs named on the command line and print the table."""
    RESULTS.mkdir(exist_ok=True)
    for run in sys.argv[1:]:
        collect(Path(run))
    print(table())


if __name__ == "__main__":
    main()
