"""A data frame as a stated task, and scikit-learn estimators on it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.learners.estimator import ScikitEstimator
from pinndd.stated.export import write_examples
from pinndd.stated.task import StatedTask
from pinndd.study.report.examples import example_table
from pinndd.study.stated.baselines import named_baselines
from pinndd.study.stated.checks import check_task
from pinndd.user_code import UserCodeError

GENERATOR = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": GENERATOR.integers(20, 80, 60),
        "sex": ["f", "m", "f"] * 20,
        "same": 1.0,
        "dose": GENERATOR.normal(size=60),
        "ill": [1, 2] * 30,
    }
)


def test_numbers_are_standardised_by_the_training_part_and_categories_are_columns():
    task = StatedTask.from_frame(FRAME, target="ill", size=4)
    train = task.data.train["inputs"]
    assert task.columns["inputs"] == ["age", "sex=f", "sex=m", "same", "dose"]
    assert train[:, [0, 4]].mean(0).tolist() == pytest.approx([0, 0], abs=1e-12)
    assert train[:, [0, 4]].std(0, correction=0).tolist() == pytest.approx([1, 1])
    assert set(train[:, 1].tolist()) == {0.0, 1.0}
    assert not train[:, 3].any()
    assert task.data.train["targets"].shape[1] == 2
    assert sum(len(part["inputs"]) for part in task.data.named.values()) == 60
    assert task.distance.__class__.__name__ == "KL"


def test_a_quantity_is_a_value():
    task = StatedTask.from_frame(FRAME, target="dose", size=4)
    assert not task.probabilities
    assert float(task.data.train["targets"].mean()) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("learner", [GaussianNB(), RidgeClassifier()])
def test_an_estimator_judges_what_is_distilled_for_the_usual_learner(learner):
    task = StatedTask.from_frame(FRAME, target="ill", size=4, learner=learner)
    assert {finding.level for finding in check_task(task)} == {"ok"}
    assert type(task.trainer).__name__ == "SoftmaxRegression"


def test_a_soft_label_counts_as_weighted_copies():
    fields = {"inputs": torch.tensor([[0.0], [2.0], [5.0]]), "targets": torch.tensor([[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]])}
    data = SyntheticData(fields, dict.fromkeys(fields, Fixed()))
    by_hand = GaussianNB().fit([[0.0], [2.0], [2.0], [5.0]], [0, 0, 1, 1], sample_weight=[1, 0.25, 0.75, 1])
    asked = torch.tensor([[[1.0], [3.0]]])
    answer = ScikitEstimator(GaussianNB()).fit(data, None)(asked)
    assert torch.allclose(answer[0].double(), torch.from_numpy(by_hand.predict_proba([[1.0], [3.0]])), atol=1e-6)
    one = data.with_fields({"targets": torch.tensor([[0.0, 1.0]]).expand(3, 2)})
    assert ScikitEstimator(GaussianNB()).fit(one, None)(asked).tolist() == [[[0.0, 1.0], [0.0, 1.0]]]


def test_a_regressor_recovers_a_line():
    fields = {"inputs": torch.tensor([[0.0], [1.0], [2.0]]), "targets": torch.tensor([[1.0], [3.0], [5.0]])}
    fitted = ScikitEstimator(LinearRegression()).fit(SyntheticData(fields, dict.fromkeys(fields, Fixed())), None)
    assert fitted(torch.tensor([[[4.0]], [[-1.0]]])).flatten().tolist() == pytest.approx([9.0, -1.0])


@pytest.mark.parametrize(
    ("frame", "target", "said"),
    [
        (FRAME, "sick", "target='sick': the frame has no such column"),
        (FRAME.assign(dose=[None, *FRAME["dose"][1:]]), "ill", "column 'dose' has 1 missing values, the first in row 0"),
        (FRAME.assign(sex=[*FRAME["sex"][:-1], None]), "ill", "column 'sex' has 1 missing values, the first in row 59"),
        (FRAME.assign(dose=[np.inf, *FRAME["dose"][1:]]), "ill", "column 'dose', row 0: the value is not finite"),
        (FRAME.assign(day=pd.Timestamp("2020-01-01")), "ill", "column 'day' is of type datetime"),
        (FRAME.assign(number=range(60)), "number", "60 different values of type int64, too many for classes"),
        (FRAME.assign(ill=1), "ill", "there is one class"),
        (FRAME[["ill"]], "ill", "no column beside 'ill'"),
        (pd.concat([FRAME, FRAME[["age"]]], axis=1), "ill", "two columns 'age'"),
        (FRAME.assign(note=[f"note {k}" for k in range(60)]), "ill", "'note' has 60 different values of .*'note 0', each of which"),
        (FRAME.assign(code=[1, "1", 2] * 20), "ill", "column 'code' holds 1 of type int and '1' of type str, which are written alike"),
        (FRAME.assign(ill=[1, "1", 2] * 20), "ill", "column 'ill' holds 1 of type int and '1' of type str"),
        (FRAME.assign(ill=["no"] * 58 + ["yes"] * 2), "ill", "target 'ill': the class 'yes' has 2 rows, expected 3 at least"),
    ],
)
def test_a_frame_that_cannot_be_used_is_refused_with_its_place(frame, target, said):
    with pytest.raises(ValueError, match=said):
        StatedTask.from_frame(frame, target=target, size=4)


def test_rows_are_exported_and_shown_in_the_units_of_the_frame(tmp_path):
    task = StatedTask.from_frame(FRAME, target="dose", size=4)
    write_examples(task, task.data.test, tmp_path / "rows.csv")
    found = pd.read_csv(tmp_path / "rows.csv")
    assert list(found.columns) == ["age", "sex=f", "sex=m", "same", "ill", "dose"]
    # the box of a distilled set is that of standardised columns
    write_examples(task, task.data.train, tmp_path / "others.csv")
    assert pd.read_csv(tmp_path / "others.csv")["age"].between(20, 80).all()
    # every exported row is one of the frame
    known = FRAME.sort_values("dose", ignore_index=True)
    own = found.sort_values("dose", ignore_index=True)
    rows = known["dose"].round(9).isin(own["dose"].round(9))
    assert rows.sum() == len(own) == 18
    for name in ("age", "same", "ill"):
        assert own[name].to_numpy() == pytest.approx(known[name][rows].to_numpy())
    assert (own["sex=m"] == (known["sex"][rows] == "m").to_numpy()).all()
    shown = example_table(task, task.data.test)
    assert shown.units == "of the data"
    assert example_table(replace(task, units=None), task.data.test).units == "that the learner sees"
    assert float(shown.rows[0][0]) == pytest.approx(found["age"][0])


@pytest.mark.parametrize(
    ("units", "error", "said"),
    [
        (lambda data: data["inputs"], ValueError, "units returned another form of the set"),
        (lambda data: 1 / 0, UserCodeError, "task 'frame': units raised ZeroDivisionError"),
    ],
)
def test_units_that_do_not_fit_are_refused_by_name(units, error, said, tmp_path):
    task = StatedTask.from_frame(FRAME, target="ill", size=4, units=units)
    with pytest.raises(error, match=said):
        write_examples(task, task.data.test, tmp_path / "rows.csv")


def test_units_are_a_function():
    with pytest.raises(TypeError, match="units is of type dict"):
        StatedTask.from_frame(FRAME, target="ill", size=4, units={})


@pytest.mark.parametrize("numbers", [(0.0, 1.0), (1.0, 2.0, 3.0)])
def test_a_few_whole_numbers_of_a_floating_type_are_warned_of(numbers):
    frame = FRAME.assign(ill=list(numbers) * (60 // len(numbers)))
    said = rf"target 'ill' is of type float64 and holds {len(numbers)} different whole numbers.*frame.astype\({{'ill': int}}\)"
    with pytest.warns(UserWarning, match=said):
        task = StatedTask.from_frame(frame, target="ill", size=4)
    assert not task.probabilities
    assert StatedTask.from_frame(frame.astype({"ill": int}), target="ill", size=4).probabilities


def test_a_classifier_is_not_trained_on_values():
    task = StatedTask.from_frame(FRAME, target="dose", size=4, learner=GaussianNB())
    errors = [finding.message for finding in check_task(task) if finding.level == "error"]
    assert errors == [
        "learner 'gaussian-nb' raised ValueError: GaussianNB is a classifier, and the targets are values, no probabilities of classes"
        ": give a regressor, or, where they are classes, labels that are whole numbers or words"
    ]


def test_centres_of_fewer_rows_than_are_wanted_stand_there_more_than_once():
    frame = pd.DataFrame({"sex": ["f", "m", "f"] * 20, "old": [True, False] * 30, "ill": ["no", "yes"] * 30})
    task = StatedTask.from_frame(frame, target="ill", size=20)
    found = named_baselines(task)["k-means"](task.data.train, 20, 0)
    assert found["inputs"].shape[0] == 20
    assert found["targets"].sum(0).tolist() == [10, 10]
    rows = {tuple(row) for row in task.data.train["inputs"].tolist()}
    assert {tuple(row) for row in found["inputs"].round(decimals=9).tolist()} == rows


def test_estimators_are_taken_by_name_wherever_a_learner_stands():
    named = {"bayes": GaussianNB(), "ridge": RidgeClassifier()}
    task = StatedTask.from_frame(FRAME, target="ill", size=4, learner=named, ceiling=GaussianNB(), judges={"other": GaussianNB()})
    assert task.learner_names == ("bayes", "ridge")
    assert {type(each) for each in (*task.learners.values(), task.ceiling, *task.judges.values())} == {ScikitEstimator}
    assert {finding.level for finding in check_task(task)} == {"ok"}
    again = StatedTask("again", task.data, GaussianNB(), task.distance, size=4, surrogate=task.surrogate)
    assert again.learner_names == ("gaussian-nb",)
    assert {finding.level for finding in check_task(again)} == {"ok"}
