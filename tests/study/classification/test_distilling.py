"""Every method distills: it starts from a baseline, lowers the risk, keeps what it may not change; and what is refused."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.study.classification import EvaluationProtocol, TeacherLabels, evaluate
from pinndd.study.classification.distilling import METHODS, ClassificationSettings, distill_examples
from pinndd.study.classification.experiment import compare, described, save_comparison
from pinndd.vision.datasets import Dataset, from_arrays


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    """Three classes of images of 8 x 8, each a bright quarter and much noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    images = torch.randn((240, 1, 8, 8), generator=generator)
    for k, (row, column) in enumerate(((0, 0), (0, 4), (4, 0))):
        images[labels == k, :, row : row + 4, column : column + 4] += 1.0
    return from_arrays(images, labels)


PROTOCOL = EvaluationProtocol("MLP", {"hidden": (16,)}, steps=15, learning_rate=0.03, retrainings=2)
RIDGE = EvaluationProtocol("MLP", {"hidden": (16,)}, steps=15, learning_rate=0.03, retrainings=2, loss="squared-error")


def settings(method: str, **others: object) -> ClassificationSettings:
    known = {"steps": 40, "questions": 64, "window": 12, "validate_every": 5, "episodes": 2, "start": "random", "batch": 20}
    known["learning_rate"] = 0.01
    return ClassificationSettings(method=method, **{**known, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize("method", [name for name in METHODS if name != "truncated"])
def test_a_method_improves_on_random_examples(method: str, blobs: Dataset) -> None:
    protocol = RIDGE if method == "feature-ridge" else PROTOCOL
    found = distill_examples(blobs, protocol, settings(method))
    first = found.history[0]["validation"]
    assert found.risk < first
    assert found.data["inputs"].shape == (3, 1, 8, 8)
    assert found.data.header["method"] == method
    assert (method == "labels") == isinstance(found.data.constraints["inputs"], Fixed)
    assert method not in ("gradient-matching", "distribution-matching") or set(found.data["targets"].flatten().tolist()) == {
        0,
        1,
    }


def test_a_window_of_the_whole_training_is_no_truncation(blobs: Dataset) -> None:
    whole, window = (
        distill_examples(blobs, PROTOCOL, settings(method, steps=4, window=15)).data for method in ("unrolled", "truncated")
    )
    assert torch.equal(whole["inputs"], window["inputs"])
    short = distill_examples(blobs, PROTOCOL, settings("truncated", steps=4, window=3)).data
    assert not torch.allclose(whole["inputs"], short["inputs"], atol=1e-3)


def test_the_protocol_goes_with_the_set(blobs: Dataset, tmp_path) -> None:
    found = distill_examples(blobs, PROTOCOL, settings("unrolled", steps=3))
    found.data.save(tmp_path / "data.npz")
    again = evaluate(tmp_path / "data.npz", blobs)
    assert again["accuracy"].equals(evaluate(found.data, blobs)["accuracy"])
    wide = PROTOCOL.with_network("MLP", hidden=(32,))
    other = distill_examples(blobs, PROTOCOL, settings("unrolled", steps=3), stored=wide)
    assert EvaluationProtocol.stored(other.data).options == {"hidden": (32,)}


def test_it_resumes_bit_for_bit(blobs: Dataset, tmp_path) -> None:
    whole = distill_examples(blobs, PROTOCOL, settings("unrolled", steps=12))
    calls = []

    def stop(step: int, risk: float) -> None:
        calls.append(step)
        if step == 5 and len(calls) == 2:
            raise KeyboardInterrupt

    path = tmp_path / "state.npz"
    with pytest.raises(KeyboardInterrupt):
        distill_examples(blobs, PROTOCOL, settings("unrolled", steps=12), checkpoint=path, progress=stop)
    resumed = distill_examples(blobs, PROTOCOL, settings("unrolled", steps=12), checkpoint=path, resume=True)
    assert torch.equal(whole.data["inputs"], resumed.data["inputs"])
    assert torch.equal(whole.data["targets"], resumed.data["targets"])


def test_a_run_may_start_from_another_set(blobs: Dataset) -> None:
    first = distill_examples(blobs, PROTOCOL, settings("unrolled", steps=10)).data
    second = distill_examples(blobs, PROTOCOL, settings("unrolled", steps=1), start=first)
    # learned labels are kept, not smoothed anew
    torch.testing.assert_close(second.data["targets"], first["targets"], rtol=0.2, atol=0.02)


def test_a_comparison_holds_every_method_and_adds_to_a_file(blobs: Dataset, tmp_path) -> None:
    own = settings("unrolled", steps=10)
    found = compare(blobs, PROTOCOL.on(blobs), own, label_steps=5, others=(PROTOCOL.with_network("MLP", hidden=(8, 8)),))
    assert set(found.rows["trained_with"]) == {"MLP(hidden=(16,))", "MLP(hidden=(8, 8))"}
    assert 0 < found.mean("distilled") <= 1
    assert found.robustness is not None
    assert f"the set {found.robustness.set_hard:.1%}" in found.robustness.describe()
    assert "processor" in described("cpu")
    assert isinstance(found.sets["distilled"], SyntheticData)
    path = tmp_path / "results.json"
    for per_class in (1, 1, 2):
        save_comparison(path, found, settings("unrolled", per_class=per_class))
    runs = json.loads(path.read_text())["runs"]
    assert [run["settings"]["per_class"] for run in runs] == [1, 2]
    assert pd.DataFrame(runs[0]["rows"]).equals(found.rows)


def test_each_set_is_trained_as_suits_it_best(blobs: Dataset) -> None:
    wanted = replace(PROTOCOL, learning_rate=0.03, retrainings=1)
    ways = [replace(wanted, learning_rate=1e-5), wanted, replace(wanted, learning_rate=1e-6)]
    found = compare(
        blobs, PROTOCOL, settings("labels", steps=2), candidates=ways, baselines=("random", "k-means"), ceiling=False
    )
    assert {name: own.learning_rate for name, own in found.protocols.items()} == {
        "random": 0.03,
        "k-means": 0.03,
        "distilled": 0.03,
    }
    # candidates say how many networks choose, the protocol how many are tested
    assert len(found.rows) == 3 * PROTOCOL.retrainings
    assert EvaluationProtocol.stored(found.sets["distilled"]) == found.protocols["distilled"]


@pytest.mark.parametrize("method", ["gradient-matching", "distribution-matching"])
def test_the_augmentation_of_a_matching_is_that_of_the_settings(blobs: Dataset, method: str) -> None:
    ways = (None, {"strategies": ()}, {"strategies": ("crop", "rotate")})
    plain, empty, moved = (
        distill_examples(blobs, PROTOCOL, settings(method, steps=2, augmentation=way)).data["inputs"] for way in ways
    )
    assert torch.equal(plain, empty)
    assert not torch.equal(plain, moved)
    with pytest.raises(ValueError, match=r"augmentation .*'size'.* cannot be built"):
        settings(method, augmentation={"size": 2})


def test_teachers_label_what_was_matched_and_the_random_examples_beside_it(blobs: Dataset) -> None:
    soft = TeacherLabels(temperature=4.0, share=0.5)
    own = settings("distribution-matching", steps=2, teacher_labels=soft)
    matched = distill_examples(blobs, PROTOCOL, settings("distribution-matching", steps=2)).data
    found = compare(blobs, PROTOCOL, own, baselines=("random", "random + teacher labels"), ceiling=False).sets
    assert torch.equal(found["distilled"]["inputs"], matched["inputs"])
    assert found["distilled"].header["method"] == "distribution-matching + teacher labels"
    for labelled, plain in (("distilled", matched["targets"]), ("random + teacher labels", found["random"]["targets"])):
        targets = found[labelled]["targets"]
        torch.testing.assert_close(targets.sum(-1), torch.ones_like(targets[:, 0]))
        # half of a label is the example's own
        assert bool((targets - 0.5 * plain).min() > 0)
    with pytest.raises(
        ValueError, match="method 'unrolled' has labels of its own: teacher_labels are for gradient-matching and"
    ):
        settings("unrolled", teacher_labels=soft)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"method": "magic"}, "method='magic', expected one of unrolled, truncated"),
        ({"start": "zeros"}, "start='zeros', expected one of k-means, random"),
        ({"episodes": 0}, "episodes=0 must be at least 1"),
        ({"held_out": 1.0}, r"held_out=1.0 and smoothing=0.1 must lie between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(others: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassificationSettings(**others)  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused_before_any_training(blobs: Dataset) -> None:
    with pytest.raises(ValueError, match="feature-ridge needs a protocol with loss='squared-error'"):
        distill_examples(blobs, PROTOCOL, settings("feature-ridge"))
    with pytest.raises(ValueError, match=r"has \d+ training examples, 500 wanted"):
        distill_examples(blobs, PROTOCOL, settings("unrolled", per_class=500))
    with pytest.raises(MemoryError, match="keep_every"):
        distill_examples(blobs, PROTOCOL.with_network("MLP", hidden=(4096, 4096)), settings("unrolled", episodes=10_000))
