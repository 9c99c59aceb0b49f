"""The results file of the benchmark, and the page that is written from it."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pinndd.study.benchmark import (
    FILE,
    BenchmarkFileError,
    BenchmarkRun,
    hardware,
    load_benchmark,
    portable,
    record,
    save_benchmark,
)
from pinndd.study.outcome import StudySettings
from pinndd.study.run_config import RunConfig
from pinndd.study.run_folder import RunFolder


@pytest.fixture(scope="module")
def report():
    """The script that writes the page."""
    path = Path(__file__).parents[2] / "benchmarks" / "report.py"
    spec = importlib.util.spec_from_file_location("benchmark_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config(pde="heat", protocols=("retrain",), settings=None):
    command = f"pinndd study {pde} --seeds 2 --out /home/somebody/runs/{pde}"
    return RunConfig.of(
        pde, list(protocols), settings or StudySettings(), command, pde, "abc", {"solved": f"{pde} is linear"}
    )


@pytest.fixture
def folder(outcome, tmp_path):
    """A finished run."""
    found = RunFolder.start(tmp_path / "runs" / "heat", config())
    found.add(outcome)
    return found


def own(runs):
    return [r for run in runs for r in run.compared]


def test_a_run_survives_the_file(folder, outcome, tmp_path):
    (new,) = record(folder, tmp_path / FILE)
    (back,) = load_benchmark(tmp_path / FILE)
    assert (back.pde, back.protocol, back.versions, back.hardware) == (new.pde, new.protocol, new.versions, hardware())
    assert len(back.rows) == len(new.rows)
    assert [(r.learner, r.shift) for r in back.compared] == [("ridge", s) for s in ("none", "frequency", "steps")]
    assert [r.ratio for r in back.compared] == pytest.approx([r.ratio for r in new.compared], rel=1e-4)
    assert {row[2] for row in back.sizes} == {r.points for r in outcome.curve}
    save_benchmark([back], tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (tmp_path / FILE).read_text()


def test_the_file_names_no_machine_and_no_folder(folder, tmp_path):
    record(folder, tmp_path / FILE)
    text = (tmp_path / FILE).read_text()
    assert "/home" not in text
    assert str(tmp_path) not in text
    (run,) = json.loads(text)["runs"]
    assert run["command"] == "pinndd study heat --seeds 2"
    assert set(run["hardware"]) == {"processor", "cores"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("pinndd study heat --out 'my runs/heat' --seeds 5 --resume", "pinndd study heat --seeds 5"),
        ("pinndd study /home/me/fin.py --results=r --quick --overwrite", "pinndd study fin.py --quick"),
        ("pinndd study heat burgers --jobs 2", "pinndd study heat burgers"),
    ],
)
def test_commands_without_folders(typed, kept):
    assert portable(typed) == kept


def test_a_run_replaces_its_own_protocol_only(folder, make_outcome, tmp_path):
    path = tmp_path / FILE
    record(folder, path)
    other = RunFolder.start(tmp_path / "runs" / "other", config("poisson"))
    other.add(make_outcome())
    record(other, path)
    again = RunFolder.start(tmp_path / "runs" / "again", config("heat", ["amortised"]))
    again.add(make_outcome("amortised"))
    record(again, path)
    shorter = RunFolder.start(tmp_path / "runs" / "short", config(settings=StudySettings(seeds=1)))
    shorter.add(make_outcome("retrain", 1))
    record(shorter, path)
    found = {(r.pde, r.protocol): r.settings["seeds"] for r in load_benchmark(path)}
    assert found == {("heat", "amortised"): 2, ("heat", "retrain"): 1, ("poisson", "retrain"): 2}


def test_a_failed_training_is_kept(outcome, tmp_path):
    failed = [
        replace(r, relative_l2=float("inf")) if r.method == "distilled" and r.seed == 0 else r for r in outcome.results
    ]
    run = BenchmarkRun.of(config(), replace(outcome, results=failed), hardware())
    save_benchmark([run], tmp_path / FILE)
    (back,) = load_benchmark(tmp_path / FILE)
    assert {(r.mean, r.ratio) for r in back.compared} == {(float("inf"), 0.0)}


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 99, "runs": []}', '{"format": 1, "runs": [{}]}'])
def test_damaged_files_are_refused(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BenchmarkFileError, match=r"damaged|update pinndd"):
        load_benchmark(tmp_path / FILE)


@pytest.fixture
def runs(outcome):
    """Two families; on the second the distilled set loses under one shift and is undecided under another."""
    factors = {"none": 1.0, "frequency": 9.0, "steps": 3.8}
    worse = [
        replace(r, pde="poisson", relative_l2=r.relative_l2 * factors[r.shift] * (1 + 0.5 * (r.seed - 0.5)))
        if r.method == "distilled"
        else replace(r, pde="poisson")
        for r in outcome.results
    ]
    return [
        BenchmarkRun.of(config(), outcome, hardware()),
        BenchmarkRun.of(config("poisson"), replace(outcome, results=worse), hardware()),
    ]


def test_the_page_has_every_row_the_losing_ones_in_bold(report, runs, tmp_path):
    page = report.page(runs, tmp_path, tmp_path)
    rows = [
        line for line in page.splitlines() if line.startswith(("| heat | retrain", "| **poisson", "| poisson | retrain"))
    ]
    assert len(rows) == len(own(runs)) == 6
    (loss,) = (line for line in rows if "loses" in line)
    assert loss.startswith("| **poisson** | **retrain** | **ridge** | **frequency**")
    assert "midpoint-grid" in loss
    (draw,) = (line for line in rows if "≈" in line)
    assert "| poisson | retrain | ridge | steps" in draw


def test_the_means_of_the_page(report, runs, tmp_path):
    page = report.page(runs, tmp_path, tmp_path)
    cells = next(line for line in page.splitlines() if line.startswith("| retrain | all")).split(" | ")
    product = 1.0
    for row in own(runs):
        product *= row.ratio
    assert float(cells[4].split()[0]) == pytest.approx(product ** (1 / 6), rel=0.01)
    assert [c.strip(" |") for c in cells[2:4] + cells[5:]] == ["2", "6", "67 %", "17 %"]


def test_a_failed_row_counts_but_has_no_ratio(report, runs, tmp_path):
    rows = [
        replace(r, mean=float("inf"), ratio=0.0, ratio_low=0.0, ratio_high=0.0) if r.wins is False else r
        for r in runs[1].rows
    ]
    page = report.page([runs[0], replace(runs[1], rows=rows)], tmp_path, tmp_path)
    assert "| retrain | all | 2 | 6 (1 failed) |" in page
    assert "diverged" in page


def test_the_page_says_how_it_was_made_and_what_was_tried(report, runs, tmp_path):
    (tmp_path / "poisson.md").write_text("Tried: more steps.")
    page = report.page(runs, tmp_path, tmp_path)
    assert "pinndd study --all --seeds 2" in page
    assert "test conditions 40" in page
    assert "Tried: more steps." in page.partition("### poisson")[2]
    assert "Protocol solved is left out: heat is linear" in page
    assert "![" not in page


def test_the_page_has_a_table_of_sensors_and_what_was_tried(report, runs, tmp_path):
    (tmp_path / "sensors.md").write_text("Nothing helps.")
    row = {"pde": "heat", "method": "distilled", "baseline": "qr", "shift": "none", "boundary_points": 9, "mean": 0.02}
    rows = [{**row, "ratio": 2.0, "ratio_low": 1.5, "ratio_high": 2.5}, {**row, "method": "qr", "mean": 0.04}]
    page = report.page(runs, tmp_path, tmp_path, [{"rows": rows}])
    assert page.index("## Every row") < page.index("## Sensors") < page.index("## Solutions")
    assert "| heat | 9 | 2 | 4 (qr) | 2.00 (1.50–2.50) |  |\n\nNothing helps.\n" in page
    assert "## Sensors" not in report.page(runs, tmp_path, tmp_path)


def test_the_gallery_is_small_and_stands_in_the_page(report, folder, runs, tmp_path):
    (picture,) = report.draw(tmp_path / "runs", ["heat", "poisson"], tmp_path)
    assert picture == tmp_path / "benchmark" / "heat.png"
    assert 2_000 < picture.stat().st_size < 80_000
    assert "](benchmark/heat.png)" in report.page(runs, tmp_path, tmp_path)


def test_the_script_writes_the_page(report, folder, tmp_path, monkeypatch, capsys):
    record(folder, tmp_path / FILE)
    monkeypatch.setattr("sys.argv", ["report.py", "--results", str(tmp_path), "--docs", str(tmp_path / "docs")])
    report.main()
    assert (tmp_path / "docs" / "benchmark.md").read_text().startswith("# Benchmark")
    monkeypatch.setattr("sys.argv", ["report.py", "--results", str(tmp_path / "none"), "--docs", str(tmp_path / "docs")])
    with pytest.raises(SystemExit):
        report.main()
    assert "pinndd study --all" in capsys.readouterr().err
