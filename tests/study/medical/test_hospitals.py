"""Simulated hospitals, the methods under one interface, their scores, and the pictures."""

import json
import math

import pandas as pd
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
from pinndd.study.medical.hospitals.data_card import imitation
from pinndd.study.medical.hospitals.methods import EM, HARD, ORACLE, DistillationEffort, method_inputs, methods
from pinndd.study.medical.hospitals.scores import (
    SETTING,
    ScoresFileError,
    markdown,
    merged,
    read_scores,
    run_methods,
    scores_frame,
    summarise,
    write_scores,
)
from pinndd.study.medical.hospitals.simulated import draw_queries, draw_trial
from pinndd.study.plots.hospitals import missingness, reliability, reliability_bins, variation_by_rows
from pinndd.study.plots.style import save_figure

QUICK = DistillationEffort(soft_steps=60, hard_steps=30, starts=1, censor_seconds=1.0)


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


@pytest.fixture(scope="module")
def trial(asia):
    return draw_trial(asia, missing=0.25, seed=1, rows=60, chosen=20, fresh=30)


@pytest.fixture(scope="module")
def inputs(trial):
    return method_inputs(trial, effort=QUICK)


@pytest.fixture(scope="module")
def made(inputs):
    return {
        method.label: method(inputs)
        for method in methods(drawn=(8,), modes=(8,), pairwise=(8,), soft=(8,), hard=(8,), censored=(8,))
    }


@pytest.fixture(scope="module")
def scores(inputs):
    return run_methods("asia", inputs, methods(drawn=(10, 20), modes=(10,), soft=(), hard=()))


def invented(seed, **errors):
    setting = dict(zip(SETTING, ("asia", 0.25, 3, 600, 50, 200), strict=True))
    return scores_frame(
        {**setting, "seed": seed, "method": name, "rows": rows, "chosen": value, "fresh": 2 * value, "imitation": 0.0}
        | {"seconds": 1.0, "versions": {"pinndd": "0"}}
        for name, (rows, value) in errors.items()
    )


def score(scores, label):
    return scores.set_index("label").loc[label]


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


def test_every_method_gives_a_network_and_small_tables_have_their_rows(asia, trial, inputs, made):
    assert len(made) == 13
    for label, found in made.items():
        assert found.network.structure == asia.structure, label
        if label[0] == "8":
            rows = found.table if isinstance(found.table, torch.Tensor) else found.table["lung"]
            assert len(rows) == 8, label
    em = expectation_maximisation(asia.structure, trial.hospitals.rows, prior=inputs.prior).network
    assert all(torch.equal(em[name], made[EM].network[name]) for name in asia.structure.names)


def test_distilled_tables_imitate_better_than_drawn_ones_and_censoring_never_worsens(inputs, made):
    believed = posterior(inputs.believed, inputs.trial.chosen)
    error = {name: float(imitation(posterior(m.network, inputs.trial.chosen), believed).mean()) for name, m in made.items()}
    assert error[EM] == 0
    assert error["8 soft rows"] < 0.5 * error["8 rows drawn from EM"]
    assert error["8 distilled hard rows"] < 0.5 * error["8 rows drawn from EM"]
    censored = made["8 censored rows"]
    assert error["8 censored rows"] == pytest.approx(censored.polished.risk, rel=1e-9)
    assert censored.polished.history[0] == pytest.approx(error["8 distilled hard rows"], rel=1e-9)
    assert censored.polished.risk <= censored.polished.history[0]
    again = expectation_maximisation(inputs.trial.truth.structure, censored.table, prior=inputs.prior).network
    assert all(again[name].allclose(censored.network[name], atol=1e-9) for name in again.structure.names)


def test_a_method_does_not_depend_on_which_others_are_run(inputs, made):
    (alone,) = (method for method in methods(modes=(), drawn=(8,), soft=(), hard=()) if method.rows == 8)
    assert torch.equal(alone(inputs).table, made["8 rows drawn from EM"].table)


