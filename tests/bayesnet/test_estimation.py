"""Estimates against closed forms, expectations and central differences."""

import pytest
import torch

from pinndd.bayesnet import (
    BDeu,
    Laplace,
    MaximumLikelihood,
    Structure,
    Variable,
    estimate,
    estimate_tables,
    family_counts,
    load_network,
    sample,
    soften,
)

PAIR = Structure((Variable("a", ("x", "y")), Variable("b", ("p", "q", "r"))), {"b": ("a",)})
ROWS = torch.tensor([[0, 0], [0, 0], [0, 1], [0, 2]])


def soft_rows(structure, rows, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        v.name: torch.rand((rows, len(v)), generator=generator, dtype=torch.float64).softmax(-1) for v in structure.variables
    }


@pytest.mark.parametrize(
    ("prior", "a", "b"),
    [
        (MaximumLikelihood(), [1, 0], [[1 / 2, 1 / 4, 1 / 4], [1 / 3, 1 / 3, 1 / 3]]),
        (Laplace(1.0), [5 / 6, 1 / 6], [[3 / 7, 2 / 7, 2 / 7], [1 / 3, 1 / 3, 1 / 3]]),
        (BDeu(6.0), [7 / 10, 3 / 10], [[3 / 7, 2 / 7, 2 / 7], [1 / 3, 1 / 3, 1 / 3]]),
    ],
)
def test_closed_forms(prior, a, b):
    network = estimate(PAIR, ROWS, prior=prior)
    torch.testing.assert_close(network["a"], torch.tensor(a, dtype=torch.float64))
    torch.testing.assert_close(network["b"], torch.tensor(b, dtype=torch.float64))


def test_hard_rows_are_soft_rows_of_zeros_and_ones():
    network = load_network("child")
    rows = sample(network, 40, torch.Generator().manual_seed(0))
    weights = torch.rand(40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for weight in (None, weights):
        hard = family_counts(network.structure, rows, weights=weight)
        soft = family_counts(network.structure, soften(network.structure, rows), weights=weight)
        assert all(torch.allclose(hard[name], soft[name]) for name in hard)


def test_a_weight_is_a_number_of_copies():
    weighted = family_counts(PAIR, ROWS[1:], weights=torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64))
    assert torch.equal(weighted["b"], family_counts(PAIR, ROWS)["b"])


def test_soft_counts_are_expected_counts_of_drawn_rows(random_network):
    structure = random_network(2, size=4).structure
    soft = soft_rows(structure, 3)
    draws = 6000
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack(
        [torch.multinomial(soft[n], draws, replacement=True, generator=generator) for n in structure.names], -1
    )
    counts = family_counts(structure, drawn.reshape(-1, len(structure.names)))
    for name, expected in family_counts(structure, soft).items():
        assert float((counts[name] / draws - expected).abs().max()) < 5 * (0.25 * 3 / draws) ** 0.5


def test_many_rows_give_back_the_network():
    network = load_network("asia")
    found = estimate(network.structure, sample(network, 50_000, torch.Generator().manual_seed(0)))
    torch.testing.assert_close(found["dysp"], network["dysp"], atol=0.02, rtol=0)
    torch.testing.assert_close(found["xray"], network["xray"], atol=0.02, rtol=0)


@pytest.mark.parametrize("prior", [MaximumLikelihood(), BDeu(2.0)])
def test_gradient_in_rows_and_weights(random_network, central_differences, prior):
    structure = random_network(5, size=4).structure
    rows, weights = soft_rows(structure, 3), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    name = structure.order[-1]

    def risk(tables):
        return sum((table**2).sum() for table in tables.values())

    def of_rows(value):
        return risk(estimate_tables(structure, {**rows, name: value}, prior=prior, weights=weights))

    def of_weights(value):
        return risk(estimate_tables(structure, rows, prior=prior, weights=value))

    for function, at in ((of_rows, rows[name]), (of_weights, weights)):
        leaf = at.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(leaf), leaf)
        torch.testing.assert_close(gradient, central_differences(function, at), atol=1e-9, rtol=1e-7)


def test_a_batch_of_data_sets_keeps_its_axes():
    structure = load_network("asia").structure
    batch = [soft_rows(structure, 4, seed) for seed in range(3)]
    weights = torch.rand(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    stacked = {name: torch.stack([rows[name] for rows in batch]) for name in structure.names}
    tables = estimate_tables(structure, stacked, weights=weights)
    single = estimate_tables(structure, batch[2], weights=weights[2])
    for name in structure.names:
        torch.testing.assert_close(tables[name][2], single[name])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate(PAIR, torch.tensor([[0, -1]])), "row 0, column 'b' is missing"),
        (lambda: estimate(PAIR, ROWS, weights=torch.ones(3)), r"weights have shape \(3,\), expected \(\.\.\., 4\)"),
        (lambda: estimate(PAIR, ROWS, weights=torch.tensor([1.0, 1.0, -2.0, 1.0])), "weight of row 2 is -2"),
        (lambda: estimate(PAIR, {"a": torch.ones(2, 2)}), "'b' is in only one of rows and structure"),
        (
            lambda: estimate(PAIR, {"a": torch.ones(2, 2), "b": torch.ones(2, 2)}),
            r"'b' have shape \(2, 2\), expected \(2, 3\)",
        ),
        (lambda: estimate(PAIR, {"a": -torch.ones(2, 2), "b": torch.ones(2, 3)}), "'a' hold a negative probability: -1"),
        (lambda: Laplace(0.0), "count=0.0 must be positive"),
        (lambda: BDeu(-1.0), "rows=-1.0 must be positive"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
