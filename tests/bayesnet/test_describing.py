"""A first TOML file of hospitals: what it guesses of files as people have them."""

import tomllib

import pytest

from pinndd.bayesnet.describing import describe_tables
from pinndd.bayesnet.hospital_csv import word_among
from pinndd.bayesnet.hospital_files import HospitalFileError
from pinndd.bayesnet.network import Structure, Variable
from pinndd.bayesnet.notation import parse_question


@pytest.fixture
def described(tmp_path):
    def describe(**tables):
        paths = []
        for name, content in tables.items():
            paths.append(tmp_path / f"{name}.csv")
            paths[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
        text = describe_tables(paths, relative_to=tmp_path)
        return tomllib.loads(text), text

    return describe


def test_habits_of_programs_and_people_are_seen_through(described):
    north = "\ufeffpatient_id;Age;smoke;ill\r\n" + "".join(
        f"N{k};{40 + k},5;{['yes', 'no', 'NA'][k % 3]};{k % 2},0\r\n" for k in range(24)
    )
    south = "AGE,ill,site\n" + "".join(f"{50 + k}.0,{['', '1', '0'][k % 3]},S\n" for k in range(12))
    west = "smoke\till\n" + "".join(f"{k % 2}\t{k % 2}\n" for k in range(6))
    found, text = described(north=north, south=south, west=west)
    assert found["queries"] == ["P(ill | *)"]
    assert found["variables"]["smoke"] == {"states": ["no", "yes"], "recode": {"1": "yes", "0": "no"}}
    assert found["variables"]["ill"] == ["0", "1"]
    assert list(found["variables"]) == ["Age", "smoke", "ill"]
    low, high = found["variables"]["Age"]["cuts"]
    assert 44 < low < high < 62
    assert found["hospitals"]["north"] == {"file": "north.csv", "ignore": ["patient_id"]}
    assert found["hospitals"]["south"]["ignore"] == ["site"]
    assert "always S" in text
    assert "# not recorded here: smoke" in text
    assert all("# guessed: " in line for line in text.splitlines() if "cuts" in line or line.startswith("ignore"))


def test_words_that_differ_between_hospitals_are_pointed_at(described):
    found, text = described(a="sex,x\nm,1\nf,2\n", b="sex,x\nmale,1\nfemale,2\n")
    assert found["variables"]["sex"] == ["f", "female", "m", "male"]
    assert "HOSPITALS DIFFER: a has f, m, b has female, male" in text


def test_names_that_need_quotes_get_them(described):
    found, _ = described(a='"chest pain, kind",y\nnone,1\n"a ""b""",2\n')
    assert found["variables"]["chest pain, kind"] == ['a "b"', "none"]
    assert found["queries"] == ["P(y | *)"]


@pytest.mark.parametrize(
    ("words", "states"),
    [
        (("01", "02"), ["01", "02"]),
        (("01", "1"), ["01", "1"]),
        ((".5", "1.5"), [".5", "1.5"]),
        (("1e3", "2e3"), ["1e3", "2e3"]),
        (("1234567", "7654321"), ["1234567", "7654321"]),
        (("0.1234567", "0.1234568"), ["0.1234567", "0.1234568"]),
        (("1.0", "2.0"), ["1", "2"]),
        (("Yes", "yes", "no", "1,0", "1"), ["1", "Yes", "no"]),
        (("a\x7f", "b"), ["a\x7f", "b"]),
    ],
)
def test_every_word_is_one_of_the_states_that_are_written(described, words, states):
    found, _ = described(a="x,y\n" + "".join(f'"{word}",{k % 2}\n' for k, word in enumerate(words)))
    assert found["variables"]["x"] == states
    assert all(word_among(word, states) is not None for word in words)


def test_numbers_that_differ_late_are_cut_between_them(described):
    found, _ = described(a="x,y\n" + "".join(f"{20200101 + k},{k % 2}\n" for k in range(30)))
    assert found["variables"]["x"]["cuts"] == [20200111, 20200120]


def test_a_number_that_may_be_thousands_or_thousandths_is_pointed_at(described):
    rows = "".join(f'"{k},200",{k % 2}\n' for k in range(1, 20))
    _, text = described(north=f"cells,ill\n{rows}", south="cells;ill\n" + "1,200;0\n2,300;1\n")
    (line,) = [line for line in text.splitlines() if line.startswith("cells")]
    assert line.endswith("; 1,200 OF north MAY BE 1200 OR 1.200: write it without a comma")


def test_line_ends_inside_of_cells_and_columns_without_a_name_leave_the_file_toml(described, tmp_path):
    found, text = described(a=',"a\nb","c\nd",y\n1,"e\nf",1,1\n2,"e\nf",2,2\n')
    assert found["variables"] == {"c\nd": ["1", "2"], "y": ["1", "2"]}
    assert found["hospitals"]["a"]["ignore"] == ["", "a\nb"]
    assert "a b: always e f" in text


def test_few_patients_are_asked_for_few_rows(described):
    assert described(a="x,y\n" + "1,2\n2,1\n" * 20)[0]["size"] == 10
    assert described(a="x,y\n" + "1,2\n2,1\n" * 100)[0]["size"] == 50


def test_a_column_of_one_hospital_alone_is_not_asked_for(described):
    found, text = described(north="smoke,lung\n" + "1,0\n0,1\n" * 9, south="smoke,lung,scan\n" + "1,0,a\n0,1,b\n" * 9)
    assert found["queries"] == ["P(lung | *)"]
    assert "# guessed: the last column that 2 of 2 files have; *" in text


def test_a_target_with_an_apostrophe_can_be_asked_for(described):
    found, _ = described(a="x,mother's ill\n1,2\n2,1\n")
    structure = Structure((Variable("x", ("1", "2")), Variable("mother's ill", ("1", "2"))), {})
    assert parse_question(found["queries"][0], structure).target == "mother's ill"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.csv: it has no row below a header line"),
        (b"x,y\n", "it has no row below a header line"),
        (b"63.0,1.0\n67.0,1.0\n", "its first line holds numbers alone"),
        (b"x,X\n1,2\n", "column 'x' is in the header more than once"),
        (b"x,y\n1\n", "line 2: 1 cells, expected 2"),
        (b"x,y\n\xe4,1\n", "byte 4 is no text in UTF-8"),
        (b'x,y\n"1,2\n', "cannot be read as CSV"),
        (b"x,y\n1,\n1,\n", "no column holds states or numbers that differ"),
    ],
)
def test_what_is_no_table_is_refused(described, content, said):
    with pytest.raises(HospitalFileError, match=said):
        described(a=content)


def test_a_file_that_is_missing_and_two_of_one_name_are_refused(tmp_path):
    with pytest.raises(HospitalFileError, match="cannot be read as CSV"):
        describe_tables([tmp_path / "none.csv"], relative_to=tmp_path)
    with pytest.raises(ValueError, match="two files are called 'a'"):
        describe_tables([tmp_path / "a.csv", tmp_path / "x" / "a.csv"], relative_to=tmp_path)
