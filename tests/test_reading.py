"""Files that somebody else may have changed: whatever is in them, one line that names file, field and remedy, and no memory."""

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.storage.reading import DEEPEST, FileError, Reading, digest, digest_of
from pinndd.storage.writing import write_arrays

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(3, np.int64), "c": np.zeros((0, 2), np.float32)}


def reading(path: Path) -> Reading:
    return Reading(path, "make it again")


def archive(path: Path, *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + content


def declared(shape: str, descr: str = "'<f8'", content: bytes = b"") -> bytes:
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n", content)


def test_arrays_come_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays = {**ARRAYS, "f": np.asfortranarray(ARRAYS["a"])}
    write_arrays(path, arrays)
    found = reading(path).arrays()
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)
    with np.load(path, allow_pickle=False) as numpy_reads:
        np.testing.assert_array_equal(numpy_reads["f"], arrays["f"])
    first = path.read_bytes()
    write_arrays(path, arrays)
    assert path.read_bytes() == first


def test_nothing_is_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_arrays(tmp_path / "a.npz", {"a": np.array([{}], dtype=object)})
    assert not list(tmp_path.iterdir())


def test_what_numpy_before_2_2_stores_beside_the_arrays_is_left_out(tmp_path: Path) -> None:
    """There `np.savez(..., allow_pickle=False)` has an array of that name."""
    write_arrays(tmp_path / "a.npz", {**ARRAYS, "allow_pickle": np.array(False)})
    assert set(reading(tmp_path / "a.npz").arrays()) == set(ARRAYS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (declared("(1000000000000,)"), r"declares the shape \(1000000000000,\) of float64, 8000000000000 bytes, and has 0"),
        (declared("(-1, -2)", content=bytes(16)), "declares the shape"),
        (declared("(2,)", content=bytes(24)), "16 bytes, and has 24"),
        (declared("(1,)", "'|O'", bytes(8)), "nothing is unpickled"),
        (declared("(1,)", "[('x', '<f8')]", bytes(8)), "no number"),
        (declared("(1L,)", content=bytes(8)), "damaged"),
        (npy("{'descr': '<f8'}\n"), "damaged"),
        (npy("(" * 9000), "damaged"),
        (npy("{}", version=b"\x09\x00"), "version \\(9, 0\\) of the .npy format"),
        (b"text", "damaged"),
        (b"", "damaged"),
    ],
)
def test_arrays_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", ("a.npy", content))
    with pytest.raises(FileError, match=rf"a\.npz .*{message}.*: make it again"):
        reading(path).arrays()


def test_sizes_are_looked_at_before_anything_is_allocated(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", ("a.npy", declared("(12500000,)", content=bytes(10**8))), compression=zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    with pytest.raises(FileError, match=r"declares 1000000\d\d bytes of arrays and has 9"):
        reading(path).arrays()
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_compressed_archive_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=ARRAYS["a"])
    np.testing.assert_array_equal(reading(tmp_path / "a.npz").arrays()["a"], ARRAYS["a"])


def test_two_arrays_of_one_name(tmp_path: Path) -> None:
    content = declared("(1,)", content=bytes(8))
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path / "a.npz", ("a.npy", content), ("a.npy", content))
    with pytest.raises(FileError, match=r"two arrays of one name, 'a\.npy'"):
        reading(path).arrays()


def test_places_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is missing: make it again"):
        reading(tmp_path / "a.npz").arrays()
    with pytest.raises(FileError, match="is no file: make it again"):
        reading(tmp_path).arrays()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "is damaged"),
        (b"\xff", "is damaged"),
        (b"[" * 100_000, "is damaged|nested deeper"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "nested deeper than 64 levels"),
        (b'{"a": 1, "a": 2}', "the name 'a' stands twice"),
        (b"1" * 5000, "is damaged"),
    ],
)
def test_json_that_is_none(text: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=message):
        reading(tmp_path / "a.json").json(text)


class Inner(msgspec.Struct):
    size: int


class Outer(msgspec.Struct):
    name: str
    inner: Inner
    many: list[Inner] = []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": 3, "inner": {"size": 1}}, "header.name: Expected str, got int, found 3: make"),
        ({"name": "a", "inner": {"size": "x" * 100}}, r"header.inner.size: Expected int, got str, found 'x+\.\.\.: make"),
        ({"name": "a"}, "header: Object missing required field inner"),
        ({"name": "a", "inner": {"size": 1}, "many": [{"size": None}]}, r"header.many\[0\].size: Expected int, got null|many"),
        (None, "header: Expected object, got null, found None"),
    ],
)
def test_fields_are_named_with_their_values(value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=message):
        reading(tmp_path / "a.json").typed(value, Outer, "header")


def test_a_digest_tells_apart_what_runs_together() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert digest_of({"a": 1}, ARRAYS) != digest_of({"a": 2}, ARRAYS)
    assert digest_of({"a": 1}, ARRAYS) == digest_of(json.loads('{"a": 1}'), dict(reversed(ARRAYS.items())))
    assert digest_of(None, {"a": np.zeros((2, 3))}) != digest_of(None, {"a": np.zeros((3, 2))})


def test_an_archive_of_which_entries_are_out_of_reach_is_noticed(tmp_path: Path) -> None:
    """A wrong length in the list of entries hides those after it: zipfile says nothing."""
    np.savez(tmp_path / "a.npz", **ARRAYS)
    content = (tmp_path / "a.npz").read_bytes()
    first = content.index(b"PK\x01\x02")
    comment = first + 32
    damaged = content[:comment] + b"\xff\x00" + content[comment + 2 :]
    (tmp_path / "a.npz").write_bytes(damaged)
    with pytest.raises(FileError, match=r"a.npz is damaged: it has 3 arrays, of which 1 were found: make it again"):
        reading(tmp_path / "a.npz").arrays()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_archive_is_noticed_or_holds_the_same(data: st.DataObject) -> None:
    """Bits of dates and attributes carry nothing; whatever else is changed raises a `FileError` and nothing else."""
    file = io.BytesIO()
    np.savez(file, **ARRAYS)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    content = content[: data.draw(st.sampled_from([len(content), len(content) // 2]))]

    class InMemory(Reading):
        def content(self) -> bytes:
            return bytes(content)

    try:
        found = InMemory(Path("a.npz"), "make it again").arrays()
    except FileError:
        return
    assert [a.tobytes() for a in found.values()] == [a.tobytes() for a in ARRAYS.values()]
