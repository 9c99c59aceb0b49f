"""Models are trained on a set once, and asked what the test part and every shift ask."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from pinndd.learners import Adam, LinearRidge
from pinndd.learners.estimator import ScikitEstimator
from pinndd.learners.minibatch import MinibatchAdam
from pinndd.learners.network import NetworkModel, squared_error
from pinndd.learners.portfolio import Portfolio
from pinndd.stated.parts import chosen
from pinndd.study.stated.baselines import random_rows
from pinndd.study.stated.judging import judged

MODEL = NetworkModel(lambda: nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)), squared_error)


class Blind:
    """Episodes that ask nothing."""

    seed = 3

    def __len__(self):
        return 2


@dataclass(frozen=True)
class Counted:
    """Ridge regression that counts its trainings."""

    ignores_questions: bool
    trainings: list[int] = field(default_factory=list)

    differentiation: ClassVar[str] = "closed form"

    def fit(self, data, episodes):
        self.trainings.append(len(episodes))
        return LinearRidge(1e-4).fit(data, episodes)


def test_models_that_ignore_questions_are_trained_once_for_the_test_part_and_all_shifts(line):
    """The rows are those of a learner that is trained for each; where there are other blocks, other models are asked."""
    left, few = (chosen(line.data.train, torch.arange(count)) for count in (24, 3))
    shifts = {"left": left, "again": line.data.test, "few": few}
    task = replace(line, shifts=shifts, test_blocks=6)
    rows = {}
    for once, trainings in ((True, [6, 3]), (False, [6, 6, 6, 3])):
        learner = Counted(once)
        rows[once] = judged(replace(task, learner=learner), "counted", "distilled", few, 0)
        assert learner.trainings == trainings
    assert rows[True].drop(columns="seconds").equals(rows[False].drop(columns="seconds"))
    errors = rows[True].groupby("shift")["error"].mean()
    assert errors["again"] == errors["none"] != errors["left"]
    assert rows[True].groupby("shift")["episode"].nunique().to_dict() == {"none": 6, "left": 6, "again": 6, "few": 3}


def test_what_networks_are_trained_once_for_is_what_each_shift_asks_of_networks_of_its_own(line):
    """Initial weights, batches and augmentation are drawn from the seed alone, so the rows are those of single parts."""
    shaken = MinibatchAdam(MODEL, 3, 0.05, batch=2, augmentation=lambda inputs, seed: inputs + 1e-3 * (seed % 7), dtype=torch.float64)
    assert shaken.ignores_questions
    assert not Adam(SimpleNamespace()).ignores_questions
    assert [Portfolio([MODEL, each]).ignores_questions for each in (MODEL, SimpleNamespace())] == [True, False]
    data, left = random_rows(line.data.train, 3, 0), chosen(line.data.train, torch.arange(24))
    for learner in (shaken, Adam(MODEL, 3, 0.05, dtype=torch.float64)):
        task = replace(line, learner={"net": learner}, shifts={"left": left}, test_blocks=4)
        together = judged(task, "net", "random", data, 5)
        alone = judged(replace(task, shifts={}, data=replace(line.data, test=left)), "net", "random", data, 5)
        errors = together.loc[together["shift"] == "left", "error"]
        assert errors.tolist() == alone["error"].tolist()
        assert errors.nunique() == 4


@pytest.mark.parametrize(
    "learner",
    [
        LinearRidge(), ScikitEstimator(Ridge()), Adam(MODEL, 2, 0.1), Adam(Portfolio([MODEL, MODEL]), 2, 0.1),
        MinibatchAdam(MODEL, 2, 0.1, batch=2),
    ],
    ids=lambda learner: type(learner).__name__,
)  # fmt: skip
def test_learners_that_say_so_train_without_questions(line, learner):
    assert learner.ignores_questions
    assert learner.fit(random_rows(line.data.train, 3, 0), Blind()) is not None
