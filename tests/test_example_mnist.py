"""The MNIST example keeps its order on images that the package holds, enlarged: random, k-means, distilled."""

from dataclasses import replace

import pytest
from torch.nn.functional import interpolate

from pinndd.data import SyntheticData
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.vision.datasets import load_dataset

pytestmark = pytest.mark.usefixtures("unrendered")


def test_mnist_keeps_its_promise_on_digits(example, tmp_path, monkeypatch):
    # teachers of a few steps, not those of 60000 images
    monkeypatch.setattr("pinndd.study.classification.protocol.FEWEST_STEPS", 100)
    monkeypatch.setattr("pinndd.study.classification.protocol.BATCH", 64)
    digits = load_dataset("digits")
    train, test = (interpolate(part, scale_factor=2, mode="bilinear") for part in (digits.train_inputs, digits.test_inputs))
    large = replace(digits, train_inputs=train, test_inputs=test)
    trainings = ((30, 0.003), (60, 0.003))
    mnist = example("mnist")
    recipe = mnist.Recipe("distribution-matching", 16, "k-means", 40, 0.003, 32, trainings, labels=mnist.SOFT)
    found = mnist.main(large, recipe=recipe, width=16, out=tmp_path, results=tmp_path / "results.json")
    assert found.mean("distilled") > found.mean("k-means") + 0.01
    assert found.mean("k-means") > found.mean("random") + 0.1
    assert found.mean("distilled") > found.mean("random + teacher labels") + 0.1
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "images.png", "accuracy.png", "results.json"}
    assert {(own.steps, own.learning_rate) for own in found.protocols.values()} <= set(trainings)
    assert EvaluationProtocol.stored(SyntheticData.load(tmp_path / "data.npz")) == found.protocols["distilled"]
