"""A run folder that is killed, damaged, changed, or written to by two."""

import json
import os
import shutil
import socket
import subprocess
import sys
import warnings
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pinndd.storage.writing as writing
from pinndd.storage.locks import LockedError, lock_of, writing_alone
from pinndd.storage.reading import FileError
from pinndd.study.results.outcome_files import OutcomeFileError, load_outcome
from pinndd.study.results.run_config import RunConfig, RunConfigError
from pinndd.study.results.run_folder import SUMS, RunFolder, RunFolderError
from pinndd.study.results.table import as_table


class Killed(BaseException):
    """Stands for SIGKILL: nothing tidies up."""


@pytest.fixture
def config(make_config):
    return make_config(protocols=["retrain"], command="pinndd study heat")


@pytest.fixture
def small(outcome):
    """An outcome of a few rows."""
    return replace(outcome, results=as_table(outcome.results.head(40)), curve=as_table(()))


@pytest.fixture
def finished(config, small, tmp_path):
    folder = RunFolder.start(tmp_path / "run", config)
    folder.add(small)
    return folder


@pytest.fixture
def kill_at(monkeypatch):
    """Let the process be killed at the n-th rename, before it or after it; the temporary file stays."""

    def arm(number, after):
        count = [0]
        rename = os.replace

        def replace(source, target):
            count[0] += 1
            if count[0] == number:
                if after:
                    rename(source, target)
                else:
                    shutil.copy(source, f"{source}.kept.tmp")
                raise Killed
            rename(source, target)

        monkeypatch.setattr(writing.os, "replace", replace)

    return arm


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 11))
def test_a_folder_that_was_killed_at_any_rename_can_be_used_again(number, after, config, small, kill_at, monkeypatch, tmp_path):
    with monkeypatch.context():
        kill_at(number, after)
        with suppress(Killed):
            RunFolder.start(tmp_path / "run", config).add(small)
    monkeypatch.undo()
    folder = RunFolder.start(tmp_path / "run", config, resume=RunFolder(tmp_path / "run").holds_run)
    folder.add(small)
    assert not list(folder.path.rglob(".*"))
    RunFolder.start(tmp_path / "undisturbed", config).add(small)
    assert files_of(folder.path) == files_of(tmp_path / "undisturbed")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_overwriting_that_was_killed_leaves_the_old_run_or_can_be_resumed(number, after, finished, make_config, kill_at, monkeypatch):
    other = make_config(protocols=["retrain"], points=32)
    kill_at(number, after)
    with pytest.raises(Killed):
        RunFolder.start(finished.path, other, overwrite=True)
    monkeypatch.undo()
    if (number, after) == (1, False):
        assert finished.outcomes()[0].protocol == "retrain"
        return
    assert finished.config.settings["points"] == 32
    folder = RunFolder.start(finished.path, other, resume=True)
    assert not folder.finished("retrain")
    assert sorted(p.name for p in folder.path.iterdir()) == ["config.toml"]
    assert not folder.config.replacing


def test_the_results_of_other_settings_are_never_taken(finished, make_config):
    make_config(protocols=["retrain"], points=32).save(finished.config_file)
    with pytest.raises(OutcomeFileError, match=r"outcome.json belongs to other settings than those in config.toml: delete its folder"):
        finished.outcomes()


def test_changed_tables_are_told_and_written_anew(finished, config):
    table = finished.path / "results.csv"
    before = table.read_text()
    table.write_text(before.replace("ridge", "rigde", 1))
    with pytest.warns(UserWarning, match=r"results.csv was changed after it was written; it is written anew from .*state"):
        folder = RunFolder.start(finished.path, config, resume=True)
    folder.write_tables(folder.outcomes())
    assert table.read_text() == before
    lines = (finished.path / SUMS).read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["results.csv", "summary.json", "data.npz"]


