"""Adaptive baselines in a study: rows at equal terms, tuned on validation conditions, counted among the baselines."""

import pandas
import pytest

from pinndd.pinn.adaptive import RARD
from pinndd.study.protocols.retrain.adaptive import GRIDS, tuned_adaptive
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import DISTILLED, as_table


@pytest.fixture(scope="module")
def bench(opened):
    return opened("retrain", "heat", shifts=("none", "steps")).benches(0)[0]


@pytest.fixture(scope="module")
def chosen(bench):
    return tuned_adaptive(bench)


@pytest.fixture(scope="module")
def rows(bench, chosen):
    return as_table(pandas.concat([bench.rows(method, bench.study.tests) for method in chosen]))


def test_rows_are_those_of_the_other_methods_and_repeat(bench, opened, chosen, rows):
    found = list(zip(rows["method"], rows["shift"], rows["episode"], strict=True))
    assert found == [(m, shift, e) for m in GRIDS for shift in ("none", "steps") for e in range(3)]
    common = ["points", "boundary_points", "learner", "seed", "ceiling"]
    assert set(rows[common].itertuples(index=False, name=None)) == {(16, 9, "ridge", 0, False)}
    assert rows["error"].between(0, 10, inclusive="neither").all()
    assert (rows["seconds"] > 0).all()
    steps = opened("retrain", "heat", shifts=("steps",)).tests
    again = pandas.concat([bench.rows(method, steps) for method in chosen])
    assert again["error"].tolist() == rows.loc[rows["shift"] == "steps", "error"].tolist()


def test_the_first_training_has_as_many_points_as_the_method_says(bench, chosen):
    for each in chosen:
        first, learner = each.data["interior"].shape[0], each.learner
        assert first == learner.method.sizes(16, learner.rounds)[0]
        assert (first < 16) == isinstance(learner.method, RARD)
        assert sum(each.data[c.name].shape[0] for c in bench.pde.valued) == 9
        assert each.name == learner.method.name
        assert each.name in GRIDS
        assert "rounds, weights" in each.details


def test_an_adaptive_method_can_be_the_best_baseline(rows):
    summary = summarise(rows)
    best = summary.loc[summary["mean"].idxmin()]
    same = rows[(rows["method"] == best["method"]) & (rows["shift"] == best["shift"])]
    distilled = same.assign(method=DISTILLED, error=same["error"] / 2, distilled_with="ridge")
    found = summarise(as_table(pandas.concat([rows, distilled])))
    (row,) = found[found["method"] == DISTILLED].itertuples()
    assert row.baseline == best["method"]
    assert row.ratio == pytest.approx(2)
