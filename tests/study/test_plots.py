"""Every picture of a study is drawn, for every protocol and learner, and shows the numbers it should."""

from dataclasses import replace

import matplotlib
import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.models.solved_conditions import condition_data
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.outcome import FieldExample
from pinndd.study.plots.conditions import draw_conditions
from pinndd.study.plots.errors import one_set_each
from pinndd.study.plots.gallery import draw_gallery, own_learner
from pinndd.study.plots.pareto import frontier
from pinndd.study.plots.points import draw_points
from pinndd.study.plots.style import marks
from pinndd.study.plots.transfer import transfer_cells
from pinndd.study.summary import summarise


def test_all_pictures_of_an_outcome(heat, outcome, tmp_path):
    pictures = draw_gallery(heat, [outcome], tmp_path)
    assert [p.kind for p in pictures] == ["points", "errors", "pareto", "curve", "transfer", "history", *["fields"] * 3]
    assert [p.path.name for p in pictures][-1] == "retrain-fields-steps.png"
    for picture in pictures:
        assert picture.path.read_bytes().startswith(b"\x89PNG")
        assert picture.caption.endswith(".")
    assert not list(tmp_path.glob("*.tmp"))


def test_one_set_is_kept_at_every_size_and_the_studied_one_comes_first(outcome):
    foreign = [
        replace(r, distilled_with="another", relative_l2=9.0)
        for r in (*outcome.results, *outcome.curve)
        if (r.method, r.learner) == ("distilled", "ridge")
    ]
    rows = one_set_each(summarise((*outcome.results, *outcome.curve, *foreign)))
    kept = [r for r in rows if (r.method, r.learner, r.shift) == ("distilled", "ridge", "none")]
    assert [r.points for r in kept] == [64, 32, 128]
    assert {r.distilled_with for r in kept} == {"ridge"}


def test_drawing_leaves_no_trace_in_matplotlib(heat, outcome, tmp_path):
    before = dict(matplotlib.rcParams)
    draw_gallery(heat, [replace(outcome, examples=outcome.examples[:1], curve=())], tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_what_is_missing_is_not_drawn(heat, outcome, tmp_path):
    """No data, no examples, one learner, no history: what is left is drawn."""
    little = replace(
        outcome, data=[], examples=[], curve=(), histories=[], results=[r for r in outcome.results if r.learner == "ridge"]
    )
    assert [p.kind for p in draw_gallery(heat, [little], tmp_path)] == ["errors", "pareto"]


def test_a_failed_training_does_not_stop_the_pictures(heat, outcome, tmp_path):
    results = [replace(r, relative_l2=float("nan")) if r.method == "uniform" else r for r in outcome.results]
    assert draw_gallery(heat, [replace(outcome, results=results, examples=[])], tmp_path)


def test_points_of_a_steady_problem(tmp_path):
    """A square with four conditions and no baseline."""
    pde = load_pde("poisson")
    interior, boundary = sample_points(pde, "sobol", 20, 12, 1)
    data = collocation_data(pde, interior, boundary)
    example = FieldExample("none", torch.rand(9, 7), {})
    figure = draw_points(pde, data, None, "", example)
    (ax,) = (a for a in figure.axes if a.get_title())
    assert ax.get_title() == "distilled: 20 interior, 12 boundary"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert "baseline" not in figure.get_suptitle()


def test_labels_have_units(heat, outcome):
    figure = draw_points(heat, outcome.data[0], outcome.baseline_data, "midpoint-grid", outcome.examples[0])
    assert figure.axes[0].get_xlabel() == "x (m)"
    assert figure.axes[0].get_ylabel() == "t (s)"


def test_marks_differ():
    names = [
        "distilled",
        "uniform",
        "sobol",
        "midpoint-grid",
        "k-means",
        "farthest-point",
        "random",
        "dense",
        "fresh-samples",
    ]
    found = marks(names, ["dense", "fresh-samples"])
    assert len({(m.colour, m.marker) for m in found.values()}) == len(names)
    assert not found["dense"].filled
    assert found["distilled"] == marks(["distilled"])["distilled"]


def test_the_frontier_is_what_nothing_beats(outcome):
    rows = [r for r in summarise(outcome.results) if r.shift == "none"]
    assert [(r.method, r.learner) for r in frontier(rows)] == [("distilled", "ridge"), ("dense", "ridge")]


def test_the_worst_shift_of_the_transfer_matrix(outcome):
    rows = summarise(outcome.results)
    assert set(transfer_cells(rows, worst_shift=False)) == {("ridge", "ridge"), ("ridge", "mlp-lm")}
    worst = transfer_cells(rows, worst_shift=True)["ridge", "mlp-lm"]
    assert worst.ratio == min(r.ratio for r in rows if r.learner == "mlp-lm" and r.ratio and r.shift != "none")


@pytest.mark.parametrize("order", [1, -1])
def test_one_distilled_set_a_learner_its_own_first(outcome, order):
    foreign = [r for r in outcome.results if r.method == "distilled" and r.learner == "mlp-lm"]
    own = [replace(r, distilled_with="mlp-lm") for r in foreign]
    rows = one_set_each(summarise([*foreign, *own][::order]))
    assert {r.distilled_with for r in rows} == {"mlp-lm"}
    assert own_learner(outcome) == "ridge"


def test_conditions_of_the_solved_protocol(make_outcome, tmp_path):
    pde = load_pde("burgers")
    codes = pde.ensemble().sample(6, torch.Generator().manual_seed(0))
    metric = torch.eye(codes.shape[1], dtype=torch.float64)
    chosen = condition_data(pde, codes, metric)
    found = make_outcome("solved")
    solved = replace(found, data=[chosen], baseline_data=chosen, results=[], examples=[], curve=(), histories=[])
    (picture,) = draw_gallery(pde, [solved], tmp_path)
    assert picture.path.name == "solved-conditions.png"
    figure = draw_conditions(pde, codes, None, "")
    assert [len(ax.lines) for ax in figure.axes] == [7, 7, 7]
    assert "6 boundary conditions" in figure.get_suptitle()
