"""What sets are worth, on rows whose errors are products of a method, a shift and a learner."""

from dataclasses import replace

import pandas as pd
import pytest

from pinndd.study.report.worth import BESIDE, IN_DISTRIBUTION, SHIFTED, certain, keeping, means, worth
from pinndd.study.results.benchmark import BenchmarkRun, hardware
from pinndd.study.results.table import as_table

BEST, DENSE, DISTILLED = 0.065, 0.01, 0.017
OTHER = "beside the other learner"


@pytest.fixture
def run(make_config, make_outcome):
    """A study of a PDE whose errors are scaled."""

    def make(pde="heat", scale=1.0):
        found = make_outcome()
        results = found.results.assign(pde=pde, error=scale * found.results["error"])
        return BenchmarkRun.of(make_config(pde), replace(found, results=results), hardware())

    return make


def test_ratios_are_those_of_the_errors_and_means_over_shifts_are_geometric(run):
    table = worth([run()], [run(scale=4.0)])
    assert table["conditions"].tolist() == [IN_DISTRIBUTION, SHIFTED]
    ratios = {"ratio": BEST / DISTILLED, "kept": DENSE / DISTILLED, OTHER: 4.0}
    assert table[[name for name in BESIDE if name not in ratios]].isna().all().all()
    for column, expected in ratios.items():
        assert table[column].tolist() == pytest.approx([expected] * 2, rel=1e-3)
    # the shifts make errors √6 and √9 times larger
    assert table["distilled"][1] / table["distilled"][0] == pytest.approx(54**0.25, rel=1e-3)
    assert table["best design"].tolist() == pytest.approx((table["distilled"] * table["ratio"]).tolist())


def test_without_another_learner_or_another_pde_nothing_is_compared_with_it(run):
    for others in ([], [run("poisson")]):
        table = worth([run()], others)
        assert table["other learner"].isna().all()
        assert (IN_DISTRIBUTION, OTHER) not in means(table)


def test_means_over_families_are_geometric_and_have_an_interval_only_where_there_are_several(run):
    one = means(worth([run()], [run(scale=4.0)]))
    assert one[SHIFTED, OTHER].low == 0.0
    assert one[SHIFTED, OTHER].high == float("inf")
    both = means(worth([run(), run("poisson")], [run(scale=4.0), run("poisson", scale=9.0)]))
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
