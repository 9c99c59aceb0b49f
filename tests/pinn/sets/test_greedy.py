"""Greedy choices on spaces of polynomials, where the chosen points must determine every polynomial."""

import pytest
import scipy.linalg
import torch

from pinndd.pinn.sets.greedy import Sampled, Share, magic_points, pivot_order, pivoted_rows

GRID = torch.linspace(-1, 1, 401, dtype=torch.float64)


def chebyshev(count, points=GRID):
    return torch.cos(torch.arange(count) * torch.acos(points.clamp(-1, 1))[:, None])


def derivative(count):
    """Of the Chebyshev polynomials, by the derivative of their recurrence."""
    values, found = chebyshev(count), [torch.zeros_like(GRID), torch.ones_like(GRID)]
    while len(found) < count:
        found.append(2 * values[:, len(found) - 1] + 2 * GRID * found[-1] - found[-2])
    return torch.stack(found[:count], -1)


def plain(rows):
    return Sampled(rows, torch.arange(len(rows)))


def one_group(count):
    return torch.zeros(len(GRID), dtype=torch.long), [Share((0,), count)]


def lebesgue(rows, chosen):
    """Return the Lebesgue constant of interpolation at the chosen points."""
    return float((rows @ torch.linalg.inv(rows[chosen])).abs().sum(-1).max())


@pytest.mark.parametrize("choose", [lambda *a: magic_points([a[0]], *a[1:]), pivoted_rows], ids=["magic", "qr"])
def test_as_many_points_as_polynomials_are_unisolvent_and_well_conditioned(choose):
    rows = chebyshev(9)
    chosen = choose(plain(rows), *one_group(9))
    assert len(set(chosen)) == 9
    assert float(torch.linalg.cond(rows[chosen])) < 10
    # equispaced points have 10.9, Chebyshev's 2.4
    assert lebesgue(rows, chosen) < 6
    # they crowd towards the ends as those of Chebyshev do
    assert {0, 400} <= set(chosen)


def test_the_greedy_order_does_not_depend_on_how_many_are_chosen():
    space = plain(chebyshev(12))
    whole = magic_points([space, plain(derivative(12))], *one_group(14))
    for count in (1, 5, 9):
        assert magic_points([space, plain(derivative(12))], *one_group(count)) == whole[:count]


def test_interpolation_at_magic_points_is_exact_on_the_space():
    rows = chebyshev(7)
    chosen = magic_points([plain(rows)], *one_group(7))
    target = rows @ torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = rows @ torch.linalg.solve(rows[chosen], target[chosen])
    assert torch.allclose(found, target, atol=1e-12)


def test_spaces_take_turns():
    first, second = plain(chebyshev(6)), plain(derivative(6))
    both = magic_points([first, second], *one_group(2))
    assert both[0] == magic_points([first], *one_group(1))[0]
    excluded = plain(torch.where(torch.arange(len(GRID))[:, None] == both[0], 0, derivative(6)))
    assert both[1] == magic_points([excluded], *one_group(1))[0]


@pytest.mark.parametrize("choose", [lambda *a: magic_points([a[0]], *a[1:]), pivoted_rows], ids=["magic", "qr"])
def test_more_points_than_functions_begin_again_among_the_others(choose):
    rows = chebyshev(4)
    chosen = choose(plain(rows), *one_group(12))
    assert len(set(chosen)) == 12
    for first in (0, 4, 8):
        assert float(torch.linalg.cond(rows[chosen[first : first + 4]])) < 20


@pytest.mark.parametrize("choose", [lambda *a: magic_points([a[0]], *a[1:]), pivoted_rows], ids=["magic", "qr"])
def test_functions_that_vanish_leave_the_first_candidates(choose):
    groups = torch.zeros(5, dtype=torch.long)
    chosen = choose(plain(torch.zeros((5, 3), dtype=torch.float64)), groups, [Share((0,), 3)])
    assert sorted(chosen) == [0, 1, 2]


def test_a_point_that_has_several_rows_counts_with_all_of_them():
    # values and derivatives at a point: five points determine ten coefficients (Hermite)
    rows = torch.stack((chebyshev(10), derivative(10) / 100), 1).flatten(0, 1)
    space = Sampled(rows, torch.arange(len(GRID)).repeat_interleave(2))
    for chosen in (magic_points([space], *one_group(5)), pivoted_rows(space, *one_group(5))):
        assert len(set(chosen)) == 5
        mine = torch.tensor([[2 * k, 2 * k + 1] for k in chosen]).flatten()
        assert int(torch.linalg.matrix_rank(rows[mine])) == 10


@pytest.mark.parametrize("choose", [lambda *a: magic_points([a[0]], *a[1:]), pivoted_rows], ids=["magic", "qr"])
def test_every_group_has_one_and_shares_are_kept(choose):
    # the third group is so small that nothing is learned from it
    groups = torch.arange(401) // 134
    rows = torch.where((groups == 2)[:, None], 1e-3, 1.0) * chebyshev(8)
    chosen = choose(plain(rows), groups, [Share((0,), 3), Share((1, 2), 4)])
    had = groups[chosen].tolist()
    assert had.count(0) == 3
    assert had.count(1) + had.count(2) == 4
    assert min(had.count(1), had.count(2)) >= 1


def test_pivots_are_those_of_lapack_where_no_two_columns_tie():
    matrix = torch.randn((9, 14), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    order = scipy.linalg.qr(matrix.numpy(), mode="r", pivoting=True)[1]
    assert pivot_order(matrix) == order[:9].tolist()
    assert pivot_order(matrix[:, :1] * torch.arange(4)) == [3]  # of rank one


@pytest.mark.parametrize("choose", [lambda *a: magic_points([a[0]], *a[1:]), pivoted_rows], ids=["magic", "qr"])
def test_of_symmetric_candidates_the_first_is_chosen_whatever_rounding_says(choose):
    """The polynomials are even or odd, so every point has a mirror image that is as good."""
    generator, rows = torch.Generator().manual_seed(0), chebyshev(8)
    expected = choose(plain(rows), *one_group(6))
    for _ in range(5):
        noise = 1e-14 * torch.randn(rows.shape, generator=generator, dtype=torch.float64)
        assert choose(plain(rows + noise), *one_group(6)) == expected


def test_too_few_are_refused():
    with pytest.raises(ValueError, match=r"Share: count=1 for 2 groups; expected one for each at least"):
        Share((1, 2), 1)
    groups = torch.tensor([0, 1, 1])
    space = plain(torch.eye(3, dtype=torch.float64))
    message = r"2 of 1 candidates of the groups \(0,\); give more candidates"
    with pytest.raises(ValueError, match=message):
        magic_points([space], groups, [Share((0,), 2)])
    with pytest.raises(ValueError, match=message):
        pivoted_rows(space, groups, [Share((0,), 2)])
