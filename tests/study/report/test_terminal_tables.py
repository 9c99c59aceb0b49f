"""Tables of a study on the terminal."""

from dataclasses import replace

import pandas
from rich.console import Console

from pinndd.study.results.summary import summarise
from pinndd.study.results.table import as_table
from pinndd.terminal import studying
from pinndd.terminal.evaluating import show
from pinndd.terminal.tables import comparison_table, component_table, error_table


def printed(table):
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def test_the_distilled_set_stands_beside_the_best_baseline_under_each_shift(outcome):
    head, *rows = printed(comparison_table(summarise(outcome.results)))
    assert " ".join(head.split()) == "trained by conditions distilled best baseline ratio (95 %) of dense (95 %)"
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
        "59",
        "%",
        "(59",
        "to",
        "59)",
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


def test_components_have_a_table_of_their_own(outcome, of_a_system):
    assert component_table(summarise(outcome.results)) is None
    head, *rows = printed(component_table(summarise(of_a_system.results)))
    assert head.split() == ["trained", "by", "conditions", "error", "of", "u", "error", "of", "p"]
    assert rows[0].split() == ["ridge", "in", "distribution", "1.7", "%", "/", "6.5", "%", "5.2", "%", "/", "20", "%"]
    assert len(rows) == 6


def test_components_of_several_sizes_and_of_a_set_alone(of_a_system):
    results = of_a_system.results
    sensors = [results.assign(protocol="sensors", boundary_points=n) for n in (9, 18)]
    head, *rows = printed(component_table(summarise(as_table(pandas.concat(sensors)))))
    assert head.split()[2] == "sensors"
    assert len(rows) == 12
    alone = summarise(as_table(results[results["method"] == "distilled"].assign(error_p=float("nan"))))
    assert printed(component_table(alone))[1].split() == ["ridge", "in", "distribution", "1.7", "%", "–"]


def test_an_evaluation_says_what_is_measured_and_each_component(of_a_system, capsys):
    show(of_a_system.results[of_a_system.results["method"] == "distilled"], of_a_system.measured)
    said = capsys.readouterr().out
    assert of_a_system.measured in said
    assert "error of u" in said


def test_a_study_says_what_is_measured_and_each_component(outcome, of_a_system, capsys, tmp_path):
    studying.show([outcome], {}, tmp_path)
    assert "component" not in capsys.readouterr().out
    studying.show([of_a_system], {}, tmp_path)
    said = capsys.readouterr().out
    assert of_a_system.measured in said
    assert "retrain: error of each component alone, distilled / best baseline" in said


def test_a_dash_stands_where_there_is_no_dense_set(outcome):
    _, *rows = printed(comparison_table(summarise(outcome.results[outcome.results["method"] != "dense"])))
    assert all(row.split()[-1] == "–" for row in rows)


def test_a_first_look_says_what_is_left_out_once(outcome, capsys, tmp_path):
    first, second = (replace(outcome, notes=[*outcome.notes, f"Left out, since {why}"]) for why in ("of this.", "of this and that."))
    studying.show([first, second], {}, tmp_path)
    said = capsys.readouterr().out
    assert "Left out, since of this and that." in said
    assert said.count("Left out") == 1
    studying.show([outcome], {}, tmp_path)
    assert "Left out" not in capsys.readouterr().out


def test_a_study_says_what_is_kept_and_what_bodies_took(outcome, capsys, tmp_path):
    studying.show([replace(outcome, body_seconds=[20.0, 22.0])], {}, tmp_path)
    said = capsys.readouterr().out
    assert "of dense: error of the dense set ÷ error of the distilled set" in said
    assert "retrain: training 2 bodies took 42 s" in said
    studying.show([replace(outcome, results=outcome.results[outcome.results["method"] != "dense"])], {}, tmp_path)
    said = capsys.readouterr().out
    assert "of dense:" not in said
    assert "bod" not in said
