"""Linear algebra that least-squares learners share."""

import pytest
import torch

from pinndd.learners.jacobian import solve_factored


@pytest.mark.parametrize("rows", [1, 9])
def test_a_factored_matrix_is_solved(rows: int) -> None:
    root = torch.randn((4, rows, 2 * rows), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix = root @ root.mT
    expected = torch.ones((4, rows), dtype=torch.float64).cumsum(-1)
    right = (matrix @ expected[..., None])[..., 0]
    found = solve_factored(torch.linalg.cholesky(matrix), right)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)
