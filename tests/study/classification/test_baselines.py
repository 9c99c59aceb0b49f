"""Baselines against what defines them, and their errors."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch

from pinndd.learners.network import FittedNetworks
from pinndd.study.classification import (
    EvaluationProtocol,
    all_training_data,
    features_of,
    hard_labels,
    herding,
    k_center,
    k_means,
    random_samples,
    whitened,
)
from pinndd.study.classification.baselines import covering, herded
from pinndd.study.classification.dataset import as_seen, with_targets
from pinndd.vision.whitening import ZCA

METHODS = {
    "random": lambda data, k: random_samples(data, k, torch.Generator().manual_seed(0)),
    "k-means": k_means,
    "herding": herding,
    "k-center": k_center,
}


@pytest.mark.parametrize("name", METHODS)
def test_every_class_has_k_samples(shapes, name):
    found = METHODS[name](shapes, 4)
    assert found["inputs"].shape == (12, 1, 8, 8)
    assert found["targets"].argmax(-1).tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert found.header["method"] == name
    assert found.learnable == ()


@pytest.mark.parametrize("name", ["random", "herding", "k-center"])
def test_chosen_samples_are_different_training_examples_of_their_class(shapes, name):
    found = METHODS[name](shapes, 5)
    same = (found["inputs"][:, None] == shapes.train_inputs).flatten(2).all(-1)
    where = same.int().argmax(-1)
    assert bool(same.any(-1).all())
    assert len(set(where.tolist())) == 15
    assert torch.equal(shapes.train_labels[where], found["targets"].argmax(-1))


@pytest.mark.parametrize("name", METHODS)
def test_a_class_with_too_few_samples_is_named(shapes, name):
    with pytest.raises(
        ValueError, match=r"shapes: class 0 \(bar\) has 20 training examples, 21 wanted: ask for fewer per class"
    ):
        METHODS[name](shapes, 21)
    with pytest.raises(ValueError, match="shapes: k=0 examples per class wanted, expected at least 1"):
        METHODS[name](shapes, 0)


def test_one_centre_a_class_is_its_mean(shapes):
    means = torch.stack([shapes.train_inputs[shapes.train_labels == k].mean(0) for k in range(3)])
    assert k_means(shapes, 1)["inputs"].allclose(means, atol=1e-6)


def test_centres_need_samples_that_differ(shapes):
    same = replace(shapes, train_inputs=shapes.train_inputs[:1].expand(60, -1, -1, -1).contiguous())
    with pytest.raises(ValueError, match=r"class 0 \(bar\) has fewer than k=2 training examples that differ"):
        k_means(same, 2)


def test_herding_keeps_the_mean_and_is_greedy():
    rows = torch.tensor([[0.0], [1.0], [4.0], [10.0]], dtype=torch.float64)
    # mean 3.75: 4 first, then the mean of 4 and 1 is nearer to it than those of 4 and 0, and of 4 and 10
    assert herded(rows, 2).tolist() == [2, 1]
    assert sorted(herded(rows, 4).tolist()) == [0, 1, 2, 3]


def test_covering_is_at_most_twice_as_far_as_the_best_choice():
    rows = torch.rand((12, 2), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    distances = torch.cdist(rows, rows)

    def radius(chosen):
        return float(distances[:, list(chosen)].min(-1).values.max())

    best = min(radius(chosen) for chosen in combinations(range(12), 3))
    found = covering(rows, 3).tolist()
    assert len(set(found)) == 3
    assert best <= radius(found) <= 2 * best
    # rows that are all alike are still different choices
    assert sorted(covering(torch.zeros((3, 1), dtype=torch.float64), 3).tolist()) == [0, 1, 2]


def test_an_embedding_decides_what_is_near(shapes):
    pixels = herding(shapes, 3)["inputs"]
    assert torch.equal(herding(shapes, 3, embedding=lambda inputs: inputs.flatten(1))["inputs"], pixels)
    flat = herding(shapes, 3, embedding=lambda inputs: inputs.flatten(1)[:, :1])["inputs"]
    assert not torch.equal(flat, pixels)
    with pytest.raises(
        ValueError, match=r"shapes: the embedding gave features of shape \(20, 1, 8, 8\), expected \(20, F\)"
    ):
        k_center(shapes, 3, embedding=lambda inputs: inputs)


def test_features_of_networks_are_what_their_last_layers_see(shapes):
    model = EvaluationProtocol("MLP", {"hidden": (6,)}).model((1, 8, 8), 3)
    networks = FittedNetworks(model, model.draw(2, 0, torch.zeros(())))
    found = features_of(networks)(shapes.train_inputs)
    assert found.shape == (60, 12)
    assert torch.equal(found[:, :6], model.features(networks.parameters[:1], shapes.train_inputs)[0])
    assert len(herding(shapes, 2, embedding=features_of(networks))["inputs"]) == 6


def test_all_training_data_and_hard_labels(shapes, generator):
    full = all_training_data(shapes)
    assert torch.equal(full["inputs"], shapes.train_inputs)
    soft = with_targets(full, torch.rand((60, 3), generator=generator).softmax(-1))
    hard = hard_labels(soft)["targets"]
    assert torch.equal(hard.argmax(-1), soft["targets"].argmax(-1))
    assert set(hard.unique().tolist()) == {0, 1}


def test_a_whitened_set_whitens_what_is_asked(shapes, generator):
    zca = ZCA.fit(shapes.train_inputs, 0.1)
    plain = random_samples(shapes, 2, generator)
    found = whitened(plain, zca)
    assert torch.equal(found["inputs"], zca.apply(plain["inputs"]))
    assert torch.equal(as_seen(found, shapes.test_inputs), zca.apply(shapes.test_inputs))
    assert torch.equal(as_seen(plain, shapes.test_inputs), shapes.test_inputs)
    with pytest.raises(ValueError, match="the set holds a whitening already"):
        whitened(found, zca)
