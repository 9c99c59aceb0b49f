"""Small seeded studies have the rows that they had before.

The rows beside this file were made with version 0.1.0, whose protocols each had an engine of their own, and anew when training came
to work in units of the sizes of a PDE, which left those of ridge regression as they were to a thousandth; and where conditions of a
Gaussian process or sensors of a pivoted QR are concerned once more, when ties came to be broken by a rule and no longer by
rounding, which differs from processor to processor. Sets that were distilled through Gauss-Newton are left out: steps that stop
short of the minimum of so small a study carry rounding into the first digit of their gradient.
"""

from pathlib import Path

import pandas
import pytest

from pinndd.study.protocols.retrain.chosen import MAGIC_POINTS, PIVOTED_QR

ROWS = Path(__file__).parent / "rows"
LATER = (MAGIC_POINTS, PIVOTED_QR)
"""Methods that came after version 0.1.0."""
KEY = ["method", "learner", "points", "boundary_points", "shift", "seed", "episode", "distilled_with", "ceiling"]
SENSORS = {"size": {"sensors": (6, 8), "points": 50}, "effort": 0.2}


@pytest.mark.usefixtures("usual_conditions")
@pytest.mark.parametrize(
    ("protocol", "pde", "more"),
    [
        ("retrain", "heat", {}),
        ("retrain", "laplace_disk", {}),
        ("retrain", "burgers", {}),
        ("amortised", "heat", {}),
        ("solved", "allen_cahn", {}),
        ("sensors", "heat", SENSORS),
        ("sensors", "burgers", {}),
    ],
)
def test_the_rows_are_those_of_version_0_1_0(ran, outcome_of, protocol, pde, more):
    before = pandas.read_csv(ROWS / f"{protocol}-{pde}.csv", keep_default_na=False).set_index(KEY)["error"]
    outcome = ran(protocol, pde, **more) if more else outcome_of(protocol, pde)
    results = outcome.results
    compared = ~results["method"].isin(LATER) & (results["distilled_with"] != "gauss-newton")
    now = results[compared].set_index(KEY)["error"]
    assert outcome.curve.empty
    pandas.testing.assert_series_equal(now.sort_index(), before.sort_index(), rtol=1e-6, atol=0, check_index_type=False)
