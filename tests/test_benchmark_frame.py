"""The benchmark of a large frame measures what it says; what it writes stands on the page of one's own tasks."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def frame(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("benchmark_frame", BENCHMARKS / "frame.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "frame_of", lambda rows, drawn=module.frame_of: drawn(300))
    monkeypatch.setattr(module, "RESULT", tmp_path / "frame.json")
    monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
    return module


def test_what_is_measured_is_kept_and_replaces_what_stood_between_the_marks(frame, monkeypatch, capsys):
    frame.PAGE.write_text(f"before\n{frame.BEGIN}old\n{frame.END}after\n")
    measure = frame.measure
    monkeypatch.setattr(frame, "measure", lambda learner, small: measure(learner, small=True))
    monkeypatch.setattr(sys, "argv", ["frame.py", "--learner", "logistic"])
    frame.main()
    rows = json.loads(frame.RESULT.read_text())["logistic"]["measured"]["rows"]
    assert [row["method"] for row in rows] == ["distilled", "random", "stratified", "k-means", "k-medoids", "dense"]
    assert all(0 < row["low"] <= row["mean"] <= row["high"] < 1 for row in rows)
    monkeypatch.setattr(sys, "argv", ["frame.py", "page"])
    frame.main()
    page = frame.PAGE.read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    assert "| logistic | all rows |" in page
    (distilled,) = [line for line in page.splitlines() if line.startswith("| logistic | distilled |")]
    assert distilled.endswith(f", {rows[0]['baseline']} |")


def test_a_small_run_writes_nothing(frame, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["frame.py", "--small", "--learner", "logistic"])
    frame.main()
    assert "| logistic | distilled |" in capsys.readouterr().out
    assert not frame.RESULT.exists()


def test_the_marks_stand_on_the_page_once(frame):
    text = (BENCHMARKS.parent / "docs" / "own-task.md").read_text(encoding="utf-8")
    assert text.count(frame.BEGIN) == text.count(frame.END) == 1
    assert text.index(frame.BEGIN) < text.index(frame.END)
