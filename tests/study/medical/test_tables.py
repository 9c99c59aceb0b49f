"""A TOML file of hospitals: what task it states, what its table is made for, and what is refused with line and remedy."""

import csv
from pathlib import Path

import pytest
import torch

from pinndd.bayesnet import BDeu, Query, QueryBatch, Structure, encode, estimate, posterior, sample
from pinndd.bayesnet.network import BayesianNetwork, Variable
from pinndd.bayesnet.tasks.conditional_marginals import Asked
from pinndd.study.medical.tables import asking, building, methods
from pinndd.study.medical.tables import rows as kinds
from pinndd.study.medical.tables.answering import Regressions
from pinndd.study.medical.tables.building import load_tables
from pinndd.study.medical.tables.declaration import read_declaration
from pinndd.study.stated.engine import StatedSettings, baseline_sets, distill_task
from pinndd.study.stated.judging import judged
from pinndd.terminal.subjects import remembered_subject

HOSPITALS = """
name = "lung"
queries = ["P(ill | smoke)", "P(age | ill=yes)"]
graph = ["smoke -> ill", "age -> ill"]
size = 6

[variables]
age = { cuts = [50] }
smoke = ["no", "yes"]
ill = { states = ["no", "yes"], recode = { 1 = "yes", 0 = "no" } }

[hospitals]
north = "north.csv"
[hospitals.south]
file = "south.csv"
ignore = ["nr"]
"""

TRUTH = BayesianNetwork(
    Structure(
        (Variable("age", ("40", "60")), Variable("smoke", ("no", "yes")), Variable("ill", ("no", "yes"))),
        {"ill": ("smoke", "age")},
    ),
    {
        "age": torch.tensor([0.5, 0.5], dtype=torch.float64),
        "smoke": torch.tensor([0.6, 0.4], dtype=torch.float64),
        "ill": torch.tensor([[[0.9, 0.1], [0.7, 0.3]], [[0.5, 0.5], [0.2, 0.8]]], dtype=torch.float64),
    },
)


def write_tables(folder, text=HOSPITALS):
    codes = sample(TRUTH, 200, torch.Generator().manual_seed(0)).tolist()
    north = "".join(f"{(40, 60)[a]},0;{('no', 'YES')[s]};{i}.0\r\n" for a, s, i in codes[:120])
    south = "".join(f"{k},{(40, 60)[a]},{('', i)[k % 9 > 0]}\n" for k, (a, _, i) in enumerate(codes[120:]))
    (folder / "north.csv").write_bytes(("\ufeffAge;smoke;ill\r\n" + north).encode())
    (folder / "south.csv").write_text("nr,age,ILL\n" + south)
    (folder / "lung.toml").write_text(text)
    return folder / "lung.toml"


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return load_tables(write_tables(tmp_path_factory.mktemp("lung")))


def test_the_file_states_a_task(task):
    assert (task.name, task.size, task.learner_names) == ("lung", 6, ("counting",))
    counts = {"train": 140, "validation": 140, "test": 60}
    assert {name: len(part["age"]) for name, part in task.data.named.items()} == counts
    queries = task.asking(task.data.train).batch.queries
    assert [str(query) for query in queries] == ["P(ill | smoke=no)", "P(ill | smoke=yes)", "P(age | ill=yes)"]
    assert set(task.baselines) == {"drawn from EM", "random patients", "k-modes"}
    whole = {"MICE-CART", "hot-deck", "available case", "best hospital", "complete case", "logistic regression", "gradient boosting"}
    assert set(task.on_full_data) == whole
    said = " ".join(task.remarks)
    expected = ("south (south.csv): 80 of 80 rows used", "not recorded: smoke; ignored: nr", "No privacy is claimed")
    for part in (*expected, ": 2 of 2 together ("):
        assert part in said


def test_a_recoding_for_all_files_that_no_cell_needs_is_told(tmp_path):
    text = HOSPITALS.replace('0 = "no" }', '0 = "no", 2 = "no" }')
    said = [line for line in load_tables(write_tables(tmp_path, text)).remarks if "recode" in line]
    assert said == ["[variables.ill]: recode of ill names '2', which no cell holds: correct or take out what is misspelt"]


def test_patients_held_out_are_asked_what_they_have_recorded(task):
    asking = task.asking(task.data.test)
    held = task.data.test
    known = {name: (held[name].sum(-1) == 1) for name in ("age", "smoke", "ill")}
    ill = (known["ill"] & known["smoke"]).sum() + (known["age"] & (held["ill"][:, 1] == 1) & known["ill"]).sum()
    assert len(asking.batch.queries) == int(ill)
    assert torch.equal(asking.truths.sum(-1), torch.ones(int(ill), dtype=torch.float64))


