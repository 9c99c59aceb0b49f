"""Data frames as CSV, JSON records and Markdown."""

import json
import math

import pandas
from pandas import DataFrame

from pinndd.study.results.writing import json_records, markdown_table, write_csv


def test_what_json_does_not_have_is_null():
    wins = pandas.array([True, None, False], dtype="boolean")
    frame = DataFrame({"name": ["a", "none", ""], "mean": [0.5, math.inf, math.nan], "models": [3, 2, 1], "wins": wins})
    records = json_records(frame)
    assert json.loads(json.dumps(records, allow_nan=False)) == [
        {"name": "a", "mean": 0.5, "models": 3, "wins": True},
        {"name": "none", "mean": None, "models": 2, "wins": None},
        {"name": "", "mean": None, "models": 1, "wins": False},
    ]


def test_a_markdown_table_has_a_line_per_row():
    frame = DataFrame({"PDE": ["heat", "poisson"], "sensors": [9, 12]})
    assert markdown_table(frame) == "| PDE | sensors |\n| --- | --- |\n| heat | 9 |\n| poisson | 12 |"


def test_csv_keeps_every_digit_and_what_is_no_number(outcome, tmp_path):
    results = outcome.results.assign(error=outcome.results["error"].mask(outcome.results["seed"] == 1, math.nan))
    write_csv(results, tmp_path / "results.csv", "relative-maximum")
    back = pandas.read_csv(tmp_path / "results.csv", keep_default_na=False)
    assert [None if v == "nan" else float(v) for v in back["relative_maximum"].astype(str)] == [
        None if math.isnan(v) else v for v in results["error"]
    ]
    assert set(back["shift"]) == {"none", "frequency", "steps"}


def test_a_table_has_a_head_and_its_formats():
    frame = pandas.DataFrame({"name": ["a|b", "c"], "value": [1.234, float("nan")], "count": [3, 10]})
    assert markdown_table(frame, {"value": ".1f", "count": lambda count: f"<{count}>"}).splitlines() == [
        "| name | value | count |",
        "| --- | --- | --- |",
        "| a\\|b | 1.2 | <3> |",
        "| c |  | <10> |",
    ]


def test_two_columns_may_have_one_head():
    frame = pandas.DataFrame([["x", 1, 2]], columns=["name", "of", "of"])
    assert markdown_table(frame).splitlines()[2] == "| x | 1 | 2 |"


def test_records_are_what_json_knows():
    frame = pandas.DataFrame(
        {"rows": pandas.array([1, None], dtype="Int64"), "area": [float("nan"), 0.5], "name": ["a", None]}
    )
    assert json.loads(json.dumps(json_records(frame), allow_nan=False)) == [
        {"rows": 1, "area": None, "name": "a"},
        {"rows": None, "area": 0.5, "name": None},
    ]
