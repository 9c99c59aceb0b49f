"""Tables of a study on the terminal."""

import pandas
from rich.console import Console

from pinndd.study.results.summary import summarise
from pinndd.study.results.table import as_table
from pinndd.terminal.tables import comparison_table, error_table


def printed(table):
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def test_the_distilled_set_stands_beside_the_best_baseline_under_each_shift(outcome):
    head, *rows = printed(comparison_table(summarise(outcome.results)))
    assert head.split() == ["trained", "by", "conditions", "distilled", "best", "baseline", "ratio", "(95", "%)"]
    assert rows[0].split() == [
        "ridge",
        "in",
        "distribution",
        "1.7",
        "%",
        "6.5",
        "%",
        "midpoint-grid",
        "3.8",
        "(3.8",
        "to",
        "3.8)",
    ]
    assert len(rows) == 6


def test_several_sizes_have_a_column(outcome):
    sensors = [outcome.results.assign(protocol="sensors", boundary_points=n) for n in (9, 18)]
    head, *rows = printed(comparison_table(summarise(as_table(pandas.concat(sensors)))))
    assert "sensors" in head
    assert len(rows) == 12


def test_errors_have_a_row_per_method_and_shift(outcome):
    head, *rows = printed(error_table(summarise(outcome.results.query("method == 'distilled'"))))
    assert "mean error" in head
    assert len(rows) == 6
