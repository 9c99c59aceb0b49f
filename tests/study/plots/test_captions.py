"""Captions, titles, headline and tables name the same baseline: the best one of the table."""

from dataclasses import replace

import pandas
import pytest
import torch

from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.plots.fields import draw_fields
from pinndd.study.plots.gallery import draw_gallery
from pinndd.study.report.verdict import verdict
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.selection import one_set_each
from pinndd.study.results.standing import standing
from pinndd.study.results.summary import comparisons, summarise
from pinndd.study.results.table import as_table, rows_of


@pytest.fixture(scope="module")
def mixed(outcome):
    """In distribution the grid is the best baseline, under ``frequency`` it is sobol; under ``steps`` the distilled set loses."""
    results = outcome.results.query("learner == 'ridge'")
    factor = pandas.Series(1.0, index=results.index)
    factor = factor.mask((results["method"] == "sobol") & (results["shift"] == "frequency"), 0.5)
    factor = factor.mask((results["method"] == "distilled") & (results["shift"] == "steps"), 9.0)
    table = as_table(results.assign(error=results["error"] * factor))
    best = comparisons(summarise(table)).set_index("shift")["baseline"]
    truth = outcome.examples[0].truth
    examples = [
        FieldExample(shift, truth, {"distilled": truth + 0.01, best[shift]: truth + 0.05}, why="the median of the errors")
        for shift in best.index
    ]
    return replace(outcome, results=table, curve=as_table(()), examples=examples, histories=[])


@pytest.fixture(scope="module")
def captions(heat, mixed, tmp_path_factory):
    return {p.path.stem: p.caption for p in draw_gallery(heat, [mixed], tmp_path_factory.mktemp("gallery"))}


def test_every_caption_names_the_baseline_of_the_table(mixed, captions):
    found = {row.shift: row.baseline for row in rows_of(comparisons(summarise(mixed.results)))}
    assert found == {"none": "midpoint-grid", "frequency": "sobol", "steps": "midpoint-grid"}
    assert "midpoint-grid, the best baseline in distribution" in captions["retrain-points"]
    assert "midpoint-grid, the best baseline in distribution" in captions["retrain-fields-none"]
    for shift in ("frequency", "steps"):
        assert f"{found[shift]}, the best baseline under this shift" in captions[f"retrain-fields-{shift}"]


def test_a_loss_is_said_where_it_happens(captions):
    assert {name for name, caption in captions.items() if "The distilled set loses" in caption} == {"retrain-fields-steps"}


def test_titles_name_the_same_baseline_and_the_loss(heat, mixed):
    table = one_set_each(summarise(mixed.results))
    for example in mixed.examples:
        shown = next(name for name in example.predictions if name != "distilled")
        title = draw_fields(heat, example, standing(table, example.shift, shown)).get_suptitle()
        assert f"{shown}, the best baseline" in title
        assert ("the distilled set loses under this shift" in title) == (example.shift == "steps")


def test_only_the_caption_says_why_a_condition_is_shown(heat, mixed, captions):
    assert "the median of the errors" in captions["retrain-fields-none"]
    assert "the solution of one unseen condition stands behind them (the median of the errors)" in captions["retrain-points"]
    assert "median" not in draw_fields(heat, mixed.examples[0]).get_suptitle()


def test_the_headline_names_it_too(mixed):
    summary = one_set_each(summarise(mixed.results))
    found = verdict(summary, "ridge", summary)
    assert "the best baseline in distribution (midpoint-grid" in found.headline
    assert any("a baseline is better under the shift steps" in line for line in found.avoid)


def test_a_baseline_that_is_not_the_best_is_not_called_so(mixed):
    """Runs of version 0.1.0 show the one that was best on validation conditions."""
    found = standing(summarise(mixed.results), "frequency", "midpoint-grid")
    assert found.beside == "midpoint-grid (the best baseline under this shift is sobol)"


def test_a_baseline_without_a_fixed_set_is_said(heat, mixed, tmp_path):
    alone = replace(mixed, baseline_data=None, examples=[])
    caption = draw_gallery(heat, [alone], tmp_path)[0].caption
    assert "They stand alone: no fixed set belongs to midpoint-grid, the best baseline in distribution." in caption


@pytest.fixture(scope="module")
def placed(heat, outcome):
    """Two numbers of sensors; with the smaller one the distilled set loses in distribution."""
    parts, sets = [], []
    for sensors, factor in ((9, 9.0), (18, 1.0)):
        results = outcome.results.query("learner == 'ridge' and method != 'dense'")
        worse = (results["method"] == "distilled") & (results["shift"] == "none")
        error = results["error"] * factor ** worse.astype(int) * 9 / sensors
        parts.append(results.assign(protocol="sensors", boundary_points=sensors, error=error))
        points = sample_points(heat, "sobol", 64, sensors, 1)
        sets += [collocation_data(heat, *points), collocation_data(heat, *points)]
    baseline = collocation_data(heat, *sample_points(heat, "midpoint-grid", 64, 9, 0))
    return replace(
        outcome,
        protocol="sensors",
        results=as_table(pandas.concat(parts)),
        curve=as_table(()),
        data=sets,
        baseline_data=baseline,
        examples=[FieldExample("none", torch.rand(5, 4), {"distilled": torch.rand(5, 4)})],
    )


def test_sensors_have_a_placement_and_errors_per_number_and_a_curve(heat, placed, tmp_path):
    pictures = draw_gallery(heat, [placed], tmp_path)
    names = [p.path.stem.removeprefix("sensors-") for p in pictures]
    assert names == ["placement-9", "placement-18", "errors-9", "errors-18", "pareto", "curve", "history", "fields-none"]
    assert "The distilled set loses in distribution" in pictures[0].caption
    assert "loses" not in pictures[1].caption


def test_the_verdict_speaks_of_every_number_of_sensors(placed):
    summary = one_set_each(summarise(placed.results))
    found = verdict(summary, "ridge", summary)
    assert "on 9 distilled sensors, the error" in found.headline
    assert "on 18 distilled sensors, the error" in found.headline
    assert any(line.startswith("You train with ridge on 18 distilled sensors: the distilled set wins") for line in found.use)
    assert any("on 9 distilled sensors: a baseline is better in distribution" in line for line in found.avoid)
