"""Boundary values of one's own: functions, numbers, coefficients, samples; what cannot be used is named."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pinndd import Samples, families, load_pde
from pinndd.pinn.solving.given import GivenValueError, SomeValues, given_values
from pinndd.pinn.solving.solver import given_notes

Z = {"left": 0.0, "right": 0.0}


@pytest.fixture(scope="module")
def heat():
    return load_pde("heat")


def asked(values, name, at=(0.0, 0.25, 1.0)):
    return values[name](torch.tensor(at, dtype=torch.float64)[:, None]).numpy()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2.0, [2.0, 2.0, 2.0]),
        (np.float32(2), [2.0, 2.0, 2.0]),
        (lambda x: x**2, [0.0, 0.0625, 1.0]),
        (lambda t, x: x + t, [0.0, 0.25, 1.0]),
        (lambda: 3, [3.0, 3.0, 3.0]),
        (lambda x, scale=2: scale * x, [0.0, 0.5, 2.0]),
        (lambda scale=2, x=0.0: scale * x, [0.0, 0.5, 2.0]),
        (lambda t, *, x: x + t, [0.0, 0.25, 1.0]),
        (lambda x: torch.as_tensor(x) * 2, [0.0, 0.5, 2.0]),
        (np.sin, [0.0, math.sin(0.25), math.sin(1)]),
    ],
)
def test_numbers_and_functions_of_named_coordinates(heat, given, expected):
    values = given_values(heat, {**Z, "start": given})
    assert len(values) == 1
    assert asked(values, "start")[0] == pytest.approx(expected)


def test_a_function_of_what_is_the_same_everywhere_is_said_to_be_a_constant(heat):
    values = given_values(heat, {"left": lambda t: t, "right": lambda: 1.0, "start": lambda t: np.sin(t)})
    assert values.notes == ("The function of start is asked at t = 0 alone, so it is a constant; take x where it should vary.",)
    assert set(values.notes) <= set(given_notes(values))


def test_functions_see_coordinates_in_the_units_of_the_domain_and_may_change_their_copy():
    disk = load_pde("laplace_disk")

    def spoiled(x, y):
        found = x * y
        x[:] = 0
        return found

    found = asked(given_values(disk, {"circle": spoiled}), "circle", (0.0, 0.125))
    assert found[0] == pytest.approx([0.0, 0.5])


def test_coefficients_are_those_of_the_family_with_its_joins(heat):
    one = given_values(heat, {"left": 1.0, "right": 3.0, "start": [1.0, 0.0, 0.0]})
    assert asked(one, "start")[0] == pytest.approx([1.0, 1.5 + math.sin(math.pi / 4), 3.0])
    many = given_values(heat, {"left": 1.0, "right": 3.0, "start": torch.eye(3)})
    assert len(many) == 3
    assert asked(many, "left").shape == (3, 3)
    assert asked(SomeValues(many, slice(1, 3)), "start")[0] == pytest.approx(asked(many, "start")[1])
    assert len(SomeValues(many, slice(1, 3))) == 2


def test_known_conditions_may_be_left_out_or_overridden():
    cavity = load_pde("cavity")
    values = given_values(cavity, {"lid": 1.0})
    assert asked(values, "left_u")[0].tolist() == [0.0, 0.0, 0.0]
    assert asked(given_values(cavity, {"lid": 1.0, "left_u": 2.0}), "left_u")[0].tolist() == [2.0, 2.0, 2.0]
    known = replace(load_pde("heat"), conditions=[
        replace(c, values=families.Fixed(7.0)) if c.name == "left" else c for c in load_pde("heat").conditions
    ], shifts={})  # fmt: skip
    assert asked(given_values(known, {"right": 0.0, "start": 0.0}), "left")[0].tolist() == [7.0, 7.0, 7.0]


def test_draws_of_measured_values_keep_the_other_conditions(heat):
    samples = Samples(np.array([[0.0, t] for t in (0.0, 0.5, 1.0)]), np.array([0.0, 1.0, 0.0]), 0.1)
    values = given_values(heat, {"left": samples, "right": 0.0, "start": np.eye(3)})
    assert values.uncertain
    s = {c.name: torch.rand((4, 1), dtype=torch.float64) for c in heat.valued}
    drawn = values.drawn(5, 0, s)
    assert len(drawn) == 5
    assert drawn["left"](s["left"]).std(0).min() > 0
    assert torch.equal(drawn["start"](s["start"]), values["start"](s["start"])[:1].expand(5, -1))


class Kind:
    pass


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (math.nan, "nan is not finite; give a finite number"),
        (math.inf, "inf is not finite"),
        ("one", "'one' is no number, function, list of coefficients or samples; give one of these"),
        (None, "None is no number"),
        (True, "True is no number"),
        (Kind, "<class .*Kind'> is no number"),
        (1 + 2j, r"\(1\+2j\) is no number"),
        ({"a": 1}, "{'a': 1} is no number"),
        ([1.0, 2.0], r"shape \(2,\), expected the 3 coefficients of Sine .* \(3,\), or for B of them, \(B, 3\)"),
        (np.zeros((2, 3, 3)), r"shape \(2, 3, 3\)"),
        ([1.0, math.nan, 0.0], "a coefficient is not finite"),
        (lambda y: y, "the function takes 'y'; name its arguments after coordinates: x, t"),
        (lambda *a: 1, "the function takes 'a'"),
        (lambda x: x[:, None], r"the function returned shape \(67, 1\) for 67 places, expected \(67,\)"),
        (lambda x: [1, 2], r"the function returned shape \(2,\)"),
        (lambda x: 1j * x, "the function returned complex numbers, expected real numbers"),
        (lambda x: "a", "the function returned str, expected real numbers"),
        (lambda x: None, "the function returned NoneType"),
        (lambda x: 1 / x, r"the function is not finite at \(0, 0\); correct it there"),
        (lambda x: np.where(x > 0.9, np.nan, x), r"the function is not finite at \((0.9|1)"),
        (lambda x: math.sin(x), r"the function raised TypeError: .*test_given.py, line \d+\); it is given numpy arrays"),
        (lambda x: exit(3), "the function raised SystemExit: 3"),
    ],
)
def test_values_that_cannot_be_used_are_named(heat, given, message):
    with pytest.raises(GivenValueError, match=f"^values of 'start': {message}"):
        given_values(heat, {**Z, "start": given})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (Z, "PDE 'heat': no values of start; give a number, a function, coefficients or samples for each of left, right, start"),
        ({**Z, "strat": 0.0}, "values of 'strat': condition 'strat' is none of left, right, start; did you mean 'start'"),
        (
            {"left": np.zeros((2, 7)), "right": np.zeros((3, 7)), "start": 0.0},
            "different numbers of boundary conditions: 2 of left, 3 of right; give as many of each, or one",
        ),
    ],
)
def test_conditions_that_do_not_fit_are_named(heat, values, message):
    with pytest.raises(GivenValueError, match=message):
        given_values(heat, values)


def test_a_periodic_edge_takes_no_values():
    with pytest.raises(GivenValueError, match="values of 'ring': u is periodic along x, so 'ring' needs no values; leave them out"):
        given_values(load_pde("kdv"), {"ring": 0.0, "start": 0.0})
