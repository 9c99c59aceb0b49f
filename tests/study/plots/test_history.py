"""The picture of an outer loop: its axis is that of the risk, in per cent only where that is an error."""

import matplotlib.pyplot as plt
import pytest

from pinndd.study.plots.history import draw_history

HISTORY = [[{"step": k, "risk": 2.0 / (k + 1), "validation": 2.5 / (k + 1)} for k in range(4)]]


@pytest.mark.parametrize(
    ("distance", "label", "tick"), [("cross-entropy", "risk (cross-entropy, nats)", "2"), ("zero-one", "risk (error rate)", "200 %")]
)
def test_the_risk_is_written_in_its_own_unit(distance, label, tick):
    (axes,) = draw_history(HISTORY, distance).axes
    assert axes.get_ylabel() == label
    assert axes.yaxis.get_major_formatter()(2.0) == tick
    plt.close("all")
