"""Every picture of a study is drawn, for every protocol and learner, and shows the numbers it should."""

from dataclasses import replace

import matplotlib
import pandas
import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.models.solved_conditions import condition_data
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import INTERIOR_SAMPLERS, sample_points
from pinndd.study.plots.conditions import draw_conditions
from pinndd.study.plots.gallery import draw_gallery, draw_together
from pinndd.study.plots.pareto import draw_pareto
from pinndd.study.plots.points import draw_points
from pinndd.study.plots.run_pareto import beaten_in_words, draw_run_pareto, run_points
from pinndd.study.plots.style import marks
from pinndd.study.protocols import words_of
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.selection import frontier, one_set_each, own_learner, transfer_cells
from pinndd.study.results.standing import Standing
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import as_table, rows_of


def test_all_pictures_of_an_outcome(heat, outcome, tmp_path):
    pictures = draw_gallery(heat, [outcome], tmp_path)
    assert [p.kind for p in pictures] == ["points", "errors", "pareto", "curve", "transfer", "history", *["fields"] * 3]
    assert [p.path.name for p in pictures][-1] == "retrain-fields-steps.png"
    for picture in pictures:
        assert picture.path.read_bytes().startswith(b"\x89PNG")
        assert picture.caption.endswith(".")
    assert not list(tmp_path.glob("*.tmp"))


def test_one_set_is_kept_at_every_size_and_the_studied_one_comes_first(outcome):
    every = pandas.concat([outcome.results, outcome.curve])
    own = every[(every["method"] == "distilled") & (every["learner"] == "ridge")]
    rows = one_set_each(summarise(pandas.concat([every, own.assign(distilled_with="another", error=9.0)])))
    kept = rows[(rows["method"] == "distilled") & (rows["learner"] == "ridge") & (rows["shift"] == "none")]
    assert kept["points"].tolist() == [64, 32, 128]
    assert set(kept["distilled_with"]) == {"ridge"}


