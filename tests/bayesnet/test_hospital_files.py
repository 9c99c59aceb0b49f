"""Tables of hospitals from files: what is read, what is counted, and what is refused with file, column and value."""

import pytest

from pinndd.bayesnet import MISSING, Structure, Variable, decode
from pinndd.bayesnet.hospital_files import HospitalFile, HospitalFileError, read_hospitals

VARIABLES = (
    Variable("sex", ("female", "male")),
    Variable("smoker", ("no", "yes")),
    Variable("stage", ("I", "II", "III", "IV")),
)
NORTH = "sex,smoker\nfemale,no\nmale,?\n?,\nmale,yes\n"
SOUTH = "stage, sex\nII, male\nI,female\n\nIV,NA\n"


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


def test_columns_in_any_order_and_everything_counted(write):
    files = {"north": write("n.csv", NORTH), "south": write("s.csv", "\ufeff" + SOUTH)}
    table, (north, south) = read_hospitals(files, VARIABLES)
    assert table.rows.tolist() == [
        [0, 0, MISSING],
        [1, MISSING, MISSING],
        [1, 1, MISSING],
        [1, MISSING, 1],
        [0, MISSING, 0],
        [-1, -1, 3],
    ]
    assert table.membership.tolist() == [0, 0, 0, 1, 1, 1]
    assert (north.rows_read, north.rows_used, north.cells_used, north.cells_missing) == (4, 3, 5, 1)
    assert (south.rows_read, south.rows_used, south.cells_used, south.cells_missing) == (3, 3, 5, 1)
    assert north.absent == ("stage",)
    assert str(north) == "north (n.csv): 3 of 4 rows used; 5 cells used, 1 missing in 2 columns; not recorded: stage"


def test_recoding_codebooks_and_ignored_columns(write):
    north = HospitalFile(
        write("n.csv", "patient,sex,smoker\n17,0,no\n18,1,yes\n"),
        codebook={"sex": ("1", "0"), "smoker": ("yes", "no")},
        recode={"sex": {"0": "female", "1": "male"}},
        ignore=("patient",),
    )
    table, reports = read_hospitals({"north": north, "south": write("s.csv", SOUTH)}, VARIABLES)
    assert table.rows[:2].tolist() == [[0, 0, MISSING], [1, 1, MISSING]]
    assert reports[0].ignored == ("patient",)
    assert str(reports[0]).endswith("ignored: patient")


def test_different_coding_within_the_declared_states(write):
    files = {"n": write("n.csv", "sex,stage\nmale,I\nmale,II\n"), "s": write("s.csv", "sex,stage\nmale,III\nmale,IV\n")}
    with pytest.raises(
        HospitalFileError, match=r"column 'stage' is coded differently: .*n\.csv has I, II, .*s\.csv has III, IV"
    ):
        read_hospitals(files, VARIABLES)
    assert len(read_hospitals(files, VARIABLES, disjoint=("stage",))[0].rows) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sex\nmale\nother\n",
            r"n\.csv, line 3, column 'sex': value 'other' is not a declared state, expected one of female, male",
        ),
        ("sex,age\nmale,3\n", r"n\.csv: unknown column 'age'.*or name it in ignore"),
        ("sex,sex\nmale,male\n", r"n\.csv: column 'sex' is in the header more than once"),
        ("sex,stage\nmale\n", r"n\.csv, line 2: 1 cells, expected 2"),
        ("", r"n\.csv: the file is empty"),
        ("sex,stage\n", r"n\.csv: hospital 'north' is empty"),
        ("sex,stage\n?,NA\n", r"n\.csv: hospital 'north' is empty"),
        (b"sex\n\xff\n", r"n\.csv: byte 4 is no text in utf-8; save it as UTF-8"),
        ('sex\n"male\n', r"n\.csv: cannot be read as CSV"),
    ],
)
def test_bad_files_are_refused(write, text, message):
    with pytest.raises(HospitalFileError, match=message):
        read_hospitals({"north": write("n.csv", text), "south": write("s.csv", SOUTH)}, VARIABLES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"codebook": {"smoker": ("never", "no", "yes")}},
            "column 'smoker': its codebook has the states never, no, yes.*'never'",
        ),
        ({"codebook": {"stage": ("I",)}}, "names the column 'stage', which it does not have"),
        ({"recode": {"smoker": {"no": "never"}}}, "value 'no', recoded to 'never', is not a declared state"),
    ],
)
def test_codebooks_that_conflict_are_refused(write, options, message):
    north = HospitalFile(write("n.csv", NORTH), **options)
    with pytest.raises(HospitalFileError, match=message):
        read_hospitals({"north": north, "south": write("s.csv", SOUTH)}, VARIABLES)


def test_no_file_and_no_shared_column_are_refused(write, tmp_path):
    with pytest.raises(HospitalFileError, match=r"gone\.csv: there is no such file"):
        read_hospitals({"n": tmp_path / "gone.csv"}, VARIABLES)
    files = {"north": write("n.csv", NORTH), "south": write("s.csv", "stage\nI\n")}
    with pytest.raises(HospitalFileError, match=r"'north' shares no column .*its columns: sex, smoker.*south = .*s\.csv"):
        read_hospitals(files, VARIABLES)


