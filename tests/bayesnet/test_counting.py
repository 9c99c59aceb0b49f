"""The counting learner: corners of the simplex are hard rows, and the gradient through counts and posteriors is exact."""

import pytest
import torch

from pinndd import SyntheticData
from pinndd.bayesnet import BDeu, Laplace, Query, estimate_tables, sample
from pinndd.bayesnet.counting import WEIGHTS, CountingLearner, rows_of_table, table_of_rows
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.constraints import Fixed, Positive, Simplex
from pinndd.distances import KL, TotalVariation
from pinndd.distances.ordered import OrderedWasserstein1
from pinndd.hypergradients import CentralDifferences, Exact
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Mean


@pytest.fixture(scope="module")
def network(random_network):
    return random_network(3, size=4)


@pytest.fixture(scope="module")
def rows(network):
    return sample(network, 7, torch.Generator().manual_seed(0))


def queries(network):
    names = network.structure.names
    return (Query(names[0], {names[2]: "s1"}), Query(names[1], {names[3]: "s0", names[0]: "s1"}), Query(names[3]))


def problem_of(network, distance, risk, prior=None):
    learner = CountingLearner(network.structure, prior or BDeu(2.0))
    return DistillationProblem(learner, ConditionalMarginals.of(queries(network), network), distance, risk)


@pytest.mark.parametrize("weighted", [False, True])
def test_soft_rows_at_corners_are_hard_rows(network, rows, weighted):
    weights = torch.arange(1.0, 8.0, dtype=torch.float64) if weighted else None
    fitted = CountingLearner(network.structure, Laplace(0.5)).fit(
        table_of_rows(network.structure, rows, weights=weights), None
    )
    expected = estimate_tables(network.structure, rows, prior=Laplace(0.5), weights=weights)
    for name, table in expected.items():
        torch.testing.assert_close(fitted[name], table)


def test_a_weight_is_a_number_of_repetitions(network, rows):
    weights = torch.tensor([1, 2, 3, 1, 2, 1, 1])
    repeated = rows.repeat_interleave(weights, 0)
    learner = CountingLearner(network.structure)
    fitted = learner.fit(table_of_rows(network.structure, rows, weights=weights.double()), None)
    for name, table in learner.fit(table_of_rows(network.structure, repeated), None).items():
        torch.testing.assert_close(fitted[name], table)


@pytest.mark.parametrize("distance", [TotalVariation(), KL(), OrderedWasserstein1()], ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("risk", [Mean(), CVaR(0.5)], ids=lambda r: type(r).__name__)
def test_the_exact_gradient_in_cells_and_weights_is_that_of_central_differences(network, rows, distance, risk):
    weights = torch.linspace(0.5, 2, 7, dtype=torch.float64)
    data = table_of_rows(network.structure, rows, certainty=0.6, weights=weights)
    problem = problem_of(network, distance, risk)
    asked = problem.task.everything()
    value, exact = Exact()(problem, data, asked)
    other, differences = CentralDifferences()(problem, data, asked)
    assert float(value) == pytest.approx(float(other), rel=1e-12)
    assert set(exact) == {*network.structure.names, WEIGHTS}
    for name, slope in exact.items():
        # in the directions that a softmax can move: the sum of a cell stays one
        centred = [g if name == WEIGHTS else g - g.mean(-1, keepdim=True) for g in (slope, differences[name])]
        torch.testing.assert_close(*centred, rtol=1e-6, atol=1e-8)


def test_weights_of_fixed_rows_are_distilled(network, rows):
    data = table_of_rows(network.structure, rows, learn_cells=False, weights=torch.ones(7, dtype=torch.float64))
    assert data.learnable == (WEIGHTS,)
    problem = problem_of(network, KL(), Mean())
    asked = problem.task.everything()
    settings = OuterSettings(steps=60, batch=3, learning_rate=0.1, validate_every=20)
    found = distill(problem, data, hypergradient=Exact(), validation=[asked], settings=settings)
    assert found.risk < 0.7 * float(problem.evaluate(data, asked))
    assert bool((found.data[WEIGHTS] > 0).all())
    assert torch.equal(rows_of_table(network.structure, found.data), rows)


def test_rows_come_back_likely_or_drawn(network, rows):
    structure = network.structure
    assert torch.equal(rows_of_table(structure, table_of_rows(structure, rows, certainty=0.9)), rows)
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(rows_of_table(structure, table_of_rows(structure, rows), generator), rows)
    many = table_of_rows(structure, rows[:1].expand(4000, -1), certainty=0.5)
    drawn = rows_of_table(structure, many, generator)
    share = (drawn == rows[:1]).double().mean(0)
    expected = torch.tensor([0.5 + 0.5 / len(v) for v in structure.variables], dtype=torch.float64)
    assert torch.allclose(share, expected, atol=0.04)


def test_a_table_is_saved_and_loaded(network, rows, tmp_path):
    data = table_of_rows(network.structure, rows, weights=torch.ones(7, dtype=torch.float64))
    data.save(tmp_path / "rows.npz")
    again = SyntheticData.load(tmp_path / "rows.npz")
    assert isinstance(again.constraints[WEIGHTS], Positive)
    assert all(torch.equal(again[name], data[name]) for name in data.fields)


def test_bad_tables_are_refused(network, rows):
    structure = network.structure
    with pytest.raises(ValueError, match="certainty=0"):
        table_of_rows(structure, rows, certainty=0)
    with pytest.raises(ValueError, match=r"weights have shape \(3,\), expected \(7,\)"):
        table_of_rows(structure, rows, weights=torch.ones(3))
    with pytest.raises(ValueError, match="is missing"):
        table_of_rows(structure, torch.full_like(rows, -1))
    lacking = {name: Fixed() for name in structure.names[1:]}
    part = SyntheticData({name: torch.eye(2)[[0, 1]] for name in lacking}, lacking)
    with pytest.raises(ValueError, match=f"'{structure.names[0]}' is in only one of rows and structure"):
        CountingLearner(structure).fit(part, None)
    assert isinstance(table_of_rows(structure, rows).constraints[structure.names[0]], Simplex)
