"""Labels of teachers: a power of their probabilities, beside the examples' own, the same for all sets of a comparison."""

import pytest
import torch

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.distances import KL, RelativeL2
from pinndd.learners import BlackBox, LinearRidge, SoftmaxRegression
from pinndd.stated.parts import Parts, chosen
from pinndd.stated.task import StatedTask
from pinndd.stated.teachers import LABELS, TeacherLabels, Teachers, are_probabilities


@pytest.fixture(scope="module")
def parts():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(90, 2, dtype=torch.float64, generator=generator)
    return Parts.of_examples(inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 1).long())


def sets_of(parts):
    return {"a": chosen(parts.train, torch.arange(2)), "b": chosen(parts.train, torch.arange(5, 9))}


def test_a_temperature_takes_a_root_of_the_probabilities_and_a_share_is_left_to_the_own_labels(parts):
    learner, sets = SoftmaxRegression(0.1), sets_of(parts)
    matrix = learner.fit(parts.train, parts_asked(parts))
    found = Teachers(TeacherLabels(temperature=2.0, share=0.75), count=2).label(sets, parts.train, learner, 0)
    for name, data in sets.items():
        roots = matrix(data["inputs"][None])[0].sqrt()
        expected = 0.75 * roots / roots.sum(-1, keepdim=True) + 0.25 * data["targets"]
        torch.testing.assert_close(found[name]["targets"], expected)
        assert torch.equal(found[name]["inputs"], data["inputs"])
        assert found[name].header[LABELS] == "those of 2 teachers trained on all data, at temperature 2, mixed with 25 % of its own"


def parts_asked(parts):
    task = StatedTask("one", parts, SoftmaxRegression(0.1), KL(), 4)
    return task.asking(parts.validation).episodes(1, torch.Generator().manual_seed(0))


def test_several_teachers_give_their_mean(parts):
    """Of models that answer scores, each with its own, the probabilities are averaged, not the scores."""
    scores = torch.tensor([[2.0, 0.0, 0.0], [0.0, -1.0, 3.0]], dtype=torch.float64)
    learner = BlackBox(lambda data, episodes: lambda x: scores[:, None].expand(2, x.shape[1], 3))
    found = Teachers(count=2).label(sets_of(parts), parts.train, learner, 0)
    torch.testing.assert_close(found["a"]["targets"][0], scores.softmax(-1).mean(0))
    assert not are_probabilities(scores)
    assert are_probabilities(scores.softmax(-1))
    assert str(Teachers()) == "those of a teacher trained on all data, at temperature 1"


def test_teachers_are_the_models_on_all_data_unless_others_are_named(parts):
    own, ceiling, named = (SoftmaxRegression(penalty) for penalty in (0.1, 0.2, 0.3))
    task = StatedTask("one", parts, own, KL(), 4)
    assert task.teacher is own
    assert StatedTask("one", parts, own, KL(), 4, ceiling=ceiling, teachers=Teachers()).teacher is ceiling
    assert StatedTask("one", parts, own, KL(), 4, ceiling=ceiling, teachers=Teachers(learner=named)).teacher is named


def test_what_teachers_cannot_do_is_refused(parts):
    with pytest.raises(ValueError, match="count=0"):
        Teachers(count=0)
    with pytest.raises(ValueError, match=r"teachers answered with shape \(1, 6, 2\), expected \(1, 6, 3\)"):
        Teachers().label(sets_of(parts), parts.train, BlackBox(lambda data, episodes: lambda x: x), 0)
    x = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None]
    with pytest.raises(ValueError, match="teachers label inputs by their classes, and it has no classes: leave them out"):
        StatedTask("line", Parts.of_examples(x, x), LinearRidge(), RelativeL2(), 3, teachers=Teachers())
    with pytest.raises(TypeError, match=r"teachers=int: expected pinndd\.stated\.teachers\.Teachers"):
        StatedTask("one", parts, SoftmaxRegression(0.1), KL(), 4, teachers=3)
    with pytest.raises(TypeError, match="teachers: learner is of type int"):
        StatedTask("one", parts, SoftmaxRegression(0.1), KL(), 4, teachers=Teachers(learner=3))
    with pytest.raises(ValueError, match="teachers and search exclude each other"):
        StatedTask("one", parts, SoftmaxRegression(0.1), KL(), 4, teachers=Teachers(), search=lambda *given: None)
    alone = SyntheticData({"targets": parts.train["targets"]}, {"targets": parts.train.constraints["targets"]})
    still = SyntheticData(alone.fields, {"targets": Fixed()})
    with pytest.raises(ValueError, match="and it has no field 'inputs'"):
        StatedTask("one", Parts(alone, still, still), SoftmaxRegression(0.1), KL(), 4, teachers=Teachers())
