"""What is wrong with a stated task is said in one line, before any training that takes long."""

from dataclasses import replace

import pytest
import torch

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.distances import CrossEntropy
from pinndd.learners import BlackBox, LinearRidge
from pinndd.risks import Mean
from pinndd.stated.parts import Parts
from pinndd.stated.task import StatedTask
from pinndd.stated.teachers import Teachers
from pinndd.study.stated.checks import check_task, require_usable
from pinndd.user_code import UserCodeError


def errors(task):
    return {f.subject: f.message for f in check_task(task) if f.level == "error"}


def test_a_task_that_fits_has_nothing_to_say(line, classes):
    for task in (line, classes):
        assert {f.level for f in check_task(task)} == {"ok"}


def test_answers_of_another_shape_are_refused(line):
    task = replace(line, learner=BlackBox(lambda data, episodes: lambda x: x.new_zeros((*x.shape[:-1], 2))), surrogate=LinearRidge())
    assert "its answers have shape" in errors(task)["learner black-box"]
    with pytest.raises(ValueError, match="task 'line': learner black-box: its answers have shape"):
        require_usable(task, 3)


def test_names_of_columns_that_do_not_fit_are_told_before_a_report_needs_them(line):
    assert "2 names, an example has 1 entries" in errors(replace(line, columns={"inputs": ["x", "y"]}))["columns"]


def test_probabilities_where_scores_belong_are_refused(classes):
    assert "take distance=KL()" in errors(replace(classes, distance=CrossEntropy()))["learner softmax-regression"]


def test_a_learner_that_fails_is_named_with_its_error(line):
    task = replace(line, learner={"mine": BlackBox(lambda data, episodes: 1 / 0)}, surrogate=LinearRidge())
    assert "raised ZeroDivisionError" in errors(task)["learner mine"]


def test_what_is_no_task_is_refused_by_the_method_that_it_lacks(line):
    said = "task made an object of type int without the method episodes: expected one with episodes"
    assert said in errors(replace(line, task=lambda part: 3))["learner linear-ridge"]


def test_a_task_that_fails_to_draw_is_named_with_its_error(line):
    class Failing:
        def episodes(self, count, generator):
            return self.nothing

        def answer(self, fitted, episodes, derivatives): ...

        def truth(self, episodes, derivatives): ...

    assert "the task raised AttributeError" in errors(replace(line, task=lambda part: Failing()))["learner linear-ridge"]


def test_a_trial_asks_about_few_examples(line):
    """Whole parts are asked for a judgement alone: they take long."""
    asked = []

    def train(data, episodes):
        return lambda x: asked.append(x.shape) or 2 * x

    x = torch.linspace(-1, 1, 6000, dtype=torch.float64)[:, None]
    task = replace(line, data=Parts.of_examples(x, 2 * x), learner=BlackBox(train), surrogate=LinearRidge(1e-4), baselines=("random",))
    assert not errors(task)
    assert asked == [(2, 256, 1)]


def test_what_nothing_differentiates_needs_a_surrogate(line):
    blind = replace(line, learner=BlackBox(lambda data, episodes: LinearRidge().fit(data, episodes)))
    assert "surrogate=" in errors(blind)["gradient"]
    assert not errors(replace(blind, surrogate=LinearRidge()))


def test_data_of_which_nothing_may_move_are_refused(line):
    fixed = {name: Fixed() for name in line.data.train.fields}
    still = Parts(SyntheticData(line.data.train.fields, fixed), line.data.validation, line.data.test)
    assert "no field of the training part may move" in errors(replace(line, data=still))["gradient"]


def test_test_examples_in_the_training_part_are_told(line):
    leaking = replace(line, data=replace(line.data, test=line.data.train))
    (warning,) = [f for f in check_task(leaking) if f.level == "warning"]
    assert warning.subject == "test part"
    assert warning.message.startswith(f"{line.data.count} of its examples are in the training part too")


