"""Conditions out, solved fields in: the round trip, and a message for everything that can be wrong."""

import csv

import numpy as np
import pytest
import torch

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.files.solutions import SolutionFileError, read_solutions, write_conditions
from pinndd.pinn.models.solved_conditions import condition_data, field_points


@pytest.fixture(scope="module")
def pde():
    return load_pde("burgers")


@pytest.fixture(scope="module")
def data(pde):
    codes = pde.ensemble().sample(3, torch.Generator().manual_seed(0))
    return condition_data(pde, codes, torch.eye(pde.ensemble().size, dtype=torch.float64))


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def lines(pde, count=3):
    """A CSV of made-up fields, ``u = condition + x + 2 t``, as rows of text."""
    points = field_points(pde, 9).tolist()
    rows = [[str(i), *map(repr, p), repr(i + p[0] + 2 * p[1])] for i in range(count) for p in points]
    return [["condition", "x", "t", "u"], *rows]


def write(path, rows):
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return path


def test_conditions_are_written_with_all_digits(pde, data, tmp_path):
    conditions, values = write_conditions(pde, data, tmp_path / "new")
    rows = rows_of(conditions)
    assert conditions.name == "conditions.csv"
    assert [float(rows[1][f"start[{k}]"]) for k in range(5)] == data["conditions"][1, 6:].tolist()
    start = [r for r in rows_of(values) if r["condition"] == "2" and r["name"] == "start"]
    x = torch.tensor([float(r["x"]) for r in start], dtype=torch.float64)
    expected = BoundaryValues(pde.ensemble(), data["conditions"])["start"](x)[2]
    assert {float(r["t"]) for r in start} == {0.0}
    assert torch.allclose(torch.tensor([float(r["value"]) for r in start], dtype=torch.float64), expected)


def test_a_file_may_be_named(pde, data, tmp_path):
    conditions, values = write_conditions(pde, data, tmp_path / "chosen.csv")
    assert (conditions.name, values.name) == ("chosen.csv", "chosen-boundary_values.csv")


def test_fields_come_back_in_any_order_of_rows(pde, data, tmp_path):
    rows = lines(pde)
    found = read_solutions(write(tmp_path / "u.csv", [rows[0], *rows[:0:-1]]), pde, data)
    number = torch.arange(3, dtype=torch.float64)[:, None]
    assert torch.allclose(found.fields[..., 0], number + found.points[:, 0] + 2 * found.points[:, 1])


def test_fields_come_back_from_npz(pde, data, tmp_path):
    points = field_points(pde, 9)
    np.savez(tmp_path / "u.npz", points=points.numpy(), solutions=np.ones((3, 9)))
    found = read_solutions(tmp_path / "u.npz", pde, data)
    assert found.fields.shape == (3, 9, 1)
    assert torch.equal(found.points, points)


def change(rows, line, column, value):
    changed = [list(row) for row in rows]
    changed[line][column] = value
    return changed


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[:19], "no solution of condition 2; all 3 are needed"),
        (lambda rows: change(rows, 5, 0, "3"), "condition 3 is none of the 3 conditions, 0 to 2"),
        (lambda rows: change(rows, 5, 0, "0.5"), "condition 0.5 is none"),
        (lambda rows: change(rows, 5, 1, "0.123"), "condition 1 is given at other points than condition 0"),
        (lambda rows: rows[:-1], r"condition 2 is given at other points than condition 0 \(8 and 9 rows\)"),
        (lambda rows: change(change(change(rows, 9, 1, "1.5"), 18, 1, "1.5"), 27, 1, "1.5"), "x = 1.5, t = 1 lies outside"),
        (lambda rows: change(rows, 14, 3, "nan"), "the solution of condition 1 has a value that is not finite"),
        (lambda rows: change(rows, 14, 3, "high"), "line 15: could not convert string to float: 'high'"),
        (lambda rows: change(rows, 0, 3, "v"), "has no column 'u': expected the columns condition, x, t, u, found"),
        (lambda rows: rows[:1], "has no rows"),
        (lambda rows: change(rows, 14, 3, "1")[:0], r"is no CSV .*: expected the columns condition, x, t, u"),
    ],
)
def test_a_bad_csv_is_refused_with_the_place_and_the_remedy(pde, data, tmp_path, spoil, message):
    with pytest.raises(SolutionFileError, match=message):
        read_solutions(write(tmp_path / "u.csv", spoil(lines(pde))), pde, data)


def test_a_binary_csv_is_refused(pde, data, tmp_path):
    (tmp_path / "u.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SolutionFileError, match="is no CSV"):
        read_solutions(tmp_path / "u.csv", pde, data)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"points": np.zeros((4, 2))}, "solutions"),
        ({"points": np.zeros((4, 2)), "solutions": np.zeros((2, 4))}, r"expected \(Q, 2\) and \(3, Q, 1\)"),
        ({"points": np.zeros((4, 3)), "solutions": np.zeros((3, 4))}, r"points of shape \(4, 3\)"),
        ({"points": np.zeros((4, 2)), "solutions": np.array([{}] * 3)}, "of type object, which is no number"),
    ],
)
def test_a_bad_npz_is_refused(pde, data, tmp_path, arrays, message):
    np.savez(tmp_path / "u.npz", **arrays)
    with pytest.raises(SolutionFileError, match=message):
        read_solutions(tmp_path / "u.npz", pde, data)


def test_a_damaged_npz_is_refused(pde, data, tmp_path):
    (tmp_path / "u.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(SolutionFileError, match="is damaged"):
        read_solutions(tmp_path / "u.npz", pde, data)


def test_a_missing_file_says_what_to_do(pde, data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"solve the conditions of conditions.csv"):
        read_solutions(tmp_path / "u.csv", pde, data)


def test_a_set_of_another_protocol_or_pde_is_refused(pde, data, tmp_path):
    other = SyntheticData({"interior": torch.zeros(2, 2)}, {"interior": Fixed()})
    with pytest.raises(ValueError, match="holds the fields interior, expected conditions"):
        write_conditions(pde, other, tmp_path)
    with pytest.raises(ValueError, match=r"holds \(3, 11\), expected conditions of shape \(m, 7\) for 'allen_cahn'"):
        write_conditions(load_pde("allen_cahn"), data, tmp_path)
