"""ZCA whitening: what it promises, and the way back."""

import pytest
import torch

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.vision.whitening import ZCA


def correlated(count=400, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn((12, 12), generator=generator, dtype=torch.float64)
    rows = torch.randn((count, 12), generator=generator, dtype=torch.float64) @ mixing + 3
    return rows.reshape(count, 3, 2, 2).to(dtype)


def covariance(inputs):
    return torch.cov(inputs.flatten(1).T, correction=0)


def test_without_a_ridge_the_covariance_becomes_the_identity():
    inputs = correlated()
    whitened = ZCA.fit(inputs, ridge=0).apply(inputs)
    torch.testing.assert_close(covariance(whitened), torch.eye(12, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(whitened.mean(0), torch.zeros(3, 2, 2, dtype=torch.float64), atol=1e-9, rtol=0)


def test_a_ridge_leaves_what_its_formula_says():
    inputs, ridge = correlated(), 0.1
    values, vectors = torch.linalg.eigh(covariance(inputs))
    expected = vectors @ torch.diag(values / (values + ridge * values.mean())) @ vectors.T
    torch.testing.assert_close(covariance(ZCA.fit(inputs, ridge).apply(inputs)), expected, atol=1e-9, rtol=0)


def test_the_matrix_is_symmetric_so_that_images_keep_their_look():
    whitening = ZCA.fit(correlated(), ridge=0.1)
    unit = torch.eye(12, dtype=torch.float64).reshape(12, 3, 2, 2) + whitening.mean
    matrix = whitening.apply(unit).flatten(1)
    torch.testing.assert_close(matrix, matrix.T)


def test_the_way_back_is_exact_for_any_input():
    whitening = ZCA.fit(correlated(), ridge=0.1)
    others = torch.randn((2, 5, 3, 2, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(whitening.invert(whitening.apply(others)), others, atol=1e-11, rtol=0)


def test_more_entries_than_inputs_and_many_pieces_are_fine():
    few = correlated(5)
    whitening = ZCA.fit(few)
    torch.testing.assert_close(whitening.invert(whitening.apply(few)), few, atol=1e-11, rtol=0)
    # 9000 rows are summed in three pieces
    many = correlated(9000)
    torch.testing.assert_close(
        covariance(ZCA.fit(many, 0).apply(many)), torch.eye(12, dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_it_is_stored_with_a_set_and_read_again(tmp_path):
    inputs = correlated(dtype=torch.float32)
    whitening = ZCA.fit(inputs)
    fields = {"inputs": whitening.apply(inputs[:2]), **whitening.to_tensors()}
    SyntheticData(fields, dict.fromkeys(fields, Fixed())).save(tmp_path / "set.npz")
    stored = SyntheticData.load(tmp_path / "set.npz")
    again = ZCA.from_tensors(stored.fields)
    assert again.mean.dtype == torch.float32
    torch.testing.assert_close(again.invert(stored["inputs"]), inputs[:2], atol=1e-4, rtol=0)


def test_each_misuse_has_one_clear_error():
    inputs = correlated()
    whitening = ZCA.fit(inputs)
    with pytest.raises(ValueError, match="ZCA: 1 inputs, expected 2 or more"):
        ZCA.fit(inputs[:1])
    with pytest.raises(ValueError, match="ZCA: ridge=-1 must not be negative"):
        ZCA.fit(inputs, ridge=-1)
    with pytest.raises(
        ValueError, match=r"ridge=0 and the least eigenvalue .* expected a positive one: set a ridge such as 0.1"
    ):
        ZCA.fit(inputs[:5], ridge=0)
    with pytest.raises(ValueError, match=r"the least scale is 0, expected positive ones: raise the ridge"):
        ZCA.fit(torch.ones(4, 3))
    with pytest.raises(ValueError, match=r"ZCA: inputs have shape \(4, 3\), expected \(..., 3, 2, 2\)"):
        whitening.apply(torch.ones(4, 3))
    with pytest.raises(ValueError, match=r"ZCA: inputs have shape \(3, 2, 3\)"):
        whitening.invert(torch.ones(3, 2, 3))
    with pytest.raises(
        ValueError, match=r"vectors have shape \(12, 12\) and scales \(3,\), expected \(12, 12\) and \(12,\)"
    ):
        ZCA(whitening.mean, whitening.vectors, whitening.scales[:3])
    tensors = whitening.to_tensors()
    del tensors["whitening_scales"]
    with pytest.raises(ValueError, match=r"no stored whitening: whitening_scales missing; store ZCA\.to_tensors"):
        ZCA.from_tensors(tensors)
