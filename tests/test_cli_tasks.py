"""The command line on stated tasks: every verb, and what is refused in one line."""

import pandas
import pytest

from pinndd.data import SyntheticData

MODULE = '''
"""A line with noise."""

import torch

import pinndd
from pinndd.distances import RelativeL2
from pinndd.learners import LinearRidge
from pinndd.risks import WorstCase

x = torch.linspace(-1, 1, 60, dtype=torch.float64)[:, None]
noise = torch.randn(60, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

task = pinndd.StatedTask(
    "line",
    data=pinndd.Parts.of_examples(x, x + 0.1 * noise),
    learner=LinearRidge(1e-3),
    distance=RelativeL2(),
    size=3,
    outer=pinndd.OuterSettings(steps=4, batch=2, validate_every=2),
    baselines=("random", "stratified"),
    risks={"worst case": WorstCase()},
    columns={"inputs": ["x"], "targets": ["y"]},
)
'''


@pytest.fixture
def call(call, tmp_path):
    """Call the command line in a folder that holds the module."""
    (tmp_path / "line.py").write_text(MODULE)
    return call


def refused(said, *parts, code=2):
    ended, _, err = said
    assert ended == code, said
    (line,) = [line for line in err.splitlines() if line.startswith("pinndd: ")]
    for part in parts:
        assert part in line
    assert "Traceback" not in err


def test_every_verb_takes_a_task(call, tmp_path):
    code, out, _ = call("check", "line.py")
    assert code == 0
    assert "task 'line' is fit for use" in out
    code, out, _ = call("list", "./line.py")
    assert code == 0
    assert "distilled set: 3 examples" in out
    code, out, _ = call("distill", "line.py", "--size", "4", "--out", "line.npz")
    assert code == 0, out
    assert "blocks of the validation part); distilled in" in out
    assert SyntheticData.load("line.npz")["inputs"].shape == (4, 1)
    refused(call("distill", "line.py", "--out", "line.npz"), "exists")
    code, out, _ = call("evaluate", "line.npz", "--out", "rows.csv")
    assert code == 0
    rows = pandas.read_csv("rows.csv")
    assert set(rows["method"]) == {"distilled"}
    assert set(rows["points"]) == {4}
    code, out, _ = call("export", "line.npz")
    assert code == 0
    exported = pandas.read_csv("line.csv")
    assert list(exported.columns) == ["x", "y"]
    assert exported["x"].tolist() == pytest.approx(SyntheticData.load("line.npz")["inputs"][:, 0].tolist(), rel=1e-14)
    refused(call("export", "line.npz", "--to", "torch", "--out", "a.py"), "--to torch")
    refused(call("evaluate", "line.npz", "--judge", "nobody"), "learner 'nobody'")
    (tmp_path / "line.py").write_text(MODULE + "\n")
    refused(call("evaluate", "line.npz"), "it was edited", "--pde")
    code, _, err = call("evaluate", "line.npz", "--pde", "line.py")
    assert code == 0
    assert "another than the one" in err


def test_a_study_of_a_task_writes_what_a_study_writes(call, tmp_path):
    code, out, err = call("study", "line.py", "--seeds", "1", "--sensitivity", "--out", "run")
    assert code == 0, err
    assert "on the test part" in out
    assert "in distribution" not in out
    for said in ("of dense", "Vacuity test", "residual of the first-order conditions", "| distilled for", "report: run/report.html"):
        assert said in out
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.toml", "data.npz", "results.csv", "summary.json", "sensitivity.csv", "SHA256SUMS", "report.html"} <= names
    page = (tmp_path / "run" / "report.html").read_text()
    assert "What does the set owe to its task, distance and risk?" in page
    assert "All 3 of the first seed" in page
    assert "<th>x</th><th>y</th>" in page
    assert "in distribution" not in page
    refused(call("study", "line.py", "--seeds", "1", "--out", "run"), "in use")
    refused(call("study", "line.py", "--seeds", "2", "--out", "run", "--resume"), "other settings", "seeds")
    (tmp_path / "run" / "report.html").unlink()
    code, out, _ = call("plot", "run")
    assert code == 0
    assert (tmp_path / "run" / "report.html").read_text() == page


