"""The task: answers are posteriors, the risk runs over queries or groups of them."""

import pytest
import torch

from pinndd.bayesnet import (
    BayesianNetwork,
    BDeu,
    ImpossibleEvidenceError,
    Query,
    QueryBatch,
    Structure,
    load_network,
    posterior,
    sample,
)
from pinndd.bayesnet.counting import CountingLearner, table_of_rows
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.distances import KL, TotalVariation
from pinndd.distances.ordered import OrderedWasserstein1
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Grouped, Mean, WorstCase

QUERIES = (
    Query("lung", {"smoke": "yes"}),
    Query("tub", {"xray": "yes", "asia": "yes"}),
    Query("bronc", {"dysp": "yes"}),
    Query("lung", {"xray": "yes", "dysp": "no"}),
)


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


@pytest.fixture(scope="module")
def data(asia):
    return table_of_rows(asia.structure, sample(asia, 12, torch.Generator().manual_seed(0)))


def problem_of(asia, distance=None, risk=None):
    return DistillationProblem(
        CountingLearner(asia.structure, BDeu(1.0)),
        ConditionalMarginals.of(QUERIES, asia),
        distance or TotalVariation(),
        risk or Mean(),
    )


def test_the_answer_is_the_posterior_of_the_trained_network(asia, data):
    problem = problem_of(asia)
    asked = problem.task.everything()
    tables = problem.learner.fit(data, asked)
    answer = problem.task.answer(tables, asked, 0)
    assert answer.shape == (4, 1, 2)
    torch.testing.assert_close(answer[:, 0], posterior(BayesianNetwork(asia.structure, tables), QUERIES))
    torch.testing.assert_close(problem.task.truth(asked, 0)[:, 0], posterior(asia, QUERIES))
    expected = (answer - problem.task.truth(asked, 0)).abs().sum((1, 2)) / 2
    torch.testing.assert_close(problem.losses(data, asked), expected)


def test_the_true_network_has_no_loss(asia):
    for distance in (TotalVariation(), KL(), OrderedWasserstein1()):
        problem = problem_of(asia, distance)
        losses = problem.compare(asia.tables, problem.task.everything())
        assert float(losses.max()) < 1e-12


def test_risks_run_over_queries_and_over_groups(asia, data):
    losses = problem_of(asia).losses(data, problem_of(asia).task.everything())
    values = losses.sort(descending=True).values
    asked = problem_of(asia).task.everything()
    assert float(problem_of(asia, risk=CVaR(0.5)).evaluate(data, asked)) == pytest.approx(float(values[:2].mean()))
    grouped = Grouped(("north", "south", "north", "south"), WorstCase())
    expected = max(float(losses[[0, 2]].mean()), float(losses[[1, 3]].mean()))
    assert float(problem_of(asia, risk=grouped).evaluate(data, asked)) == pytest.approx(expected)


def test_few_episodes_are_drawn_without_repetition_and_many_are_all_in_order(asia):
    task = problem_of(asia).task
    generator = torch.Generator().manual_seed(0)
    drawn = [task.episodes(2, generator).positions.tolist() for _ in range(30)]
    assert {k for pair in drawn for k in pair} == {0, 1, 2, 3}
    assert all(len(set(pair)) == 2 for pair in drawn)
    assert task.episodes(9, generator).positions.tolist() == [0, 1, 2, 3]
    asked = task.episodes(2, generator)
    assert len(asked) == 2
    torch.testing.assert_close(task.answer(asia.tables, asked, 0), task.truth(asked, 0))


def test_batches_of_networks_answer_like_single_ones(asia):
    task = problem_of(asia).task
    other = {name: table.flip(-1) for name, table in asia.tables.items()}
    both = {name: torch.stack((table, other[name])) for name, table in asia.tables.items()}
    asked = task.everything()
    found = task.answer(both, asked, 0)
    assert found.shape == (2, 4, 1, 2)
    torch.testing.assert_close(found[0], task.answer(asia.tables, asked, 0))


def test_the_structure_that_is_asked_may_differ_from_that_of_the_truth(asia, data):
    bare = Structure(asia.structure.variables, {})
    task = ConditionalMarginals.of(QUERIES, asia, bare)
    problem = DistillationProblem(CountingLearner(bare), task, TotalVariation(), Mean())
    assert float(problem.evaluate(data, task.everything())) > 0
    fewer = Structure(asia.structure.variables[1:], {})
    with pytest.raises(ValueError, match=f"{asia.structure.names[0]!r} differs between the structure"):
        ConditionalMarginals.of(QUERIES, asia, fewer)


def test_ordered_states_count_how_far_the_mass_moves():
    truth = torch.tensor([[[1.0, 0, 0]], [[0.5, 0.5, 0]]], dtype=torch.float64)
    answer = torch.tensor([[[0, 0, 1.0]], [[0.5, 0, 0.5]]], dtype=torch.float64)
    assert OrderedWasserstein1()(answer, truth).tolist() == pytest.approx([2.0, 0.5])
    with pytest.raises(ValueError, match="not a probability vector"):
        OrderedWasserstein1()(2 * answer, truth)
    with pytest.raises(ValueError, match="expected \\(E, Q, K\\) for both"):
        OrderedWasserstein1()(answer[0], truth[0])


def test_bad_queries_and_truths_are_named(asia):
    with pytest.raises(ValueError, match="query 0, P\\(fever\\): unknown variable 'fever'"):
        ConditionalMarginals.of((Query("fever"),), asia)
    with pytest.raises(ValueError, match="no state 'perhaps'"):
        ConditionalMarginals.of((Query("lung", {"smoke": "perhaps"}),), asia)
    with pytest.raises(ImpossibleEvidenceError, match="query 0"):
        ConditionalMarginals.of((Query("smoke", {"either": "no", "lung": "yes"}),), asia)
    batch = QueryBatch(asia.structure, QUERIES)
    with pytest.raises(ValueError, match=r"truths have shape \(3, 2\), expected \(4, 2\)"):
        ConditionalMarginals(batch, torch.full((3, 2), 0.5))
    with pytest.raises(ValueError, match="truth of query 0"):
        ConditionalMarginals(batch, torch.full((4, 2), 0.4))
    with pytest.raises(ValueError, match="no derivatives"):
        problem_of(asia).task.truth(problem_of(asia).task.everything(), 1)
