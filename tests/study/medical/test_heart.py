"""The heart study: features and scores as scikit-learn's, nothing learned from patients held out, tables that say what was run."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from pinndd.bayesnet import MISSING
from pinndd.bayesnet.counting import WEIGHTS, rows_of_table
from pinndd.bayesnet.heart import HOSPITALS
from pinndd.study.medical.heart import TARGET, Choice, Cohort, baselines, choose, distill_tables
from pinndd.study.medical.heart.choice import diagnosis
from pinndd.study.medical.heart.distilling import GROUPED, HARD, SOFT, WEIGHTED
from pinndd.study.medical.heart.experiment import (
    Scores,
    Split,
    differences,
    load,
    run,
    save,
    scores_frame,
    spread,
    table,
    versions,
)
from pinndd.study.medical.heart.methods import LOGISTIC, NAIVE, SEARCHED, STRUCTURES, TREE, structure_of, teacher

FEW = {"steps": (5,), "teacher": (1.0, 0.0)}


@pytest.fixture(scope="module")
def cohort():
    return Cohort()


@pytest.fixture(scope="module")
def split(cohort):
    return cohort.heart.split(0.7, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def ran(cohort, split):
    return run(cohort, *split, name="split 0", seed=0, rows=12, candidates=FEW, folds=2, hardening=3)


def turned(cohort, positions):
    """The cohort with the outcome and the age of some patients changed."""
    hospitals, values = cohort.heart.hospitals, cohort.heart.values.clone()
    rows = hospitals.rows.clone()
    rows[positions, -1] = 1 - rows[positions, -1]
    rows[positions, 0] = 3 - rows[positions, 0]
    values[positions, -1] = 1 - values[positions, -1]
    values[positions, 0] = 100 - values[positions, 0]
    return Cohort(replace(cohort.heart, hospitals=replace(hospitals, rows=rows), values=values))


def test_features_are_zero_where_a_cell_is_missing(cohort, split):
    learn, _ = split
    numbers = cohort.numbers(learn)
    assert np.isfinite(numbers).all()
    assert numbers[learn.numpy(), 0].mean() == pytest.approx(0, abs=1e-12)
    assert numbers[learn.numpy(), 0].std() == pytest.approx(1)
    chol = cohort.heart.columns.index("chol")
    without = torch.isnan(cohort.heart.values[:, chol]).numpy()
    # age, sex, four kinds of chest pain and the blood pressure come before it
    assert (numbers[without, 7] == 0).all()
    assert (numbers[~without, 7] != 0).any()
    assert cohort.states.shape == (920, sum(len(v) for v in cohort.heart.hospitals.variables[:-1]))
    assert np.array_equal(cohort.states.sum(-1), (cohort.rows[:, :-1] != MISSING).sum(-1).numpy())


def test_scores_are_those_of_scikit_learn(cohort, split):
    _, held_out = split
    chances = torch.rand(len(held_out), generator=torch.Generator().manual_seed(0), dtype=torch.float64).round(decimals=2)
    chances = chances.clamp(0.01, 0.99)
    outcomes = cohort.outcomes[held_out].numpy()
    found = cohort.score(chances, held_out)
    assert found.auc == pytest.approx(roc_auc_score(outcomes, chances.numpy()))
    assert found.brier == pytest.approx(brier_score_loss(outcomes, chances.numpy()))
    assert found.log_loss == pytest.approx(log_loss(outcomes, chances.numpy()))
    own = (cohort.heart.hospitals.membership[held_out] == 3).numpy()
    assert found.hospitals["va"] == pytest.approx(roc_auc_score(outcomes[own], chances.numpy()[own]))
    sick = held_out[outcomes == 1]
    alike = cohort.score(torch.full((len(sick),), 0.5), sick)
    assert alike.auc is None
    assert set(alike.hospitals) == set(HOSPITALS)
    assert alike.log_loss == pytest.approx(np.log(2))


def test_folds_part_the_patients_alike_in_each_hospital_and_outcome(cohort, split):
    learn, held_out = split
    parts = cohort.folds(learn, 3, torch.Generator().manual_seed(1))
    assert torch.equal(torch.cat([check for _, check in parts]).sort().values, learn)
    stratum = 2 * cohort.heart.hospitals.membership + cohort.outcomes
    counts = torch.stack([torch.bincount(stratum[check], minlength=8) for _, check in parts])
    assert int((counts.max(0).values - counts.min(0).values).max()) <= 1
    for fit, check in parts:
        assert torch.equal(torch.cat((fit, check)).sort().values, learn)
    assert not set(learn.tolist()) & set(held_out.tolist())
    assert cohort.hospitals(learn[cohort.heart.hospitals.membership[learn] != 1]).names == ("cleveland", "switzerland", "va")


def test_structures_are_learned_from_the_patients(cohort, split):
    learn, _ = split
    drawn = torch.Generator().manual_seed(0)
    found = {kind: structure_of(kind, cohort, learn, drawn) for kind in STRUCTURES}
    assert len(found[NAIVE].arcs) == 13
    assert len(found[TREE].arcs) == 25
    assert all(len(found[SEARCHED].parents[name]) <= 3 for name in found[SEARCHED].names)
    assert found[SEARCHED].arcs != found[TREE].arcs
    with pytest.raises(ValueError, match="structure 'forest' is unknown; expected one of naive Bayes, tree-augmented"):
        structure_of("forest", cohort, learn, drawn)


def test_the_truth_mixes_the_outcome_with_the_teacher(cohort, split):
    learn, _ = split
    graph = structure_of(NAIVE, cohort, learn, torch.Generator())
    hard, half, soft = (diagnosis(cohort, learn, graph, share).truths[:, 1] for share in (0.0, 0.5, 1.0))
    assert torch.equal(hard.long(), cohort.outcomes[learn])
    torch.testing.assert_close(soft, teacher(cohort, learn)(learn))
    torch.testing.assert_close(half, (hard + soft) / 2)


def test_nothing_is_learned_from_the_patients_held_out(cohort, split):
    learn, held_out = split
    learn = learn[::5]
    other = turned(cohort, held_out)
    chosen, again = (choose(each, learn, 12, 0, candidates=FEW, folds=2) for each in (cohort, other))
    assert chosen == again
    assert [tried.choice.teacher for tried in chosen[1]] == [1.0, 0.0]
    graph = structure_of(NAIVE, cohort, learn, torch.Generator())
    choice = Choice(steps=5)
    both = [distill_tables(each, learn, choice, 12, 0, hardening=3) for each in (cohort, other)]
    for first, second in zip(*both, strict=True):
        assert all(torch.equal(first.data[name], second.data[name]) for name in first.data.fields), first.kind
    asked = learn[:20]
    methods = (dict(baselines(each, learn, graph, 12, torch.Generator().manual_seed(0))) for each in (cohort, other))
    for (name, mine), theirs in zip(
        *(each.items() if k == 0 else each.values() for k, each in enumerate(methods)), strict=True
    ):
        assert torch.equal(mine()(asked), theirs()(asked)), name


def test_what_is_learned_from_does_change_the_table(cohort, split):
    learn, _ = split
    choice = Choice(steps=5)
    first = next(iter(distill_tables(cohort, learn, choice, 12, 0)))
    second = next(iter(distill_tables(turned(cohort, learn[::2]), learn, choice, 12, 0)))
    assert not torch.equal(first.data["age"], second.data["age"])


def test_a_trial_has_every_method_and_its_tables(cohort, split, ran):
    found = {distilled.kind: distilled for distilled in ran.tables}
    assert set(found) == {SOFT, HARD, WEIGHTED, GROUPED}
    assert found[WEIGHTED].risk < found[HARD].risk
    graph = found[HARD].network.structure
    assert torch.equal(rows_of_table(graph, found[HARD].data), rows_of_table(graph, found[WEIGHTED].data))
    assert (found[WEIGHTED].data[WEIGHTS] != 1).any()
    logistic, expected = ran.split.score(LOGISTIC), cohort.score(ran.probabilities[LOGISTIC], split[1])
    assert (logistic["brier"], logistic["AUC va"]) == (expected.brier, expected.hospitals["va"])
    assert {f"12 {kind}" for kind in found} <= set(ran.probabilities)
    assert ran.split.scores["method"].tolist() == list(ran.probabilities)
    assert len(ran.probabilities) == 17
    naive, fitted = (ran.probabilities[name] for name in ("naive Bayes, available case", "EM, naive Bayes"))
    # the disease is never missing, so that both count the same cells
    torch.testing.assert_close(naive, fitted, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="split 'split 0' has no method 'luck'"):
        ran.split.score("luck")


def test_splits_survive_their_file(ran, tmp_path):
    path = tmp_path / "heart.json"
    save([ran.split], versions(), path)
    (again,) = load(path)
    assert again.scores.equals(ran.split.scores)
    assert (again.choice, again.tried) == (ran.split.choice, ran.split.tried)
    stored = json.loads(path.read_text())
    assert {"torch", "scikit-learn", "python", "threads"} <= set(stored["versions"])
    assert stored["trials"] == json.loads(json.dumps([again.to_json()]))
    path.write_text('{"trials": [{}]}')
    with pytest.raises(ValueError, match="holds no splits of the heart study"):
        load(path)


def split_of(name, auc, loss):
    scores = scores_frame(
        (method, Scores(0.9, 0.1, loss + k, {"here": auc + 0.01 * k, "there": None}), 1.0)
        for k, method in enumerate(("ours", LOGISTIC))
    )
    return Split(name, 0, 10, 5, Choice(), (), scores)


def test_tables_have_means_with_standard_errors_and_paired_differences():
    splits = [split_of("a", 0.7, 0.4), split_of("b", 0.8, 0.6)]
    text = table(splits)
    assert "| ours | 0.100 ± 0.000 | 0.500 ± 0.100 | 0.900 ± 0.000 | 0.750 ± 0.050 | - | 1.0 |" in text
    assert text.index("| ours") < text.index(f"| {LOGISTIC}")
    assert "| ours | -0.010 ± 0.000 | - |" in differences(splits, ["ours"])
    assert spread(pd.Series([0.25])) == "0.250"
    assert splits[0].to_json()["lines"][0]["scores"]["hospitals"] == {"here": 0.7, "there": None}
    assert TARGET == "disease"


@pytest.mark.parametrize("text", ["{", "[]", '{"trials": 3}', '{"trials": [{}]}', "[" * 2000])
def test_a_file_of_something_else_is_named(tmp_path, text):
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(ValueError, match=r"odd\.json .*: run benchmarks/heart\.py again"):
        load(tmp_path / "odd.json")
