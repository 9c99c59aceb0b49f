"""A PDE without a reference: the truth is our own dense solution, and its estimated error reaches tables and verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pinndd import PDE, families, load_pde
from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.solving import truth
from pinndd.pinn.solving.in_words import truth_in_words
from pinndd.pinn.solving.solver import at_least_missed
from pinndd.pinn.solving.truth import boundary_episodes, solutions, truth_errors
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.engine import evaluate, measured_in_words
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.results.summary import comparisons, summarise, summary_from_json, summary_to_json
from pinndd.study.results.table import TRUTH_ERROR, TableError, as_table, named_from_files
from pinndd.study.results.writing import write_csv


@pytest.fixture(scope="module")
def heat() -> PDE:
    return load_pde("heat")


@pytest.fixture(scope="module")
def unaided(heat) -> PDE:
    return replace(heat, reference=None)


def drawn(pde, shift="none", count=6, seed=3):
    ensemble = pde.ensemble(shift)
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("shift", ["none", "frequency", "steps"])
def test_the_own_truth_is_that_of_the_reference_within_its_estimate(heat, unaided, shift):
    points = heat.box.scale(torch.rand((200, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    values = drawn(unaided, shift)
    own, true = solutions(unaided, values, points), solutions(heat, values, points)
    error = (own - true).flatten(1).norm(dim=1) / true.flatten(1).norm(dim=1)
    estimate = truth_errors(unaided, values)
    assert estimate.shape == (6,)
    assert (error < 2e-3).all()
    ratio = (estimate / error).log().abs()
    assert ratio.median() < np.log(3)


def test_a_reference_has_no_estimated_error(heat):
    assert truth_errors(heat, drawn(heat)) is None


def test_with_a_mean_the_estimate_is_relative_to_the_deviation(unaided):
    end = replace(unaided.valued[0].values, mean=300.0)
    warm = replace(
        unaided,
        conditions=[replace(c, values=end) if c.name in ("left", "right") else c for c in unaided.conditions],
        shifts={},
    )
    cold, hot = truth_errors(replace(unaided, shifts={}), drawn(unaided)), truth_errors(warm, drawn(warm))
    # relative to 300 K it would be hundreds of times smaller
    assert hot.median() > 0.2 * cold.median()


def test_two_fits_that_both_missed_the_values_are_no_truth(unaided, monkeypatch):
    assert at_least_missed(torch.tensor([0.01, 0.01]), torch.tensor([0.1, 0.9])).tolist() == pytest.approx([0.01, 0.9])
    values = drawn(unaided, count=2)
    plain = truth_errors(unaided, values)
    monkeypatch.setattr(truth, "missed_values", lambda pde, values, fitted: plain.new_tensor([0.9, 0.0]))
    assert truth_errors(unaided, values).tolist() == [0.9, float(plain[1])]


def test_gradients_of_the_own_truth_are_those_of_the_reference(heat, unaided):
    points = heat.box.scale(torch.rand((50, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    values = drawn(unaided, count=2)
    own, true = (
        boundary_episodes(p, values.ensemble, values.coefficients, points, derivatives=1).slope for p in (unaided, heat)
    )
    assert (own - true).norm() < 0.01 * true.norm()


def test_the_check_says_how_good_the_own_truth_is(unaided):
    found = [f for f in check_pde(unaided) if f.subject == "reference"]
    assert [f.level for f in found] == ["ok"]
    assert "our own dense solution, estimated error" in found[0].message
    assert "s per condition" in found[0].message


def test_the_check_warns_of_a_poor_truth(unaided):
    sharp = replace(unaided, shifts={"sharp": {"left": families.PiecewiseConstant(pieces=30, amplitude=5.0)}})
    found = [f for f in check_pde(sharp) if f.subject == "reference"]
    assert [f.level for f in found] == ["warning"]
    assert "declare a reference" in found[0].message


def test_a_study_without_a_reference_says_so_in_rows_and_words(unaided):
    protocol = protocol_named("retrain")
    settings = StudySettings(test_conditions=3, shifts=("none",))
    study = protocol.open(unaided, RetrainSettings(20, 12), settings)
    bench = study.bench_for(_some_points(unaided), None)
    results = evaluate(study, protocol, _some_points(unaided))
    assert results[TRUTH_ERROR].between(1e-7, 1e-2).all()
    assert bench.pde is unaided
    said = measured_in_words(study)
    assert said.startswith("No reference is declared: errors are measured against our own dense solution")
    assert f"{float(study.tests.episodes['none'].truth_error.median()):.1e}" in said


def test_nothing_is_said_of_a_reference():
    assert truth_in_words([None, None]) == ""


def _some_points(pde):
    from pinndd.pinn.sets.collocation import collocation_data
    from pinndd.pinn.sets.samplers import sample_points

    data = collocation_data(pde, *sample_points(pde, "sobol", 20, 12, 1), 10.0)
    return data.with_header(pde=pde.name, protocol="retrain", learner="ridge", seed=0)


COMMON = {"pde": "p", "protocol": "retrain", "learner": "ridge", "points": 4, "boundary_points": 2, "shift": "none", "seconds": 0.1}


def rows(distilled, sobol, truth):
    found = []
    for method, errors in (("distilled", distilled), ("sobol", sobol)):
        for k, error in enumerate(errors):
            extra = {} if truth is None else {TRUTH_ERROR: truth}
            own = {"method": method, "seed": 0, "episode": k, "error": error, "distilled_with": "", "ceiling": False}
            found.append({**COMMON, **own, **extra})
    return as_table(found)


@pytest.mark.parametrize(("truth", "state"), [(None, "win"), (1e-4, "win"), (0.2, "draw")])
def test_a_difference_smaller_than_the_error_of_the_truth_is_no_win(truth, state, tmp_path):
    results = rows([0.10, 0.11, 0.12, 0.10], [0.20, 0.22, 0.24, 0.21], truth)
    summary = summarise(results)
    assert comparisons(summary)["state"].tolist() == [state]
    again = summary_from_json(summary_to_json(summary))
    assert comparisons(again)["state"].tolist() == [state]
    write_csv(results, tmp_path / "rows.csv", "relative-l2")
    read = as_table(named_from_files(pd.read_csv(tmp_path / "rows.csv", keep_default_na=False), "relative-l2"))
    assert list(read.columns) == list(results.columns)


def test_the_error_of_the_truth_must_be_a_number():
    with pytest.raises(TableError, match="truth_error"):
        as_table([{**COMMON, "method": "sobol", "seed": 0, "episode": 0, "error": 0.1, TRUTH_ERROR: "small"}])
