"""The sequential integer programme: it leaves optima of flips, its candidates are exact, the risk never rises."""

import itertools

import pytest
import torch

from pinndd.bayesnet import BayesianNetwork, BDeu, Query, Structure, Variable, load_network, sample
from pinndd.bayesnet.counting import CountingLearner, table_of_rows
from pinndd.bayesnet.distilling import distill_rows
from pinndd.bayesnet.polishing import RowSearch, polish
from pinndd.bayesnet.programming import MOST_CHANGES, _Prices, _programme, sequential_programme
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
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
    table = table_of_rows(problem.learner.structure, rows, weights=weights)
    return float(problem.evaluate(table, problem.task.everything()))


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


@pytest.fixture(scope="module")
def asia_problem(asia):
    return problem_of(asia, every_query(asia.structure)[::11])


@pytest.fixture(scope="module")
def small(random_network):
    return random_network(1, size=3, most_states=2)


@pytest.fixture(scope="module")
def stuck(asia, asia_problem):
    """Rows that no single flip improves."""
    drawn = sample(asia, 8, torch.Generator().manual_seed(0))
    return polish(asia_problem, drawn, asia_problem.task.everything())


def test_a_local_optimum_of_flips_is_left(asia_problem, stuck):
    kept = stuck.rows.clone()
    asked = asia_problem.task.everything()
    assert stuck.optimal
    found = sequential_programme(asia_problem, stuck.rows, asked, changes=3)
    assert torch.equal(stuck.rows, kept)
    assert found.risk < 0.98 * stuck.risk
    assert found.risk == pytest.approx(risk_of(asia_problem, found.rows), rel=1e-9)
    assert found.history[0] == pytest.approx(stuck.risk, rel=1e-9)
    assert all(later <= earlier for earlier, later in itertools.pairwise(found.history))
    assert found.flips >= int((found.rows != kept).sum()) >= 2
    assert found.optimal
    assert polish(asia_problem, found.rows, asked).flips == 0


def test_a_trust_region_of_one_change_is_exact_descent_and_ends_at_zero(asia_problem, stuck):
    asked = asia_problem.task.everything()
    still = sequential_programme(asia_problem, stuck.rows, asked, changes=1)
    assert torch.equal(still.rows, stuck.rows)
    assert still.optimal
    assert still.history == (still.risk, still.risk)
    start = stuck.rows.roll(1, 0)
    start[0] = 1 - start[0]
    found = sequential_programme(asia_problem, start, asked, changes=1)
    assert found.optimal
    flipped = [start.clone() for _ in range(64)]
    for k, (row, column) in enumerate(itertools.product(range(8), range(8))):
        flipped[k][row, column] = 1 - start[row, column]
    best = min(risk_of(asia_problem, rows) for rows in flipped)
    assert found.history[1] == pytest.approx(best, rel=1e-9)


def test_the_programme_finds_the_least_linearised_total_variation(small):
    problem = problem_of(small, every_query(small.structure))
    rows = sample(small, 3, torch.Generator().manual_seed(0))
    search = RowSearch(problem, problem.learner, rows, problem.task.everything(), None)
    prices = _Prices.of(search, pairs=True)
    assert prices.singles == 9
    assert len(prices.rows) == 18
    for owner, row, risk in zip(prices.owners, prices.rows, prices.risks, strict=True):
        changed = rows.clone()
        changed[owner] = row
        assert float(risk) == pytest.approx(risk_of(problem, changed), rel=1e-9)

    def error(chosen):
        return float((prices.gap + prices.effects[list(chosen)].sum(0)).abs().sum())

    for trust in (1, 2, 3):
        sets = itertools.chain(*(itertools.combinations(range(18), size) for size in range(trust + 1)))
        allowed = [each for each in sets if len(set(prices.owners[list(each)].tolist())) == len(each)]
        chosen = _programme(prices, torch.arange(18), trust, 10.0).tolist()
        assert tuple(chosen) in allowed
        assert error(chosen) == pytest.approx(min(map(error, allowed)), rel=1e-6)
        assert error(chosen) < error([])


