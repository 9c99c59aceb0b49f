"""The digits example keeps its promise on fewer outer steps: distilled images beat every baseline of their number."""

from functools import partial

import pytest

pytestmark = pytest.mark.usefixtures("unrendered")


def test_digits_keeps_its_promise(example, tmp_path, monkeypatch):
    monkeypatch.setattr("pinndd.study.classification.protocol.FEWEST_STEPS", 150)
    digits = example("digits")
    monkeypatch.setattr(digits, "compare", partial(digits.compare, label_steps=20))
    found = digits.main(steps=40, out=tmp_path, results=tmp_path / "results.json")
    accuracies = {method: found.mean(method) for method in found.rows["method"].unique()}
    assert accuracies.pop("all data") > 0.97
    distilled = accuracies.pop("distilled")
    assert distilled > 0.92
    assert set(accuracies) == {
        "random",
        "k-means",
        "herding",
        "k-center",
        "random + teacher labels",
        "random + learned labels",
    }
    assert all(distilled > other + 0.02 for other in accuracies.values())
    assert found.gain("k-means").value == pytest.approx(distilled - accuracies["k-means"])
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "images.png", "accuracy.png", "results.json"}
