"""The diagnosis of patients: exact posteriors whatever is missing, proper scores, exact gradients, flips that never hurt."""

import pytest
import torch

from pinndd.bayesnet import (
    MISSING,
    BayesianNetwork,
    BDeu,
    ImpossibleEvidenceError,
    MaximumLikelihood,
    Query,
    Structure,
    Variable,
    load_network,
    posterior,
    sample,
)
from pinndd.bayesnet.classifiers import naive_bayes
from pinndd.bayesnet.counting import CountingLearner, table_of_rows
from pinndd.bayesnet.distilling import distill_table, harden
from pinndd.bayesnet.polishing import polish
from pinndd.bayesnet.tasks.diagnosis import Diagnosis
from pinndd.distances import KL, Brier
from pinndd.hypergradients import Exact
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Grouped, Mean


def patients_of(network, count, seed, missing=0.4):
    """Rows of which some findings are missing; the target, lung, never is."""
    generator = torch.Generator().manual_seed(seed)
    rows = sample(network, count, generator)
    absent = torch.rand(rows.shape, generator=generator) < missing
    absent[:, network.structure.index("lung")] = False
    return torch.where(absent, MISSING, rows)


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


@pytest.fixture(scope="module")
def task(asia):
    return Diagnosis.of(asia.structure, "lung", patients_of(asia, 30, seed=0))


@pytest.fixture(scope="module")
def small():
    """Naive Bayes with two findings: its answers are written out below."""
    structure = naive_bayes((Variable("a", ("0", "1")), Variable("b", ("0", "1", "2")), Variable("d", ("no", "yes"))), "d")
    tables = {
        "d": torch.tensor([0.7, 0.3], dtype=torch.float64),
        "a": torch.tensor([[0.8, 0.2], [0.4, 0.6]], dtype=torch.float64),
        "b": torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=torch.float64),
    }
    return BayesianNetwork(structure, tables)


def problem_of(task, distance=None, risk=None, prior=None):
    return DistillationProblem(CountingLearner(task.structure, prior or BDeu(1.0)), task, distance or KL(), risk or Mean())


def test_answers_are_the_posteriors_of_queries_one_by_one(asia, task):
    found = task.answer(asia.tables, task.everyone(), 0)
    assert found.shape == (30, 1, 2)
    names = asia.structure.names
    queries = []
    for row in task.rows.tolist():
        known = {n: asia.structure[n].states[c] for n, c in zip(names, row, strict=True) if c != MISSING and n != "lung"}
        queries.append(Query("lung", known))
    assert len({len(query.evidence) for query in queries}) > 3
    torch.testing.assert_close(found[:, 0], posterior(asia, queries))


def test_naive_bayes_adds_log_odds_and_leaves_missing_findings_out(small):
    rows = torch.tensor([[1, 2, 0], [1, MISSING, 0], [MISSING, 0, 1], [MISSING, MISSING, 1]])
    task = Diagnosis.of(small.structure, "d", rows)
    odds = torch.tensor([3 / 7 * 3 * 3.5, 3 / 7 * 3, 3 / 7 / 5, 3 / 7], dtype=torch.float64)
    found = task.answer(small.tables, task.everyone(), 0)[:, 0, 1]
    torch.testing.assert_close(found, odds / (1 + odds))


def test_the_outcome_of_a_patient_is_never_evidence(asia, task):
    column = asia.structure.index("lung")
    other = task.rows.clone()
    other[:, column] = 1 - other[:, column]
    flipped = Diagnosis.of(asia.structure, "lung", other)
    everyone = task.everyone()
    torch.testing.assert_close(flipped.answer(asia.tables, everyone, 0), task.answer(asia.tables, everyone, 0))
    assert not torch.equal(flipped.truth(everyone, 0), task.truth(everyone, 0))


def test_without_any_finding_the_answer_is_the_prior(small):
    rows = torch.tensor([[MISSING, MISSING, 0], [MISSING, MISSING, 1]])
    task = Diagnosis.of(small.structure, "d", rows)
    both = {name: torch.stack((table, table.flip(-1))) for name, table in small.tables.items()}
    assert task.answer(small.tables, task.everyone(), 0)[:, 0].tolist() == [[0.7, 0.3]] * 2
    assert task.answer(both, task.everyone(), 0)[1, :, 0].tolist() == [[0.3, 0.7]] * 2


def test_batches_of_networks_and_of_patients_answer_like_single_ones(asia, task):
    other = {name: table.flip(-1) for name, table in asia.tables.items()}
    both = {name: torch.stack((table, other[name])) for name, table in asia.tables.items()}
    everyone = task.everyone()
    found = task.answer(both, everyone, 0)
    assert found.shape == (2, 30, 1, 2)
    torch.testing.assert_close(found[1], task.answer(other, everyone, 0))
    drawn = task.episodes(7, torch.Generator().manual_seed(1))
    assert len(set(drawn.positions.tolist())) == len(drawn) == 7
    torch.testing.assert_close(task.answer(both, drawn, 0), found[:, drawn.positions])
    torch.testing.assert_close(task.truth(drawn, 0), task.truth(everyone, 0)[drawn.positions])
    assert torch.equal(task.episodes(99, torch.Generator()).positions, torch.arange(30))