def test_drawing_leaves_no_trace_in_matplotlib(heat, outcome, tmp_path):
    before = dict(matplotlib.rcParams)
    draw_gallery(heat, [replace(outcome, examples=outcome.examples[:1], curve=as_table(()))], tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_what_is_missing_is_not_drawn(heat, outcome, tmp_path):
    """No data, no examples, one learner, no history: what is left is drawn."""
    ridge = outcome.results[outcome.results["learner"] == "ridge"]
    little = replace(outcome, data=[], examples=[], curve=as_table(()), histories=[], results=ridge)
    assert [p.kind for p in draw_gallery(heat, [little], tmp_path)] == ["errors", "pareto"]


def test_a_failed_training_does_not_stop_the_pictures(heat, outcome, change, tmp_path):
    results = change(outcome.results, lambda r: r["method"] == "uniform", error=float("nan"))
    assert draw_gallery(heat, [replace(outcome, results=results, examples=[])], tmp_path)


def test_points_of_a_steady_problem(tmp_path):
    """A square with four conditions and no baseline."""
    pde = load_pde("poisson")
    interior, boundary = sample_points(pde, "sobol", 20, 12, 1)
    data = collocation_data(pde, interior, boundary)
    example = FieldExample("none", torch.rand(9, 7), {})
    figure = draw_points(pde, data, None, Standing("none", ""), example)
    (ax,) = (a for a in figure.axes if a.get_title())
    assert ax.get_title() == "distilled: 20 interior, 12 boundary"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert "baseline" not in figure.get_suptitle()


def test_labels_have_units(heat, outcome):
    figure = draw_points(
        heat, outcome.data[0], outcome.baseline_data, Standing("none", "midpoint-grid"), outcome.examples[0]
    )
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
    # where the shape of a marker tells something else, its colour is all that tells two of them apart
    assert found["dense"].colour != found["fresh-samples"].colour


def test_all_methods_of_a_study_have_a_colour_and_a_marker_of_their_own():
    rivals = ("best-of-k", "magic-points", "pivoted-qr", "rad", "rar-d", "r3", "pacmann")
    found = marks((*INTERIOR_SAMPLERS, *rivals, "distilled")).values()
    assert len({m.colour for m in found}) == len({m.marker for m in found}) == len(INTERIOR_SAMPLERS) + len(rivals) + 1


def test_the_frontier_is_what_nothing_beats(outcome):
    rows = summarise(outcome.results).query("shift == 'none'")
    assert [(r.method, r.learner) for r in rows_of(frontier(rows))] == [("distilled", "ridge"), ("dense", "ridge")]


def test_the_worst_shift_of_the_transfer_matrix(outcome):
    rows = summarise(outcome.results)
    inside = transfer_cells(rows, worst_shift=False)
    assert {(r.distilled_with, r.learner) for r in rows_of(inside)} == {("ridge", "ridge"), ("ridge", "mlp-lm")}
    (worst,) = rows_of(transfer_cells(rows, worst_shift=True).query("learner == 'mlp-lm'"))
    assert worst.ratio == rows.query("learner == 'mlp-lm' and shift != 'none'")["ratio"].min()


@pytest.mark.parametrize("order", [1, -1])
def test_one_distilled_set_a_learner_its_own_first(outcome, order):
    foreign = outcome.results.query("method == 'distilled' and learner == 'mlp-lm'")
    rows = one_set_each(summarise(pandas.concat([foreign, foreign.assign(distilled_with="mlp-lm")])[::order]))
    assert set(rows["distilled_with"]) == {"mlp-lm"}
    assert own_learner(outcome.results) == "ridge"


def test_conditions_of_the_solved_protocol(make_outcome, tmp_path):
    pde = load_pde("burgers")
    codes = pde.ensemble().sample(6, torch.Generator().manual_seed(0))
    metric = torch.eye(codes.shape[1], dtype=torch.float64)
    chosen = condition_data(pde, codes, metric)
    found = make_outcome("solved")
    solved = replace(
        found, data=[chosen], baseline_data=chosen, results=as_table(()), examples=[], curve=as_table(()), histories=[]
    )
    (picture,) = draw_gallery(pde, [solved], tmp_path)
    assert picture.path.name == "solved-conditions.png"
    figure = draw_conditions(pde, codes, None, Standing("none", ""))
    assert [len(ax.lines) for ax in figure.axes] == [7, 7, 7]
    assert "6 boundary conditions" in figure.get_suptitle()


def test_a_dashed_line_is_spoken_of_where_it_is_drawn(outcome):
    """One point that is fastest and errs least leaves nothing to join."""
    rows = summarise(outcome.results)
    (several,) = draw_pareto(rows, words_of("retrain")).axes
    assert [line.get_linestyle() for line in several.lines].count("--") == 1
    assert "dashed: nothing errs less" in several.get_title()
    best = rows["method"] == "distilled"
    beaten = rows.assign(**{name: rows[name].where(best, 9.0) for name in ("seconds", "mean")})
    (one,) = draw_pareto(beaten[best | (rows["method"] == "uniform")], words_of("retrain")).axes
    assert "--" not in [line.get_linestyle() for line in one.lines]
    assert one.get_title() == "Lower left is better; one point beats all others; times are equal within a quarter"


def test_a_run_of_several_protocols_has_one_picture_of_all(heat, outcome, make_outcome, tmp_path):
    """The amortised protocol is slower and less accurate in every row, and the captions and the marks say so."""
    slow = make_outcome("amortised")
    slow = replace(slow, results=slow.results.assign(error=3 * slow.results["error"], seconds=4 * slow.results["seconds"]))
    assert draw_together([outcome], tmp_path) == []
    assert draw_together([outcome, replace(slow, results=as_table(()))], tmp_path) == []
    (picture,) = draw_together([outcome, slow], tmp_path)
    assert (picture.protocol, picture.kind, picture.path.name) == ("", "pareto", "pareto.png")
    assert picture.path.read_bytes().startswith(b"\x89PNG")
    assert picture.caption.endswith("Beaten throughout: amortised and retrain with mlp-lm.")
    points = run_points([summarise(o.results) for o in (outcome, slow)])
    assert [(r.protocol, r.method) for r in rows_of(points[points["best"]])] == [("retrain", "dense"), ("retrain", "distilled")]
    ax = draw_run_pareto(points).axes[0]
    drawn = [line for line in ax.lines if line.get_marker() != "None"]
    assert len(drawn) == len(points) == 20
    assert [line.get_alpha() == 1 for line in drawn].count(True) == 2
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_nothing_is_beaten_throughout_where_every_protocol_has_a_best_row(outcome, make_outcome):
    fast = make_outcome("amortised").results
    fast = fast[fast["learner"] == "ridge"]
    fast = fast.assign(error=3 * fast["error"], seconds=fast["seconds"] / 4)
    own = outcome.results[outcome.results["learner"] == "ridge"]
    assert beaten_in_words(run_points([summarise(own), summarise(fast)])) == ""


def test_a_run_without_errors_has_no_picture_of_all(outcome, make_outcome, tmp_path):
    failed = [replace(o, results=o.results.assign(error=float("nan"))) for o in (outcome, make_outcome("amortised"))]
    assert draw_together(failed, tmp_path) == []