def test_hard_rows_are_kept_with_a_card_and_imitate_what_they_were_made_for(task, tmp_path):
    quick = StatedSettings(size=6, effort=0.2).applied_to(task)
    found = distill_task(quick, 0, checkpoint=tmp_path / "found.npz")
    sets = baseline_sets(quick, 0)
    problem = quick.problem()
    asked = problem.task.everything()
    assert found.risk < 0.5 * float(problem.evaluate(sets["drawn from EM"], asked))
    assert float(problem.evaluate(found.data, asked)) == pytest.approx(found.risk, rel=1e-9)
    # what was found is read again, not searched again
    again = distill_task(quick, 0, checkpoint=tmp_path / "found.npz", resume=True)
    assert again.risk == found.risk
    assert torch.equal(again.data["ill"], found.data["ill"])
    task.keep(found.data, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    structure = problem.learner.structure
    codes = encode(structure, {name: [row[name] for row in table] for name in structure.names})
    own = posterior(estimate(structure, codes, prior=BDeu(1.0)), problem.task.batch.queries)
    assert float((own - problem.task.truths).abs().sum(-1).mean() / 2) == pytest.approx(found.risk, rel=1e-9)
    card = (tmp_path / "table.md").read_text(encoding="utf-8")
    for part in ("No privacy is claimed", "P(age | ill=yes)", "140 patients were learned from, 60 held out", "BDeu(1)"):
        assert part in card


@pytest.mark.parametrize(("kind", "column"), [("soft", "ill=yes"), ("censored", "ill")])
def test_soft_and_censored_rows(tmp_path, monkeypatch, kind, column):
    monkeypatch.setattr(kinds, "CENSORING_SECONDS", 2.0)
    task = load_tables(write_tables(tmp_path, HOSPITALS + "").with_name("lung.toml"), f'rows = "{kind}"\n{HOSPITALS}'.encode())
    task = StatedSettings(effort=0.1, test_blocks=5).applied_to(task)
    found = distill_task(task, 0)
    task.keep(found.data, tmp_path / "t.csv")
    header = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert column in header
    rows = judged(task, task.learner_names[0], "distilled", found.data, 0)
    drawn = judged(task, task.learner_names[0], "drawn from EM", baseline_sets(task, 0)["drawn from EM"], 0)
    inside = [frame[frame["shift"] == "as the merged data"]["error"].mean() for frame in (rows, drawn)]
    assert inside[0] < inside[1]


def test_whatever_is_recorded_is_asked_of_every_patient_and_the_better_teacher_answers(tmp_path):
    text = HOSPITALS.replace('"P(ill | smoke)", "P(age | ill=yes)"', '"P(ill | *)"').replace("north =", "#").replace(
        'graph = ["smoke -> ill", "age -> ill"]', 'graph = "learn"'
    ).replace('smoke = ["no", "yes"]', "")
    task = load_tables(write_tables(tmp_path, text))
    queries = task.asking(task.data.train).batch.queries
    assert len(queries) == task.data.count
    assert {query.target for query in queries} == {"ill"}
    assert any("in cross-validation" in remark for remark in task.remarks)
    assert ("logistic regression" in task.on_full_data) != any("imitates logistic" in remark for remark in task.remarks)


def test_a_simulation_is_tested_with_the_truth(tmp_path):
    text = '[simulation]\nnetwork = "asia"\npatients = 60\nchosen = 10\nfresh = 30\nmissing = 0.2'
    (tmp_path / "sim.toml").write_text(f'rows = "soft"\nsize = 8\n{text}')
    task = load_tables(tmp_path / "sim.toml")
    assert list(task.shifts) == ["fresh queries"]
    task = StatedSettings(test_blocks=5).applied_to(task)
    oracle = judged(task, "counting", "oracle, complete rows", task.data.train, 0)
    poor = judged(task, "counting", "complete case", task.data.train, 0)
    assert oracle["error"].mean() < poor["error"].mean()
    assert len(oracle[oracle["shift"] == "none"]) == 10


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 6", "size = six", "is no TOML"),
        ("size = 6", "sise = 6", r"lung.toml, line 5: sise is an unknown key; did you mean 'size'\?"),
        ("size = 6", 'size = "6"', "line 5: size is '6', expected a whole number"),
        ("size = 6", "size = true", "size is True, expected a whole number"),
        ("size = 6", "size = 0", "size is 0, expected a whole number from 1 on"),
        ("size = 6", "size = 1000000000", "line 5: size is 1000000000, expected a whole number up to 1000000"),
        ("size = 6", "seed = 18446744073709551616", "line 5: seed is 18446744073709551616, expected a whole number up to"),
        ("size = 6", f"prior = {'9' * 400}", r"line 5: prior is 9{30}\.\.\. of 400 digits, expected a number from 1e-06"),
        ('name = "lung"', 'name = "../evil"', r"line 2: name is '\.\./evil', expected up to 60 letters"),
        ("size = 6", "size = 140", "size is 140 and there are 140 patients to learn from"),
        ("size = 6", "held_out = 1.0", "held_out is 1, expected a number from 0 to below 1"),
        ("size = 6", 'rows = "harsh"', r"rows is 'harsh'; did you mean 'hard'\?"),
        ('"P(ill | smoke)"', '"P(il | smoke)"', r"line 3: queries cannot be used: P\(il \| smoke\): unknown variable 'il'"),
        ('"P(ill | smoke)"', '"P(ill | smoke=maybe)"', "variable 'smoke' has no state 'maybe'"),
        ('"P(ill | smoke)"', '"P(age | ill=yes)"', r"names P\(age \| ill=yes\) twice"),
        ('queries = ["P(ill | smoke)", "P(age | ill=yes)"]', "", "queries is missing or empty"),
        ('"age -> ill"', '"ill -> age", "age -> smoke"', "line 4: graph cannot be used: the graph has a cycle"),
        ('"age -> ill"', '"height -> ill"', "line 4: graph names the unknown variable 'height'"),
        ('"age -> ill"', '"age"', "graph holds 'age', expected an arc"),
        ('["smoke -> ill", "age -> ill"]', '"tree"', "graph is 'tree', which has one target, and the queries have 2"),
        ('["smoke -> ill", "age -> ill"]', '"none.bif"', "graph names 'none.bif', and there is no such file"),
        ('smoke = ["no", "yes"]', 'smoke = ["no"]', r"north\.csv, line \d+, column 'smoke': value 'YES' is not a declared state"),
        ('smoke = ["no", "yes"]', "smoke = []", r"line 9: \[variables\] smoke cannot be used"),
        ('smoke = ["no", "yes"]', "smoke = 3", r"\[variables\] smoke is 3, expected a list"),
        ("cuts = [50]", "cuts = [60, 50]", r"line 8: \[variables.age\] cuts is \[60, 50\]: the numbers must ascend"),
        ("cuts = [50]", "cuts = [50, nan]", r"line 8: \[variables.age\] cuts holds nan, expected finite numbers"),
        ("cuts = [50]", f"cuts = [{'9' * 400}]", r"cuts holds 9{30}\.\.\. of 400 digits, expected finite numbers"),
        ("cuts = [50]", 'cuts = [50], recode = { old = "many" }', "'old' stands for 'many', which is no number"),
        ("cuts = [50]", 'cuts = [50], states = ["young"]', "states are 1, expected 2"),
        ("cuts = [50]", "cut = [50]", r"\[variables.age\] cut is an unknown key; did you mean 'cuts'\?"),
        ("1 = \"yes\"", '1 = "yess"', r"\[variables.ill\] recode says that '1' stands for 'yess'.*did you mean 'yes'\?"),
        ("size = 6", 'missing = ["no"]', "line 5: missing names 'no', which is a state of 'smoke'"),
        ('"south.csv"', '"sooth.csv"', r"line 15: \[hospitals.south\] file names 'sooth.csv'.*did you mean 'south.csv'\?"),
        ('"south.csv"', '"pinndd:../../pyproject.toml"', r"line 15: .* file names .*toml', which lies outside"),
        ('"south.csv"', '"pinndd:/etc/hosts"', "file names 'pinndd:/etc/hosts', which lies outside the package"),
        ('"south.csv"', '"north.csv"', r"line 15: \[hospitals.south\] file names the file of 'north'.*would count twice"),
        ('"south.csv"', f'"{"s" * 300}.csv"', "there is no such file"),
        ('"south.csv"', '"~nobody-of-this-name/south.csv"', "there is no such file"),
        ('ignore = ["nr"]', 'ignore = ["nr"]\nencoding = "a\\u0000"', "south.csv: cannot be read as CSV"),
        ('ignore = ["nr"]', 'ignore = ["nr"]\nrename = { years = "age" }', "rename names the column 'years', which it does not have"),
        ('ignore = ["nr"]', "", "unknown column 'nr'"),
        ('ignore = ["nr"]', 'ignore = ["nr"]\nrecode = { smoek = { a = "no" } }', "smoek names the unknown variable 'smoek'"),
        ('smoke = ["no", "yes"]', 'smoke = ["no", "yes"]\nbmi = ["low", "high"]', "line 10: bmi is recorded by no hospital"),
    ],
)
def test_what_a_file_may_not_say_is_refused_with_its_place(tmp_path, old, new, said):
    assert old in HOSPITALS
    with pytest.raises(ValueError, match=said):
        load_tables(write_tables(tmp_path, HOSPITALS.replace(old, new, 1)))


