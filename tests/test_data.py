"""The synthetic data set: what it refuses, and its file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinndd.constraints import Box, Fixed, Positive, Simplex
from pinndd.data import FORMAT, DataFileError, SyntheticData


@pytest.fixture
def data() -> SyntheticData:
    points = torch.rand((5, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fields = {"interior": points, "weight": torch.tensor([3.0]), "index": torch.tensor([1, 2])}
    constraints = {"interior": Box((0.0, 0.0), (1.0, 1.0)), "weight": Positive(), "index": Fixed()}
    return SyntheticData(fields, constraints, {"pde": "heat", "seed": 4})


def rewrite(path: Path, **changes: Any) -> None:
    """Change entries of the archive, or of its JSON header where they are not arrays."""
    with np.load(path) as archive:
        contents = dict(archive)
    header = json.loads(bytes(contents["__header__"]).decode())
    header |= {k: v for k, v in changes.items() if not isinstance(v, np.ndarray)}
    contents |= {f"field.{k}": v for k, v in changes.items() if isinstance(v, np.ndarray)}
    contents["__header__"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, **contents)


def test_round_trip(data: SyntheticData, tmp_path: Path) -> None:
    data.save(tmp_path / "new" / "data.npz")
    loaded = SyntheticData.load(tmp_path / "new" / "data.npz")
    assert set(loaded.fields) == set(data.fields)
    for name, value in data.fields.items():
        assert loaded[name].dtype == value.dtype
        assert torch.equal(loaded[name], value)
    assert loaded.constraints == data.constraints
    assert loaded.header == data.header
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["data.npz"]


def test_fields_and_header_are_replaced_in_a_copy(data: SyntheticData) -> None:
    other = data.with_fields({"weight": torch.tensor([5.0])}).with_header(seed=9)
    assert (float(other["weight"]), other.header["seed"]) == (5.0, 9)
    assert (float(data["weight"]), data.header["seed"]) == (3.0, 4)
    assert data.learnable == ("interior", "weight")
    assert "weight" in data
    assert data.to("cpu", torch.float32)["interior"].dtype == torch.float32
    with pytest.raises(KeyError, match="no field 'exterior'; expected one of interior, weight, index"):
        data["exterior"]


def test_what_is_not_finite_or_not_feasible_is_refused(data: SyntheticData) -> None:
    with pytest.raises(ValueError, match="field 'weight' holds a value that is not finite"):
        data.with_fields({"weight": torch.tensor([torch.nan])})
    with pytest.raises(ValueError, match=r"field 'interior' violates Box\(.* by 0.5"):
        data.with_fields({"interior": torch.full((1, 2), 1.5)})
    with pytest.raises(ValueError, match=r"field 'rows' violates Simplex\(\) by 0.2"):
        SyntheticData({"rows": torch.tensor([[0.5, 0.5], [0.5, 0.3]])}, {"rows": Simplex()})
    with pytest.raises(ValueError, match=r"every field needs one constraint; \['weight'\] has only one"):
        SyntheticData({"weight": torch.ones(1)}, {})


def test_a_failed_write_leaves_the_old_file(data: SyntheticData, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    data.save(path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="JSON"):
        data.with_header(odd=object()).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["data.npz"]


def test_damage_is_noticed(data: SyntheticData, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    data.save(path)
    rewrite(path, weight=np.array([3.5], dtype=np.float32))
    with pytest.raises(DataFileError, match="do not match its checksum"):
        SyntheticData.load(path)
    data.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataFileError, match=r"damaged or not an \.npz file"):
        SyntheticData.load(path)


def test_foreign_files_are_refused(data: SyntheticData, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    with pytest.raises(FileNotFoundError, match="distill one with 'pinndd distill'"):
        SyntheticData.load(path)
    np.savez(path, a=np.ones(3))
    with pytest.raises(DataFileError, match="it has no header"):
        SyntheticData.load(path)
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(DataFileError, match="damaged or not"):
        SyntheticData.load(path)
    data.save(path)
    rewrite(path, version=99)
    with pytest.raises(DataFileError, match=f"format {FORMAT} version 99, expected .* up to version 1: update pinndd"):
        SyntheticData.load(path)
    rewrite(path, version=1, format="other")
    with pytest.raises(DataFileError, match="has format other"):
        SyntheticData.load(path)


def test_nothing_is_unpickled(data: SyntheticData, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.write_text, (tmp_path / "sprung", "x"))

    path = tmp_path / "data.npz"
    data.save(path)
    with np.load(path) as archive:
        contents = dict(archive)
    contents["field.trap"] = np.array([Trap()], dtype=object)
    np.savez(path, **contents)
    with pytest.raises(DataFileError, match="damaged or not"):
        SyntheticData.load(path)
    assert not (tmp_path / "sprung").exists()
