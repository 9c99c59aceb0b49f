"""Errors by method: panels that are compared have one scale, and say who wins."""

from itertools import pairwise

import matplotlib.pyplot as plt
import pandas
import pytest

from pinndd.study.plots.errors import draw_errors
from pinndd.study.protocols import words_of
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import as_table


def test_judges_that_tried_few_sets_take_little_room_below_the_learner_that_tried_all():
    few = summary_of({"a": (0.1, 0.2), "b": (0.1, 0.3), "c": (0.2, 0.3)})
    many = pandas.concat([few, *(few.query("learner == 'a'").assign(method=f"set {k}", ceiling=True) for k in range(12))])
    figure = draw_errors(many.reset_index(drop=True), words_of("stated"), "zero-one")
    figure.draw_without_rendering()
    whole, left, right = (ax.get_position() for ax in figure.axes)
    assert whole.width > 2 * left.width
    assert whole.height > 1.5 * left.height
    assert left.y1 < whole.y0
    assert left.y0 == pytest.approx(right.y0)
    assert [len(ax.containers) for ax in figure.axes] == [14, 2, 2]
    plt.close("all")


def summary_of(errors):
    """Return the summary of a study in which two sets were tried with each learner, on two blocks."""
    rows = [
        {
            "pde": "waves", "protocol": "stated", "method": method, "learner": learner, "points": 4, "boundary_points": 0,
            "shift": "none", "seed": seed, "episode": block, "error": error * (1 + 0.01 * block), "seconds": 0.1,
            "distilled_with": learner if method == "distilled" else "", "ceiling": False,
        }
        for learner, pair in errors.items()
        for method, error in zip(("distilled", "random"), pair, strict=True)
        for seed in range(3)
        for block in range(4)
    ]  # fmt: skip
    return summarise(as_table(rows), "zero-one")


@pytest.mark.parametrize(
    ("errors", "scale"), [({"a": (0.01, 0.02), "b": (0.4, 0.3)}, "log"), ({"a": (0.0, 0.02), "b": (0.4, 0.3)}, "linear")]
)
def test_panels_are_of_one_reach_unless_there_is_an_error_of_zero(errors, scale):
    left, right = draw_errors(summary_of(errors), words_of("stated"), "zero-one").axes
    assert (left.get_xscale(), right.get_xscale()) == (scale, "log")
    assert (left.get_xlim() == right.get_xlim()) == (scale == "log")
    if scale == "log":
        assert left.get_xlim()[0] < 0.01 < 0.4 < left.get_xlim()[1]
    assert [ax.get_title().split("\n")[1] for ax in (left, right)] == ["distilled wins", "distilled loses"]
    plt.close("all")


def test_a_single_row_may_not_be_told_apart():
    (ax,) = draw_errors(summary_of({"a": (0.2, 0.2)}), words_of("stated"), "zero-one").axes
    assert ax.get_title() == "trained by a\nnot told apart"
    plt.close("all")


def test_labels_of_ticks_over_many_decades_keep_apart():
    figure = draw_errors(summary_of({"a": (5e-6, 0.9), "b": (0.01, 0.4)}), words_of("stated"), "zero-one")
    figure.draw_without_rendering()
    for ax in figure.axes:
        low, high = ax.get_xlim()
        ticks = [tick.label1.get_window_extent() for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        assert len(ticks) >= 3
        assert all(right.x0 - left.x1 > 0.5 * left.height for left, right in pairwise(ticks))
    plt.close("all")
