"""The folder of a run: tables, resuming, and what happens to folders in use."""

import csv
import importlib.metadata
import json
import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch

from pinndd.data import SyntheticData
from pinndd.study.results.outcome_files import OutcomeFileError, load_outcome, save_outcome
from pinndd.study.results.run_config import RunConfig, RunConfigError, to_toml
from pinndd.study.results.run_folder import RunFolder, RunFolderError
from pinndd.study.results.summary import KEPT

OLD_RUN = Path(__file__).parent / "run_of_0_1_0"
"""Written by version 0.1.0; one training failed, one ended in no number."""


@pytest.fixture
def config(make_config):
    return make_config(protocols=["retrain", "amortised"], command="pinndd study heat")


def test_outcome_survives_the_disk(outcome, tmp_path):
    save_outcome(outcome, tmp_path)
    back = load_outcome(tmp_path)
    pandas.testing.assert_frame_equal(back.results, outcome.results)
    pandas.testing.assert_frame_equal(back.curve, outcome.curve)
    assert torch.equal(back.data[1]["interior"], outcome.data[1]["interior"])
    assert torch.equal(back.baseline_data["left"], outcome.baseline_data["left"])
    assert math.isnan(back.histories[0][0]["risk"])
    assert back.histories[0][1:] == outcome.histories[0][1:]
    assert torch.equal(back.examples[2].predictions["distilled"], outcome.examples[2].predictions["distilled"])
    assert (back.settings, back.notes, back.best_baseline) == (outcome.settings, outcome.notes, "midpoint-grid")


