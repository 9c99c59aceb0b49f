"""Small seeded studies have the rows that they had before.

The rows beside this file were made with version 0.1.0, whose protocols each had an engine of their own, and anew when training came to
work in units of the sizes of a PDE, which left those of ridge regression as they were to a thousandth. The tolerance is what
rounding explains on another processor; Gauss-Newton, which stops when little is gained, carries it further.
"""

from pathlib import Path

import pandas
import pytest

from pinndd.study.protocols.chosen import MAGIC_POINTS, PIVOTED_QR

ROWS = Path(__file__).parent / "rows"
LATER = (MAGIC_POINTS, PIVOTED_QR)
"""Methods that came after version 0.1.0."""
KEY = ["method", "learner", "points", "boundary_points", "shift", "seed", "episode", "distilled_with", "ceiling"]
SENSORS = {"size": {"sensors": (6, 8), "points": 50}, "effort": 0.2}


@pytest.mark.parametrize(
    ("protocol", "pde", "more", "tolerance"),
    [
        ("retrain", "heat", {}, 1e-6),
        ("retrain", "laplace_disk", {}, 1e-6),
        ("retrain", "burgers", {}, 1e-4),
        ("amortised", "heat", {}, 1e-6),
        ("solved", "allen_cahn", {}, 1e-6),
        ("sensors", "heat", SENSORS, 1e-6),
        ("sensors", "burgers", {}, 1e-4),
    ],
)
def test_the_rows_are_those_of_version_0_1_0(ran, outcome_of, protocol, pde, more, tolerance):
    before = pandas.read_csv(ROWS / f"{protocol}-{pde}.csv", keep_default_na=False).set_index(KEY)["error"]
    outcome = ran(protocol, pde, **more) if more else outcome_of(protocol, pde)
    results = outcome.results
    now = results[~results["method"].isin(LATER)].set_index(KEY)["error"]
    assert outcome.curve.empty
    pandas.testing.assert_series_equal(now.sort_index(), before.sort_index(), rtol=tolerance, atol=0, check_index_type=False)
