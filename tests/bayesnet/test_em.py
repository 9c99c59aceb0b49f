"""Expectation maximisation: likelihoods against enumeration, monotone, exact for complete rows, right in closed-form cases."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.bayesnet import (
    MISSING,
    BayesianNetwork,
    BDeu,
    ImpossibleEvidenceError,
    Laplace,
    MaximumLikelihood,
    Structure,
    Variable,
    estimate,
    expectation_maximisation,
    load_network,
    log_likelihood,
    sample,
)
from pinndd.bayesnet.patterns import expected_counts, patterns

PAIR = Structure((Variable("a", ("x", "y")), Variable("b", ("x", "y"))), {"b": ("a",)})


def with_holes(network, rows, seed, share=0.3):
    """Draw rows, and lose cells in them at random, never all of a row."""
    generator = torch.Generator().manual_seed(seed)
    drawn = sample(network, rows, generator)
    lost = torch.rand(drawn.shape, generator=generator) < share
    lost[:, 0] &= ~lost.all(-1)
    return drawn.masked_fill(lost, MISSING)


def hospitals(network, rows, columns):
    """Draw three tables, each of which lacks every third column of a stretch of columns."""
    drawn = sample(network, 3 * rows, torch.Generator().manual_seed(0))
    for k in range(3):
        drawn[k * rows : (k + 1) * rows, k:columns:3] = MISSING
    return drawn


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(2, 6))
def test_likelihood_and_counts_agree_with_enumeration(random_network, joint, seed, size):
    network = random_network(seed, size)
    structure, rows = network.structure, with_holes(network, 6, seed, 0.5)
    whole = joint(structure, network.tables)
    values, counts = [], {name: torch.zeros(structure.shape(name), dtype=torch.float64) for name in structure.names}
    for row in rows.tolist():
        agreeing = torch.zeros_like(whole)
        place = tuple(slice(None) if code == MISSING else code for code in row)
        agreeing[place] = whole[place]
        values.append(agreeing.sum().log())
        for name in structure.names:
            axes = [structure.index(member) for member in structure.family(name)]
            others = [k for k in range(whole.ndim) if k not in axes]
            marginal = agreeing.permute(*axes, *others).flatten(len(axes)).sum(-1) if others else agreeing.permute(axes)
            counts[name] += marginal / agreeing.sum()
    # once as rare patterns, which share one contraction, and once as frequent ones
    for copies in (1, 20):
        repeated = rows.repeat(copies, 1)
        torch.testing.assert_close(log_likelihood(network, repeated), torch.stack(values).repeat(copies))
        total, found = expected_counts(network.tables, patterns(structure, repeated))
        assert total == pytest.approx(copies * float(sum(values)))
        for name in structure.names:
            torch.testing.assert_close(found[name], copies * counts[name])


@pytest.mark.parametrize("prior", [MaximumLikelihood(), Laplace(0.5), BDeu(3.0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_objective_never_decreases(random_network, prior, seed):
    network = random_network(seed, size=7)
    fitted = expectation_maximisation(network.structure, with_holes(network, 60, seed), prior=prior, tolerance=0, most=15)
    gains = [after - before for before, after in zip(fitted.objective, fitted.objective[1:], strict=False)]
    assert min(gains) > -1e-9
    assert fitted.objective[-1] > fitted.objective[0]
    assert fitted.iterations == len(gains) <= 15


@pytest.mark.parametrize("prior", [MaximumLikelihood(), BDeu(3.0)])
def test_complete_rows_need_one_step(prior):
    network = load_network("asia")
    rows = sample(network, 300, torch.Generator().manual_seed(0))
    fitted = expectation_maximisation(network.structure, rows, prior=prior, most=1)
    closed = estimate(network.structure, rows, prior=prior)
    for name in network.structure.names:
        torch.testing.assert_close(fitted.network[name], closed[name])
    assert expectation_maximisation(network.structure, rows, prior=prior).converged


def test_monotone_missingness_in_closed_form():
    # where only b is ever missing, the factors separate: a from all rows, b given a from the complete ones
    rows = torch.tensor([[0, 0], [0, 1], [0, 1], [1, 0], [1, MISSING], [1, MISSING], [0, MISSING], [1, MISSING]])
    fitted = expectation_maximisation(PAIR, rows, tolerance=1e-14)
    torch.testing.assert_close(fitted.network["a"], torch.tensor([0.5, 0.5], dtype=torch.float64))
    torch.testing.assert_close(
        fitted.network["b"], torch.tensor([[1 / 3, 2 / 3], [1, 0]], dtype=torch.float64), atol=1e-6, rtol=0
    )


def test_a_fixed_point_is_a_stationary_point(random_network):
    network = random_network(1, size=5)
    rows = with_holes(network, 200, 1)
    fitted = expectation_maximisation(network.structure, rows, tolerance=1e-13, most=3000)
    logits = {n: t.log().requires_grad_() for n, t in fitted.network.tables.items()}
    total = log_likelihood(BayesianNetwork(network.structure, {n: v.softmax(-1) for n, v in logits.items()}), rows).mean()
    gradients = torch.autograd.grad(total, list(logits.values()))
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-5


def test_incomplete_hospitals_give_back_the_network():
    network = load_network("asia")
    fitted = expectation_maximisation(network.structure, hospitals(network, 6000, 8), tolerance=1e-7)
    truth = network.tables
    assert float((fitted.network["smoke"] - truth["smoke"]).abs().max()) < 0.03
    assert float((fitted.network["xray"] - truth["xray"]).abs().max()) < 0.05


def test_child_fits_better_than_the_truth_on_its_own_rows():
    network = load_network("child")
    rows = hospitals(network, 200, 16)
    fitted = expectation_maximisation(network.structure, rows)
    assert fitted.converged
    assert fitted.objective[-1] > float(log_likelihood(network, rows).sum())


def test_a_weight_is_a_number_of_copies(random_network):
    network = random_network(6, size=5)
    rows = with_holes(network, 20, 6)
    weights = torch.arange(20, dtype=torch.float64) % 3
    copied = rows.repeat_interleave(weights.long(), 0)
    first = expectation_maximisation(network.structure, rows, weights=weights, start=network, most=5)
    second = expectation_maximisation(network.structure, copied, start=network, most=5)
    assert first.objective == pytest.approx(second.objective)


def test_the_order_of_the_rows_is_kept(random_network):
    network = random_network(8)
    rows = with_holes(network, 12, 8)
    values = log_likelihood(network, rows)
    torch.testing.assert_close(log_likelihood(network, rows.flip(0)), values.flip(0))


def test_a_missing_variable_that_nothing_tells_of_does_not_count():
    apart = Structure(PAIR.variables, {})
    network = BayesianNetwork(apart, {"a": torch.tensor([0.25, 0.75]), "b": torch.tensor([0.5, 0.5])})
    rows = torch.tensor([[0, MISSING]] * 20 + [[1, 1]])
    expected = torch.tensor([0.25] * 20 + [0.375], dtype=torch.float64).log()
    torch.testing.assert_close(log_likelihood(network, rows), expected)
    assert expected_counts(network.tables, patterns(apart, rows))[1]["b"].tolist() == pytest.approx([10, 11])


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([[0, -1], [-1, -1]], {}, "row 1 has no recorded cell"),
        ([[0, -1]], {}, "variable 'b' is recorded in no row: give a start"),
        ([[0, 2]], {}, "row 0, column 'b': code 2"),
        ([[0, 1]], {"most": 0}, "most=0 must be at least 1"),
        ([[0, 1]], {"tolerance": -1.0}, "tolerance=-1.0 not negative"),
        ([[0, 1]], {"weights": torch.ones(1, 1)}, r"weights have shape \(1, 1\), expected \(1,\)"),
        ([[0, 1]] * 2, {"weights": torch.zeros(2)}, "all weights are zero, so no row counts: give at least one"),
        ([[0, 1]], {"weights": torch.zeros(1), "prior": BDeu(1.0)}, "all weights are zero"),
        ([[0, 1], [0, -1]], {"weights": torch.tensor([0.0, 1.0])}, "variable 'b' is recorded in no row of positive weight"),
        ([[0, 1]], {"tolerance": float("nan")}, "tolerance=nan not negative"),
        ([[0, 1]], {"start": load_network("asia")}, "another structure"),
    ],
)
def test_bad_input_is_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        expectation_maximisation(PAIR, torch.tensor(rows), **options)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="there are no rows"):
        expectation_maximisation(PAIR, torch.zeros((0, 2), dtype=torch.int64))


def test_an_impossible_row_is_named():
    start = BayesianNetwork(PAIR, {"a": torch.tensor([0.5, 0.5]), "b": torch.eye(2)})
    with pytest.raises(ImpossibleEvidenceError, match="row 1 has probability zero"):
        expectation_maximisation(PAIR, torch.tensor([[0, 0], [0, 1], [-1, 1]]), start=start)
