"""Baselines of stated tasks: sizes, classes, and what each of them is by definition."""

from dataclasses import replace

import pytest
import torch

from pinndd.study.protocols.parts import UnknownNameError
from pinndd.study.stated.baselines import BASELINES, k_medoids, make, named_baselines, shares
from pinndd.user_code import UserCodeError


@pytest.mark.parametrize("seed", range(40))
def test_shares_sum_to_the_size_and_no_class_gives_more_than_it_has(seed):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 30, (int(torch.randint(1, 7, (1,), generator=generator)),), generator=generator)
    counts[0] += 1
    least, most = int((counts > 0).sum()), int(counts.sum())
    for size in {least, (least + most) // 2, most}:
        found = shares(counts, size)
        assert sum(found) == size
        assert all(0 <= share <= count and (share > 0) == (count > 0) for share, count in zip(found, counts.tolist(), strict=True))


def test_shares_are_proportional():
    assert shares(torch.tensor([60, 30, 10]), 10) == [6, 3, 1]
    with pytest.raises(ValueError, match="less than the 3 classes"):
        shares(torch.tensor([60, 30, 10]), 2)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_has_the_size_and_both_classes(classes, name):
    found = make(classes, name, BASELINES[name], 4, 0)
    assert found["inputs"].shape == (4, 2)
    assert name == "random" or found["targets"].sum(0).tolist() == [2.0, 2.0]
    again = make(classes, name, BASELINES[name], 4, 0)
    assert torch.equal(found["inputs"], again["inputs"])


def test_one_centre_per_class_is_its_mean(classes):
    train = classes.data.train
    found = make(classes, "k-means", BASELINES["k-means"], 2, 0)
    means = [train["inputs"][train["targets"][:, k] == 1].mean(0) for k in (0, 1)]
    assert torch.allclose(found["inputs"], torch.stack(means))


def test_strata_of_values_are_parts_of_their_range(line):
    train = line.data.train
    found = make(line, "stratified", BASELINES["stratified"], 4, 0)
    ranks = (train["targets"][:, 0][:, None] < found["targets"][:, 0]).sum(0)
    assert (ranks * 4 // len(train["targets"])).tolist() == [0, 1, 2, 3]


def test_medoids_of_separate_clusters_are_their_middles():
    middles = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], dtype=torch.float64)
    around = torch.tensor([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64)
    rows = (middles[:, None] + around).reshape(-1, 2)
    assert sorted(k_medoids(rows, 3, 0).tolist()) == [0, 5, 10]
    alike = k_medoids(torch.ones(5, 2, dtype=torch.float64), 3, 0)
    assert len(alike.unique()) == 3


def test_baselines_that_do_not_fit_are_refused(line):
    with pytest.raises(UnknownNameError, match=r"'k-mean'.*expected k-means"):
        named_baselines(replace(line, baselines=("k-mean",)))
    with pytest.raises(ValueError, match=r"baseline 'mine' has 80|baseline 'mine' has .* 3 wanted"):
        make(line, "mine", lambda train, size, seed: train, 3, 0)
    with pytest.raises(ValueError, match="returned int"):
        make(line, "mine", lambda train, size, seed: 3, 3, 0)
    with pytest.raises(UserCodeError, match="baseline 'mine' raised ZeroDivisionError"):
        make(line, "mine", lambda train, size, seed: 1 / 0, 3, 0)
