"""Rows with cells left missing: training is expectation maximisation, and a cell that does harm is found and left out."""

import itertools

import pytest
import torch

from pinndd.bayesnet import MISSING, BDeu, MaximumLikelihood, Structure, expectation_maximisation, load_network, sample
from pinndd.bayesnet.censoring import censor
from pinndd.bayesnet.counting import CountingLearner
from pinndd.bayesnet.incomplete import IncompleteLearner, incomplete_table, likelihoods
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.distances import TotalVariation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.medical.hospitals.simulated import draw_queries

PRIOR = BDeu(0.5)


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


def drawn(network, count, seed):
    return sample(network, count, torch.Generator().manual_seed(seed))


def problem_of(believed, *, queries=30, most=300):
    asked = draw_queries(believed, queries, torch.Generator().manual_seed(0))
    learner = IncompleteLearner(believed.structure, PRIOR, most=most)
    return DistillationProblem(learner, ConditionalMarginals.of(asked, believed), TotalVariation(), Mean())


def risk_of(problem, rows):
    return float(problem.evaluate(incomplete_table(problem.learner.structure, rows), problem.task.everything()))


def largest_difference(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one.structure.names)


@pytest.mark.parametrize("most", [1, 3, 300])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_training_is_expectation_maximisation(random_network, share, most):
    network = random_network(4, size=7)
    rows = drawn(network, 25, 1)
    rows[1:, 1:][torch.rand(24, 6, generator=torch.Generator().manual_seed(2)) < share] = MISSING
    expected = expectation_maximisation(network.structure, rows, prior=PRIOR, most=most).network
    found = IncompleteLearner(network.structure, PRIOR, most=most).network(rows)
    assert largest_difference(found, expected) < 1e-12


def test_a_batch_of_tables_trains_as_each_alone(asia):
    generator = torch.Generator().manual_seed(3)
    rows = torch.stack([drawn(asia, 15, seed) for seed in range(4)])
    hidden = torch.rand(rows.shape, generator=generator) < torch.tensor([0, 0.05, 0.2, 0.4])[:, None, None]
    rows[:, 1:, 1:][hidden[:, 1:, 1:]] = MISSING
    learner = IncompleteLearner(asia.structure, PRIOR)
    tables = learner.train(likelihoods(asia.structure, rows))
    for k, own in enumerate(rows):
        alone = learner.network(own)
        assert max(float((tables[name][k] - alone[name]).abs().max()) for name in tables) < 1e-12


def test_complete_rows_are_counted(asia):
    rows = drawn(asia, 20, 4)
    problem = problem_of(asia)
    counting = CountingLearner(asia.structure, PRIOR)
    data = incomplete_table(asia.structure, rows)
    counted = DistillationProblem(counting, problem.task, problem.distance, problem.risk)
    asked = problem.task.everything()
    assert float(problem.evaluate(data, asked)) == pytest.approx(float(counted.evaluate(data, asked)), rel=1e-12)


@pytest.mark.parametrize(("shortlist", "place"), [(None, (3, 4)), (16, (3, 4)), (16, (7, 0))])
def test_a_corrupted_cell_is_left_out(random_network, shortlist, place):
    # the network that is believed is that of the rows without this cell, so that leaving it out has risk zero
    network = random_network(5, size=6)
    rows = drawn(network, 10, 5)
    censored, corrupted = rows.clone(), rows.clone()
    censored[place] = MISSING
    corrupted[place] = 1 - min(1, int(rows[place]))
    problem = problem_of(IncompleteLearner(network.structure, PRIOR).network(censored))
    assert risk_of(problem, rows) > 1e-3
    assert risk_of(problem, corrupted) > 1e-3
    found = censor(problem, corrupted, problem.task.everything(), shortlist=shortlist)
    assert found.risk < 1e-9
    # the corrupted row may have a twin in every family of the cell, which serves as well
    (left_out,) = (found.rows == MISSING).nonzero().tolist()
    assert left_out[1] == place[1]
    assert problem.learner.network(found.rows)[network.structure.names[place[1]]].allclose(
        problem.learner.network(censored)[network.structure.names[place[1]]], atol=1e-9
    )


