"""The benchmark of MNIST keeps its order on images that the package holds, enlarged: random, k-means, distilled."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from torch.nn.functional import interpolate

from pinndd.data import SyntheticData
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.vision.datasets import load_dataset

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "mnist.py"


@pytest.fixture
def mnist():
    spec = importlib.util.spec_from_file_location("benchmark_mnist", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_order_is_kept_on_digits(mnist, tmp_path, monkeypatch, capsys):
    # teachers of a few steps, not those of 60000 images
    monkeypatch.setattr("pinndd.study.classification.protocol.FEWEST_STEPS", 60)
    monkeypatch.setattr("pinndd.study.classification.protocol.BATCH", 64)
    digits = load_dataset("digits")
    train, test = (interpolate(part, scale_factor=2, mode="bilinear") for part in (digits.train_inputs, digits.test_inputs))
    monkeypatch.setattr(mnist, "load_dataset", lambda name: replace(digits, name=name, train_inputs=train, test_inputs=test))
    few = replace(mnist.RECIPES[10].settings, per_class=1, start="k-means", steps=20, learning_rate=0.004, batch=32)
    trainings = ((40, 0.003), (5, 0.001))
    monkeypatch.setitem(mnist.RECIPES, 1, mnist.Recipe(few, 16, trainings, width=16))
    monkeypatch.setattr(mnist, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(sys, "argv", ["mnist.py", "--out", str(tmp_path / "sets" / "data.npz")])
    mnist.main()
    (run,) = json.loads((tmp_path / "results.json").read_text())["runs"]
    accuracy = {name: [row["accuracy"] for row in run["rows"] if row["method"] == name] for name in run["chosen"]}
    means = {name: sum(each) / len(each) for name, each in accuracy.items()}
    assert means["random"] + 0.1 < means["k-means"] < means["distilled"]
    assert means["distilled"] > means["random + teacher labels"] + 0.1
    assert {(own["steps"], own["learning_rate"]) for own in run["chosen"].values()} <= set(trainings)
    stored = EvaluationProtocol.stored(SyntheticData.load(tmp_path / "sets" / "data.npz"))
    assert stored.steps == run["chosen"]["distilled"]["steps"]
    assert "**mnist, 1 a class**, distribution-matching" in capsys.readouterr().out


def test_what_is_committed_is_printed_without_data(mnist, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mnist.py", "--print"])
    mnist.main()
    said = capsys.readouterr().out
    assert said.count("**mnist, ") == 2
    assert "- distilled: " in said
