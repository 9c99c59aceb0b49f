"""Retraining from scratch: reproducible, independent of how networks are grouped, and summed up rightly."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from pinndd.learners.minibatch import batches
from pinndd.study.classification import (
    EvaluationProtocol,
    all_training_data,
    cross_architecture,
    evaluate,
    k_means,
    markdown,
    paired_differences,
    student_interval,
    summarise,
    train_networks,
    whitened,
)
from pinndd.study.classification.evaluation import COLUMNS
from pinndd.study.classification.repetitions import student_half
from pinndd.study.classification.training import scores_of
from pinndd.vision.whitening import ZCA

PROTOCOL = EvaluationProtocol("MLP", {"hidden": (8,)}, steps=60, learning_rate=0.02, retrainings=3, dtype="float64")


def values(rows):
    return rows[["seed", "accuracy", "cross_entropy", "calibration_error"]].to_numpy().tolist()


def row(method, seed, accuracy, network="MLP()", examples=3):
    return method, "", network, seed, examples, accuracy, 0.0, 0.1, 2.0


def test_a_file_is_evaluated_as_its_header_says(shapes, tmp_path):
    data = PROTOCOL.on(shapes).store(k_means(shapes, 2))
    data.save(tmp_path / "set.npz")
    rows = evaluate(tmp_path / "set.npz", shapes)
    assert values(rows) == values(evaluate(data, shapes))
    assert rows["seed"].tolist() == [0, 1, 2]
    assert set(zip(rows["method"], rows["trained_with"], rows["examples"], strict=True)) == {
        ("k-means", "MLP(hidden=(8,))", 6)
    }
    assert rows["accuracy"].min() > 0.9
    # other seeds are other networks
    assert values(evaluate(data, shapes, protocol=replace(PROTOCOL, seed=5))) != values(rows)
    assert evaluate(data, shapes, method="mine")["method"].unique().tolist() == ["mine"]
    with pytest.raises(FileNotFoundError, match=r"no data file .*none\.npz"):
        evaluate(tmp_path / "none.npz", shapes)


def test_accuracy_is_that_of_the_networks(shapes):
    data = k_means(shapes, 1)
    model = PROTOCOL.model((1, 8, 8), 3)
    networks = train_networks(PROTOCOL.learner(model), model, data, [1])
    right = (networks(shapes.test_inputs[None])[0].argmax(-1) == shapes.test_labels).double().mean()
    assert evaluate(data, shapes, protocol=replace(PROTOCOL, seed=1, retrainings=1))["accuracy"].item() == float(right)


@pytest.mark.parametrize("network", [("MLP", {"hidden": (8,)}), ("ConvNet", {"width": 4, "depth": 2})])
def test_networks_trained_together_are_those_trained_alone(shapes, network):
    protocol = replace(PROTOCOL, architecture=network[0], options=network[1], steps=10)
    data = k_means(shapes, 2)
    model = protocol.model((1, 8, 8), 3)
    alone, together = (
        train_networks(protocol.learner(model), model, data, (0, 1, 2), at_once=count).parameters for count in (1, 3)
    )
    assert alone.allclose(together, atol=1e-9)
    assert not alone[0].allclose(alone[1])
    asked = scores_of(train_networks(protocol.learner(model), model, data, (0, 1, 2)), shapes.test_inputs)
    assert asked.shape == (3, 30, 3)


def test_batches_and_augmentation_are_drawn_from_the_seed_of_each_network(shapes):
    model = PROTOCOL.model((1, 8, 8), 3)
    learner, data = replace(PROTOCOL, steps=4).learner(model), all_training_data(shapes)
    whole = train_networks(learner, model, data, [0])
    augment = EvaluationProtocol(augmentation={"strategies": ("crop", "rotate")}).augment().each
    for options in ({"batch": 7}, {"augmentation": augment}, {"batch": 7, "augmentation": augment}):
        both, second = (train_networks(learner, model, data, seeds, **options).parameters for seeds in ([0, 1], [1]))
        assert torch.equal(both[1:], second)
        assert not both[:1].allclose(whole.parameters)
    # a batch as large as the data is all of them
    assert torch.equal(train_networks(learner, model, data, [0], batch=60).parameters, whole.parameters)


def test_a_round_of_batches_sees_each_example_once():
    prepared = {"inputs": torch.arange(7), "targets": torch.arange(7)}
    drawn = batches(prepared, 3, 0)
    first = torch.cat([next(drawn)["inputs"] for _ in range(2)])
    assert len(set(first.tolist())) == 6


def test_augmentation_of_the_protocol_is_used(shapes):
    data = k_means(shapes, 1)
    plain = replace(PROTOCOL, retrainings=1, steps=10)
    changed = replace(plain, augmentation={"strategies": ("brightness", "cutout"), "apply": "all"})
    assert values(evaluate(data, shapes, protocol=plain)) != values(evaluate(data, shapes, protocol=changed))
    with pytest.raises(ValueError, match="'saturation' needs 3 channels, the images have 1"):
        evaluate(data, shapes, protocol=replace(plain, augmentation={}))


def test_a_whitened_set_is_evaluated_in_its_space(shapes):
    zca = ZCA.fit(shapes.train_inputs, 0.1)
    protocol = replace(PROTOCOL, whitening=True)
    found = evaluate(whitened(k_means(shapes, 2), zca), shapes, protocol=protocol)
    by_hand = replace(shapes, train_inputs=zca.apply(shapes.train_inputs), test_inputs=zca.apply(shapes.test_inputs))
    plain = k_means(shapes, 2)
    expected = evaluate(plain.with_fields({"inputs": zca.apply(plain["inputs"])}), by_hand, protocol=PROTOCOL)
    assert values(found) == values(expected)


def test_training_refuses_what_it_cannot_do(shapes):
    model = PROTOCOL.model((1, 8, 8), 3)
    for seeds, options in (((), {}), ((0,), {"at_once": 0}), ((0,), {"batch": 0})):
        with pytest.raises(ValueError, match="expected at least one seed and positive numbers"):
            train_networks(PROTOCOL.learner(model), model, k_means(shapes, 1), seeds, **options)


def test_a_run_without_memory_is_refused_before_training(shapes, monkeypatch):
    monkeypatch.setattr("pinndd.study.classification.memory.available_memory", lambda device: 1000)
    with pytest.raises(MemoryError, match="the run needs about"):
        evaluate(k_means(shapes, 1), shapes, protocol=PROTOCOL)


def test_intervals_are_those_of_student():
    found = student_interval(pd.Series([0.1, 0.2, 0.6]))
    low, high = stats.t.interval(0.95, 2, loc=0.3, scale=np.std([0.1, 0.2, 0.6], ddof=1) / 3**0.5)
    assert (found.value, found.low, found.high) == pytest.approx((0.3, low, high))
    one = student_interval(pd.Series([0.4]))
    assert (one.low, one.value, one.high) == (0.4, 0.4, 0.4)
    assert math.isnan(student_half(pd.Series([0.4])))


def test_summaries_and_their_table():
    rows = [
        row("a", 0, 0.5),
        row("a", 1, 0.7),
        row("b", 0, 0.4),
        row("a", 0, 0.9, "ConvNet()"),
        row("a", 0, 1.0, examples=9),
    ]
    found = summarise(pd.DataFrame(rows, columns=COLUMNS))
    assert found["retrainings"].tolist() == [2, 1, 1, 1]
    assert (found["method"][0], found["seconds"][0], found["accuracy"][0]) == ("a", 2.0, pytest.approx(0.6))
    assert list(zip(found["method"], found["trained_with"], found["examples"], strict=True))[1:] == [
        ("b", "MLP()", 3), ("a", "ConvNet()", 3), ("a", "MLP()", 9),
    ]  # fmt: skip
    found.loc[1, "distilled_with"] = "x"
    lines = markdown(found).splitlines()
    half = 100 * student_half(pd.Series([0.5, 0.7]))
    assert lines[2] == f"| a | MLP() | 3 | 60.0 ± {half:.1f} | 10.0 | 2.00 |"
    assert lines[3] == "| b (x) | MLP() | 3 | 40.0 | 10.0 | 2.00 |"


def test_paired_differences_have_seed_and_network_in_common():
    made = [row("a", 0, 0.5), row("a", 1, 0.7), row("b", 0, 0.4), row("b", 1, 0.6), row("b", 2, 0.0)]
    rows, common = pd.DataFrame(made, columns=COLUMNS), ["trained_with", "seed"]
    found = student_interval(paired_differences(rows, "accuracy", "a", "b", by="method", common=common))
    # the same in both pairs, so that the interval has no width
    assert (found.low, found.value, found.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="'a' and 'c' have no trained_with and seed in common: run both alike"):
        paired_differences(rows, "accuracy", "a", "c", by="method", common=common)


def test_a_cross_table_has_every_set_and_network():
    rows = [
        row("ours", 0, 0.9),
        row("random", 0, 0.5),
        row("ours", 0, 0.8, "ConvNet()"),
        row("ours", 1, 0.6, "ConvNet()"),
        row("random", 0, 0.4, "ConvNet()"),
    ]
    half = 100 * student_half(pd.Series([0.8, 0.6]))
    assert cross_architecture(pd.DataFrame(rows, columns=COLUMNS)).splitlines() == [
        "| accuracy, %; trained with → | MLP() | ConvNet() |",
        "| --- | --- | --- |",
        f"| ours | 90.0 | 70.0 ± {half:.1f} |",
        "| random | 50.0 | 40.0 |",
    ]
