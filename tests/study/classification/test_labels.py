"""Labels of teachers and learned labels."""

from dataclasses import replace

import pytest
import torch

from pinndd.outer_loop import OuterSettings
from pinndd.study.classification import (
    EvaluationProtocol,
    TeacherLabels,
    all_training_data,
    evaluate,
    random_samples,
    smoothed,
    student_interval,
    train_networks,
    trained_teachers,
    with_learned_labels,
    with_teacher_labels,
)

PROTOCOL = EvaluationProtocol("MLP", {"hidden": (8,)}, steps=40, learning_rate=0.02, retrainings=3, dtype="float64")


@pytest.fixture(scope="module")
def teachers(shapes):
    model = PROTOCOL.model((1, 8, 8), 3)
    return train_networks(PROTOCOL.learner(model), model, all_training_data(shapes), (20, 21), batch=16)


def test_teachers_give_their_mean_probabilities(shapes, teachers, generator):
    data = random_samples(shapes, 2, generator)
    scores = torch.stack([teachers.model.outputs(each[None], data["inputs"].double())[0] for each in teachers.parameters])
    found = with_teacher_labels(data, teachers)
    assert found["targets"].double().allclose(scores.softmax(-1).mean(0), atol=1e-6)
    assert found.header["method"] == "random + teacher labels"
    assert torch.equal(found["inputs"], data["inputs"])
    hot = with_teacher_labels(data, teachers, TeacherLabels(temperature=1e6))["targets"]
    assert hot.allclose(torch.full_like(hot, 1 / 3), atol=1e-4)


def test_teachers_can_leave_a_share_to_the_labels_of_the_examples(shapes, teachers, generator):
    data = random_samples(shapes, 2, generator)
    soft, found = (with_teacher_labels(data, teachers, TeacherLabels(3.0, share))["targets"] for share in (1.0, 0.25))
    torch.testing.assert_close(found, 0.25 * soft + 0.75 * data["targets"])
    for wrong in ({"temperature": 0.0}, {"share": 0.0}, {"share": 1.5}):
        with pytest.raises(ValueError, match=r"temperature=.* must be positive and share=.* more than 0, at most 1"):
            TeacherLabels(**wrong)


def test_teachers_are_trained_in_batches_of_all_data_with_the_augmentation_of_the_protocol(shapes):
    teachers = trained_teachers(shapes, PROTOCOL, count=2)
    how = PROTOCOL.for_all_data()
    assert (how.batch, how.steps) == (256, 500)
    model = how.model((1, 8, 8), 3)
    expected = train_networks(how.learner(model), model, all_training_data(shapes), (0, 1), batch=how.batch)
    assert torch.equal(teachers.parameters, expected.parameters)
    moved = trained_teachers(shapes, replace(PROTOCOL, augmentation={"strategies": ("crop",)}), count=1)
    assert not moved.parameters.allclose(teachers.parameters[:1])


def test_teachers_without_memory_are_refused_before_training(shapes, monkeypatch):
    monkeypatch.setattr("pinndd.study.classification.memory.available_memory", lambda device: 1000)
    with pytest.raises(MemoryError, match="the run needs about"):
        trained_teachers(shapes, PROTOCOL)


def test_smoothed_labels_can_be_learned(shapes, generator):
    data = smoothed(random_samples(shapes, 1, generator), 0.3)
    assert data["targets"][0].tolist() == pytest.approx([0.8, 0.1, 0.1])
    assert data.learnable == ("targets",)
    for wrong in (0.0, 1.0):
        with pytest.raises(ValueError, match=f"smoothing={wrong} must lie between 0 and 1"):
            smoothed(data, wrong)


def test_learned_labels_lower_the_error_and_leave_the_images(shapes):
    # one example of each class, with labels of the next one: only learning can help
    data = random_samples(shapes, 1, torch.Generator().manual_seed(1))
    shifted = data.with_fields({"targets": data["targets"].roll(1, 0)})
    learner = replace(PROTOCOL, steps=20).learner(PROTOCOL.model((1, 8, 8), 3))
    settings = OuterSettings(steps=25, batch=2, learning_rate=0.3, validate_every=25)
    found = with_learned_labels(shifted, shapes, learner, settings=settings, checks=2)
    assert torch.equal(found["inputs"], data["inputs"])
    assert found["targets"].sum(-1).allclose(torch.ones(3))
    assert found.learnable == ()
    assert found.header["method"] == "random + learned labels"
    before, after = (student_interval(evaluate(each, shapes, protocol=PROTOCOL)["accuracy"]) for each in (shifted, found))
    assert after.low > before.high
    with pytest.raises(ValueError, match="held_out=1 must lie between 0 and 1"):
        with_learned_labels(data, shapes, learner, settings=settings, held_out=1)
