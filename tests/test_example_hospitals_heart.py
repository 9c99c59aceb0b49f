"""The example of the heart disease data keeps its promise, with fewer rows and less effort."""

import pytest

pytestmark = pytest.mark.usefixtures("unrendered")


def test_hospitals_heart_keeps_its_promise(example, tmp_path):
    scores = example("hospitals_heart").main(tmp_path, size=30, effort=0.1)
    assert scores["distilled"] < scores["logistic regression"] + 0.02
    for method in ("drawn from EM", "random patients", "k-modes"):
        assert scores["distilled"] < scores[method] - 0.01, method
    assert {path.name for path in tmp_path.iterdir()} == {"missing-cells.png", "reliability.png"}