TABLE = [["no", "I"], ["", "II"], ["yes", "?"], ["no", "III"]]


def lines(separator, rows=TABLE, header=("smoker", "stage")):
    return "".join(separator.join(cells) + "\n" for cells in (header, *rows))


class TestOneTable:
    def test_is_a_table_like_any_other(self, write):
        table, (report,) = read_hospitals({"all": write("all.csv", lines(","))}, VARIABLES[1:])
        assert table.names == ("all",)
        assert table.rows.tolist() == [[0, 0], [MISSING, 1], [1, MISSING], [0, 2]]
        assert (report.rows_used, report.cells_missing) == (4, 2)

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ; ", ", "])
    @pytest.mark.parametrize("start", ["", "\ufeff", "sep={}\n", "\ufeffsep={}\r\n"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_has_any_separator_mark_and_line_end(self, write, separator, start, end):
        if start:
            end = "\n"
        text = start.format(separator.strip(" ")) + lines(separator).replace("\n", end)
        assert read_hospitals({"all": write("all.csv", text)}, VARIABLES[1:])[0].rows.tolist() == [
            [0, 0],
            [MISSING, 1],
            [1, MISSING],
            [0, 2],
        ]

    def test_names_may_hold_the_other_separators(self, write):
        named = (Variable("smoker, now", ("no", "yes")), Variable("stage; T|N", ("I", "II")))
        for separator in ",;\t|":
            text = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in (("smoker, now", "stage; T|N"), ("yes", "II")))
            assert read_hospitals({"all": write("all.csv", text)}, named)[0].rows.tolist() == [[1, 1]]
        # unquoted, only the right separator makes known names of the header
        text = "smoker, now\tstage; T|N\nyes\tII\n"
        assert read_hospitals({"all": write("all.csv", text)}, named)[0].rows.tolist() == [[1, 1]]

    @pytest.mark.parametrize("cell", ["", "?", ".", "NA", "N/A", "<NA>", "NaN", "nan", "NULL", "None", " NA "])
    def test_marks_of_missing_cells(self, write, cell):
        text = lines(",", [["no", "I"], [cell, "II"]])
        assert read_hospitals({"all": write("all.csv", text)}, VARIABLES[1:])[0].rows.tolist() == [[0, 0], [MISSING, 1]]

    def test_a_state_is_no_mark(self, write):
        named = (Variable("region", ("NA", "EU")), Variable("drink", ("None", "some")))
        file = write("all.csv", "region,drink\nNA,None\nEU,NA\n")
        assert read_hospitals({"all": file}, named)[0].rows.tolist() == [[0, 0], [1, MISSING]]
        with pytest.raises(ValueError, match="missing names 'NA', which is a state of 'region': recode"):
            read_hospitals({"all": file}, named, missing=("NA",))

    def test_a_word_can_be_recoded_to_a_mark(self, write):
        file = HospitalFile(write("all.csv", lines(",", [["no", "I"], ["9", "II"]])), recode={"smoker": {"9": "NA"}})
        assert read_hospitals({"all": file}, VARIABLES[1:])[0].rows.tolist() == [[0, 0], [MISSING, 1]]


    def test_a_recoding_that_no_cell_needs_is_told(self, write):
        file = HospitalFile(write("all.csv", lines(",", [["no", "I"], ["9.0", "II"]])), recode={"smoker": {"9": "NA", "8": "NA"}})
        _, (report,) = read_hospitals({"all": file}, VARIABLES[1:])
        assert "recode of smoker names '8', which no cell holds" in str(report)


class TestNumbers:
    NUMBERED = (Variable("smoke", ("0", "1")), Variable("stage", ("1", "2", "2.5")))

    def read(self, write, rows, separator=",", **options):
        file = HospitalFile(write("all.csv", lines(separator, rows, ("smoke", "stage"))), **options)
        return read_hospitals({"all": file}, self.NUMBERED)[0].rows.tolist()

    @pytest.mark.parametrize(("separator", "mark"), [(",", "."), (";", "."), (";", ","), ("\t", ",")])
    def test_whole_numbers_that_became_decimal_are_the_same(self, write, separator, mark):
        rows = [[cell.replace(".", mark) for cell in row] for row in (["0.0", "1.00"], ["1.0", "2.50"], ["", "2"], ["-0.0", "+2"])]
        assert self.read(write, rows, separator) == [[0, 0], [1, 2], [MISSING, 1], [0, 1]]

    def test_recoded_words_too(self, write):
        assert self.read(write, [["7.0", "1"]], recode={"smoke": {"7": "1"}}) == [[1, 0]]

    @pytest.mark.parametrize("cell", ["01", "1e0", "1.5", "-1", "1.", "1.0.0", "one", "1 0"])
    def test_other_words_are_refused(self, write, cell):
        with pytest.raises(HospitalFileError, match=rf"line 2, column 'smoke': value '{cell}' is not a declared state"):
            self.read(write, [[cell, "1"]])

    def test_a_number_that_is_two_states_is_refused(self, write):
        with pytest.raises(HospitalFileError, match=r"value '1\.00' is not a declared state"):
            read_hospitals({"all": write("all.csv", "dose\n1.00\n")}, (Variable("dose", ("1", "1.0")),))

    def test_missing_numbers_too(self, write):
        file = write("all.csv", "smoke,stage\n-9.0,1\n0,-9\n")
        assert read_hospitals({"all": file}, self.NUMBERED, missing=("-9",))[0].rows.tolist() == [[MISSING, 0], [0, MISSING]]
        with pytest.raises(ValueError, match=r"missing names '1\.0', which is a state of 'smoke'"):
            read_hospitals({"all": file}, self.NUMBERED, missing=("1.0",))


SEX, SMOKE = Variable("sex", ("female", "male")), Variable("smoke", ("no", "yes"))


def test_other_letter_case_is_the_same_column_and_the_same_state(write):
    hospitals, (report,) = read_hospitals({"n": write("n.csv", "SEX,Smoke\nMale,YES\nfemale,No\n")}, (SEX, SMOKE))
    assert decode(Structure((SEX, SMOKE), {}), hospitals.rows) == {"sex": ["male", "female"], "smoke": ["yes", "no"]}
    assert "column SEX is sex; column Smoke is smoke" in str(report)


def test_numbers_are_cut_and_words_are_recoded_in_all_files(write):
    age = Variable("age", ("young", "middle", "old"))
    files = {
        "n": HospitalFile(write("n.csv", "39,5;1\r\n40;0\r\n0;?\r\n61.5;1\r\n"), columns=("age", "smoke")),
        "s": HospitalFile(write("s.csv", "Alter,smoke\n60,x\nNA,y\n"), rename={"Alter": "age"}, recode={"smoke": {"x": "no"}}),
    }
    recode = {"smoke": {"1": "yes", "0": "no", "x": "yes", "y": "yes"}, "age": {"0": ""}}
    hospitals, (north, south) = read_hospitals(files, (age, SMOKE), cuts={"age": (40, 60)}, recode=recode)
    assert decode(Structure((age, SMOKE), {}), hospitals.rows) == {
        "age": ["young", "middle", "old", "old", None],
        "smoke": ["yes", "no", "yes", "no", "yes"],
    }
    assert (north.rows_read, north.rows_used, north.cells_missing) == (4, 3, 0)
    assert "column Alter is age" in str(south)
    assert north.recoded == {"age": {"0"}, "smoke": {"1", "0"}}
    assert (south.recoded["smoke"], south.idle) == ({"x", "y"}, {})


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"columns": ("age", "sex", "smoke")}, "line 1: 2 cells, expected 3, as many as columns are named"),
        ({"columns": ("age", "age")}, "column 'age' is in the header more than once"),
        ({"encoding": "utf-99"}, "cannot be read as CSV in utf-99"),
        ({"rename": {"height": "age"}}, "rename names the column 'height', which it does not have; expected one of smoke, sex"),
    ],
)
def test_what_a_file_cannot_be_read_with_is_refused(write, file, said):
    with pytest.raises(HospitalFileError, match=said):
        read_hospitals({"n": HospitalFile(write("n.csv", "smoke,sex\nyes,male\n"), **file)}, (SEX, SMOKE, Variable("age", ("a", "b"))))


