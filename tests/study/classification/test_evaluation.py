"""Retraining from scratch: reproducible, independent of how networks are grouped, and summed up rightly."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from pinndd.study.classification import (
    EvaluationProtocol,
    Row,
    all_training_data,
    cross_architecture,
    evaluate,
    k_means,
    label_robustness,
    markdown,
    paired_difference,
    random_samples,
    summarise,
    train_networks,
    whitened,
)
from pinndd.study.classification.evaluation import student_interval
from pinndd.study.classification.training import _batches, scores_of
from pinndd.vision.whitening import ZCA

PROTOCOL = EvaluationProtocol("MLP", {"hidden": (8,)}, steps=60, learning_rate=0.02, retrainings=3, dtype="float64")


def values(rows):
    return [(row.seed, row.accuracy, row.cross_entropy, row.calibration_error) for row in rows]


def row(method, seed, accuracy, network="MLP()", examples=3):
    return Row(method, "", network, seed, examples, accuracy, 0.0, 0.1, 2.0)


def test_a_file_is_evaluated_as_its_header_says(shapes, tmp_path):
    data = PROTOCOL.on(shapes).store(k_means(shapes, 2))
    data.save(tmp_path / "set.npz")
    rows = evaluate(tmp_path / "set.npz", shapes)
    assert values(rows) == values(evaluate(data, shapes))
    assert [each.seed for each in rows] == [0, 1, 2]
    assert {(each.method, each.trained_with, each.examples) for each in rows} == {("k-means", "MLP(hidden=(8,))", 6)}
    assert min(each.accuracy for each in rows) > 0.9
    # other seeds are other networks
    assert values(evaluate(data, shapes, protocol=replace(PROTOCOL, seed=5))) != values(rows)
    assert evaluate(data, shapes, method="mine")[0].method == "mine"
    with pytest.raises(FileNotFoundError, match=r"no data file .*none\.npz"):
        evaluate(tmp_path / "none.npz", shapes)


def test_accuracy_is_that_of_the_networks(shapes):
    data = k_means(shapes, 1)
    model = PROTOCOL.model((1, 8, 8), 3)
    networks = train_networks(PROTOCOL.learner(model), model, data, [1])
    right = (networks(shapes.test_inputs[None])[0].argmax(-1) == shapes.test_labels).double().mean()
    assert evaluate(data, shapes, protocol=replace(PROTOCOL, seed=1, retrainings=1))[0].accuracy == float(right)


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
    drawn = _batches(prepared, 3, 0)
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
    found = student_interval([0.1, 0.2, 0.6])
    low, high = stats.t.interval(0.95, 2, loc=0.3, scale=np.std([0.1, 0.2, 0.6], ddof=1) / 3**0.5)
    assert (found.value, found.low, found.high) == pytest.approx((0.3, low, high))
    one = student_interval([0.4])
    assert (one.low, one.value, one.high) == (0.4, 0.4, 0.4)


def test_summaries_and_their_table():
    rows = [
        row("a", 0, 0.5),
        row("a", 1, 0.7),
        row("b", 0, 0.4),
        row("a", 0, 0.9, "ConvNet()"),
        row("a", 0, 1.0, examples=9),
    ]
    first, *others = summarise(rows)
    assert (first.method, first.retrainings, first.seconds) == ("a", 2, 2.0)
    assert first.accuracy.value == pytest.approx(0.6)
    assert [(each.method, each.trained_with, each.examples) for each in others] == [
        ("b", "MLP()", 3), ("a", "ConvNet()", 3), ("a", "MLP()", 9),
    ]  # fmt: skip
    lines = markdown([first, replace(others[0], distilled_with="x")]).splitlines()
    half = 100 * (first.accuracy.high - 0.6)
    assert lines[2] == f"| a | MLP() | 3 | 60.0 ± {half:.1f} | 10.0 | 2.00 |"
    assert lines[3] == "| b (x) | MLP() | 3 | 40.0 | 10.0 | 2.00 |"


def test_paired_differences_have_seed_and_network_in_common():
    rows = [row("a", 0, 0.5), row("a", 1, 0.7), row("b", 0, 0.4), row("b", 1, 0.6), row("b", 2, 0.0)]
    found = paired_difference(rows, "a", "b")
    # the same in both pairs, so that the interval has no width
    assert (found.low, found.value, found.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="'a' and 'c' have no network and seed in common: evaluate both alike"):
        paired_difference(rows, "a", "c")
    with pytest.raises(ValueError, match="no network and seed in common"):
        paired_difference(rows, "a", "b", trained_with="ConvNet()")


def test_a_cross_table_has_every_set_and_network(shapes, generator):
    sets = {"ConvNet": k_means(shapes, 1), "random": random_samples(shapes, 1, generator)}
    networks = [replace(PROTOCOL, steps=20), replace(PROTOCOL, steps=20).with_network("ConvNet", width=4, depth=2)]
    table = cross_architecture(sets, shapes, networks)
    assert len(table.rows) == 2 * 2 * 3
    alone = evaluate(sets["random"], shapes, protocol=networks[1])
    assert table.accuracy("random", networks[1].name).value == pytest.approx(np.mean([each.accuracy for each in alone]))
    text = table.markdown().splitlines()
    assert text[0] == "| distilled with ↓, trained with → | MLP(hidden=(8,)) | ConvNet(width=4, depth=2) |"
    assert text[3].startswith("| random | ")
    with pytest.raises(KeyError, match="no set 'MLP' with network"):
        table.accuracy("MLP", networks[0].name)
    with pytest.raises(ValueError, match="expected at least one set and networks that differ"):
        cross_architecture(sets, shapes, [PROTOCOL, PROTOCOL])
    with pytest.raises(ValueError, match=r"0 sets and the networks MLP"):
        cross_architecture({}, shapes, [PROTOCOL])


def test_label_robustness_measures_four_accuracies(shapes, generator):
    data, random = PROTOCOL.store(k_means(shapes, 1)), random_samples(shapes, 1, generator)
    found = label_robustness(data, random, shapes)
    mean = {
        name: np.mean([each.accuracy for each in evaluate(of, shapes, protocol=PROTOCOL)])
        for name, of in (("set", data), ("random", random))
    }
    # the labels of the set are hard already
    assert found.set_hard == found.set_any == mean["set"]
    assert found.random_any == mean["random"]
    assert found.real_hard > 0.9
    zca = ZCA.fit(shapes.train_inputs, 0.1)
    assert (
        label_robustness(
            whitened(data, zca), whitened(random, zca), shapes, protocol=replace(PROTOCOL, whitening=True, retrainings=1)
        ).real_hard
        > 0.8
    )
    with pytest.raises(ValueError, match="the set has 3 examples, the random one 6: expected as many"):
        label_robustness(data, random_samples(shapes, 2, generator), shapes)
