"""Conjugate gradients against direct solves, system by system."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.learners.conjugate_gradients import conjugate_gradients

COUNT, SIZE = 5, 7


def systems(seed, smallest=0.5):
    """Return matrices ``(5, 7, 7)`` of smallest eigenvalue above ``smallest``, and right-hand sides."""
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(COUNT, SIZE, SIZE, generator=generator, dtype=torch.float64)
    matrices = roots @ roots.mT + smallest * torch.eye(SIZE, dtype=torch.float64)
    return matrices, torch.randn(COUNT, SIZE, generator=generator, dtype=torch.float64)


def products(matrices):
    return lambda vectors: (matrices @ vectors[..., None])[..., 0]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_solutions_are_those_of_direct_solves(seed, preconditioned):
    matrices, right = systems(seed)
    diagonal = matrices.diagonal(dim1=-2, dim2=-1)
    found = conjugate_gradients(
        products(matrices),
        right,
        iterations=200,
        tolerance=1e-10,
        precondition=(lambda vectors: vectors / diagonal) if preconditioned else None,
    )
    assert bool(found.converged.all())
    assert bool(found.definite.all())
    torch.testing.assert_close(found.solution, torch.linalg.solve(matrices, right), rtol=1e-7, atol=1e-9)
    left = (right - products(matrices)(found.solution)).norm(dim=-1) / right.norm(dim=-1)
    torch.testing.assert_close(found.rest, left, rtol=0.1, atol=1e-12)


def test_as_many_products_as_there_are_weights_are_enough_and_the_inverse_needs_one():
    matrices, right = systems(0)
    asked = []

    def product(vectors):
        asked.append(1)
        return products(matrices)(vectors)

    assert bool(conjugate_gradients(product, right, iterations=2 * SIZE, tolerance=1e-8).converged.all())
    assert len(asked) <= SIZE + 2
    asked.clear()
    inverse = torch.linalg.inv(matrices)
    assert bool(
        conjugate_gradients(product, right, iterations=9, tolerance=1e-8, precondition=products(inverse)).converged.all()
    )
    assert len(asked) == 1


def test_one_system_that_is_indefinite_is_given_up_and_the_others_go_on():
    matrices, right = systems(1)
    matrices[2] -= 2 * torch.linalg.eigvalsh(matrices[2])[SIZE // 2] * torch.eye(SIZE, dtype=torch.float64)
    found = conjugate_gradients(products(matrices), right, iterations=200, tolerance=1e-10)
    others = [0, 1, 3, 4]
    assert found.definite.tolist() == [True, True, False, True, True]
    assert found.converged.tolist() == found.definite.tolist()
    torch.testing.assert_close(found.solution[others], torch.linalg.solve(matrices, right)[others], rtol=1e-7, atol=1e-9)


def test_systems_that_are_not_sound_and_those_that_are_nought_are_left_alone():
    matrices, right = systems(2)
    right[1] = 0
    sound = torch.tensor([True, True, True, False, True])
    found = conjugate_gradients(products(matrices), right, iterations=200, tolerance=1e-10, sound=sound)
    assert found.converged.tolist() == sound.tolist()
    assert found.rest[1] == 0
    assert not found.solution[[1, 3]].any()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_not_finite_does_not_converge(number):
    matrices, right = systems(3)
    right[0, 0] = number
    found = conjugate_gradients(products(matrices), right, iterations=200, tolerance=1e-10)
    assert found.converged.tolist() == [False, True, True, True, True]
    assert not conjugate_gradients(products(matrices[:1]), right[:1], iterations=200, tolerance=1e-10).converged


def test_too_few_products_are_told_by_the_rest():
    matrices, right = systems(4)
    found = conjugate_gradients(products(matrices), right, iterations=2, tolerance=1e-10)
    assert not found.converged.any()
    assert bool(found.definite.all())
    assert bool((found.rest > 1e-10).all())
