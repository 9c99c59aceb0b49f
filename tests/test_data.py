"""The synthetic data set: what it refuses, and its file."""

import contextlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pinndd.constraints import Box, Fixed, Positive, Simplex
from pinndd.data import FORMAT, DataFileError, SyntheticData, _checksum_of_fields
from pinndd.storage.reading import digest_of

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@pytest.fixture
def data() -> SyntheticData:
    points = torch.rand((5, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fields = {"interior": points, "weight": torch.tensor([3.0]), "index": torch.tensor([1, 2])}
    constraints = {"interior": Box((0.0, 0.0), (1.0, 1.0)), "weight": Positive(), "index": Fixed()}
    return SyntheticData(fields, constraints, {"pde": "heat", "seed": 4})


def rewrite(path: Path, *, sealed: bool = False, **changes: Any) -> None:
    """Change entries of the archive, or of its JSON header where they are not arrays; with a checksum that agrees where ``sealed``."""
    with np.load(path) as archive:
        contents = dict(archive)
    header = json.loads(bytes(contents["__header__"]).decode())
    header |= {k: v for k, v in changes.items() if not isinstance(v, np.ndarray)}
    contents |= {f"field.{k}": v for k, v in changes.items() if isinstance(v, np.ndarray)}
    if sealed:
        fields = {k.removeprefix("field."): v for k, v in contents.items() if k.startswith("field.")}
        header["checksum"] = digest_of({k: v for k, v in header.items() if k != "checksum"}, fields)
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
    with pytest.raises(DataFileError, match=f"format {FORMAT} version 99, expected .* up to version 2: update pinndd"):
        SyntheticData.load(path)
    rewrite(path, version=1, format="other")
    with pytest.raises(DataFileError, match="has format other"):
        SyntheticData.load(path)


def test_the_state_of_a_distillation_is_no_set_and_not_to_be_distilled_again(tmp_path):
    path = tmp_path / "heat.checkpoint.npz"
    np.savez(path, __state__=np.zeros(3, np.uint8))
    with pytest.raises(DataFileError, match=r"is the state of a distillation that was interrupted, and no set yet: go on .* --resume"):
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
    with pytest.raises(DataFileError, match="of type object, which is no number: nothing is unpickled"):
        SyntheticData.load(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"header": {"pde": "heat", "seed": 5}},
        {"constraints": {name: {"kind": "fixed"} for name in ("interior", "weight", "index")}},
        {"version": 1},
    ],
)
def test_the_checksum_covers_header_and_constraints(data: SyntheticData, change: dict[str, Any], tmp_path: Path) -> None:
    data.save(tmp_path / "data.npz")
    rewrite(tmp_path / "data.npz", **change)
    with pytest.raises(DataFileError, match=r"data.npz is damaged: its contents do not match its checksum: distill it again"):
        SyntheticData.load(tmp_path / "data.npz")


BOX = {"kind": "box", "low": [0.0, 0.0], "high": [1.0, 1.0]}
OTHERS = {"weight": {"kind": "positive", "low": 1e-6, "high": 1e6}, "index": {"kind": "fixed"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "x"}, "header.version: Expected int, got str, found 'x'"),
        ({"version": 0}, "header.version: Expected int >= 1, found 0"),
        ({"constraints": None}, "header.constraints: Expected object, got null"),
        ({"header": [1]}, "header.header: Expected object, got array"),
        ({"constraints": OTHERS}, r"every field needs one constraint; \['interior'\] has only one"),
        ({"constraints": OTHERS | {"interior": {"kind": ["box"]}}}, r"a constraint of 'interior' .*kind \['box'\] is not known"),
        ({"constraints": OTHERS | {"interior": {"kind": "box", "low": [0.0]}}}, "of 'interior' .*missing required field `high`"),
        ({"constraints": OTHERS | {"interior": BOX | {"low": ["a", 0.0]}}}, "of 'interior' .*Expected `float`, got `str`"),
        ({"constraints": OTHERS | {"interior": BOX | {"low": [2.0, 0.0]}}}, "of 'interior' .*below it everywhere"),
        ({"constraints": OTHERS | {"interior": BOX | {"more": 1}}}, "of 'interior' .*has no 'more'"),
        ({"constraints": OTHERS | {"interior": {"kind": "within", "low": [0], "high": [1], "region": 3}}}, "region 3: expected"),
        ({"constraints": OTHERS | {"interior": BOX, "weight": {"kind": "positive", "low": -1.0, "high": 1.0}}}, "must be positive"),
        ({"interior": np.ones((5, 3))}, "'interior' has 3 entries in its last axis, expected 2"),
        ({"interior": np.ones((5, 2), np.int64)}, "'interior' is of int64, expected a floating type"),
        ({"interior": np.ones((5, 2), np.longdouble)}, "the field 'interior' of type (float128|longdouble)"),
        ({"interior": np.ones((5, 2), ">f8")}, "the field 'interior' of type >f8"),
        ({"interior": np.full((5, 2), np.nan)}, "'interior' holds a value that is not finite"),
        ({"interior": np.full((5, 2), 7.0)}, r"'interior' violates Box\(.* by 6"),
        ({"weight": np.array(["a"])}, "the field 'weight' of type <U1"),
    ],
)
def test_every_entry_is_checked(data: SyntheticData, change: dict[str, Any], message: str, tmp_path: Path) -> None:
    data.save(tmp_path / "data.npz")
    rewrite(tmp_path / "data.npz", sealed=True, **change)
    with pytest.raises(DataFileError, match=rf"data.npz .*{message}.*: distill it again"):
        SyntheticData.load(tmp_path / "data.npz")


def test_a_file_of_version_1_is_read_with_a_word(data: SyntheticData, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    data.save(path)
    arrays = {name: value.numpy() for name, value in data.fields.items()}
    rewrite(path, version=1, checksum=_checksum_of_fields(arrays))
    with pytest.warns(UserWarning, match="its checksum is that of the points alone"):
        loaded = SyntheticData.load(path)
    assert loaded.header == data.header
    rewrite(path, interior=arrays["interior"] / 2)
    with pytest.raises(DataFileError, match="do not match its checksum"):
        SyntheticData.load(path)


@given(drawn=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_header_there_is_one_kind_of_error(data: SyntheticData, drawn: st.DataObject, tmp_path: Path) -> None:
    """An entry of the header, at any depth, is replaced by any JSON; the checksum agrees."""
    path = tmp_path / "data.npz"
    data.save(path)
    with np.load(path) as archive:
        described = json.loads(bytes(archive["__header__"]))
    place, names = described, []
    while isinstance(place, dict) and place and (not names or drawn.draw(st.booleans())):
        names.append(drawn.draw(st.sampled_from(sorted(place))))
        parent, place = place, place[names[-1]]
    parent[names[-1]] = drawn.draw(ANY_JSON)
    rewrite(path, sealed=True, **described)
    with warnings.catch_warnings(), contextlib.suppress(DataFileError):
        warnings.simplefilter("ignore")
        SyntheticData.load(path)


def test_a_folder_is_no_set_and_the_set_in_it_is_named(data: SyntheticData, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"is a folder, and a set is a file: name the \.npz file"):
        SyntheticData.load(tmp_path)
    data.save(tmp_path / "data.npz")
    with pytest.raises(DataFileError, match=r"is a folder, and a set is a file: name .*data\.npz"):
        SyntheticData.load(tmp_path)
