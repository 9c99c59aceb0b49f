"""A frame of 100,000 rows and 30 columns, distilled to 200 rows for logistic regression and for a random forest.

    python benchmarks/frame.py                      # some minutes for each learner
    python benchmarks/frame.py --learner forest     # one of the two
    python benchmarks/frame.py page                 # writes the table of docs/own-task.md from what was measured
    python benchmarks/frame.py --small              # a frame of 2,000 rows; nothing is written

The rows are drawn (scikit-learn's make_classification: three classes, 12 columns that inform, 8 that repeat them, 10 of noise, a
tenth of the labels wrong), so nobody downloads anything. Nothing differentiates a forest: its set is distilled for logistic
regression, and the forest judges it beside the baselines. Error rates on the test part, with 95 % intervals over seeds and blocks of
it; what loses is printed like everything else. The results go to benchmarks/results/frame.json.
"""

from __future__ import annotations

import os

# before torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pinndd import OuterSettings, StatedSettings, StatedTask
from pinndd.storage.writing import write_atomically, write_json
from pinndd.study.results.run_config import hardware, versions
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import DENSE, DISTILLED, rows_of
from pinndd.study.results.words import percent, significant
from pinndd.study.results.writing import markdown_table
from pinndd.study.stated.engine import run_stated

HERE = Path(__file__).resolve()
RESULT, PAGE = HERE.parent / "results" / "frame.json", HERE.parent.parent / "docs" / "own-task.md"
BEGIN, END = "<!-- frame: begin, by benchmarks/frame.py page -->\n", "<!-- frame: end -->\n"

ROWS, COLUMNS, SIZE = 100_000, 30, 200
LEARNERS: Mapping[str, Any] = {"logistic": None, "forest": RandomForestClassifier(50, max_depth=12, random_state=0)}
SHOWN = ["method", "mean", "low", "high", "baseline", "ratio", "ratio_low", "ratio_high"]


def frame_of(rows: int) -> pd.DataFrame:
    """Draw a frame."""
    x, y = make_classification(
        rows, COLUMNS, n_informative=12, n_redundant=8, n_classes=3, n_clusters_per_class=2, flip_y=0.1, random_state=0
    )
    return pd.DataFrame(x, columns=[f"x{k}" for k in range(COLUMNS)]).assign(y=y)


def measure(learner: str, small: bool) -> dict[str, Any]:
    """Study one learner on two seeds, and return its table with the seconds that all of it took."""
    rows, size, steps = (2_000, 20, 10) if small else (ROWS, SIZE, 60)
    frame = frame_of(rows)
    started = time.perf_counter()
    outer = OuterSettings(steps=steps, batch=4, learning_rate=0.02, validate_every=20)
    task = StatedTask.from_frame(frame, target="y", size=size, learner=LEARNERS[learner], name=learner, outer=outer)
    found = run_stated(task, StatedSettings(seeds=2))
    seconds = time.perf_counter() - started
    table = summarise(found.results)[SHOWN]
    return {"seconds": seconds, "distilling": found.distill_seconds, "rows": json.loads(table.to_json(orient="records"))}


def table_of(results: Mapping[str, Any]) -> str:
    """Write what was measured as a Markdown table, with a line on what it took."""
    found, took = [], []
    for learner, kind in results.items():
        measured = kind["measured"]
        took.append(f"{learner} {measured['seconds'] / 60:.1f} min, of which {sum(measured['distilling']) / 60:.1f} are distilling")
        for row in rows_of(pd.DataFrame(measured["rows"])):
            own = row.method == DISTILLED
            found.append(
                {
                    "learner": learner,
                    "set": "all rows" if row.method == DENSE else row.method,
                    "error rate": f"{percent(row.mean)} ({percent(row.low)} to {percent(row.high)})",
                    "best baseline ÷ distilled": f"{significant(row.ratio, 3)} ({significant(row.ratio_low, 3)}–"
                    f"{significant(row.ratio_high, 3)}), {row.baseline}"
                    if own
                    else "",
                }
            )
    machine = next(iter(results.values()))
    note = f"Two seeds, {'; '.join(took)} in all on {machine['hardware']['processor']}, torch {machine['versions']['torch']}."
    return f"{markdown_table(pd.DataFrame(found))}\n\n{note}\n"


def write_page(results: Mapping[str, Any]) -> None:
    """Put the table between its marks on the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    with write_atomically(PAGE) as file:
        file.write(f"{before}{BEGIN}\n{table_of(results)}\n{END}{after}".encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["measure", "page"], default="measure")
    parser.add_argument("--learner", choices=LEARNERS, help="one of the two; both if it is not given")
    parser.add_argument("--small", action="store_true", help="few rows and steps; nothing is written")
    asked = parser.parse_args()
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    if asked.what == "page":
        write_page(results)
        return
    for learner in [asked.learner] if asked.learner else LEARNERS:
        now = {"measured": measure(learner, asked.small), "hardware": hardware(), "versions": versions()}
        print(table_of({learner: now}))
        if not asked.small:
            results = results | {learner: now}
            write_json(RESULT, results)


if __name__ == "__main__":
    main()
