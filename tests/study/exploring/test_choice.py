"""What somebody has chosen: coefficients, drawn curves, draws from shifts."""

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.study.exploring.choice import Curve, coefficient_ranges, drawn_choice


def along(*places):
    return torch.tensor(places, dtype=torch.float64)[:, None]


def test_a_curve_goes_through_its_points_and_never_beyond_them():
    curve = Curve((1.0, 0.0, 0.5), (3.0, 1.0, 2.9))
    assert torch.allclose(curve(along(0.0, 0.5, 1.0)), torch.tensor([1.0, 2.9, 3.0], dtype=torch.float64))
    between = curve(torch.linspace(0, 1, 101, dtype=torch.float64)[:, None])
    assert bool((between.diff() >= 0).all())
    assert float(between.max()) <= 3.0


def test_a_curve_is_constant_outside_its_points_and_with_one_of_them():
    assert Curve((0.2, 0.6), (1.0, 2.0))(along(0.0, 0.9)).tolist() == [1.0, 2.0]
    assert Curve((0.4,), (7.0,))(along(0.0, 1.0)).tolist() == [7.0, 7.0]


def test_of_two_points_at_one_place_the_last_counts():
    assert Curve((0.0, 0.5, 0.5, 1.0), (0.0, 1.0, 5.0, 0.0))(along(0.5)).tolist() == [5.0]


def test_a_closed_curve_meets_itself():
    curve = Curve((0.25, 0.75), (1.0, -1.0), closed=True)
    start, end = curve(along(0.0, 1.0)).tolist()
    assert start == pytest.approx(end, abs=1e-12)
    assert start == pytest.approx(0.0, abs=1e-12)


def test_a_curve_without_points_is_refused():
    with pytest.raises(ValueError, match="a drawn curve needs at least one point: add one"):
        Curve((), ())


def test_a_drawn_curve_replaces_a_family_and_what_joins_it_follows():
    pde = load_pde("heat")
    plain = drawn_choice(pde, seed=3)
    values = plain.with_curve("left", Curve((0.0, 1.0), (5.0, 5.0))).values()
    s = along(0.0, 0.3, 1.0)
    assert values["left"](s).tolist() == [[5.0, 5.0, 5.0]]
    assert torch.equal(values["right"](s), plain.values()["right"](s))
    assert float(values["start"](along(0.0))) == pytest.approx(5.0)
    assert float(values["start"](along(1.0))) == pytest.approx(float(plain.values()["right"](along(0.0))))


def test_a_drawn_curve_is_the_value_itself_where_the_family_joins_others():
    curve = Curve((0.0, 1.0), (2.0, 3.0))
    values = drawn_choice(load_pde("heat")).with_curve("start", curve).values()
    assert torch.allclose(values["start"](along(0.0, 1.0))[0], torch.tensor([2.0, 3.0], dtype=torch.float64))


def test_a_condition_tied_to_a_drawn_one_keeps_what_it_was():
    choice = drawn_choice(load_pde("heat"), "correlated", 1)
    s = along(0.0, 0.2, 1.0)
    before = choice.values()["right"](s)
    assert torch.allclose(before, -choice.values()["left"](s))
    after = choice.with_curve("left", Curve((0.0, 1.0), (1.0, 2.0))).values()["right"](s)
    assert torch.equal(before, after)


def test_a_choice_without_its_curve_is_the_one_before():
    plain = drawn_choice(load_pde("heat"))
    again = plain.with_curve("left", Curve((0.0,), (1.0,))).with_curve("left", None)
    assert torch.equal(plain.values()["left"](along(0.5)), again.values()["left"](along(0.5)))


def test_a_coefficient_changes_one_alone():
    plain = drawn_choice(load_pde("heat"))
    changed = plain.with_coefficient(2, 4.5)
    assert float(changed.coefficients[0, 2]) == 4.5
    assert int((changed.coefficients != plain.coefficients).sum()) == 1


def test_draws_differ_and_an_unknown_shift_is_refused():
    pde = load_pde("heat")
    assert not torch.equal(drawn_choice(pde, seed=0).coefficients, drawn_choice(pde, seed=1).coefficients)
    with pytest.raises(ValueError, match="no shift 'nothing'"):
        drawn_choice(pde, "nothing")


def test_ranges_hold_typical_draws():
    ensemble = load_pde("heat").ensemble()
    low, high = coefficient_ranges(ensemble)
    scales = ensemble.scales()
    assert bool((high > 2 * scales).all())
    assert bool((low < -2 * scales).all())