def test_pairs_of_cells_find_what_single_cells_do_not():
    # truth: a and b are equal; rows that agree in both, but in the wrong proportion, are moved by two cells at once only
    a, b = Variable("a", ("0", "1")), Variable("b", ("0", "1"))
    structure = Structure((a, b), {"b": ("a",)})
    learner = CountingLearner(structure, BDeu(0.01))
    half, same = torch.tensor([0.5, 0.5]), torch.tensor([[1 - 1e-3, 1e-3], [1e-3, 1 - 1e-3]])
    network = BayesianNetwork(structure, {"a": half, "b": same})
    queries = (Query("a"), Query("b", {"a": "0"}), Query("b", {"a": "1"}))
    problem = DistillationProblem(learner, ConditionalMarginals.of(queries, network), TotalVariation(), Mean())
    rows = torch.tensor([[0, 0]] * 5 + [[1, 1]] * 3)
    asked = problem.task.everything()
    assert polish(problem, rows, asked).flips == 0
    alone = sequential_programme(problem, rows, asked, changes=1)
    assert torch.equal(alone.rows, rows)
    found = sequential_programme(problem, rows, asked, changes=1, pairs=True)
    assert found.rows.tolist().count([1, 1]) == found.rows.tolist().count([0, 0]) == 4
    assert found.optimal


def test_weights_are_kept_and_other_distances_and_risks_are_lowered(small):
    problem = problem_of(small, every_query(small.structure), KL(), CVaR(0.3))
    start = sample(small, 5, torch.Generator().manual_seed(2))
    weights = torch.tensor([0.5, 1, 2, 3, 1], dtype=torch.float64)
    found = sequential_programme(problem, start, problem.task.everything(), weights=weights, changes=3)
    assert found.history[0] == pytest.approx(risk_of(problem, start, weights), rel=1e-12)
    assert found.risk == pytest.approx(risk_of(problem, found.rows, weights), rel=1e-9)
    assert found.risk < found.history[0]
    assert all(later <= earlier for earlier, later in itertools.pairwise(found.history))


def test_no_time_leaves_the_rows(asia_problem, stuck):
    found = sequential_programme(asia_problem, stuck.rows, asia_problem.task.everything(), seconds=0.0)
    assert torch.equal(found.rows, stuck.rows)
    assert found.history == (found.risk,)
    assert not found.optimal


def test_distilled_rows_go_on_with_programmes(small):
    problem = problem_of(small, every_query(small.structure))
    asked, drawn = problem.task.everything(), sample(small, 5, torch.Generator().manual_seed(2))
    flips = polish(problem, drawn, asked)
    after = sequential_programme(problem, flips.rows, asked)
    found = distill_rows(problem, drawn, asked, steps=0, programme=True)
    assert found.risk == pytest.approx(after.risk, rel=1e-9)
    assert found.risk < 0.98 * flips.risk
    assert found.history == (*flips.history, *after.history[1:])
    assert found.flips == flips.flips + after.flips
    assert found.evaluations == flips.evaluations + after.evaluations
    assert found.optimal
    spent = distill_rows(problem, flips.rows, asked, steps=0, programme=True, seconds=1e-9)
    assert torch.equal(spent.rows, flips.rows)
    assert not spent.optimal


def test_bad_calls_are_refused(asia, asia_problem, stuck):
    asked = asia_problem.task.everything()
    other = DistillationProblem(object(), asia_problem.task, TotalVariation(), Mean())
    with pytest.raises(TypeError, match="sequential_programme needs a CountingLearner, not object"):
        sequential_programme(other, stuck.rows, asked)
    for changes in (0, MOST_CHANGES + 1):
        with pytest.raises(ValueError, match=f"changes={changes} must lie between 1 and {MOST_CHANGES}"):
            sequential_programme(asia_problem, stuck.rows, asked, changes=changes)
    with pytest.raises(ValueError, match="candidates=0 be at least 1"):
        sequential_programme(asia_problem, stuck.rows, asked, candidates=0)
    with pytest.raises(ValueError, match=r"time_limit=0\.0 positive"):
        sequential_programme(asia_problem, stuck.rows, asked, time_limit=0.0)
    with pytest.raises(ValueError, match=r"rows of shape \(0, 8\) have no cell that could change"):
        sequential_programme(asia_problem, stuck.rows[:0], asked)
    with pytest.raises(ValueError, match="is missing"):
        sequential_programme(asia_problem, torch.full_like(stuck.rows, -1), asked)
    with pytest.raises(ValueError, match="weights have shape"):
        sequential_programme(asia_problem, stuck.rows, asked, weights=torch.ones(3))
