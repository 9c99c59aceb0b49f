"""Designs of conditions, and the broadened family."""

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.sets.condition_samplers import CONDITION_SAMPLERS, sample_conditions


@pytest.fixture(scope="module")
def training():
    return load_pde("allen_cahn").ensemble()


@pytest.mark.parametrize("sampler", CONDITION_SAMPLERS)
def test_a_design_is_a_function_of_its_seed_and_scales_with_its_width(training, sampler):
    once, again = (sample_conditions(training, sampler, 9, 3, 1.0) for _ in range(2))
    other = sample_conditions(training, sampler, 9, 4, 1.0)
    wide = sample_conditions(training, sampler, 9, 3, 2.0)
    assert once.shape == (9, training.size)
    assert once.dtype == torch.float64
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.allclose(wide, 2 * once)


def test_a_latin_hypercube_has_one_condition_in_every_slice(training):
    unit = sample_conditions(training, "latin-hypercube", 8, 0, 1.0) / training.scales()
    slices = ((unit + 1) / 2 * 8).floor().long()
    assert (slices.sort(0).values == torch.arange(8)[:, None]).all()


def test_farthest_points_lie_farther_apart_than_random_ones(training):
    def gap(sampler):
        return torch.pdist(sample_conditions(training, sampler, 12, 0, 1.0) / training.scales()).min()

    assert gap("farthest-point") > 1.5 * gap("random")


def test_k_means_centres_lie_within_the_cloud(training):
    unit = sample_conditions(training, "k-means", 12, 0, 1.0) / training.scales()
    drawn = sample_conditions(training, "random", 500, 1, 1.0) / training.scales()
    assert unit.norm(dim=1).max() < drawn.norm(dim=1).max()
    assert unit.mean(0).norm() < 1


@pytest.mark.parametrize(
    ("sampler", "count", "width", "message"),
    [
        ("sobol", 4, 1.0, "no design of conditions 'sobol': expected one of random, latin-hypercube"),
        ("random", 0, 1.0, "0 conditions of width 1.0"),
        ("random", 4, 0.0, "expected at least one, and a positive width"),
        ("k-means", 5000, 1.0, "k-means: 5000 conditions"),
        ("farthest-point", 5000, 1.0, "farthest-point: 5000 conditions"),
    ],
)
def test_bad_requests_are_refused(training, sampler, count, width, message):
    with pytest.raises(ValueError, match=message):
        sample_conditions(training, sampler, count, 0, width)


def test_the_broadened_family_holds_the_family_larger_ones_and_sparse_ones(training):
    unit = broadened_sample(training, 4000, torch.Generator().manual_seed(0)) / training.scales()
    assert unit.isfinite().all()
    assert (unit == 0).any(-1).double().mean() > 0.15
    assert unit.abs().quantile(0.99) > 2.8
    assert unit.norm(dim=1).min() > 0.1