def test_the_risk_never_rises_and_is_that_of_the_rows_trained_anew(asia):
    problem = problem_of(asia, most=20)
    start = drawn(asia, 5, 6)
    kept = start.clone()
    found = censor(problem, start, problem.task.everything(), shortlist=None)
    assert torch.equal(start, kept)
    assert found.optimal
    assert found.flips > 1
    assert all(later <= earlier for earlier, later in itertools.pairwise(found.history))
    assert found.history[0] == pytest.approx(risk_of(problem, start), rel=1e-12)
    assert found.risk == pytest.approx(risk_of(problem, found.rows), rel=1e-9)
    assert found.risk < 0.8 * found.history[0]
    changed = found.rows.repeat(5 * 8 * 3, 1, 1)
    for k, (row, column, state) in enumerate(itertools.product(range(5), range(8), (MISSING, 0, 1))):
        changed[k, row, column] = state
    recorded = changed != MISSING
    changed = changed[recorded.any(1).all(1) & recorded.any(2).all(1)]
    tables = problem.learner.train(likelihoods(asia.structure, changed))
    for k in range(len(changed)):
        losses = problem.compare({name: table[k] for name, table in tables.items()}, problem.task.everything())
        assert float(problem.risk(losses)) >= found.risk - 1e-12


def test_a_shortlist_says_that_not_all_was_tried(asia):
    problem = problem_of(asia)
    start = drawn(asia, 8, 6)
    found = censor(problem, start, problem.task.everything(), shortlist=4, passes=2)
    assert not found.optimal
    assert found.risk < found.history[0]
    assert found.evaluations <= 1 + 2 * 8


def test_out_of_time_the_rows_so_far_are_kept(asia):
    problem = problem_of(asia)
    start = drawn(asia, 8, 6)
    for shortlist in (None, 4):
        found = censor(problem, start, problem.task.everything(), shortlist=shortlist, seconds=0)
        assert torch.equal(found.rows, start)
        assert not found.optimal


def test_no_row_and_no_column_is_emptied(random_network):
    network = random_network(6, size=3)
    rows = torch.full((3, 3), MISSING)
    rows[torch.arange(3), torch.arange(3)] = 0
    problem = problem_of(network, queries=5)
    found = censor(problem, rows, problem.task.everything(), shortlist=None)
    recorded = found.rows != MISSING
    assert bool(recorded.any(0).all())
    assert bool(recorded.any(1).all())
    assert found.risk < found.history[0]


def test_misuse(asia):
    structure, rows = asia.structure, drawn(asia, 4, 7)
    problem = problem_of(asia)
    asked = problem.task.everything()
    with pytest.raises(ValueError, match="adds nothing"):
        IncompleteLearner(structure, MaximumLikelihood())
    with pytest.raises(ValueError, match="most=0 must be at least 1"):
        IncompleteLearner(structure, PRIOR, most=0)
    others = Structure(structure.variables[1:], {})
    with pytest.raises(
        ValueError, match="'asia' is only among the fields or only among the variables: use incomplete_table"
    ):
        problem.learner.fit(incomplete_table(others, rows[:, 1:]), asked)
    with pytest.raises(ValueError, match="there are no rows"):
        incomplete_table(structure, rows[:0])
    with pytest.raises(ValueError, match="row 2 has no recorded cell"):
        incomplete_table(structure, torch.where(torch.arange(4)[:, None] == 2, MISSING, rows))
    with pytest.raises(ValueError, match="variable 'asia' is recorded in no row"):
        incomplete_table(structure, torch.where(torch.arange(8) == structure.index("asia"), MISSING, rows))
    with pytest.raises(ValueError, match="shortlist=0 must be at least 1"):
        censor(problem, rows, asked, shortlist=0)
    counting = DistillationProblem(CountingLearner(structure, PRIOR), problem.task, TotalVariation(), Mean())
    with pytest.raises(TypeError, match="censor needs an IncompleteLearner, not CountingLearner"):
        censor(counting, rows, asked)
