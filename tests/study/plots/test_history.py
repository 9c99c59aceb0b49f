"""The picture of an outer loop: its axis is that of the risk, in per cent only where that is an error."""

import matplotlib.pyplot as plt
import pytest

from pinndd.study.plots.history import draw_history
from pinndd.study.plots.style import log_axis
from pinndd.study.results.words import error_name, tick_percent

HISTORY = [[{"step": k, "risk": 2.0 / (k + 1), "validation": 2.5 / (k + 1)} for k in range(4)]]


def test_an_error_of_zero_stays_in_the_picture_and_none_is_below_it():
    for values in ([0.0, 0.0], [0.0, 0.3]):
        figure, ax = plt.subplots()
        ax.plot(values, [0, 1], ".")
        log_axis(ax.xaxis, tick_percent)
        low, high = ax.get_xlim()
        assert ax.get_xscale() == "linear"
        assert low < 0 < max(values) + 1e-9 < high
        assert min(tick for tick in ax.get_xticks() if low <= tick <= high) == 0
        plt.close(figure)


@pytest.mark.parametrize(
    ("distance", "label", "tick"),
    [
        ("cross-entropy", "risk (cross-entropy, nats)", "2"),
        ("zero-one", "risk (error rate)", "200 %"),
        ("kendall-temperature-0.1", "risk (pairs ranked wrongly, soft)", "2"),
    ],
)
def test_the_risk_is_written_in_its_own_unit(distance, label, tick):
    (axes,) = draw_history(HISTORY, distance).axes
    assert axes.get_ylabel() == label
    assert axes.yaxis.get_major_formatter()(2.0) == tick
    plt.close("all")


def test_the_error_of_a_judge_is_not_on_the_axis_of_the_risk():
    risks, errors = draw_history(HISTORY, "kl", "zero-one").axes
    assert (risks.get_ylabel(), errors.get_ylabel()) == (f"risk ({error_name('kl')})", "error of the learner (error rate)")
    assert [len(ax.lines) for ax in (risks, errors)] == [1, 1]
    assert errors.yaxis.get_major_formatter()(0.2) == "20 %"
    assert "lowers the error in validation 4 times" in errors.figure.get_suptitle()
    # a criterion that matches has no risk to draw
    looks = [[{"step": row["step"], "validation": row["validation"]} for row in HISTORY[0]]]
    (alone,) = draw_history(looks, "cross-entropy", "zero-one").axes
    assert alone.get_ylabel() == "error of the learner (error rate)"
    plt.close("all")


def test_an_outer_loop_that_finds_nothing_better_says_so():
    worse = [[{"step": k, "risk": 0.1, "validation": 0.1 * (k + 1)} for k in range(9)]]
    for judged, what in (("", "validation risk"), ("zero-one", "error in validation")):
        title = draw_history(worse, "kl", judged).get_suptitle()
        assert title.startswith(f"No step lowers the {what}: the start is kept; a lower learning rate")
    little = [[{"step": k, "risk": 0.1, "validation": 0.1 - 0.0001 * k} for k in range(9)]]
    assert draw_history(little, "kl").get_suptitle().startswith("The outer loop hardly lowers the validation risk; every seed")
    plt.close("all")


@pytest.mark.parametrize(("least", "scale"), [(0.0, "linear"), (1e-31, "linear"), (1e-22, "log"), (0.01, "log")])
def test_an_axis_does_not_reach_down_to_what_only_rounding_tells_from_zero(least, scale):
    figure, ax = plt.subplots()
    ax.plot([least, 0.1, 1.0], [0.0, 1.0, 2.0])
    log_axis(ax.xaxis, tick_percent)
    assert ax.get_xscale() == scale
    assert ax.get_xlim()[1] > 1
    plt.close(figure)
