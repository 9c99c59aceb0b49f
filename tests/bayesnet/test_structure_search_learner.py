"""The learner that searches its graph: the graph follows the rows, and the task asks whatever graph was found."""

import pytest
import torch

from pinndd.bayesnet import (
    BDeu,
    Query,
    Structure,
    Variable,
    equivalent,
    estimate,
    hill_climb,
    load_network,
    posterior,
    sample,
)
from pinndd.bayesnet.counting import table_of_rows
from pinndd.bayesnet.structure_search import StructureSearchLearner
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.categorical import single_flip
from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.distances import TotalVariation
from pinndd.hypergradients import SPSA, Exact, LeaveOneOut
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

QUERIES = (
    Query("lung", {"smoke": "yes"}),
    Query("bronc", {"dysp": "yes"}),
    Query("dysp", {"xray": "yes", "smoke": "no"}),
    Query("either", {"xray": "yes"}),
)


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


@pytest.fixture(scope="module")
def problem(asia):
    learner = StructureSearchLearner(asia.structure.variables, most_parents=2)
    return DistillationProblem(learner, ConditionalMarginals.of(QUERIES, asia), TotalVariation(), Mean())


def test_the_graph_is_found_in_the_rows_and_its_network_answers_the_queries(asia, problem):
    rows = sample(asia, 500, torch.Generator().manual_seed(0))
    network = problem.learner.fit(table_of_rows(asia.structure, rows), None)
    searched = hill_climb(asia.structure.variables, rows, most_parents=2, patience=0).structure
    assert network.structure == searched
    assert network.structure != asia.structure
    answer = problem.task.answer(network, problem.task.everything(), 0)
    torch.testing.assert_close(answer[:, 0], posterior(network, QUERIES))
    again = estimate(searched, rows, prior=BDeu())
    torch.testing.assert_close(answer[:, 0], posterior(again, QUERIES))


def test_one_cell_can_change_the_graph():
    a, b = Variable("a", ("0", "1")), Variable("b", ("0", "1"))
    learner = StructureSearchLearner((a, b))
    rows = torch.tensor([[0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [1, 0]])
    loose = learner.fit(table_of_rows(Structure((a, b), {}), rows), None)
    rows[2, 1] = 0
    tied = learner.fit(table_of_rows(Structure((a, b), {}), rows), None)
    # six times the mutual information is .34 and 1.91; the penalty of an arc is log(6) / 2 = .90
    assert not loose.structure.arcs
    assert len(tied.structure.arcs) == 1


def test_weights_count_as_repeated_rows_and_soft_cells_as_their_most_likely_state(asia, problem):
    rows = sample(asia, 30, torch.Generator().manual_seed(1))
    weights = torch.randint(1, 4, (30,), generator=torch.Generator().manual_seed(2))
    weighted = problem.learner.fit(table_of_rows(asia.structure, rows, weights=weights.double()), None)
    repeated = problem.learner.fit(table_of_rows(asia.structure, rows.repeat_interleave(weights, 0)), None)
    assert equivalent(weighted.structure, repeated.structure)
    torch.testing.assert_close(posterior(weighted, QUERIES), posterior(repeated, QUERIES))
    soft = problem.learner.fit(table_of_rows(asia.structure, rows, certainty=0.7), None)
    hard = problem.learner.fit(table_of_rows(asia.structure, rows), None)
    assert torch.equal(posterior(soft, QUERIES), posterior(hard, QUERIES))


def test_estimators_without_a_derivative_lower_the_risk_and_exact_refuses(asia, problem):
    rows, asked = sample(asia, 12, torch.Generator().manual_seed(3)), problem.task.everything()
    start = float(problem.evaluate(table_of_rows(asia.structure, rows), asked))
    flipped = single_flip(problem, table_of_rows(asia.structure, rows), asked, sweeps=1)
    assert flipped.risk < 0.7 * start
    settings = OuterSettings(15, batch=4, learning_rate=0.2, validate_every=5)
    weighted = table_of_rows(asia.structure, rows, learn_cells=False, weights=torch.ones(12, dtype=torch.float64))
    spsa = distill(problem, weighted, hypergradient=SPSA(2, 0.1), validation=[asked], settings=settings)
    assert spsa.risk < 0.9 * start
    soft = table_of_rows(asia.structure, rows, certainty=0.8)
    risk, gradient = LeaveOneOut(4)(problem, soft, asked)
    assert float(risk) > 0
    assert all(bool(slope.isfinite().all()) for slope in gradient.values())
    assert any(bool(slope.any()) for slope in gradient.values())
    with pytest.raises(TypeError, match="StructureSearchLearner offers 'none'"):
        Exact()(problem, soft, asked)


def test_bad_calls_are_refused(asia, problem):
    variables = asia.structure.variables
    with pytest.raises(ValueError, match=r"patience=-1 and most_parents=None must not be negative"):
        StructureSearchLearner(variables, patience=-1)
    with pytest.raises(ValueError, match=r"patience=0 and most_parents=-2 must not be negative"):
        StructureSearchLearner(variables, most_parents=-2)
    data = table_of_rows(asia.structure, sample(asia, 4, torch.Generator().manual_seed(0)))
    with pytest.raises(ValueError, match="'xray' is only one of field and variable"):
        StructureSearchLearner(variables[:-2] + variables[-1:]).fit(data, None)
    wide = {**data.fields, "xray": torch.eye(4, dtype=torch.float64)}
    with pytest.raises(ValueError, match=r"field 'xray' has shape \(4, 4\), expected \(N, 2\)"):
        problem.learner.fit(SyntheticData(wide, {name: Fixed() for name in wide}), None)
