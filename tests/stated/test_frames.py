"""A data frame as a stated task, and scikit-learn estimators on it."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.learners.estimator import ScikitEstimator
from pinndd.stated.task import StatedTask
from pinndd.study.stated.checks import check_task

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
    ],
)
def test_a_frame_that_cannot_be_used_is_refused_with_its_place(frame, target, said):
    with pytest.raises(ValueError, match=said):
        StatedTask.from_frame(frame, target=target, size=4)
