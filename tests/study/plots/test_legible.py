"""Every picture can be read on awkward domains: text apart and inside, bars as high as their panels, little that is empty."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
import torch
from matplotlib.collections import PathCollection

from pinndd.data import SyntheticData
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.plots import gallery
from pinndd.study.plots.cross_table import draw_cross_table
from pinndd.study.plots.gallery import draw_gallery, draw_together
from pinndd.study.plots.history import draw_history
from pinndd.study.plots.markers import marker_sizes
from pinndd.study.plots.points import draw_points
from pinndd.study.plots.scales import ScaledTicks, power_of, quantity, with_unit
from pinndd.study.plots.style import house_style, new_figure
from pinndd.study.plots.transfer import draw_transfer
from pinndd.study.protocols import words_of
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.standing import Standing
from pinndd.study.results.table import as_table

MODULES = ("wire", "plate", "mixture")
KINDS = ("fields", "row", "points", "conditions", "placement", "solution")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODULES)
def test_pictures_of_awkward_domains_can_be_read(picture_of, faults, name, kind):
    assert faults(picture_of(name, kind)) == []


def test_pictures_of_results_can_be_read(heat, outcome, make_outcome, faults, tmp_path, monkeypatch):
    found = {}
    save = gallery.save_figure

    def watched(figure, path):
        save(figure, path, 50)
        found[path.stem] = faults(figure)

    monkeypatch.setattr(gallery, "save_figure", watched)
    draw_gallery(heat, [replace(outcome, examples=outcome.examples[:1])], tmp_path)
    draw_together([outcome, make_outcome("amortised")], tmp_path)
    assert {"pareto"} <= set(found)
    assert {"retrain-errors", "retrain-pareto", "retrain-curve", "retrain-transfer", "retrain-history"} <= set(found)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_transfer_to_many_learners_can_be_read(outcome, faults):
    learners = ("ridge", "mlp-lm", "mlp-adam", "gauss-newton", "deepxde")
    judged = outcome.summary.query("learner == 'mlp-lm'")
    rows = pandas.concat([outcome.summary.query("learner == 'ridge'"), *(judged.assign(learner=name) for name in learners[1:])])
    with house_style():
        assert faults(draw_transfer(rows.reset_index(drop=True), words_of("retrain"))) == []


def test_a_cross_table_can_be_read(faults):
    names = ["relative-l2", "relative-h1", "maximum"]
    with house_style():
        table = pandas.DataFrame([[1, 1.3, 4], [0.9, 1, 2], [3, 2, 1]], index=names, columns=names, dtype=float)
        assert faults(draw_cross_table(table)) == []


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda f: [f.text(0.5, 0.5, "one"), f.text(0.5, 0.5, "two")], "lies on"),
        (lambda f: f.text(0.97, 0.5, "a long sentence"), "is cut off"),
        (lambda f: f.axes[0].scatter([0.0], [0.0], s=400), "at the edge of a panel"),
        (lambda f: f.axes[0].set_position((0.1, 0.1, 0.2, 0.2)), "are empty"),
        (
            lambda f: f.colorbar(
                f.axes[0].pcolormesh(np.eye(3), vmin=0, vmax=1), cax=f.axes[0].inset_axes((0.7, -0.05, 0.1, 1.1))
            ),
            "higher than its panel",
        ),
    ],
)
def test_the_measures_see_what_they_should(faults, prepare, said):
    figure = new_figure(4, 3)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0.1, 0.1, 0.85, 0.85))
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xticks([0.5])
    ax.set_yticks([0.5])
    assert faults(figure) == []
    prepare(figure)
    assert any(said in fault for fault in faults(figure))


def test_axes_have_scaled_ticks_and_the_factor_in_the_label(picture_of, awkward):
    fields = picture_of("wire", "fields")
    assert {ax.get_xlabel() for ax in fields.axes if ax.get_title()} == {"x (10⁻³ m)"}
    assert fields.axes[0].get_ylabel() == "t (s)"
    bars = [ax.get_ylabel() for f in (picture_of("mixture", "fields"),) for a in f.axes for ax in a.child_axes]
    assert bars == ["heat (K)", "|error| (K)", "salt (mol/m³)", "|error| (mol/m³)", "dye (10⁻⁶)", "|error| (10⁻⁶)"]


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (300.0, "s", "300 s"),
        (2.0, "", "2"),
        (0.5, "s", "0.5 s"),
        (2.5e-4, "m", "2.5 × 10⁻⁴ m"),
        (1.234e6, "Pa", "1.23 × 10⁶ Pa"),
        (0.0, "m", "0 m"),
        (-0.0123456, "m", "-0.0123 m"),
        (66.666, "s", "66.7 s"),
        (9.999e-4, "m", "0.001 m"),
    ],
)
def test_quantities_have_three_digits_and_their_unit(value, unit, written):
    assert quantity(value, unit) == written


@pytest.mark.parametrize(
    ("low", "high", "power"),
    [(1e-4, 1e-3, -3), (0, 3, 0), (-2e-5, 1e-5, -6), (0, 300, 0), (0, 1e6, 6), (0, 0, 0), (0, 5e4, 3)],
)
def test_the_factor_is_a_power_of_a_thousand(low, high, power):
    assert power_of(low, high) == power
    shown = max(abs(low), abs(high)) / 10.0**power
    assert shown == 0 or 1e-2 <= shown < 1e4


def test_ticks_have_as_many_decimals_as_the_finest_of_them():
    assert ScaledTicks(-3).format_ticks([2.5e-4, 5e-4, 7.5e-4]) == ["0.25", "0.50", "0.75"]
    assert ScaledTicks().format_ticks([-1.0, 0.0, 1.0]) == ["−1", "0", "1"]
    assert ScaledTicks().format_ticks([0.1 + 0.2, 0.1]) == ["0.3", "0.1"]
    assert ScaledTicks()(0.125) == "0.125"


def test_a_pure_number_has_no_unit(awkward):
    """``units={"t": "1"}`` gave "t = 2 1"."""
    pde = replace(awkward["wire"], units={"x": "1", "t": "1", "u": "-"})
    figure = gallery.draw_fields(pde, make_example(pde))
    assert "cut at t = " in figure.axes[3].get_title()
    assert not figure.axes[3].get_title().endswith(" 1")
    assert figure.axes[0].get_ylabel() == "t"
    assert with_unit("x", "", -3) == "x (10⁻³)"


def make_example(pde):
    truth = torch.outer(torch.linspace(0, 1, 9), torch.linspace(1, 2, 7)).double()
    return FieldExample("none", truth, {"distilled": truth + 0.1, "sobol": truth + 0.2})


def test_a_marker_beneath_another_is_larger():
    here, there = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    sizes = marker_sizes([{"a": here, "b": here, "c": here, "d": there}], np.array([1.0, 1.0]), 20.0)
    assert sizes["a"] > 2 * sizes["b"] > 4 * sizes["c"]
    assert sizes["c"] == sizes["d"] == 20.0
    apart = {"a": here, "b": there}
    assert set(marker_sizes([apart], np.array([1.0, 1.0]), 20.0).values()) == {20.0}
    assert marker_sizes([apart, {"a": here, "b": here}], np.array([1.0, 1.0]), 20.0)["a"] > 20.0
    assert marker_sizes([{"a": here, "b": here[:0]}], np.array([1.0, 1.0]), 20.0)["a"] == 20.0


def test_no_marker_hides_another_in_a_picture(picture_of):
    """The baseline grid has points of several conditions at one place."""
    for kind in ("points", "placement"):
        marks = [c for c in picture_of("mixture", kind).axes[1].collections if isinstance(c, PathCollection)]
        pairs = 0
        for k, below in enumerate(marks):
            for above in marks[k + 1 :]:
                one, two = (np.asarray(m.get_offsets()) for m in (below, above))
                if np.abs(one[:, None] - two).max(-1).min() < 1e-9:
                    pairs += 1
                    assert below.get_sizes()[0] > 2 * above.get_sizes()[0]
                    assert below.get_zorder() < above.get_zorder()
        assert pairs >= 3


def test_points_at_one_place_are_counted(awkward):
    pde = awkward["plate"]
    data = collocation_data(pde, *sample_points(pde, "sobol", 10, 8, 1))
    twice = SyntheticData({**data.fields, "top": data["top"][:1].repeat(3, 1)}, data.constraints)
    ax = draw_points(pde, twice, None, Standing("none", ""), None).axes[0]
    assert [t.get_text() for t in ax.texts] == ["3×"]


@pytest.mark.parametrize(("looks", "said"), [(3, "too few looks"), (8, "end low and flat")])
def test_a_short_history_promises_nothing(heat, outcome, looks, said, tmp_path):
    history = [{"step": k, "risk": 1.0, "validation": 1 / (k + 1)} for k in range(looks)]
    assert said in draw_history([history]).get_suptitle()
    pictures = draw_gallery(
        heat, [replace(outcome, histories=[history], data=[], examples=[], curve=as_table(()))], tmp_path
    )
    (caption,) = [p.caption for p in pictures if p.kind == "history"]
    assert ("With 3 looks at the validation risk" in caption) == (looks == 3)
    assert ("should end low and flat" in caption) == (looks == 8)