def test_a_judge_trains_where_it_is_asked_for_alone(call, tmp_path):
    """Its rows are those of a learner with its arguments; a study knows nothing of it."""
    stated = 'judges={"stiff": LinearRidge(1.0)},\n    trainings={"usual": {}, "heavy": {"penalty": 9.0}},'
    (tmp_path / "judged.py").write_text(MODULE.replace("size=3,", f"size=3,\n    {stated}"))
    (tmp_path / "stiff.py").write_text(MODULE.replace("LinearRidge(1e-3)", "LinearRidge(1.0)"))
    assert "judge stiff, by pinndd evaluate --judge stiff" in call("list", "./judged.py").out
    assert "learner stiff" in call("check", "judged.py").out
    code, _, err = call("study", "judged.py", "--seeds", "1", "--out", "run")
    assert code == 0, err
    assert set(pandas.read_csv("run/results.csv")["learner"]) == {"linear-ridge"}
    code, out, err = call("evaluate", "run/data.npz", "--judge", "stiff", "--out", "stiff.csv")
    assert code == 0, err
    assert "with stiff: distilled: usual (" in out
    assert call("evaluate", "run/data.npz", "--pde", "stiff.py", "--out", "alone.csv").code == 0
    mine, alone = (pandas.read_csv(f"{name}.csv") for name in ("stiff", "alone"))
    assert set(mine["learner"]) == {"stiff"}
    assert mine["relative_l2"].tolist() == alone["relative_l2"].tolist()
    refused(call("evaluate", "run/data.npz", "--judge", "stif"), "learner 'stif'", "expected stiff, linear-ridge")
    (tmp_path / "twice.py").write_text(MODULE.replace("size=3,", 'size=3,\n    judges={"linear-ridge": LinearRidge()},'))
    refused(call("check", "twice.py"), "task 'line': 'linear-ridge' names a learner and a judge: give the judge another name")
    (tmp_path / "none.py").write_text(MODULE.replace("size=3,", 'size=3,\n    judges={"mine": 3},'))
    refused(call("check", "none.py"), "judge 'mine' is of type int: expected an object with fit(data, episodes)")
    odd = stated.replace("LinearRidge(1.0)", "pinndd.learners.BlackBox(print)")
    (tmp_path / "odd.py").write_text(MODULE.replace("size=3,", f"size=3,\n    {odd}"))
    refused(call("check", "odd.py"), "trainings 'heavy' names 'penalty', and learner 'stiff' is of type BlackBox, it has train")


def test_a_set_is_trained_as_its_file_says_wherever_it_is_used(call, tmp_path, monkeypatch):
    """`evaluate` does not look at the validation part of a set that says how it is trained."""
    two = MODULE.replace("size=3,", 'size=3,\n    trainings={"usual": {}, "heavy": {"penalty": 1.0}},')
    (tmp_path / "two.py").write_text(two)
    assert "a set is trained in the way that suits it: usual; heavy" in call("list", "./two.py").out
    said = "Every set is trained in that of 2 ways which errs least on the validation part (relative L2 error), with linear-ridge: "
    code, out, err = call("distill", "two.py", "--out", "two.npz")
    assert code == 0, err
    assert said + "distilled: usual (" in out
    data = SyntheticData.load("two.npz")
    own = data.header["trainings"]["linear-ridge"]
    assert own["errors"]["usual"] < own["errors"]["heavy"]
    assert own["settings"] == {"usual": {"penalty": 1e-3}, "heavy": {"penalty": 1.0}}
    data.with_header(trainings={"linear-ridge": {**own, "kept": "heavy"}}).save("heavy.npz")
    data.with_header(trainings="?").save("unsaid.npz")
    rows = {}
    for name in ("two", "heavy", "unsaid"):
        with monkeypatch.context() as patch:
            if name != "unsaid":
                patch.setattr("pinndd.study.stated.judging._validated", lambda *given: 1 / 0)
            code, out, err = call("evaluate", f"{name}.npz", "--out", f"{name}.csv")
        assert code == 0, err
        assert f"{said}distilled: {'heavy' if name == 'heavy' else 'usual'} (" in out
        rows[name] = pandas.read_csv(f"{name}.csv")["relative_l2"].tolist()
    assert rows["two"] == rows["unsaid"]
    assert sum(rows["two"]) < sum(rows["heavy"])
    (tmp_path / "two.py").write_text(two.replace('"heavy"', '"far"'))
    code, out, err = call("evaluate", "heavy.npz", "--pde", "two.py")
    assert "its training was chosen among heavy, usual, and its task names far, usual now: it is chosen again" in err
    assert "for the errors of then, name by --pde a module that states its training as it was" in err
    assert said + "distilled: usual (" in out
    again = call("distill", "two.py", "--out", "two.npz", "--resume")
    refused(again, "two.npz is finished, with other settings", "trainings.far was not set")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('{"penalty": 1.0}', '{"penalty": 2.0}'), "(trainings.heavy.penalty was 1.0 and is now 2.0): it is chosen again"),
        (("LinearRidge(1e-3)", "LinearRidge(1e-4)"), "(trainings.usual.penalty was 0.001 and is now 0.0001): it is chosen again"),
        (('trainings={"usual": {}, "heavy": {"penalty": 1.0}},', ""), "its task names none now: linear-ridge trains as it is stated"),
    ],
)
def test_a_set_whose_ways_mean_something_else_by_now_is_not_evaluated_without_a_word(call, tmp_path, change, why):
    """The names of the ways are the same; the errors are those of a set that was distilled for the ways of today."""
    two = MODULE.replace("size=3,", 'size=3,\n    trainings={"usual": {}, "heavy": {"penalty": 1.0}},')
    (tmp_path / "two.py").write_text(two)
    assert call("distill", "two.py", "--out", "two.npz").code == 0
    data = SyntheticData.load("two.npz")
    own = data.header["trainings"]["linear-ridge"]
    wrong = {**own, "kept": "heavy"}
    data.with_header(trainings={"linear-ridge": wrong}).save("wrong.npz")
    (tmp_path / "two.py").write_text(two.replace(*change))
    data.with_header(trainings="?").save("unsaid.npz")
    rows = {}
    for name in ("wrong", "unsaid"):
        code, _, err = call("evaluate", f"{name}.npz", "--pde", "two.py", "--out", f"{name}.csv")
        assert code == 0, err
        assert ("wrong.npz: its training was chosen among" in err and why in err) == (name == "wrong")
        rows[name] = pandas.read_csv(f"{name}.csv")["relative_l2"].tolist()
    assert rows["wrong"] == rows["unsaid"]


