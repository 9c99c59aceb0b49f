"""Checkpoints: round trip, refusals, and files that are never half written."""

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from pinndd.checkpoint import Checkpoint, CheckpointError, require_checkpoint
from pinndd.storage.writing import remove_leftovers, write_arrays, write_atomically, write_json

CONFIGURATION = {"settings": {"steps": 5, "rates": {}}, "shapes": {"points": [3, 2]}}


LAYOUTS = {"a/b": ((None, 2), torch.float32), "generator": ((5056,), torch.uint8)}


class Numbers(msgspec.Struct):
    step: int


def save(path: Path) -> Checkpoint[Numbers]:
    stored = Checkpoint(CONFIGURATION, Numbers(2), {"a/b": torch.eye(2), "generator": torch.Generator().get_state()})
    stored.save(path)
    return stored


def load(path: Path, configuration=CONFIGURATION, layouts=LAYOUTS) -> Checkpoint[Numbers]:
    return Checkpoint.load(path, configuration, Numbers, layouts)


def rewrite(path: Path, **arrays) -> None:
    """Change what is in the file, without its checksum, as older versions wrote it."""
    with np.load(path) as archive:
        contents = dict(archive)
    state = json.loads(bytes(contents["__state__"]))
    del state["checksum"]
    if "state" in arrays:
        state["state"] = arrays.pop("state")
    write_arrays(path, contents | {"__state__": np.frombuffer(json.dumps(state).encode(), np.uint8)} | arrays)


def test_round_trip(tmp_path: Path) -> None:
    stored = save(tmp_path / "state.npz")
    loaded = load(tmp_path / "state.npz")
    assert loaded.state == stored.state
    assert set(loaded.tensors) == set(stored.tensors)
    for name, value in stored.tensors.items():
        assert loaded.tensors[name].dtype == value.dtype
        assert torch.equal(loaded.tensors[name], value)
    rewrite(tmp_path / "state.npz")
    assert load(tmp_path / "state.npz").state == stored.state


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save(path)
    with pytest.raises(CheckpointError, match=r"other settings: shapes.points was \[3, 2\] and is now \[4, 2\]; resume with the same"):
        load(path, {**CONFIGURATION, "shapes": {"points": [4, 2]}})
    with pytest.raises(CheckpointError, match="extra was not set and is now 1"):
        load(path, {**CONFIGURATION, "extra": 1})
    with pytest.raises(CheckpointError, match=r": steps was 5 and is now 7; "):
        load(path, {"settings": {"steps": 7, "rates": {}}, "shapes": {"points": [3, 2]}})
    require_checkpoint(path, {"settings": {"steps": 5}}, Numbers)
    with pytest.raises(CheckpointError, match=r": steps was 5 and is now 6; "):
        require_checkpoint(path, {"settings": {"steps": 6}}, Numbers)


def test_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save(path)
    content = path.read_bytes()
    path.write_bytes(content[:100])
    with pytest.raises(CheckpointError, match=r"is damaged .* delete it to start anew"):
        load(path)
    np.savez(path, __state__=np.array([{}], dtype=object))
    with pytest.raises(CheckpointError, match="nothing is unpickled"):
        load(path)
    path.write_bytes(content.replace(b'"step": 2', b'"step": 3'))
    with pytest.raises(CheckpointError, match="is damaged"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": {"step": "x"}}, "state.step: Expected int, got str, found 'x'"),
        ({"state": {}}, "state: Object missing required field step"),
        ({"state": []}, r"state: Expected object, got array"),
        ({"tensor.a/b": np.ones((3, 3), np.float32)}, r"'a/b' of shape \[3, 3\] and type float32, expected \[any, 2\] and float32"),
        ({"tensor.a/b": np.ones((2, 2))}, "type float64, expected .* float32"),
        ({"tensor.a/b": np.full((2, 2), np.nan, np.float32)}, "'a/b' with a value that is no number"),
        ({"tensor.other": np.ones(2)}, "has an unknown tensor 'other'"),
    ],
)
def test_every_field_is_checked(change, message: str, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save(path)
    rewrite(path, **change)
    with pytest.raises(CheckpointError, match=rf"state.npz .*{message}.*: delete it to start anew"):
        load(path)
    save(path)
    with pytest.raises(CheckpointError, match="has no tensor 'second'"):
        load(path, layouts={**LAYOUTS, "second": ((), torch.float32)})


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    for name in (".a[1].npz.x1.tmp", ".a[1].npz.checkpoint.x.tmp", ".other.x.tmp", "a[1].npz"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path / "a[1].npz")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".other.x.tmp", "a[1].npz"]


def test_no_room_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*file'"), write_atomically(tmp_path / "file") as file:
        file.write(b"new")
    assert not list(tmp_path.iterdir())


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
