"""What sets are worth, on rows whose errors are products of a method, a shift and a learner."""

from dataclasses import replace

import pandas as pd
import pytest

from pinndd.study.report.worth import (
    BESIDE,
    IN_DISTRIBUTION,
    SHIFTED,
    best_designs,
    certain,
    keeping,
    means,
    of_sets,
    transfer,
    worth,
)
from pinndd.study.results.benchmark import BenchmarkRun, hardware
from pinndd.study.results.table import as_table

BEST, DENSE, DISTILLED = 0.065, 0.01, 0.017
OTHER = "beside the other learner"


def other(*runs):
    return {"other learner": of_sets(runs)}


@pytest.fixture
def run(make_config, make_outcome):
    """A study of a PDE whose errors are scaled."""

    def make(pde="heat", scale=1.0):
        found = make_outcome()
        results = found.results.assign(pde=pde, error=scale * found.results["error"])
        return BenchmarkRun.of(make_config(pde), replace(found, results=results), hardware())

    return make


def test_ratios_are_those_of_the_errors_and_means_over_shifts_are_geometric(run):
    table = worth([run()], other(run(scale=4.0)))
    assert table["conditions"].tolist() == [IN_DISTRIBUTION, SHIFTED]
    ratios = {"ratio": BEST / DISTILLED, "kept": DENSE / DISTILLED, OTHER: 4.0}
    assert table[[name for name in BESIDE if name not in ratios]].isna().all().all()
    for column, expected in ratios.items():
        assert table[column].tolist() == pytest.approx([expected] * 2, rel=1e-3)
    # the shifts make errors √6 and √9 times larger
    assert table["distilled"][1] / table["distilled"][0] == pytest.approx(54**0.25, rel=1e-3)
    assert table["best design"].tolist() == pytest.approx((table["distilled"] * table["ratio"]).tolist())


def test_without_another_learner_or_another_pde_nothing_is_compared_with_it(run):
    for others in (None, other(run("poisson"))):
        table = worth([run()], others)
        assert table["other learner"].isna().all()
        assert (IN_DISTRIBUTION, OTHER) not in means(table)


def test_means_over_families_are_geometric_and_have_an_interval_only_where_there_are_several(run):
    one = means(worth([run()], other(run(scale=4.0))))
    assert one[SHIFTED, OTHER].low == 0.0
    assert one[SHIFTED, OTHER].high == float("inf")
    both = means(worth([run(), run("poisson")], other(run(scale=4.0), run("poisson", scale=9.0))))
    found = both[IN_DISTRIBUTION, OTHER]
    assert found.value == pytest.approx(6.0, rel=1e-3)
    assert 0 < found.low < 6 < found.high


def test_rows_that_are_certainly_above_one_are_counted(run, make_config, make_outcome, change):
    assert certain([run(), run("poisson")]) == (6, 6)
    found = make_outcome()
    lost = change(found.results, lambda r: (r["method"] == "distilled") & (r["shift"] == "steps"), error=9.0)
    assert certain([BenchmarkRun.of(make_config(), replace(found, results=lost), hardware())]) == (2, 3)


def test_rows_that_keep_a_share_of_the_dense_set_are_counted(run):
    kept = DENSE / DISTILLED
    assert keeping([run(), run("poisson")], kept - 1e-9) == (6, 6)
    assert keeping([run()], kept + 1e-9) == (0, 3)


def test_fresh_samples_stand_beside_the_set_where_they_were_drawn(run, make_config, make_outcome, change):
    found = make_outcome()
    dense = found.results["method"] == "dense"
    fresh = change(found.results[dense], lambda r: r["method"] == "dense", method="fresh-samples")
    both = replace(found, results=as_table(pd.concat([found.results, fresh])))
    table = worth([BenchmarkRun.of(make_config(), both, hardware())])
    assert table["beside fresh samples"].tolist() == table["kept"].tolist() == pytest.approx([DENSE / DISTILLED] * 2, rel=1e-3)
    assert table["fresh samples"].tolist() == table["dense"].tolist()


def test_the_best_design_of_any_learner_is_the_least_of_them_under_each_shift(run):
    runs = [run(), run(scale=3.0), run("poisson", scale=2.0)]
    least = best_designs(runs)
    assert {pde: errors["none"] for pde, errors in least.items()} == {
        pde: errors["none"] for pde, errors in best_designs([runs[0], runs[2]]).items()
    }
    assert least["poisson"]["steps"] == pytest.approx(2 * least["heat"]["steps"], rel=1e-3)
    table = worth([run(scale=3.0)], {BESIDE["beside any learner"]: least})
    assert table["beside any learner"].tolist() == pytest.approx([BEST / DISTILLED / 3] * 2, rel=1e-3)
    assert table["ratio"].tolist() == pytest.approx([BEST / DISTILLED] * 2, rel=1e-3)


def test_what_sets_are_worth_to_networks_that_they_were_not_distilled_for(run):
    found = transfer([run(), run("poisson")])
    assert found["learner"].unique().tolist() == ["mlp-lm"]
    assert found[["pde", "conditions"]].value_counts().to_dict() == {
        (pde, conditions): count for pde in ("heat", "poisson") for conditions, count in ((IN_DISTRIBUTION, 1), (SHIFTED, 2))
    }
    assert found["ratio"].tolist() == pytest.approx([BEST / DISTILLED / 6] * 6, rel=1e-3)
    assert not found["wins"].astype(bool).any()


def test_learners_of_random_features_are_one_judge(run):
    first, second = run(), run("poisson")
    names = {"mlp-lm": "gauss-newton", "ridge": "body"}
    rows = second.rows.assign(**{c: second.rows[c].replace(names) for c in ("learner", "distilled_with")})
    found = transfer([first, replace(second, rows=rows)])
    assert found.groupby("pde")["learner"].unique().map(list).to_dict() == {"heat": ["mlp-lm"], "poisson": ["random features"]}
    assert transfer([]).empty