def test_a_set_that_does_not_say_what_its_ways_meant_is_trained_in_one_that_is_chosen_again(call, tmp_path):
    """As sets of earlier versions do not; it is said, and nothing is said of a set that names no training at all."""
    (tmp_path / "two.py").write_text(MODULE.replace("size=3,", 'size=3,\n    trainings={"usual": {}, "heavy": {"penalty": 1.0}},'))
    assert call("distill", "two.py", "--out", "two.npz").code == 0
    data = SyntheticData.load("two.npz")
    errors = data.header["trainings"]["linear-ridge"]["errors"]
    data.with_header(trainings={"linear-ridge": {"kept": "heavy", "errors": errors}}).save("old.npz")
    code, out, err = call("evaluate", "old.npz")
    assert code == 0, err
    assert "old.npz: its training was chosen among heavy, usual, and its file does not say what they meant then: it is chosen" in err
    assert "with linear-ridge: distilled: usual (" in out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("study line.py --points 3", ["--points: it is for PDEs", "'line' is a stated task", "--size"]),
        ("study line.py --protocol retrain", ["--protocol: it is for PDEs"]),
        ("study line.py --judge deepxde", ["--judge: it is for PDEs"]),
        ("study line.py --curve", ["--curve: it is for PDEs"]),
        ("distill line.py --distance relative-h1", ["--distance: it is for PDEs"]),
        ("study line.py --size 60", ["--size 60", "below the 34 training examples"]),
        ("study line.py --seeds 0", ["--seeds 0"]),
        ("study line.py --results .", ["--results"]),
        ("study line.py --jobs 2", ["--jobs 2"]),
        ("study heat --size 3", ["--size 3: it is for stated tasks"]),
        ("study heat --sensitivity", ["--sensitivity: it is for stated tasks"]),
        ("study wine --seeds 1 --device nowhere", ["nowhere"]),
        ("solve line.py --values a=1", ["stated task 'line'", "a PDE is needed"]),
        ("body line.py", ["stated task 'line'"]),
        ("explore line.py", ["stated task 'line'"]),
        ("study diabetes --sensitivity", ["names no other tasks, distances or risks"]),
    ],
)
def test_what_makes_no_sense_for_a_task_is_refused_by_name(call, words, parts):
    refused(call(*words.split()), *parts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no `pde`; expected"),
        ("task = 3", "`task` of type int; expected `task = pinndd.StatedTask"),
        (MODULE + "\nfrom pinndd.pinn.declare.loading import load_pde\npde = load_pde('heat')", "both `pde` and `task`"),
        (MODULE.replace("size=3", "size=99"), "size=99: expected a whole number from 1 to below the 34 training examples"),
        (MODULE.replace('"random", "stratified"', '"randon",'), "baseline 'randon'"),
        (MODULE.replace("LinearRidge(1e-3)", "lambda data: data"), "expected an object with fit(data, episodes)"),
    ],
)
def test_a_module_without_a_task_that_can_be_used_is_refused(call, tmp_path, text, said):
    (tmp_path / "mine.py").write_text(text)
    refused(call("study", "mine.py"), said)
