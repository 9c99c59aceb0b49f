"""Tables that people write: what is read, and in which line they cannot be used."""

import numpy as np
import pytest

from pinndd.pinn.declare.tables import EntryError, numbers, read_csv


class Kind(ValueError):
    pass


def read(tmp_path, text):
    path = tmp_path / "mine.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path, "expected x, u", Kind)


def test_a_byte_order_mark_spaces_and_empty_lines_do_not_matter(tmp_path):
    table = read(tmp_path, "\ufeff x , u\n1, 2\n\n,\n3 ,4e-1\n")
    assert list(table.columns) == ["x", "u"]
    assert table.index.tolist() == [2, 5]  # lines of the file
    assert numbers(table, ["u", "x"], finite=True).tolist() == [[2, 1], [0.4, 3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"mine.csv is no CSV \(.*\): expected x, u"),
        (b"\xff\xfe\x00\x80", r"mine.csv is no CSV \(.*\): expected x, u"),
        ("x;u\n1;2\n", "mine.csv has semicolons between its entries"),
        ("x\tu\n1\t2\n", "mine.csv has tabs between its entries: write commas"),
        ("x,u\n1,5,2,5\n", "mine.csv: lines have more entries than there are columns"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, message):
    with pytest.raises(Kind, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(("entry", "finite"), [("", False), ("high", False), ("nan", True), ("1e999", True), ("0x1", False)])
def test_the_first_entry_that_is_no_number_is_told(tmp_path, entry, finite):
    table = read(tmp_path, f"x,u\n1,2\n\n3,{entry}\n4,worse\n")
    with pytest.raises(EntryError) as raised:
        numbers(table, ["x", "u"], finite=finite)
    assert (raised.value.line, raised.value.column, raised.value.entry) == (4, "u", entry)


def test_numbers_that_are_not_finite_may_be_asked_for(tmp_path):
    found = numbers(read(tmp_path, "x\nnan\n-inf\n"), ["x"], finite=False)
    np.testing.assert_array_equal(found[:, 0], [np.nan, -np.inf])
