"""Simulated hospitals, the methods under one interface, their scores, and the pictures."""

import math
from dataclasses import replace

import pytest
import torch

from pinndd.bayesnet import (
    MISSING,
    BayesianNetwork,
    Structure,
    Variable,
    expectation_maximisation,
    load_heart,
    load_network,
    posterior,
)
from pinndd.study.hospitals.data_card import imitation
from pinndd.study.hospitals.methods import EM, HARD, ORACLE, Budget, known_of, methods
from pinndd.study.hospitals.outcome import (
    Outcome,
    OutcomeFileError,
    Score,
    markdown,
    merged,
    read_outcomes,
    run_methods,
    summarise,
    write_outcomes,
)
from pinndd.study.hospitals.simulated import draw_queries, draw_trial
from pinndd.study.plots.hospitals import missingness, reliability, reliability_bins, variation_by_rows
from pinndd.study.plots.style import save_figure

QUICK = Budget(soft_steps=60, hard_steps=30, starts=1, censor_seconds=1.0)


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


@pytest.fixture(scope="module")
def trial(asia):
    return draw_trial(asia, missing=0.25, seed=1, rows=60, chosen=20, fresh=30)


@pytest.fixture(scope="module")
def known(trial):
    return known_of(trial, budget=QUICK)


@pytest.fixture(scope="module")
def made(known):
    return {method.label: method(known) for method in methods(drawn=(8,), modes=(8,), soft=(8,), hard=(8,), censored=(8,))}


@pytest.fixture(scope="module")
def outcome(known):
    return run_methods("asia", known, methods(drawn=(10, 20), modes=(10,), soft=(), hard=()))


def invented(seed, **errors):
    scores = tuple(Score(name, rows, value, 2 * value, 0.0, 1.0) for name, (rows, value) in errors.items())
    return Outcome("asia", 0.25, 3, 600, 50, 200, seed, scores, {"pinndd": "0"})


def test_a_trial_hides_cells_and_nothing_else(trial):
    recorded = trial.hospitals.rows != MISSING
    assert torch.equal(trial.hospitals.rows[recorded], trial.complete[recorded])
    assert trial.hospitals.missing == pytest.approx(0.25)
    assert len(trial.complete) == 180


def test_equal_seeds_give_equal_trials(asia, trial):
    again = draw_trial(asia, missing=0.25, seed=1, rows=60, chosen=20, fresh=30)
    other = draw_trial(asia, missing=0.25, seed=2, rows=60, chosen=20, fresh=30)
    assert torch.equal(again.complete, trial.complete)
    assert again.chosen == trial.chosen
    assert other.chosen != trial.chosen


def test_queries_are_different_possible_and_of_one_to_three_findings(asia, trial):
    everything = [(query.target, frozenset(query.evidence.items())) for query in (*trial.chosen, *trial.fresh)]
    assert len(set(everything)) == 50
    assert {len(query.evidence) for query in trial.fresh} == {1, 2, 3}
    assert all(query.target not in query.evidence for query in trial.fresh)
    assert bool(posterior(asia, trial.fresh).isfinite().all())


def test_too_few_queries_and_one_variable():
    coins = Structure((Variable("a", ("yes", "no")), Variable("b", ("yes", "no"))), {})
    half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="4 different queries found in 500 draws, expected 5: ask for fewer"):
        draw_queries(BayesianNetwork(coins, {"a": half, "b": half}), 5, generator)
    alone = Structure(coins.variables[:1], {})
    with pytest.raises(ValueError, match="one variable, expected at least two"):
        draw_queries(BayesianNetwork(alone, {"a": half}), 1, generator)


def test_every_method_gives_a_network_and_small_tables_have_their_rows(asia, trial, known, made):
    assert len(made) == 12
    for label, found in made.items():
        assert found.network.structure == asia.structure, label
        if label[0] == "8":
            rows = found.table if isinstance(found.table, torch.Tensor) else found.table["lung"]
            assert len(rows) == 8, label
    em = expectation_maximisation(asia.structure, trial.hospitals.rows, prior=known.prior).network
    assert all(torch.equal(em[name], made[EM].network[name]) for name in asia.structure.names)


def test_distilled_tables_imitate_better_than_drawn_ones_and_censoring_never_worsens(known, made):
    believed = posterior(known.believed, known.trial.chosen)
    error = {name: float(imitation(posterior(m.network, known.trial.chosen), believed).mean()) for name, m in made.items()}
    assert error[EM] == 0
    assert error["8 soft rows"] < 0.5 * error["8 rows drawn from EM"]
    assert error["8 distilled hard rows"] < 0.5 * error["8 rows drawn from EM"]
    censored = made["8 censored rows"]
    assert error["8 censored rows"] == pytest.approx(censored.polished.risk, rel=1e-9)
    assert censored.polished.history[0] == pytest.approx(error["8 distilled hard rows"], rel=1e-9)
    assert censored.polished.risk <= censored.polished.history[0]
    again = expectation_maximisation(known.trial.truth.structure, censored.table, prior=known.prior).network
    assert all(again[name].allclose(censored.network[name], atol=1e-9) for name in again.structure.names)


def test_a_method_does_not_depend_on_which_others_are_run(known, made):
    (alone,) = (method for method in methods(modes=(), drawn=(8,), soft=(), hard=()) if method.rows == 8)
    assert torch.equal(alone(known).table, made["8 rows drawn from EM"].table)


def test_scores_are_the_total_variation_from_the_truth(trial, known, outcome):
    score = outcome.score(ORACLE)
    oracle = known.counted(trial.complete)
    for own, queries in ((score.chosen, trial.chosen), (score.fresh, trial.fresh)):
        assert own == pytest.approx(float(imitation(posterior(oracle, queries), posterior(trial.truth, queries)).mean()))
    assert outcome.score(EM).imitation == 0
    assert outcome.score("50 soft rows") is None
    assert score.chosen < outcome.score("complete case").chosen