def test_cells_that_are_no_numbers_and_cuts_that_do_not_fit_are_refused(write):
    age, file = Variable("age", ("young", "old")), write("n.csv", "age\n4O\n")
    with pytest.raises(HospitalFileError, match=r"n\.csv, line 2, column 'age': value '4O' is not a number; recode it"):
        read_hospitals({"n": file}, (age,), cuts={"age": (40,)})
    with pytest.raises(ValueError, match="cuts of 'age' are 40, 30: expected 1 ascending"):
        read_hospitals({"n": file}, (age,), cuts={"age": (40, 30)})


def test_numbers_that_may_be_thousands_or_thousandths_are_refused(write):
    cells, low = Variable("cells", ("few", "many")), {"cells": (2,)}

    def read(content, **file):
        return read_hospitals({"n": HospitalFile(write("n.csv", content), **file)}, (cells, SMOKE), cuts=low)

    said = r"n\.csv, line 3, column 'cells': value '1,234' may be 1234 or 1\.234, since commas separate the cells of the file"
    with pytest.raises(HospitalFileError, match=said):
        read('cells,smoke\n950,yes\n"1,234",no\n')
    # a comma before other decimals, another separator and a recoding leave no doubt
    decided = (
        read('cells,smoke\n"2,5",yes\n"1,234",no\n'),
        read("cells;smoke\n2,125;yes\n1,234;no\n"),
        read('cells,smoke\n2,yes\n"1,234",no\n', recode={"cells": {"1,234": "1"}}),
    )
    for hospitals, _ in decided:
        assert decode(Structure((cells, SMOKE), {}), hospitals.rows)["cells"] == ["many", "few"]
