"""Distilled rows: flips are exact and never raise the risk, soft rows reach the truth, integer programmes are optimal."""

import itertools

import pytest
import torch

from pinndd.bayesnet import BDeu, Query, load_network, sample
from pinndd.bayesnet.counting import CountingLearner, rows_of_table, table_of_rows
from pinndd.bayesnet.distilling import distill_rows, distill_table, harden, rows_of_pairwise_marginals
from pinndd.bayesnet.polishing import polish
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.categorical import single_flip
from pinndd.distances import KL, TotalVariation
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Mean


def problem_of(network, queries, distance=None, risk=None):
    learner = CountingLearner(network.structure, BDeu(0.1))
    return DistillationProblem(
        learner, ConditionalMarginals.of(queries, network), distance or TotalVariation(), risk or Mean()
    )


def every_query(structure):
    """Each variable given each state of each other one."""
    return tuple(
        Query(target, {name: state})
        for target, name in itertools.permutations(structure.names, 2)
        for state in structure[name].states
    )


def risk_of(problem, rows, weights=None):
    return float(
        problem.evaluate(table_of_rows(problem.learner.structure, rows, weights=weights), problem.task.everything())
    )


@pytest.fixture(scope="module")
def small(random_network):
    return random_network(1, size=3, most_states=2)


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


@pytest.fixture(scope="module")
def asia_problem(asia):
    return problem_of(asia, every_query(asia.structure)[::5])


def test_flips_never_raise_the_risk_and_end_where_no_flip_lowers_it(asia, asia_problem):
    start = sample(asia, 8, torch.Generator().manual_seed(0))
    kept = start.clone()
    found = polish(asia_problem, start, asia_problem.task.everything())
    assert torch.equal(start, kept)
    assert found.optimal
    assert found.history[0] == pytest.approx(risk_of(asia_problem, start), rel=1e-12)
    assert all(later <= earlier for earlier, later in itertools.pairwise(found.history))
    assert found.risk == pytest.approx(risk_of(asia_problem, found.rows), rel=1e-9)
    assert found.risk < 0.8 * found.history[0]
    for row, column in itertools.product(range(8), range(8)):
        flipped = found.rows.clone()
        flipped[row, column] = 1 - flipped[row, column]
        assert risk_of(asia_problem, flipped) >= found.risk - 1e-12


def test_restarted_flips_reach_the_optimum_of_brute_force(small):
    problem = problem_of(small, every_query(small.structure))
    states = list(itertools.product(*[range(len(v)) for v in small.structure.variables]))
    tables = [torch.tensor(rows) for rows in itertools.combinations_with_replacement(states, 3)]
    least = min(risk_of(problem, rows) for rows in tables)
    generator = torch.Generator().manual_seed(0)
    starts = [sample(small, 3, generator) for _ in range(6)]
    found = [polish(problem, start, problem.task.everything()).risk for start in starts]
    assert min(found) == pytest.approx(least, rel=1e-9)


def test_flips_of_weighted_rows_keep_the_weights(small):
    problem = problem_of(small, every_query(small.structure), KL(), CVaR(0.3))
    start = sample(small, 5, torch.Generator().manual_seed(2))
    weights = torch.tensor([0.5, 1, 2, 3, 1], dtype=torch.float64)
    found = polish(problem, start, problem.task.everything(), weights=weights)
    assert found.history[0] == pytest.approx(risk_of(problem, start, weights), rel=1e-12)
    assert found.risk == pytest.approx(risk_of(problem, found.rows, weights), rel=1e-9)
    assert found.risk <= found.history[0]


def test_the_flips_of_any_learner_end_in_an_optimum_of_polishing(small):
    problem = problem_of(small, every_query(small.structure))
    start = sample(small, 4, torch.Generator().manual_seed(3))
    slow = single_flip(problem, table_of_rows(small.structure, start), problem.task.everything())
    rows = torch.stack([slow.data[name].argmax(-1) for name in small.structure.names], -1)
    again = polish(problem, rows, problem.task.everything())
    assert again.flips == 0
    assert again.risk == pytest.approx(slow.risk, rel=1e-9)


def test_soft_rows_come_close_to_the_truth_and_hard_ones_closer_than_drawn_ones(asia, asia_problem):
    asked = asia_problem.task.everything()
    drawn = sample(asia, 10, torch.Generator().manual_seed(1))
    before = risk_of(asia_problem, drawn)
    soft = distill_table(asia_problem, table_of_rows(asia.structure, drawn, certainty=0.8), asked, steps=100)
    assert soft.risk < 0.6 * before
    hard = distill_rows(asia_problem, drawn, asked, steps=40)
    assert hard.risk < 0.5 * before
    assert hard.optimal
    without = distill_rows(asia_problem, drawn, asked, steps=0)
    assert without.risk == polish(asia_problem, drawn, asked).risk
    other = sample(asia, 10, torch.Generator().manual_seed(2))
    both = distill_rows(asia_problem, torch.stack((drawn, other)), asked, steps=0)
    assert both.risk == min(without.risk, polish(asia_problem, other, asked).risk)