def test_states_between_cuts_are_named_with_all_digits_and_a_task_after_any_file(tmp_path):
    path = write_tables(tmp_path, HOSPITALS.replace('name = "lung"', "").replace("[50]", "[50, 1000000.1, 1000000.2, 1000000.3]"))
    path = path.rename(tmp_path / "_Ärzte.toml")
    found = read_declaration(path, path.read_bytes())
    assert found.name == "rzte"
    assert found.variables[0].states[1:3] == ("50 to 1000000.1", "1000000.1 to 1000000.2")


def test_a_question_that_the_patients_do_not_settle_is_refused_unless_it_is_kept(tmp_path):
    text = HOSPITALS.replace("P(ill | smoke)", "P(bmi | smoke)").replace("age = {", 'bmi = ["low", "high"]\nage = {', 1)
    text = text.replace('graph = ["', 'graph = ["smoke -> bmi", "')
    path = write_tables(tmp_path, text)
    south = (tmp_path / "south.csv").read_text().splitlines()
    cells = [",bmi", *(",low" if k % 3 else ",high" for k in range(80))]
    (tmp_path / "south.csv").write_text("\n".join(line + cell for line, cell in zip(south, cells, strict=True)))
    with pytest.raises(ValueError, match=r'line 3: queries names P\(bmi \| smoke\).*bmi and smoke.*not_identified = "keep"'):
        load_tables(path)
    kept = load_tables(path, f'not_identified = "keep"\n{text}'.encode())
    assert any("P(bmi | smoke=no): not identified" in remark for remark in kept.remarks)