def test_teachers_are_tried_on_a_few_examples(classes):
    found = {f.subject: f for f in check_task(replace(classes, teachers=Teachers()))}["teachers"]
    assert (found.level, found.message) == ("ok", "labels are those of a teacher trained on all data, at temperature 1")
    odd = Teachers(learner=BlackBox(lambda data, episodes: lambda x: x[..., :1]))
    assert "teachers answered with shape" in errors(replace(classes, teachers=odd))["teachers"]
    failing = Teachers(learner=BlackBox(lambda data, episodes: 1 / 0))
    assert "raised ZeroDivisionError" in errors(replace(classes, teachers=failing))["teachers"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../up"}, "files are called after it"),
        ({"size": 0}, "size=0: expected a whole number from 1"),
        ({"size": True}, "size=True"),
        ({"size": 10_000}, "below the 45 training examples"),
        ({"learner": 3}, "learner 'int' is of type int"),
        ({"learner": {}}, "empty mapping"),
        ({"distance": None}, "distance is of type NoneType"),
        ({"smoothing": 1.0}, "smoothing=1.0"),
        ({"baselines": "random"}, "expected names"),
        ({"at_size": 3}, "at_size is of type int: expected something that can be called"),
        ({"data": 3}, "expected pinndd.Parts"),
        ({"shifts": {"other": SyntheticData({"x": torch.ones(1)}, {"x": Fixed()})}}, "shift 'other'"),
        ({"risks": [Mean()]}, "risks is of type list: expected a mapping by name"),
        ({"shifts": [1]}, "shifts is of type list: expected a mapping by name"),
        ({"judges": LinearRidge()}, "judges is of type LinearRidge: expected a mapping by name"),
        ({"distances": {"x": 3}}, "distances 'x' is of type int: expected something that can be called"),
        ({"error": lambda answer, truth: answer}, "error is of type function, which has no derivatives: expected a distance"),
        ({"distances": {"x": max}}, "distances 'x' is of type builtin_function_or_method, which has no derivatives"),
        ({"test_blocks": "5"}, "test_blocks='5': expected a whole number from 2 on"),
        ({"subsets": 2.5}, "subsets=2.5: expected a whole number from 1 on"),
        ({"outer": {"steps": 5}}, "outer is of type dict: expected pinndd.OuterSettings"),
        ({"remarks": "a line"}, r"remarks='a line': expected lines, such as \('a line',\)"),
        ({"baselines": ("random", "random")}, "baselines name 'random' twice"),
        ({"columns": {"input": ["x"]}}, "columns name 'input', which is no field of the data: expected some of 'inputs', 'targets'"),
    ],
)
def test_a_task_that_is_none_is_refused(line, change, said):
    with pytest.raises((TypeError, ValueError), match=said):
        replace(line, **change)


def test_a_first_look_that_is_no_task_is_told(line):
    assert errors(replace(line, quick={"outer": 1}))["quick"] == "task 'line': outer is of type int: expected pinndd.OuterSettings"


def test_a_task_says_what_changes_with_its_size(line):
    stated = replace(line, at_size=lambda size: {"smoothing": size / 100}, title="mine")
    assert stated.of_size(3) is stated
    found = stated.of_size(5)
    assert (found.size, found.smoothing, found.title) == (5, 0.05, "mine")
    assert found.of_size(7).smoothing == 0.07
    with pytest.raises(ValueError, match="size=900: expected a whole number from 1"):
        stated.of_size(900)
    for said, what in ((3, "at_size is of type int"), ({"size": 3}, "at_size names 'size'"), ({"steps": 3}, "at_size names 'steps'")):
        with pytest.raises(TypeError, match=what):
            replace(line, at_size=lambda size, said=said: said).of_size(5)
    with pytest.raises(UserCodeError, match="task 'line': at_size raised ZeroDivisionError"):
        replace(line, at_size=lambda size: 1 / 0).of_size(5)


def test_the_table_of_classes_is_the_error_rate(classes, line):
    assert type(classes.measure).__name__ == "ZeroOne"
    assert line.measure is line.distance
    assert isinstance(line, StatedTask)
