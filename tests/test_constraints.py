"""Constraints: the map to free parameters and back, projection, and their JSON form."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.constraints import KINDS, Box, Constraint, Fixed, Positive, Simplex, constraint_from_json

CONSTRAINTS = [Box((-1.0, 0.5), (2.0, 0.75)), Box((0.0,), (3.0,)), Positive(), Positive(1e-2, 1e2), Simplex(), Fixed()]

free_values = st.lists(st.floats(-6, 6), min_size=6, max_size=6).map(
    lambda values: torch.tensor(values, dtype=torch.float64).reshape(3, 2)
)


@settings(max_examples=40, deadline=None)
@given(free=free_values, constraint=st.sampled_from(CONSTRAINTS))
def test_projected_parameters_are_feasible_and_survive_the_round_trip(free: Tensor, constraint: Constraint) -> None:
    projected = constraint.project(free)
    value = constraint.from_free(projected)
    assert constraint.violation(value) <= 1e-12
    torch.testing.assert_close(constraint.project(projected), projected, rtol=0, atol=1e-15)
    torch.testing.assert_close(constraint.from_free(constraint.to_free(value)), value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=repr)
def test_json_round_trip(constraint: Constraint) -> None:
    assert constraint_from_json(json.loads(json.dumps(constraint.to_json()))) == constraint
    assert KINDS[constraint.kind] is type(constraint)


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=repr)
def test_the_map_from_free_parameters_is_differentiable(constraint: Constraint) -> None:
    free = torch.tensor([[0.2, 0.7], [0.5, 0.4]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(constraint.from_free, (free,))


@pytest.mark.parametrize(
    ("constraint", "value", "expected"),
    [
        (Box((0.0,), (2.0,)), [2.5], 0.25),
        (Positive(0.1, 10.0), [0.0, 11.0], 1.0),
        (Simplex(), [0.5, 0.25], 0.25),
        (Simplex(), [1.5, -0.5], 0.5),
        (Fixed(), [99.0], 0.0),
        (Simplex(), [], 0.0),
    ],
)
def test_violation(constraint: Constraint, value: list[float], expected: float) -> None:
    assert constraint.violation(torch.tensor(value, dtype=torch.float64)) == pytest.approx(expected)


def test_only_a_fixed_field_is_not_learnable() -> None:
    assert [c for c in CONSTRAINTS if not c.learnable] == [Fixed()]


@pytest.mark.parametrize(("low", "high"), [((0.0,), (0.0,)), ((1.0,), (0.0,)), ((0.0, 0.0), (1.0,))])
def test_an_empty_box_is_refused(low: tuple[float, ...], high: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"Box: low .* must be as long as high .* and below it everywhere"):
        Box(low, high)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="constraint of kind 'sphere' is not known: expected one of box"):
        constraint_from_json({"kind": "sphere"})