def test_a_set_finds_its_file_again_only_if_nothing_that_it_names_has_changed(task, tmp_path):
    path = write_tables(tmp_path)
    source = load_tables(path).source
    header = {"task": "lung", "module": source.module, "source": source.checksum}
    assert remembered_subject(header, Path("lung.npz")).name == "lung"
    with (tmp_path / "south.csv").open("a") as file:
        file.write("99,40,1\n")
    with pytest.raises(ValueError, match="or a table that it names, differs"):
        remembered_subject(header, Path("lung.npz"))
    path.unlink()
    with pytest.raises(ValueError, match="is not there any more"):
        remembered_subject(header, Path("lung.npz"))


def test_blocks_ask_every_query_once_but_for_those_left_over(task):
    asking = task.asking(task.data.test)
    total = len(asking.batch.queries)
    found = asking.blocks(4, 0)
    assert len(found) >= 4
    assert found.positions.unique().numel() == found.positions.numel() == total - found.left_over
    truth = asking.truth(found, 0)
    assert torch.equal(truth[2, 1], asking.truths[found.positions[2, 1]])
    assert asking.truth(Asked(torch.arange(3)), 0).shape == (3, 1, 2)


def test_regressions_without_evidence_are_shares_and_with_it_are_those_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    structure = TRUTH.structure
    codes = sample(TRUTH, 300, torch.Generator().manual_seed(1))
    answers = Regressions(structure, codes, LogisticRegression)(
        QueryBatch(structure, (Query("ill"), Query("ill", {"smoke": "yes"})))
    )
    assert answers[0, 1] == pytest.approx(float(codes[:, 2].double().mean()))
    own = LogisticRegression().fit(torch.nn.functional.one_hot(codes[:, 1], 2), codes[:, 2]).predict_proba([[0, 1]])
    assert answers[1].tolist() == pytest.approx(own[0].tolist())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[simulation]\nnetwork = "chil"', r"line 2: \[simulation\] network names the network 'chil'.*did you mean 'child'\?"),
        ('[simulation]\nnetwork = "asia"\nchosen = 100000', "chosen is 100000, expected a whole number up to 1000"),
        ('[simulation]\nnetwork = "asia"\nmissing = 0.99', r"line 1: simulation cannot be drawn .* lower missing"),
        ('graph = "learn"\n[simulation]\nnetwork = "asia"', "line 1: graph cannot be said beside"),
    ],
)
def test_what_a_simulation_may_not_say_is_refused(tmp_path, text, said):
    (tmp_path / "sim.toml").write_text(text)
    with pytest.raises(ValueError, match=said):
        load_tables(tmp_path / "sim.toml")


def test_of_many_patients_some_are_asked_and_the_report_says_how_many(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "MOST_ASKED", 30)
    monkeypatch.setattr(building, "MOST_ASKED", 30)
    monkeypatch.setattr(methods, "MOST_COMPARED", 100)
    monkeypatch.setattr(building, "MOST_COMPARED", 100)
    task = load_tables(write_tables(tmp_path, HOSPITALS.replace('"P(ill | smoke)", "P(age | ill=yes)"', '"P(ill | *)"')))
    assert len(task.asking(task.data.train).batch.queries) == 30
    assert not {"MICE-CART", "hot-deck"} & set(task.on_full_data)
    said = " ".join(task.remarks)
    for part in ("made for 30 of 140 patients", "tested on 30 of 60", "MICE-CART and hot-deck are left out"):
        assert part in said