def test_a_changed_configuration_is_refused(finished, config):
    text = finished.config_file.read_text()
    finished.config_file.write_text(text.replace("seed = 0", "seed = 1"))
    with pytest.raises(RunConfigError, match=r"config.toml was changed since it was written: .*: start anew with --overwrite"):
        RunFolder.start(finished.path, config, resume=True)
    assert not RunFolder.start(finished.path, config, overwrite=True).finished("retrain")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pde = 3\nprotocols = []\n[settings]\n", "pde: Expected str, got int, found 3"),
        ("pde = 'heat'\n", "missing required field protocols"),
        ("pde = 'heat'\nprotocols = [1]\n[settings]\n", r"protocols\[0\]: Expected str, got int"),
        ("more = 1\npde = 'heat'\nprotocols = []\n[settings]\n", "has an unknown entry 'more'"),
        ("pde = ", "is damaged"),
        ("a = " + "[" * 3000, "is damaged|nested deeper"),
    ],
)
def test_configurations_that_are_none(text, message, tmp_path):
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(RunConfigError, match=rf"config.toml .*{message}.*: start anew with --overwrite"):
        RunConfig.load(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("sets", "x", "sets: Expected int, got str, found 'x'"),
        ("sets", 10**6, "it names other files|data-2.npz is missing"),
        ("distill_seconds", [-1.0], "distill_seconds.*>= 0"),
        ("results", {"columns": ["pde"], "rows": [["heat"]]}, "TableError: columns of results: missing"),
        ("results", {"columns": ["pde"], "rows": 3}, "results.rows: Expected array, got int"),
        ("histories", [[{"step": "x"}]], "histories.*Expected (float|int) *.*got str"),
        ("examples", [{"shift": "none", "methods": ["x"]}], "KeyError: '0/prediction/x'"),
        ("settings", {"a": {"float": "x"}}, "damaged"),
        ("distance", None, "distance: Expected str, got null"),
    ],
)
def test_states_that_are_none(entry, value, message, finished):
    """Without checksums, as those of version 0.2.0 and before."""
    path = finished.path / "state" / "retrain" / "outcome.json"
    stored = json.loads(path.read_text()) | {"version": 1, entry: value}
    path.write_text(json.dumps(stored))
    with pytest.raises(OutcomeFileError, match=rf"(?s)outcome.json .*{message}|{message}"):
        load_outcome(path.parent)


@given(drawn=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_changes_results_without_a_word(drawn, finished, config, small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flipped") / "run"
    shutil.copytree(finished.path, folder)
    path = drawn.draw(st.sampled_from(sorted(p for p in folder.rglob("*") if p.is_file())))
    content = bytearray(path.read_bytes())
    content[drawn.draw(st.integers(0, len(content) - 1))] ^= 1 << drawn.draw(st.integers(0, 7))
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            RunFolder.start(folder, config, resume=True).outcomes()
        except (FileError, RunFolderError):
            return
    assert told, path


def test_the_second_writer_is_refused(finished, config):
    with finished.locked():
        said = f"run folder {finished.path} is in use by process {os.getpid()} on {socket.gethostname()} since 20"
        with pytest.raises(LockedError, match=said), RunFolder(finished.path).locked():
            pass
    assert not lock_of(finished.path).exists()
    with finished.locked():
        pass


HOLD = """
import sys, time
from pathlib import Path
from pinndd.storage.locks import writing_alone
with writing_alone("--out", Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_a_killed_process_is_not_heeded(tmp_path):
    path = tmp_path / "x.npz"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"--out {path} is in use by process {other.pid} on "), writing_alone("--out", path):
            pass
        other.kill()
    assert lock_of(path).exists()
    with writing_alone("--out", path):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "message"), [(95, "cannot lock files"), (37, "cannot lock files"), (30, "may not be written to")])
def test_places_that_cannot_be_locked(number, message, tmp_path, monkeypatch):
    def refuse(*arguments, **named):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pinndd.storage.locks.FileLock.acquire", refuse)
    with pytest.raises(LockedError, match=rf"--out .*x .*{message} .*choose another place"), writing_alone("--out", tmp_path / "x"):
        pass