def test_nothing_is_unpickled(outcome, tmp_path):
    save_outcome(outcome, tmp_path)
    with (tmp_path / "examples.npz").open("wb") as file:
        np.savez(file, **{"0/truth": np.array([{"not": "a number"}], dtype=object)})
    with pytest.raises(OutcomeFileError, match="damaged"):
        load_outcome(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", '{"version": 99}'])
def test_damaged_outcomes_are_refused(outcome, tmp_path, text):
    save_outcome(outcome, tmp_path)
    (tmp_path / "outcome.json").write_text(text)
    with pytest.raises(OutcomeFileError, match=r"--overwrite|update pinndd"):
        load_outcome(tmp_path)


def test_tables(outcome, config, tmp_path):
    folder = RunFolder.start(tmp_path / "run", config)
    folder.add(outcome)
    assert folder.finished("retrain")
    assert not folder.finished("amortised")
    with (folder.path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(outcome.results)
    assert {"pde", "protocol", "method", "learner", "points", "boundary_points", "shift", "seed", "episode",
            "relative_l2", "seconds"} <= set(rows[0])  # fmt: skip
    assert float(rows[0]["relative_l2"]) == outcome.results["error"][0]
    summary = json.loads((folder.path / "summary.json").read_text())
    own = next(r for r in summary if r["method"] == "distilled" and r["learner"] == "ridge" and r["shift"] == "none")
    assert own["ratio"] == pytest.approx(0.065 / 0.017)
    assert torch.equal(SyntheticData.load(folder.path / "data.npz")["interior"], outcome.data[0]["interior"])
    assert not (folder.path / "data-retrain.npz").exists()
    assert (folder.path / "curve.csv").exists()
    assert not list(folder.path.rglob("*.tmp"))


def test_two_protocols_have_a_set_each(make_outcome, config, tmp_path):
    folder = RunFolder.start(tmp_path, config)
    folder.add(make_outcome("amortised"))
    folder.add(make_outcome("retrain"))
    assert [o.protocol for o in folder.outcomes()] == ["retrain", "amortised"]
    assert SyntheticData.load(tmp_path / "data.npz").header["protocol"] == "retrain"
    assert SyntheticData.load(tmp_path / "data-amortised.npz").header["protocol"] == "amortised"


def test_config_is_toml_with_versions_and_seed(config, tmp_path):
    config.save(tmp_path / "config.toml")
    values = tomllib.loads((tmp_path / "config.toml").read_text())
    assert values["settings"]["seed"] == 0
    assert values["versions"]["torch"] == importlib.metadata.version("torch")
    assert RunConfig.load(tmp_path / "config.toml") == config


@pytest.mark.parametrize("value", ['a "quoted" \\ word\n', [1, 2.5], True, 1e-8, "ü", ["a", "b"]])
def test_toml_is_read_back(value):
    assert tomllib.loads(to_toml({"top": value, "table": {"inner": value}})) == {"top": value, "table": {"inner": value}}


def test_a_folder_in_use_demands_a_choice(config, outcome, tmp_path):
    RunFolder.start(tmp_path, config).add(outcome)
    with pytest.raises(RunFolderError, match=r"--resume.*--overwrite"):
        RunFolder.start(tmp_path, config)
    assert RunFolder.start(tmp_path, config, resume=True).finished("retrain")
    assert not RunFolder.start(tmp_path, config, overwrite=True).finished("retrain")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.toml"]
    with pytest.raises(RunFolderError, match="exclude each other"):
        RunFolder.start(tmp_path, config, resume=True, overwrite=True)


def test_a_run_is_resumed_with_its_own_settings_only(config, make_config, tmp_path):
    RunFolder.start(tmp_path, config)
    other = make_config(points=32)
    with pytest.raises(RunConfigError, match=r"other settings: points was 64 and is now 32; resume"):
        RunFolder.start(tmp_path, other, resume=True)


def test_a_foreign_folder_is_left_alone(config, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    for choice in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(RunFolderError, match="no run"):
            RunFolder.start(tmp_path, config, **choice)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.start(tmp_path / "thesis.tex", config)


def test_overwriting_keeps_what_runs_do_not_write(config, tmp_path):
    RunFolder.start(tmp_path, config)
    (tmp_path / "notes.txt").write_text("mine")
    RunFolder.start(tmp_path, config, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_opening_what_is_no_run(tmp_path):
    with pytest.raises(RunFolderError, match="does not exist"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(RunFolderError, match="holds no run"):
        RunFolder.open(tmp_path)


def test_a_run_of_the_first_version_is_read_and_its_tables_are_the_same_but_for_what_is_new(tmp_path):
    with pytest.warns(UserWarning, match="retrain was written by pinndd 0.2.0 or before: it has no checksums"):
        (old,) = RunFolder.open(OLD_RUN).outcomes()
    assert (old.distance, old.examples[0].why) == ("relative-l2", "")
    assert len(old.results) == 96
    assert np.isinf(old.results["error"]).sum() == 1
    assert old.results["error"].isna().sum() == 1
    RunFolder(tmp_path).write_tables([old])
    for name in ("results.csv", "curve.csv"):
        assert (tmp_path / name).read_text() == (OLD_RUN / name).read_text()
    rows, before = (json.loads((folder / "summary.json").read_text()) for folder in (tmp_path, OLD_RUN))
    assert [{name: value for name, value in row.items() if name not in KEPT} for row in rows] == before
    assert {tuple(row) for row in rows if row["method"] == "distilled"} == {(*before[-1], *KEPT)}
    assert not old.body_seconds
    save_outcome(old, tmp_path)
    stored, known = (json.loads((p / "outcome.json").read_text()) for p in (tmp_path, OLD_RUN / "state" / "retrain"))
    assert stored["results"] == known["results"]
    assert stored["curve"] == known["curve"]


def test_files_name_the_error_after_its_distance(outcome, config, tmp_path):
    folder = RunFolder.start(tmp_path, config)
    folder.add(replace(outcome, distance="relative-h1"))
    assert "relative_h1,seconds" in (tmp_path / "results.csv").read_text().splitlines()[0]
    (back,) = folder.outcomes()
    assert back.distance == "relative-h1"
    pandas.testing.assert_frame_equal(back.results, outcome.results)


def test_the_seconds_of_bodies_are_kept(outcome, tmp_path):
    save_outcome(replace(outcome, body_seconds=[12.5, 13.0]), tmp_path)
    assert load_outcome(tmp_path).body_seconds == [12.5, 13.0]


def test_a_run_that_was_moved_goes_on_where_it_lies():
    typed = RunConfig("heat", ["retrain"], {}, command="pinndd study heat --out runs/a --seeds 2", module="heat")
    assert typed.going_on(Path("b c")) == "pinndd study heat --seeds 2 --out 'b c' --resume"
    assert replace(typed, command="pinndd study heat --out=a").going_on(Path("b")) == "pinndd study heat --out b --resume"
    assert replace(typed, command="", module="my.py").going_on(Path("b")) == "pinndd study my.py --out b --resume"
