"""Print the tables of docs/classification.md from benchmarks/results/classification.json, which the examples write.

python examples/digits.py --results benchmarks/results/classification.json
python examples/digits.py --per-class 10 --results benchmarks/results/classification.json
python examples/mnist.py --results benchmarks/results/classification.json
python examples/mnist.py --per-class 10 --mixed --results benchmarks/results/classification.json
python benchmarks/classification.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pinndd.study.classification.evaluation import markdown, summarise
from pinndd.study.classification.protocol import EvaluationProtocol

RESULTS = Path(__file__).parent / "results" / "classification.json"


def table(run: dict[str, Any]) -> str:
    """Return one run as Markdown: what it is, on which hardware, its rows, and how each set was trained where that was chosen."""
    title = (
        f"**{run['dataset']}, {run['per_class']} a class**, {run['method']}, distilled in {run['distilling_seconds']:.0f} s "
        f"({run['hardware']}, torch {run['versions']['torch']}):"
    )
    chosen = [f"- {name}: {EvaluationProtocol(**own).training}" for name, own in run.get("chosen", {}).items()]
    return "\n".join((title, "", markdown(summarise(pd.DataFrame(run["rows"]))), "", *chosen)).rstrip()


if __name__ == "__main__":
    runs = json.loads(RESULTS.read_text())["runs"]
    print("\n\n".join(table(run) for run in sorted(runs, key=lambda run: (run["dataset"], run["per_class"]))))