def test_distances_are_the_log_loss_and_the_brier_score(asia, task):
    answer = task.answer(asia.tables, task.everyone(), 0)
    outcome = task.rows[:, asia.structure.index("lung")]
    taken = answer[:, 0].gather(-1, outcome[:, None])[:, 0]
    torch.testing.assert_close(KL()(answer, task.truth(task.everyone(), 0)), -taken.log())
    torch.testing.assert_close(Brier()(answer, task.truth(task.everyone(), 0)), (1 - taken).square())


@pytest.mark.parametrize("risk", [Mean(), Grouped(tuple(k % 3 for k in range(30)), CVaR(0.5))], ids=["mean", "groups"])
def test_the_gradient_in_soft_rows_is_exact(asia, task, central_differences, risk):
    problem = problem_of(task, risk=risk)
    data = table_of_rows(asia.structure, sample(asia, 6, torch.Generator().manual_seed(1)), certainty=0.7)
    _, gradient = Exact()(problem, data, task.everyone())

    for name in ("lung", "dysp"):

        def risk_at(logits, name=name):
            return float(problem.evaluate(data.with_fields({name: logits.softmax(-1)}), task.everyone()))

        logits = data[name].log().requires_grad_()
        (slope,) = torch.autograd.grad(logits.softmax(-1), logits, gradient[name])
        torch.testing.assert_close(slope, central_differences(risk_at, logits.detach()), rtol=1e-6, atol=1e-9)


def test_soft_rows_imitate_a_teacher_and_hard_ones_are_polished(small):
    generator = torch.Generator().manual_seed(0)
    rows = sample(small, 200, generator)
    rows[::3, 0] = MISSING
    rows[::4, 1] = MISSING
    asked = Diagnosis.of(small.structure, "d", rows)
    taught = asked.answer(small.tables, asked.everyone(), 0)[:, 0]
    task = Diagnosis(small.structure, "d", rows, taught)
    problem, everyone = problem_of(task), task.everyone()
    start = sample(small, 20, generator)
    before = float(problem.evaluate(table_of_rows(small.structure, start), everyone))
    soft = distill_table(problem, table_of_rows(small.structure, start, certainty=0.8), everyone, steps=150)
    assert soft.risk < 1e-4 < before / 10
    rounded = harden(problem, soft.data, everyone, steps=10)
    hard = polish(problem, rounded, everyone)
    assert hard.optimal
    assert hard.risk <= float(problem.evaluate(table_of_rows(small.structure, rounded), everyone)) + 1e-12
    assert hard.risk == pytest.approx(float(problem.evaluate(table_of_rows(small.structure, hard.rows), everyone)), rel=1e-9)
    assert hard.risk < before / 3


def test_what_does_not_fit_is_named(asia, small, task):
    rows = torch.tensor([[1, 2, 0], [0, 1, MISSING]])
    with pytest.raises(ValueError, match="'d' of patient 1 is missing: leave the patient out"):
        Diagnosis.of(small.structure, "d", rows)
    with pytest.raises(ValueError, match="unknown variable 'fever'"):
        Diagnosis.of(small.structure, "fever", rows)
    with pytest.raises(ValueError, match="column 'b': code 3"):
        Diagnosis.of(small.structure, "d", torch.tensor([[1, 3, 0]]))
    with pytest.raises(ValueError, match="there is no patient"):
        Diagnosis.of(small.structure, "d", rows[:0])
    half = torch.full((2, 2), 0.5, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"truths have shape \(2, 3\), expected \(2, 2\)"):
        Diagnosis(small.structure, "d", rows, torch.full((2, 3), 1 / 3))
    with pytest.raises(ValueError, match=r"truth of patient 1 is \[0.75, 0.5\]"):
        Diagnosis(small.structure, "d", rows, half + torch.tensor([[0, 0], [0.25, 0]]))
    with pytest.raises(ValueError, match="truth of patient 0 is"):
        Diagnosis(small.structure, "d", rows, half + torch.tensor([[-0.6, 0.6], [0, 0]]))
    with pytest.raises(ValueError, match="truth of patient 0 is"):
        Diagnosis(small.structure, "d", rows, half * torch.tensor([[float("nan")], [1]]))
    with pytest.raises(ValueError, match="no derivatives: use a distance without them"):
        task.truth(task.everyone(), 1)


def test_findings_that_no_row_of_the_table_has_are_named_without_a_prior(small):
    task = Diagnosis.of(small.structure, "d", torch.tensor([[0, 0, 0], [1, 0, 1]]))
    problem = problem_of(task, prior=MaximumLikelihood())
    table = table_of_rows(small.structure, torch.tensor([[0, 0, 0], [0, 0, 1]]))
    with pytest.raises(ImpossibleEvidenceError, match="patient 1 has recorded has probability zero"):
        problem.evaluate(table, task.everyone())


def test_a_graph_without_arcs_answers_with_the_prior(small):
    bare = Structure(small.structure.variables, {})
    task = Diagnosis.of(bare, "d", torch.tensor([[1, 2, 0]]))
    tables = {"a": small["a"][0], "b": small["b"][0], "d": small["d"]}
    assert task.answer(tables, task.everyone(), 0)[0, 0].tolist() == pytest.approx([0.7, 0.3])
