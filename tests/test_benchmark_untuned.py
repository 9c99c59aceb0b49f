"""The benchmark of settings that nobody tuned prints a ratio per task."""

import runpy
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "untuned.py"


def test_a_row_per_task(monkeypatch, capsys):
    main = runpy.run_path(str(BENCHMARK))["main"]
    monkeypatch.setattr(sys, "argv", ["untuned.py", "--only", "softmax", "--seeds", "1", "--effort", "0.05"])
    main()
    head, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert head == "| task | examples | error | distilled | best baseline | baseline ÷ distilled |"
    assert [row.split(" | ")[:3] for row in rows] == [
        ["| wine, softmax regression, tuned", "6", "Brier score"],
        ["| breast cancer, softmax regression", "6", "Brier score"],
    ]
