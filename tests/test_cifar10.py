"""benchmarks/cifar10.py on data of the shape of CIFAR-10: every method, interrupted and resumed, and its table."""

import importlib.util
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pinndd.data import SyntheticData
from pinndd.learners.kernel_ridge import arc_cosine
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.vision.datasets.cifar import TEST, TRAIN

FILE = Path(__file__).resolve().parent.parent / "benchmarks" / "cifar10.py"


@pytest.fixture(scope="module")
def cifar10():
    spec = importlib.util.spec_from_file_location("benchmark_cifar10", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five batches of ten images and a test batch, one image per class in each, in the binary form."""
    place, rng = tmp_path_factory.mktemp("cifar"), np.random.default_rng(0)
    for name in (*TRAIN, *TEST):
        pixels = rng.integers(0, 256, (10, 3072), dtype=np.uint8)
        np.concatenate((np.arange(10, dtype=np.uint8)[:, None], pixels), 1).tofile(place / name)
    return place


@pytest.fixture
def bench(cifar10, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "PER_CLASS", (1,))
    size = cifar10.Size(width=4, steps=2, training=2, inner=2, retrainings=1)
    return cifar10.Bench(cifar10.read(folder), size, "cpu", tmp_path / "sets", tmp_path / "cifar10.json", math.inf)


def test_binary_batches_and_an_archive_are_the_same_data(cifar10, folder, tmp_path, monkeypatch):
    found = cifar10.read(folder)
    assert (found.train_inputs.shape, found.test_inputs.shape) == ((50, 3, 32, 32), (10, 3, 32, 32))
    records = [np.fromfile(folder / name, dtype=np.uint8).reshape(-1, 3073) for name in (*TRAIN, *TEST)]
    train, test = np.concatenate(records[:5]), records[5]
    parts = {"x_train": train[:, 1:], "x_test": test[:, 1:]}
    images = {name: values.reshape(-1, 3, 32, 32) for name, values in parts.items()}
    np.savez(tmp_path / "cifar.npz", **images, y_train=train[:, 0], y_test=test[:, 0])
    assert torch.equal(found.train_inputs, cifar10.read(tmp_path / "cifar.npz").train_inputs)
    monkeypatch.setenv("PINNDD_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"cifar-10-binary\.tar\.gz"):
        cifar10.read(tmp_path)


def test_every_method_is_measured_over_several_calls(cifar10, bench):
    late = replace(bench, deadline=time.monotonic() - 1)
    assert late.run(say=lambda text: None)
    assert "not measured" in cifar10.table(bench.results)
    assert not bench.run(say=lambda text: None)
    cells = bench.known()
    assert len(cells) == len(cifar10.METHODS)
    assert {len(cell["rows"]) for cell in cells.values()} == {1}
    for path in bench.out.glob("*.npz"):
        stored = EvaluationProtocol.stored(SyntheticData.load(path))
        assert replace(stored, loss="cross-entropy") == bench.size.protocol.on(bench.data), path
    table = cifar10.table(bench.results)
    assert "not measured" not in table
    assert all(f"| {name} " in table for name in cifar10.METHODS)
    assert not bench.run(say=pytest.fail), "nothing is measured twice"
    with pytest.raises(ValueError, match="measured with other settings"):
        replace(bench, size=replace(bench.size, width=8)).known()


def test_an_outer_loop_that_time_cut_short_ends_alike(bench, cifar10):
    whole, _ = replace(bench, out=bench.out / "whole").made("gradient matching", 1)
    calls = []
    cut = cifar10.Bench(**{**vars(bench), "out": bench.out / "cut"})

    def stop():
        calls.append(1)
        if len(calls) == 2:
            raise cifar10.OutOfTimeError

    object.__setattr__(cut, "require_time", stop)
    with pytest.raises(cifar10.OutOfTimeError):
        cut.made("gradient matching", 1)
    again, _ = cut.made("gradient matching", 1)
    assert torch.equal(whole["inputs"], again["inputs"])


def test_the_arc_cosine_kernel_is_the_mean_over_random_relus():
    inputs = torch.randn(3, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(400_000, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    features = (inputs.flatten(1) @ weights.T).relu()
    kernel = arc_cosine(inputs, inputs)
    torch.testing.assert_close(kernel, features @ features.T / len(weights), rtol=0.02, atol=0.02)
    torch.testing.assert_close(kernel.diagonal(), inputs.flatten(1).square().sum(1) / 2, rtol=1e-5, atol=0)
    assert torch.autograd.gradcheck(lambda x: arc_cosine(x, inputs.flip(-1)), inputs.clone().requires_grad_())
