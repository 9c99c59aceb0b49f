"""Files of boundary values: what they may hold, and what each mistake in one is told."""

from __future__ import annotations

import numpy as np
import pytest

from pinndd import Samples, load_pde
from pinndd.pinn.solving.given import GivenValueError
from pinndd.pinn.solving.reading import read_values

HEAD = "condition,x,t,value\n"
ROWS = "start,0,0,1\nstart,0.5,0,2\nstart,1,0,3\n"


@pytest.fixture(scope="module")
def heat():
    return load_pde("heat")


@pytest.fixture
def file(tmp_path):
    def write(text, name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        HEAD + ROWS,
        "\ufeff" + HEAD + ROWS,
        HEAD.replace(",", ", ") + ROWS.replace(",", " , ").replace("\n", "\r\n"),
        HEAD + "\n" + ROWS + "\n,,,\n",
        "condition,x [m],t (s),value [K]\n" + ROWS,
        "value,t,x,condition\n1,0,0,start\n2,0,0.5,start\n3,0,1,start\n",
    ],
)
def test_samples_are_read_however_the_table_is_written(heat, file, text):
    found = read_values(heat, [file(text)])
    assert list(found) == ["start"]
    assert isinstance(found["start"], Samples)
    assert found["start"].places.tolist() == [[0, 0], [0.5, 0], [1, 0]]
    assert found["start"].values.tolist() == [1, 2, 3]
    assert found["start"].noise is None


def test_noise_and_several_conditions(heat, file):
    found = read_values(heat, [file("condition,x,t,value,noise\nleft,0,0.5,1,0.1\nstart,0.5,0,2,0.2\nleft,0,1,3,0.3\n")])
    assert found["left"].noise.tolist() == [0.1, 0.3]
    assert found["start"].noise.tolist() == [0.2]


def test_coefficients_of_one_or_more_conditions(heat, file):
    found = read_values(heat, [file("start[0],start[1],start[2]\n1,2,3\n4,5,6\n"), "left=0", "right=1,2,3"])
    assert found["start"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (found["left"], found["right"]) == (0.0, [1.0, 2.0, 3.0])


def test_modules_give_functions_and_numbers_also_of_names_with_dashes(heat, file):
    found = read_values(heat, [file("import numpy as np\nleft = 1\n\n\ndef start(x):\n    return np.sin(x)\n", "mine.py")])
    assert found["left"] == 1
    assert found["start"](np.zeros(2)).tolist() == [0, 0]
    beam = load_pde("beam")
    found = read_values(beam, [file("left_moment = 2.0\n", "beam.py"), "right-moment=1", file("start[0],start[1],start[2]\n1,2,3\n")])
    assert (found["left-moment"], found["right-moment"]) == (2.0, 1.0)
    assert list(read_values(beam, [file("left-moment[0],left-moment[1]\n1,2\n", "m.csv")])) == ["left-moment"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.csv is no CSV .*expected a line of column names"),
        (b"\x80\x81,x\n", "mine.csv is no CSV .*utf-8"),
        (HEAD, "has no samples: expected a line per sample with condition, x, t, value"),
        ((HEAD + ROWS).replace(",", ";"), "has semicolons between its entries: write commas"),
        (HEAD + "start,0,5,0,1\n", "lines have more entries than there are columns: write commas between entries, and points"),
        (HEAD + ROWS + "start,0,0,1,5,6\n", "mine.csv is no CSV .*line 5"),
        (HEAD + 'start,"0,5",0,1\n', "line 2: x is '0,5', expected a finite number: write it with a point"),
        (HEAD + ROWS + "start,0.3,0,nan\n", "line 5: value is 'nan', expected a finite number"),
        (HEAD + "\n" + ROWS + "start,0.3,0,\n", "line 6: value is empty, expected a finite number"),
        (HEAD + ROWS + "start,0.3,0,1e400\n", "line 5: value is '1e400'"),
        (HEAD + ROWS + "strat,0.3,0,1\n", "line 5: condition 'strat' is none of left, right, start; did you mean 'start'"),
        (HEAD + ",0.3,0,1\n", "line 2: condition '' is none of left, right, start"),
        ("condition,x,value\nstart,0,1\n", "has no column 't': expected condition, x, t, value .* found condition, x, value"),
        ("a,b\n1,2\n", "has no column 'condition'.*or coefficients such as left"),
        ("condition,x,t,value,value\nstart,0,0,1,1\n", "column 'value.1' has no meaning here"),
        ("condition,x [mm],t,value\n" + ROWS, "column 'x \\[mm\\]': x of PDE 'heat' is in m; convert the numbers"),
        ("condition,x,t,value [F]\n" + ROWS, "column 'value \\[F\\]': value of PDE 'heat' is in K; convert the numbers"),
        ("start[0],start[1]\n1,2\n", "has no column 'start\\[2\\]': start has the coefficients start\\[0\\] to start\\[2\\]"),
        ("start[0],start[1],start[2],start[3]\n1,2,3,4\n", "column 'start\\[3\\]': start has 3 coefficients; leave it out"),
        ("strat[0]\n1\n", "column 'strat\\[0\\]': condition 'strat' is none of"),
        ("start[0],start[1],start[2],x\n1,2,3,4\n", "column 'x' has no meaning beside coefficients"),
        ("start[0],start[1],start[2]\n1,2,a\n", "line 2: start\\[2\\] is 'a', expected a finite number"),
        ("start[0],start[1],start[2]\n", "has no boundary conditions: expected a row of coefficients"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_told_why(heat, file, text, message):
    with pytest.raises(GivenValueError, match=message):
        read_values(heat, [file(text)])


def test_units_that_the_module_does_not_say_are_not_guessed(file):
    with pytest.raises(GivenValueError, match="x of PDE 'burgers' has no single unit that the PDE module says; convert"):
        read_values(load_pde("burgers"), [file("condition,x [m],t,value\n" + ROWS)])


def test_samples_of_a_periodic_edge_are_refused_at_their_line(file):
    with pytest.raises(GivenValueError, match="line 2: u is periodic along x, so 'ring' needs no values; leave them out"):
        read_values(load_pde("kdv"), [file(HEAD + "ring,0,0,1\n")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nraise ValueError('boom')\n", "mine.py, line 2: ValueError: boom; correct the file and try again"),
        ("\n\nimport sys\nsys.exit(3)\n", "mine.py, line 4: SystemExit: 3; correct"),
        ("x =\n", "mine.py, line 1: SyntaxError"),
        ("strat = 1\n", "mine.py defines none of left, right, start: write a function or a number of that name"),
    ],
)
def test_a_module_that_cannot_be_used_is_told_where(heat, file, text, message):
    with pytest.raises(GivenValueError, match=message):
        read_values(heat, [file(text, "mine.py")])


def test_sources_that_are_no_values(heat, file, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file; check the path, or write NAME=NUMBER"):
        read_values(heat, [tmp_path / "other.csv"])
    with pytest.raises(FileNotFoundError, match="a folder, not a file"):
        read_values(heat, [tmp_path])
    with pytest.raises(GivenValueError, match=r"read from .csv and .py files, or written NAME=NUMBER"):
        read_values(heat, [file("1", "mine.txt")])
    with pytest.raises(GivenValueError, match=r"'start=high': could not convert.*expected NAME=NUMBER, or NAME=C1,C2,…"):
        read_values(heat, ["start=high"])
    with pytest.raises(GivenValueError, match="values of 'start' are given twice, the second time by start=2: leave one"):
        read_values(heat, ["start=1", "start=2"])
