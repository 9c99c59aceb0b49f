"""Checkpoints: round trip, refusals, and files that are never half written."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pinndd.checkpoint import Checkpoint, CheckpointError, write_atomically, write_json

CONFIGURATION = {"settings": {"steps": 5, "rates": {}}, "shapes": {"points": [3, 2]}}


def save(path: Path) -> Checkpoint:
    stored = Checkpoint(CONFIGURATION, {"step": 2}, {"a/b": torch.eye(2), "generator": torch.Generator().get_state()})
    stored.save(path)
    return stored


def test_round_trip(tmp_path: Path) -> None:
    stored = save(tmp_path / "state.npz")
    loaded = Checkpoint.load(tmp_path / "state.npz", CONFIGURATION)
    assert loaded.state == stored.state
    assert set(loaded.tensors) == set(stored.tensors)
    for name, value in stored.tensors.items():
        assert loaded.tensors[name].dtype == value.dtype
        assert torch.equal(loaded.tensors[name], value)


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "state.npz")
    with pytest.raises(CheckpointError, match=r"another configuration: shapes was .*\[3, 2\].* and is now .*\[4, 2\]"):
        Checkpoint.load(tmp_path / "state.npz", {**CONFIGURATION, "shapes": {"points": [4, 2]}})
    with pytest.raises(CheckpointError, match="extra was None and is now 1"):
        Checkpoint.load(tmp_path / "state.npz", {**CONFIGURATION, "extra": 1})


def test_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"is damaged .* delete it to start anew"):
        Checkpoint.load(path, CONFIGURATION)
    np.savez(path, __state__=np.array([{}], dtype=object))
    with pytest.raises(CheckpointError, match="is damaged"):
        Checkpoint.load(path, CONFIGURATION)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_no_trace(failure: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write() -> None:
        with write_atomically(path) as file:
            file.write(b"ne")
            raise failure

    with pytest.raises(failure):
        write()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.json"
    write_json(path, {"rows": [1.5, None]}, allow_nan=False)
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"rows": [math.nan]}, allow_nan=False)
    assert json.loads(path.read_text()) == {"rows": [1.5, None]}
    write_json(path, [math.inf])
    assert json.loads(path.read_text()) == [math.inf]
