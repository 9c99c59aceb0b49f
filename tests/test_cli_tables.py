"""The command line on a TOML file of hospitals: from the tables to the report, and what is refused in one line."""

import pytest

pytestmark = pytest.mark.usefixtures("unrendered")


@pytest.fixture
def call(call, two_hospitals):
    """Call the command line with a whole line, in a folder that holds the tables of two hospitals."""
    return lambda line: call(*line.split())


def test_every_verb_takes_the_file_that_describe_wrote(call, tmp_path):
    assert call("table describe north.csv south.csv")[1].count("# guessed: ") >= 4
    code, said, _ = call("table describe north.csv south.csv --out lung.toml")
    assert (code, said.split(";")[0]) == (0, "wrote lung.toml")
    code, said, err = call("check lung.toml")
    assert code == 0, err
    for part in ("north.csv): 90 of 90 rows used", "column AGE is Age", "2 together", "fit for use"):
        assert part in said
    code, said, err = call("study lung.toml --size 5 --quick --out run")
    assert code == 0, err
    for part in ("k-modes", "MICE-CART", "best hospital", "Vacuity test", "no change of a single cell", "No privacy is claimed"):
        assert part in said
    assert (tmp_path / "run/table.csv").read_text().splitlines()[0] == "Age,smoke,ill"
    assert "made for: P(ill | *)" in (tmp_path / "run/table.md").read_text(encoding="utf-8")
    report = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "No privacy is claimed" in report
    assert "in use" in call("study lung.toml --size 5 --quick --out run")[2]
    assert call("study lung.toml --size 5 --quick --out run --resume")[0] == 0
    code, said, err = call("evaluate run/data.npz")
    assert code == 0, err
    assert "counting" in said
    assert call("export run/data.npz --out mine.csv")[0] == 0
    assert (tmp_path / "mine.csv").read_bytes() == (tmp_path / "run/table.csv").read_bytes()
    assert (tmp_path / "mine.md").is_file()
    # with another table behind it the set is not the set of this file any more
    (tmp_path / "south.csv").write_text("AGE,ILL\n50,1\n" + "61,0\n" * 40)
    code, _, err = call("evaluate run/data.npz")
    assert code == 2
    assert "or a table that it names, differs" in err


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("study none.toml", ("none.toml", "no such file")),
        ("check bad.toml", ("bad.toml", "line 1", "size is 'x'", "a whole number")),
        ("distill bad.toml --points 3", ("bad.toml",)),
        ("table describe none.csv", ("none.csv", "cannot be read")),
        ("table describe north.csv --out x.csv", ("name it x.toml",)),
        ("table describe north.csv --out bad.toml", ("exists", "--overwrite")),
        ("table describe", ("Missing argument", "pinndd table describe --help")),
        ("table decribe", ("No such command", "pinndd table --help")),
    ],
)
def test_bad_input_is_refused_in_one_line(call, tmp_path, line, parts):
    (tmp_path / "bad.toml").write_text("size = 'x'\nqueries = 'P(a)'\n[variables]\na = ['1', '2']\n[hospitals]\nn = 'north.csv'\n")
    code, _, err = call(line)
    assert code == 2
    (said,) = [row for row in err.splitlines() if row.startswith("pinndd: ")]
    for part in parts:
        assert part in said


def test_tables_stay_on_the_processor_whether_there_is_a_gpu_or_not(call, monkeypatch):
    for module in ("pinndd.terminal.tasks", "pinndd.study.stated.engine"):
        monkeypatch.setattr(f"{module}.require_device", lambda name, **given: None)
    assert call("table describe north.csv south.csv --out lung.toml")[0] == 0
    for verb in ("distill", "study"):
        code, _, err = call(f"{verb} lung.toml --size 5 --device meta")
        assert code == 2
        assert err.splitlines()[-1] == "pinndd: device meta: the task 'lung' works on the processor alone: leave the device out"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Imagined H100")
    code, said, _ = call("check lung.toml")
    assert code == 0
    assert "Imagined H100" not in said