def test_hardening_ends_with_hard_rows_that_are_better_than_rounded_ones_on_average(asia):
    problem = problem_of(asia, every_query(asia.structure)[::5], KL())
    asked = problem.task.everything()
    hardened, rounded = 0.0, 0.0
    for seed in range(3):
        drawn = sample(asia, 10, torch.Generator().manual_seed(seed))
        soft = distill_table(problem, table_of_rows(asia.structure, drawn, certainty=0.8), asked, steps=60).data
        rows = harden(problem, soft, asked, steps=15)
        assert rows.shape == (10, 8)
        hardened += risk_of(problem, rows)
        rounded += risk_of(problem, rows_of_table(asia.structure, soft))
    assert hardened < 0.8 * rounded


def test_hard_rows_are_hardened_to_themselves(asia, asia_problem):
    drawn = sample(asia, 10, torch.Generator().manual_seed(3))
    assert torch.equal(harden(asia_problem, table_of_rows(asia.structure, drawn), asia_problem.task.everything()), drawn)


def test_a_search_that_runs_out_of_time_keeps_the_rows_so_far(asia, asia_problem):
    drawn = sample(asia, 10, torch.Generator().manual_seed(1))
    asked = asia_problem.task.everything()
    found = distill_rows(asia_problem, drawn, asked, steps=0, seconds=1e-9)
    assert not found.optimal
    assert torch.equal(found.rows, drawn)
    visits = iter([False, False, True])
    part = polish(asia_problem, drawn, asked, stop=lambda: next(visits))
    assert torch.equal(part.rows[2:], drawn[2:])
    assert part.risk < found.risk
    assert not polish(asia_problem, drawn, asked, sweeps=1).optimal


def test_twenty_rows_of_asia_by_integer_programming_are_proven_optimal(asia):
    found = rows_of_pairwise_marginals(asia, 20, time_limit=10.0)
    assert found.counts.optimal
    assert found.rows.shape == (20, 8)
    assert found.error == pytest.approx(1.0930, abs=1e-3)
    assert pairwise_error(asia, found.rows) == pytest.approx(found.error, rel=1e-9)
    drawn = sample(asia, 20, torch.Generator().manual_seed(0))
    assert found.error < 0.5 * pairwise_error(asia, drawn)


def pairwise_error(network, rows):
    """Sum of L1 distances of all pairwise marginals, from posteriors of the network."""
    batch, total = network.structure, 0.0
    for a, b in itertools.combinations(batch.names, 2):
        problem = ConditionalMarginals.of((Query(a), *(Query(b, {a: s}) for s in batch[a].states)), network)
        joint = problem.truths[0][:, None] * problem.truths[1:]
        counts = torch.zeros_like(joint)
        counts.index_put_(
            (rows[:, batch.index(a)], rows[:, batch.index(b)]), torch.ones(len(rows)).double(), accumulate=True
        )
        total += float((counts / len(rows) - joint).abs().sum())
    return total


def test_bad_calls_are_refused(asia, asia_problem):
    rows = sample(asia, 4, torch.Generator().manual_seed(0))
    asked = asia_problem.task.everything()
    with pytest.raises(ValueError, match="sweeps=0"):
        polish(asia_problem, rows, asked, sweeps=0)
    with pytest.raises(ValueError, match="is missing"):
        polish(asia_problem, torch.full_like(rows, -1), asked)
    with pytest.raises(ValueError, match="weights have shape"):
        polish(asia_problem, rows, asked, weights=torch.ones(3))
    other = DistillationProblem(object(), asia_problem.task, TotalVariation(), Mean())
    with pytest.raises(TypeError, match="polish needs a CountingLearner, not object"):
        polish(other, rows, asked)
    with pytest.raises(TypeError, match="rows are distilled for a CountingLearner, not object"):
        distill_rows(other, rows, asked)
    with pytest.raises(ValueError, match="no cell is learnable"):
        harden(asia_problem, table_of_rows(asia.structure, rows, learn_cells=False), asked)
    with pytest.raises(ValueError, match="there is no start"):
        distill_rows(asia_problem, rows[None][:0], asked)
    with pytest.raises(ValueError, match=r"37 variables have .* joint states"):
        rows_of_pairwise_marginals(load_network("alarm"), 5)
