"""Errors of the components of a system: columns of their own in tables, files and summaries."""

import json
import math

import pandas
import pytest

from pinndd.study.results.outcome_files import load_outcome, save_outcome
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.results.summary import comparisons, component_means, summarise, summary_from_json, summary_to_json
from pinndd.study.results.table import TableError, as_table, component_columns
from pinndd.study.results.writing import write_csv


def test_a_single_component_has_no_columns_of_its_own(outcome):
    assert component_columns(outcome.results) == {}
    assert component_means(summarise(outcome.results)) == {}


def test_the_columns_stand_behind_the_others(of_a_system):
    assert list(of_a_system.results.columns[-2:]) == ["error_u", "error_p"]
    assert component_columns(of_a_system.results) == {"u": "error_u", "p": "error_p"}


def test_rows_without_components_are_missing_there(outcome, of_a_system):
    both = as_table(pandas.concat([of_a_system.results, outcome.results]))
    assert both["error_u"].notna().sum() == len(outcome.results)


def test_a_component_holds_numbers(of_a_system):
    with pytest.raises(TableError, match="column 'error_u' of results"):
        as_table(of_a_system.results.assign(error_u="large"))


def test_the_mean_of_a_component_is_over_the_conditions_where_it_is_not_zero(of_a_system):
    summary = summarise(of_a_system.results)
    assert component_means(summary) == {"u": "mean_u", "p": "mean_p"}
    pandas.testing.assert_series_equal(summary["mean_u"], summary["mean"], check_names=False)
    results = of_a_system.results
    own = results[(results["method"] == "sobol") & (results["shift"] == "none") & (results["learner"] == "ridge")]
    row = summary[(summary["method"] == "sobol") & (summary["shift"] == "none") & (summary["learner"] == "ridge")].iloc[0]
    assert row["mean_p"] == pytest.approx(3 * own.loc[own["episode"] < 4, "error"].mean())
    compared = comparisons(summary).iloc[0]
    assert compared["baseline_mean_u"] == pytest.approx(compared["baseline_mean"])


def test_a_summary_in_json_has_the_means(of_a_system):
    summary = summarise(of_a_system.results)
    text = json.dumps(summary_to_json(summary), allow_nan=False)
    unstored = summary.assign(conditions=0, distinct=0)
    pandas.testing.assert_frame_equal(summary_from_json(json.loads(text))[summary.columns], unstored)


def test_outcomes_keep_components_and_what_is_measured(of_a_system, outcome, tmp_path):
    save_outcome(of_a_system, tmp_path)
    back = load_outcome(tmp_path)
    pandas.testing.assert_frame_equal(back.results, of_a_system.results)
    assert back.measured == of_a_system.measured
    # the files of version 0.1.0 say nothing about it
    text = json.loads((tmp_path / "outcome.json").read_text())
    del text["measured"]
    (tmp_path / "outcome.json").write_text(json.dumps(text | {"version": 1}))
    with pytest.warns(UserWarning, match="0.2.0 or before"):
        assert load_outcome(tmp_path).measured == ""


def test_files_name_the_columns_after_the_distance(of_a_system, tmp_path):
    write_csv(of_a_system.results, tmp_path / "results.csv", "relative-h1")
    back = pandas.read_csv(tmp_path / "results.csv")
    assert {"relative_h1", "relative_h1_u", "relative_h1_p"} <= set(back.columns)
    assert math.isnan(back.loc[back["episode"] == 4, "relative_h1_p"].iloc[0])


def test_a_run_folder_holds_them(of_a_system, make_config, tmp_path):
    folder = RunFolder.start(tmp_path / "run", make_config(protocols=["retrain"]))
    folder.add(of_a_system)
    assert "mean_p" in json.loads((folder.path / "summary.json").read_text())[0]
    assert "relative_l2_p" in (folder.path / "results.csv").read_text().splitlines()[0]
