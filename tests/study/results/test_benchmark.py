"""The results file of the benchmark, and the page that is written from it."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pinndd.study.results.benchmark import (
    FILE,
    BenchmarkFileError,
    BenchmarkRun,
    hardware,
    load_benchmark,
    portable,
    record,
    save_benchmark,
)
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.results.summary import SUMMARY_COLUMNS, summary_from_json
from pinndd.study.results.table import rows_of


@pytest.fixture(scope="module")
def report():
    """The script that writes the page."""
    path = Path(__file__).parents[3] / "benchmarks" / "report.py"
    spec = importlib.util.spec_from_file_location("benchmark_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def config(make_config):
    """Describe a run of a linear PDE."""
    return lambda pde="heat", protocols=("retrain",), **settings: make_config(
        pde, protocols, skipped={"solved": f"{pde} is linear"}, **settings
    )


@pytest.fixture
def folder(outcome, config, tmp_path):
    """A finished run."""
    found = RunFolder.start(tmp_path / "runs" / "heat", config())
    found.add(outcome)
    return found


def own(runs):
    return [r for run in runs for r in rows_of(run.compared)]


def test_a_run_survives_the_file(folder, outcome, tmp_path):
    (new,) = record(folder, tmp_path / FILE)
    (back,) = load_benchmark(tmp_path / FILE)
    assert (back.pde, back.protocol, back.versions, back.hardware) == (new.pde, new.protocol, new.versions, hardware())
    assert len(back.rows) == len(new.rows)
    assert [(r.learner, r.shift) for r in rows_of(back.compared)] == [("ridge", s) for s in ("none", "frequency", "steps")]
    assert back.compared["ratio"].tolist() == pytest.approx(new.compared["ratio"].tolist(), rel=1e-4)
    assert set(back.sizes["points"]) == set(outcome.curve["points"])
    save_benchmark([back], tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (tmp_path / FILE).read_text()


def test_a_file_of_the_first_version_is_read_and_written_again_to_the_byte(tmp_path):
    old = Path(__file__).parent / "benchmark_of_0_1_0.json"
    runs = load_benchmark(old)
    assert [(r.pde, r.protocol, len(r.compared)) for r in runs] == [("heat", "retrain", 3)]
    save_benchmark(runs, tmp_path / FILE)
    assert (tmp_path / FILE).read_text() == old.read_text()


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
        ("pinndd study heat burgers --scheduler tcp://10.0.0.1:8786", "pinndd study heat burgers"),
        ("pinndd study heat burgers --cell 1 --of 2", "pinndd study heat burgers"),
    ],
)
def test_commands_without_folders(typed, kept):
    assert portable(typed) == kept


def test_a_run_replaces_its_own_protocol_only(folder, config, make_outcome, tmp_path):
    path = tmp_path / FILE
    record(folder, path)
    other = RunFolder.start(tmp_path / "runs" / "other", config("poisson"))
    other.add(make_outcome())
    record(other, path)
    again = RunFolder.start(tmp_path / "runs" / "again", config("heat", ["amortised"]))
    again.add(make_outcome("amortised"))
    record(again, path)
    shorter = RunFolder.start(tmp_path / "runs" / "short", config(seeds=1))
    shorter.add(make_outcome("retrain", 1))
    record(shorter, path)
    found = {(r.pde, r.protocol): r.settings["seeds"] for r in load_benchmark(path)}
    assert found == {("heat", "amortised"): 2, ("heat", "retrain"): 1, ("poisson", "retrain"): 2}


def test_a_failed_training_is_kept(outcome, config, change, tmp_path):
    failed = change(outcome.results, lambda r: (r["method"] == "distilled") & (r["seed"] == 0), error=float("inf"))
    run = BenchmarkRun.of(config(), replace(outcome, results=failed), hardware())
    save_benchmark([run], tmp_path / FILE)
    (back,) = load_benchmark(tmp_path / FILE)
    assert {(r.mean, r.ratio) for r in rows_of(back.compared)} == {(float("inf"), 0.0)}


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 99, "runs": []}', '{"format": 1, "runs": [{}]}'])
def test_damaged_files_are_refused(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BenchmarkFileError, match=r"damaged|update pinndd"):
        load_benchmark(tmp_path / FILE)


@pytest.fixture
def runs(outcome, config):
    """Two families; on the second the distilled set loses under one shift and is undecided under another."""
    factors = {"none": 1.0, "frequency": 9.0, "steps": 3.8}
    results = outcome.results.assign(pde="poisson")
    harder = results["error"] * results["shift"].map(factors) * (1 + 0.5 * (results["seed"] - 0.5))
    worse = results.assign(error=results["error"].mask(results["method"] == "distilled", harder))
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
    rows = runs[1].rows.copy()
    lost = (rows["method"] == "distilled") & (rows["ratio_high"] < 1) & (rows["learner"] == "ridge")
    rows.loc[lost, ["mean", "ratio", "ratio_low", "ratio_high"]] = [float("inf"), 0.0, 0.0, 0.0]
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
    row = dict.fromkeys(SUMMARY_COLUMNS, 0) | {
        "pde": "heat", "method": "distilled", "baseline": "qr", "shift": "none", "boundary_points": 9, "mean": 0.02,
        "protocol": "sensors", "learner": "ridge", "distilled_with": "ridge",
    }  # fmt: skip
    rows = [
        {**row, "ratio": 2.0, "ratio_low": 1.5, "ratio_high": 2.5},
        {**row, "method": "qr", "mean": 0.04, "baseline": ""},
    ]
    page = report.page(runs, tmp_path, tmp_path, summary_from_json(rows))
    assert page.index("## Every row") < page.index("## Sensors") < page.index("## Solutions")
    assert "| heat | 9 | 2 | 4 (qr) | 2.00 (1.50–2.50) |  |\n\nNothing helps.\n" in page
    assert "## Sensors" not in report.page(runs, tmp_path, tmp_path)


def test_the_gallery_is_small_and_stands_in_the_page(report, folder, runs, tmp_path):
    (picture,) = report.draw(tmp_path / "runs", ["heat", "poisson"], tmp_path)
    assert picture == tmp_path / "benchmark" / "heat.png"
    assert 2_000 < picture.stat().st_size < 80_000
    assert "](benchmark/heat.png)" in report.page(runs, tmp_path, tmp_path)


def test_sets_for_bodies_stand_beside_those_for_random_features(report, runs, tmp_path):
    page = report.page(runs, tmp_path, tmp_path, bodies=runs)
    (section,) = [part for part in page.split("\n## ") if part.startswith("PINNs whose hidden layers are trained")]
    assert "| in distribution | dense ÷ distilled | 0.59 |" in section
    assert "2 families, 2 seeds each; " in section
    assert "certainly above 1" in section
    assert "hidden layers" not in report.page(runs, tmp_path, tmp_path)


def test_the_page_says_which_families_had_fewer_seeds(report, runs, tmp_path):
    first, second = runs
    several = [replace(first, settings={**first.settings, "seeds": 3})] * 3
    fewer = [replace(run, settings={**run.settings, "seeds": 2}) for run in runs]
    page = report.page(runs, tmp_path, tmp_path, trained=[*several, *fewer])
    assert f"5 families, 3 seeds each (2 for {first.pde} and {second.pde}); " in page


def test_sets_for_networks_that_are_trained_to_the_end_have_a_section_without_empty_columns(report, runs, tmp_path):
    page = report.page(runs, tmp_path, tmp_path, bodies=runs, trained=runs)
    (section,) = [part for part in page.split("\n## ") if part.startswith("PINNs all of whose weights are trained")]
    assert "| in distribution | dense ÷ distilled | 0.59 |" in section  # an interval over two families says nothing
    assert "random features" not in section
    several = report.page(runs, tmp_path, tmp_path, trained=[*runs, replace(runs[0], pde="wave")])
    (line,) = [line for line in several.splitlines() if line.startswith("| in distribution | dense ÷ distilled |")]
    assert line == "| in distribution | dense ÷ distilled | 0.59 (0.58–0.59) |"
    assert page.index("hidden layers are trained") < page.index("all of whose weights") < page.index("## In short")


def test_the_script_writes_the_page(report, folder, tmp_path, monkeypatch, capsys):
    record(folder, tmp_path / FILE)
    monkeypatch.setattr("sys.argv", ["report.py", "--results", str(tmp_path), "--docs", str(tmp_path / "docs")])
    report.main()
    assert (tmp_path / "docs" / "benchmark.md").read_text().startswith("# Benchmark")
    monkeypatch.setattr("sys.argv", ["report.py", "--results", str(tmp_path / "none"), "--docs", str(tmp_path / "docs")])
    with pytest.raises(SystemExit):
        report.main()
    assert "pinndd study --all" in capsys.readouterr().err


def test_shares_and_the_seconds_of_bodies_are_kept_where_there_are_any(config, outcome, tmp_path):
    runs = [
        BenchmarkRun.of(config(protocols=[protocol]), replace(outcome, protocol=protocol, results=results, **more), hardware())
        for protocol, results, more in (
            ("retrain", outcome.results, {"body_seconds": [12.3456789]}),
            ("sensors", outcome.results[outcome.results["method"] != "dense"], {}),
        )
    ]
    save_benchmark(runs, tmp_path / FILE)
    stored = json.loads((tmp_path / FILE).read_text())["runs"]
    assert ["kept" in run["columns"] for run in stored] == [True, False]
    assert [run.get("body_seconds") for run in stored] == [[12.346], None]
    with_dense, without = load_benchmark(tmp_path / FILE)
    assert with_dense.body_seconds == [12.346]
    assert with_dense.rows["kept"].max() == pytest.approx(0.01 / 0.017, rel=1e-4)
    assert (list(without.body_seconds), without.rows["kept"].notna().sum()) == ([], 0)


def test_the_default_stands_first_with_its_learners_and_what_its_sets_are_worth_to_other_networks(report, runs, tmp_path):
    first, second = runs
    names = {"ridge": "body"}
    body = second.rows.assign(**{c: second.rows[c].replace(names) for c in ("learner", "distilled_with")})
    page = report.page(runs, tmp_path, tmp_path, bodies=runs, default=[first, replace(second, rows=body)])
    default, worth_elsewhere = (part for part in page.split("\n## ") if part.startswith(("What the default", "Sets that another")))
    assert page.index("## What the default") < page.index("## Sets that another") < page.index("## PINNs whose hidden layers")
    assert "| heat | in distribution | ridge |" in default
    assert "| poisson | in distribution | body |" in default
    assert "| in distribution | best design, any learner ÷ distilled |" in default
    assert "| in distribution | random features ÷ distilled |" in default
    (line,) = [line for line in worth_elsewhere.splitlines() if line.startswith("| mlp-lm | in distribution")]
    (ratio,) = {r.ratio for r in rows_of(first.rows) if r.method == "distilled" and (r.learner, r.shift) == ("mlp-lm", "none")}
    families, rows, mean, above, below = (float(cell) for cell in line.strip("| ").split(" | ")[2:])
    assert (families, rows, above, below) == (2, 2, 0, 2)
    assert mean == pytest.approx(ratio, rel=0.01)
    assert "| poisson | under shifts | body | " in worth_elsewhere
    assert "Sets that another" not in report.page(runs, tmp_path, tmp_path, bodies=runs)


def test_one_set_for_several_learners_stands_with_what_it_is_worth_to_each(report, runs, tmp_path):
    page = report.page(runs, tmp_path, tmp_path, bank=runs)
    (section,) = [part for part in page.split("\n## ") if part.startswith("One set for several learners")]
    assert "| heat | in distribution |" in section
    assert "| mlp-lm | in distribution | 2 | 2 |" in section
    assert "several learners" not in report.page(runs, tmp_path, tmp_path)


def test_the_points_that_others_take_follow_a_power_law_between_the_sizes_that_ran(report, runs, tmp_path):
    first, second = runs
    rows = first.rows[(first.rows["learner"] == "ridge") & (first.rows["shift"] == "none")].set_index("method")["mean"]
    own, design = float(rows["distilled"]), float(rows["midpoint-grid"])
    sizes = first.sizes.iloc[:1].assign(method="hammersley", learner="ridge", shift="none", points=100, mean=own**2 / design)
    without_dense = replace(first, rows=first.rows[first.rows["method"] != "dense"], sizes=sizes)
    # halfway between the logarithms of the two errors: halfway between those of the 94 and 136 points
    assert report.more_points(without_dense) == pytest.approx((94**0.5 * 136**0.5 / 94, False))
    never = replace(without_dense, sizes=sizes.assign(mean=design))
    assert report.more_points(never) == pytest.approx((136 / 94, True))
    assert report.more_points(replace(first, sizes=first.sizes.iloc[:0])) is None
    page = report.page(runs, tmp_path, tmp_path, default=[never, replace(second, sizes=second.sizes.iloc[:0])])
    (section,) = [part for part in page.split("\n## ") if part.startswith("What the default gives")]
    for pde, said in (("heat", "> 1.4"), ("poisson", "–")):
        (line,) = [line for line in section.splitlines() if line.startswith(f"| {pde} | in distribution")]
        assert line.endswith(f"| {said} |")
    assert "| in distribution | points that the best other set takes" in section
