"""The example of continual learning keeps its promise, on one of its streams."""

import json

import pytest

from pinndd.study.classification.continual import gain

pytestmark = pytest.mark.usefixtures("unrendered")


def test_continual_keeps_its_promise(example, tmp_path):
    continual = example("continual")
    counts = []
    runs = continual.main(seeds=1, after_seed=lambda so_far: counts.append(len(so_far)))
    assert counts == [4]
    for other in ("random", "k-means"):
        assert gain(runs, "distilled", other).value > 0, other
    assert gain(runs, "distilled", "herding").value > 0.03
    path = tmp_path / "continual.json"
    continual.keep(path, "first", runs)
    continual.keep(path, "second", runs[:1])
    stored = json.loads(path.read_text())
    assert [len(stored[name]["runs"]) for name in ("first", "second")] == [4, 1]
    assert "torch" in stored["first"]["versions"]