def test_means_standard_errors_and_paired_ratios():
    outcomes = [invented(0, EM=(None, 0.1), other=(5, 0.2)), invented(1, EM=(None, 0.3), other=(5, 0.6))]
    em, other = summarise(outcomes)
    assert (em.chosen.ratio.low, em.chosen.ratio.value, em.chosen.ratio.high) == (1, 1, 1)
    assert other.chosen.value == pytest.approx(0.4)
    assert other.chosen.error == pytest.approx(0.2)
    # the ratio is the same in both seeds, so that its paired interval has no width
    assert other.chosen.ratio.low == pytest.approx(2)
    assert other.chosen.ratio.high == pytest.approx(2)
    assert other.fresh.value == pytest.approx(0.8)
    assert math.isnan(summarise(outcomes[:1])[0].chosen.error)


def test_markdown_shows_chosen_and_fresh_queries_side_by_side():
    text = markdown([invented(0, EM=(None, 0.1), other=(5, 0.2)), invented(1, EM=(None, 0.3))])
    assert "ASIA, 3 hospitals, 600 rows, 25 % missing, 2 seeds | 50 chosen queries | of EM | 200 fresh queries" in text
    assert "| EM | 0.2000 ± 0.1000 | 1.00 [1.00, 1.00] | 0.4000 ± 0.2000 | 1.00 [1.00, 1.00] | 1.00 |" in text
    assert "| 5 other (1 seed) | 0.2000 | 2.00 | 0.4000 | 2.00 | 1.00 |" in text


def test_summaries_need_one_setting_and_expectation_maximisation():
    first = invented(0, EM=(None, 0.1))
    with pytest.raises(ValueError, match="outcomes of 2 settings, expected those of one"):
        summarise([first, replace(first, missing=0.4)])
    with pytest.raises(ValueError, match="outcomes of 0 settings"):
        summarise([])
    with pytest.raises(ValueError, match="seed 3 has no score of 'EM'"):
        summarise([invented(3, other=(5, 0.2))])


def test_outcomes_are_written_read_and_merged(outcome, tmp_path):
    path = tmp_path / "hospitals.json"
    write_outcomes(path, [outcome])
    assert read_outcomes(path) == (outcome,)
    first = invented(1, EM=(None, 0.1), other=(5, 0.2))
    again = merged([first, outcome], invented(1, other=(5, 0.3)))
    both = next(each for each in again if each.setting == first.setting)
    assert len(again) == 2
    assert both.score("5 other").chosen == 0.3
    assert both.score("EM").chosen == 0.1
    assert len(merged([first], replace(first, seed=2))) == 2


@pytest.mark.parametrize("text", [None, "{", "[]", '{"outcomes": [{"network": "asia"}]}'])
def test_a_file_of_something_else_is_named(tmp_path, text):
    path = tmp_path / "odd.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OutcomeFileError, match=r"odd\.json: no outcomes of hospitals can be read"):
        read_outcomes(path)


def test_missing_cells_are_drawn_as_they_are(tmp_path):
    hospitals = load_heart().hospitals
    figure = missingness(hospitals)
    drawn = figure.axes[0].images[0].get_array()
    assert drawn.shape == (4, 14)
    for k, name in enumerate(hospitals.names):
        share = (hospitals.table(name) == MISSING).double().mean(0)
        assert torch.equal(torch.as_tensor(drawn[k].data), share)
    save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_bins_of_a_reliability_diagram():
    probabilities = torch.linspace(0, 1, 100, dtype=torch.float64)
    outcomes = (probabilities > 0.5).long()
    bins = reliability_bins(probabilities, outcomes)
    assert bins[:, 4].tolist() == [10] * 10
    assert bins[:, 1].tolist() == [0] * 5 + [1] * 5
    assert bins[0, 0] == pytest.approx(float(probabilities[:10].mean()))
    # Wilson's interval of 0 of 10
    assert bins[0, 2:4].tolist() == pytest.approx([0, 0.2775], abs=1e-4)
    assert len(reliability_bins(probabilities[:3], outcomes[:3])) == 3


def test_reliability_is_drawn_for_several_methods(tmp_path):
    probabilities = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    outcomes = (probabilities > 0.4).long()
    figure = reliability({"one": (probabilities, outcomes), "other": (probabilities.sqrt(), outcomes)})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["what is predicted happens", "one", "other"]
    save_figure(figure, tmp_path / "a.png")
    for bad, message in (
        ((probabilities[:3], outcomes), r"reliability of 'x': probabilities have shape \(3,\) and outcomes \(50,\)"),
        ((probabilities + 1, outcomes), "prediction 1.* expected a probability"),
        ((probabilities, outcomes + 1), "outcome 2, expected 0 or 1"),
    ):
        with pytest.raises(ValueError, match=message):
            reliability({"x": bad})
    with pytest.raises(ValueError, match="no method to draw"):
        reliability({})


def test_variation_is_drawn_with_expectation_maximisation_across(outcome, tmp_path):
    lines = summarise([outcome, replace(outcome, seed=2)])
    figure = variation_by_rows(lines, 180)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:2] == [ORACLE, EM]
    assert "drawn from EM" in legend
    assert HARD not in legend
    levels = [line.get_ydata()[0] for line in figure.axes[1].lines[:2]]
    assert levels == [line.fresh.value for line in lines[:2]]
    save_figure(figure, tmp_path / "a.png")
    with pytest.raises(ValueError, match="nothing to draw"):
        variation_by_rows([], 180)
