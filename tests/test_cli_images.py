"""The command line on images without Python: every verb, and what is refused in one line before any training."""

from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

from pinndd.data import SyntheticData
from pinndd.learners import MinibatchAdam
from pinndd.matching import DistributionMatching
from pinndd.outer_loop import OuterSettings
from pinndd.study.results.run_folder import RunFolder
from pinndd.terminal.tasks import open_set


def drawn(count=16, side=8):
    """Bright on the left or on the right, with noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 80, (count, side, side), dtype=np.uint8)
    images[::2, :, : side // 2] += 150
    images[1::2, :, side // 2 :] += 150
    return images


@pytest.fixture
def call(call, tmp_path, monkeypatch):
    """Call the command line in a folder that holds ``images/``; outer loops are short."""
    few = {"steps": 4, "validate_every": 2}
    monkeypatch.setattr("pinndd.vision.stating.OuterSettings", lambda **given: OuterSettings(**given | few))
    short = lambda model, steps, *more, **named: MinibatchAdam(model, 4, *more, **named)  # noqa: E731
    monkeypatch.setattr("pinndd.vision.stating.MinibatchAdam", short)
    for k, image in enumerate(drawn()):
        place = tmp_path / "images" / ("left", "right")[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{k:02d}.png")
    return call


def refused(said, *parts):
    code, _, err = said
    assert code == 2, said
    (line,) = [line for line in err.splitlines() if line.startswith("pinndd: ")]
    for part in parts:
        assert part in line


def test_every_verb_takes_a_folder_of_images(call, tmp_path, unrendered):
    code, out, _ = call("check", "images", "--network", "mlp-16")
    assert code == 0, out
    assert "task 'images' is fit for use" in out
    code, out, _ = call("list", "images/")
    assert code == 0
    assert "16 images of 2 classes in images; 30 % of every class" in out
    code, out, err = call("study", "images/", "--per-class", "2", "--network", "mlp-16", "--seeds", "1", "--out", "run")
    assert code == 0, err
    assert "Accuracy with mlp-16" in out
    folder = RunFolder.open(tmp_path / "run")
    assert {path.name for path in folder.figures.iterdir()} >= {"stated-images.png", "stated-images-baseline.png"}
    (outcome,) = folder.outcomes()
    assert outcome.data[0]["inputs"].shape == (4, 1, 8, 8)
    assert outcome.data[0]["targets"].argmax(-1).bincount().tolist() == [2, 2]
    code, _, err = call("plot", "run")
    assert code == 0, err


def test_a_set_finds_its_images_and_network_again(call, tmp_path):
    np.savez("pairs.npz", images=drawn(), labels=np.arange(16) % 2)
    code, out, err = call("distill", "pairs.npz", "--network", "convnet-2x4", "--out", "set.npz")
    assert code == 0, err
    data = SyntheticData.load("set.npz")
    assert data.header["learner"] == "convnet-2x4"
    assert set(data.header["labels_tried"]) == {"its own", "those of a teacher trained on all data, at temperature 4"}
    assert "labels of the distilled set are its own or those of a teacher trained on all data" in out.lower()
    code, _, err = call("evaluate", "set.npz", "--out", "rows.csv")
    assert code == 0, err
    assert "warning" not in err
    assert set(pandas.read_csv("rows.csv")["learner"]) == {"convnet-2x4"}
    SyntheticData(data.fields, data.constraints, {n: v for n, v in data.header.items() if not n.startswith("labels")}).save("own.npz")
    code, _, err = call("evaluate", "own.npz")
    assert code == 0
    assert "own.npz: the labels of the set are its own, and its task gives those of a teacher" in err
    np.savez("wide.npz", images=drawn(side=16), labels=np.arange(16) % 2)
    assert "labels: those of a teacher" in call("list", "wide.npz")[1]
    code, _, err = call("export", "set.npz")
    assert code == 0, err
    assert len((tmp_path / "set.csv").read_text().splitlines()) == 3
    (tmp_path / "pairs.npz").rename(tmp_path / "moved.npz")
    np.savez("pairs.npz", images=drawn() // 2, labels=np.arange(16) % 2)
    _, _, err = call("evaluate", "set.npz")
    assert "checksum" in err
    (tmp_path / "pairs.npz").unlink()
    refused(call("evaluate", "set.npz"), "pairs.npz", "is not there any more", "--pde")
    # the same images under another name are the same task, others are not
    code, out, err = call("evaluate", "set.npz", "--pde", "moved.npz")
    assert code == 0, err
    assert "on the test part" in out
    assert "warning" not in err
    refused(call("evaluate", "set.npz", "--pde", "images"), "was distilled for the task 'pairs', --pde gives 'images'")
    refused(call("distill", "set.npz"), "is a distilled set")


def test_a_set_of_another_size_is_judged_by_the_recipe_of_that_size(call, monkeypatch):
    monkeypatch.setattr("pinndd.vision.stating.FEW", 2)
    np.savez("pairs.npz", images=drawn(), labels=np.arange(16) % 2)
    for size in (["--per-class", "2"], ["--size", "4"]):
        code, _, err = call("distill", "pairs.npz", "--network", "convnet-2x4", *size, "--out", "set.npz", "--overwrite")
        assert code == 0, err
        data, task = open_set(Path("set.npz"), None)
        assert len(data["inputs"]) == task.size == 4
        assert isinstance(task.estimator, DistributionMatching)
        assert task.own_learner.batch == 32
    assert call("evaluate", "set.npz")[0] == 0
    wide = {name: value.repeat(6, *[1] * (value.ndim - 1)) for name, value in data.fields.items()}
    data.with_fields(wide).save("large.npz")
    refused(call("evaluate", "large.npz"), "large.npz does not fit the task 'pairs'", "12 images per class")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--network", "resnet"], ["'resnet' is unknown", "convnet-3"]),
        (["--network", "convnet-4"], ["8 x 8 is too small for depth=4"]),
        (["--per-class", "9"], ["--per-class 9: that is 18 in all", "below the 10 training examples"]),
        (["--per-class", "0"], ["--per-class 0: that is 0 in all: expected a whole number from 1"]),
        (["--per-class", "1", "--size", "2"], ["--size 2 and --per-class 1 exclude each other"]),
        (["--points", "9"], ["--points", "--per-class, --network"]),
        (["--learner", "mlp"], ["--learner"]),
    ],
)
def test_options_that_make_no_sense_are_refused(call, options, parts):
    refused(call("study", "images", *options), *parts)


def test_a_first_look_says_what_is_less(call, monkeypatch):
    monkeypatch.setattr("pinndd.vision.stating.QUICK_STEPS", 2)
    code, out, err = call("study", "images", "--network", "convnet-2x4", "--quick", "--out", "look")
    assert code == 0, err
    assert "A first look, with 1 distillation seed; 2 steps of training on every set, not 4; 1 way of training" in out
    assert "for every set, not 2; 2 baselines, not 4; 2 blocks" in out


def test_options_of_images_are_refused_for_modules(call):
    refused(call("study", "heat", "--per-class", "1"), "--per-class 1", "'heat' is a PDE")
    refused(call("check", "heat", "--per-class", "1"), "--per-class 1", "'heat' is a PDE")
    refused(call("study", "heat", "--network", "mlp"), "--network mlp", "it is for images")
    refused(call("distill", "diabetes", "--per-class", "1"), "no classes")


def test_what_does_not_fit_into_the_memory_is_refused_before_training(call, monkeypatch):
    monkeypatch.setattr("pinndd.study.classification.memory.available_memory", lambda device: 1000)
    refused(call("study", "images", "--network", "mlp"), "needs about", "are free", "a narrower network")


def test_bad_images_are_refused_in_one_line(call, tmp_path):
    (tmp_path / "images" / "left" / "notes.txt").write_text("no image")
    for verb in ("check", "distill", "study", "list"):
        refused(call(verb, "images/"), "notes.txt", "is no image")
