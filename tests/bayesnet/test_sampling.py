"""Drawn rows follow the network."""

import pytest
import torch

from pinndd.bayesnet import BayesianNetwork, Structure, Variable, load_network, log_likelihood, sample


def test_joint_frequencies_approach_the_joint_distribution(random_network, joint):
    network = random_network(3, size=4)
    count = 40_000
    rows = sample(network, count, torch.Generator().manual_seed(0))
    expected = joint(network.structure, network.tables)
    frequency = torch.zeros_like(expected)
    for row, number in zip(*torch.unique(rows, dim=0, return_counts=True), strict=True):
        frequency[tuple(row.tolist())] = number / count
    deviation = (frequency - expected) / (expected * (1 - expected) / count).sqrt()
    assert float(deviation.abs().max()) < 4.5


def test_no_impossible_row_is_drawn():
    network = load_network("asia")
    rows = sample(network, 2000, torch.Generator().manual_seed(1))
    assert bool(torch.isfinite(log_likelihood(network, rows)).all())


def test_the_generator_decides():
    network = load_network("child")
    first, again, other = (sample(network, 5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_numbers_of_rows():
    network = BayesianNetwork(Structure((Variable("a", ("x",)),), {}), {"a": torch.ones(1)})
    assert sample(network, 0, torch.Generator()).shape == (0, 1)
    with pytest.raises(ValueError, match="rows=-1"):
        sample(network, -1, torch.Generator())