def test_scores_are_the_total_variation_from_the_truth(trial, inputs, scores):
    own, oracle = score(scores, ORACLE), inputs.counted(trial.complete)
    for asked, queries in (("chosen", trial.chosen), ("fresh", trial.fresh)):
        expected = imitation(posterior(oracle, queries), posterior(trial.truth, queries)).mean()
        assert own[asked] == pytest.approx(float(expected))
    assert score(scores, EM)["imitation"] == 0
    assert "50 soft rows" not in set(scores["label"])
    assert own["chosen"] < score(scores, "complete case")["chosen"]
    assert scores["patients"].unique().tolist() == [180]


def test_means_standard_errors_and_paired_ratios():
    first, second = invented(0, EM=(None, 0.1), other=(5, 0.2)), invented(1, EM=(None, 0.3), other=(5, 0.6))
    summary = summarise(pd.concat([first, second]))
    em, other = score(summary, "EM"), score(summary, "5 other")
    assert (em["chosen_low"], em["chosen_ratio"], em["chosen_high"]) == (1, 1, 1)
    assert other["chosen"] == pytest.approx(0.4)
    assert other["chosen_error"] == pytest.approx(0.2)
    # the ratio is the same in both seeds, so that its paired interval has no width
    assert (other["chosen_low"], other["chosen_high"]) == pytest.approx((2, 2))
    assert other["fresh"] == pytest.approx(0.8)
    assert math.isnan(summarise(first)["chosen_error"][0])


def test_markdown_shows_chosen_and_fresh_queries_side_by_side():
    text = markdown(pd.concat([invented(0, EM=(None, 0.1), other=(5, 0.2)), invented(1, EM=(None, 0.3))]))
    assert "ASIA, 3 hospitals, 600 rows, 25 % missing, 2 seeds | 50 chosen queries | of EM | 200 fresh queries" in text
    assert "| EM | 0.2000 ± 0.1000 | 1.00 [1.00, 1.00] | 0.4000 ± 0.2000 | 1.00 [1.00, 1.00] | 1.00 |" in text
    assert "| 5 other (1 seed) | 0.2000 | 2.00 | 0.4000 | 2.00 | 1.00 |" in text


def test_summaries_need_one_setting_and_expectation_maximisation():
    first = invented(0, EM=(None, 0.1))
    with pytest.raises(ValueError, match="scores of 2 settings, expected those of one"):
        summarise(pd.concat([first, first.assign(missing=0.4)]))
    with pytest.raises(ValueError, match="scores of 0 settings"):
        summarise(first[:0])
    with pytest.raises(ValueError, match="seed 3 has no score of 'EM'"):
        summarise(invented(3, other=(5, 0.2)))


def test_scores_are_written_read_and_merged(scores, tmp_path):
    path = tmp_path / "hospitals.json"
    write_scores(path, scores)
    pd.testing.assert_frame_equal(read_scores(path), scores)
    stored = json.loads(path.read_text())["outcomes"]
    assert [(each["network"], each["rows"], each["chosen"]) for each in stored] == [("asia", 180, 20)]
    assert stored[0]["scores"][0]["rows"] is None
    first = invented(1, EM=(None, 0.1), other=(5, 0.2))
    again = merged(merged(first, scores), invented(1, other=(5, 0.3)))
    assert len(again) == len(scores) + 2
    both = again[again["patients"] == 600]
    assert score(both, "5 other")["chosen"] == 0.3
    assert score(both, "EM")["chosen"] == 0.1
    assert merged(first, first.assign(seed=2))["seed"].tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"outcomes": [{"network": "asia"}]}'])
def test_a_file_of_something_else_is_named(tmp_path, text):
    path = tmp_path / "odd.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ScoresFileError, match=r"odd\.json.*: run benchmarks/hospitals\.py"):
        read_scores(path)


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


def test_variation_is_drawn_with_expectation_maximisation_across(scores, tmp_path):
    summary = summarise(pd.concat([scores, scores.assign(seed=2)]))
    figure = variation_by_rows(summary, 180)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:2] == [ORACLE, EM]
    assert "drawn from EM" in legend
    assert HARD not in legend
    levels = [line.get_ydata()[0] for line in figure.axes[1].lines[:2]]
    assert levels == summary["fresh"][:2].tolist()
    save_figure(figure, tmp_path / "a.png")
    with pytest.raises(ValueError, match="nothing to draw"):
        variation_by_rows(summary[:0], 180)
