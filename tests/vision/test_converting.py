"""Inputs and labels as other packages hand them over: the same numbers arrive, or the reason is said."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix

from pinndd.vision.datasets import from_arrays

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 6, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 3, 6, 7), dtype=np.uint8)
TABLE = RNG.standard_normal((12, 2))
LABELS = np.arange(12) % 2


def restored(inputs, labels=LABELS, **options):
    """What the data set holds of inputs, in their order and units."""
    data = from_arrays(inputs, labels, test=(inputs, labels), **options)
    assert data.train_inputs.dtype == torch.float32
    return data.restore(data.train_inputs).double().numpy(), data.train_labels.numpy()


@pytest.mark.parametrize(
    "images",
    [
        GREY[:, ::-1, ::-1],
        COLOUR[:, ::-1],
        np.asfortranarray(COLOUR),
        np.broadcast_to(COLOUR[:1], COLOUR.shape),
        COLOUR.astype(">f4"),
        COLOUR.astype(">u2"),
        COLOUR.astype(np.uint32),
        COLOUR.astype(np.float16),
        torch.from_numpy(COLOUR).to(memory_format=torch.channels_last),
        torch.from_numpy(COLOUR).float().requires_grad_(),
        [torch.from_numpy(image).bfloat16().requires_grad_() for image in COLOUR],
        list(COLOUR[:, :, ::-1]),
        np.ma.masked_equal(COLOUR.astype(float), -1.0),
    ],
    ids=lambda images: f"{type(images).__name__}-{getattr(images, 'dtype', '')}",
)
def test_strides_byte_order_and_dtype_do_not_change_a_value(images):
    given = [image.detach().float().numpy() if isinstance(image, torch.Tensor) else np.asarray(image, float) for image in images]
    found, _ = restored(images)
    np.testing.assert_allclose(found.reshape(np.shape(given)), given, atol=1e-4)


@pytest.mark.parametrize(
    "labels", [LABELS[::-1], LABELS.astype(">i4"), LABELS.astype(np.uint64), LABELS.tolist(), [torch.tensor(k) for k in LABELS[::-1]]]
)
def test_labels_arrive_as_they_are(labels):
    _, found = restored(TABLE, labels)
    assert found.tolist() == [int(k) for k in labels]


class TestPrecision:
    @pytest.mark.parametrize("offset", [1.7e9, -1e12, 2024.0])
    @pytest.mark.parametrize("make", [np.asarray, torch.from_numpy, list, pd.DataFrame, lambda x: x.astype(">f8")])
    def test_an_offset_takes_nothing_away(self, offset, make):
        # compared with the same table without the offset, as far as float64 holds it
        moved = (TABLE + offset) - offset
        np.testing.assert_allclose(
            from_arrays(make(TABLE + offset), LABELS).train_inputs, from_arrays(moved, LABELS).train_inputs, rtol=1e-4, atol=1e-4
        )

    @pytest.mark.parametrize("dtype", [np.int64, np.uint64, ">i8", np.int32])
    def test_integers_keep_their_digits(self, dtype):
        seconds = (1_700_000_000 + np.arange(24).reshape(12, 2)).astype(dtype)
        found, _ = restored(seconds)
        np.testing.assert_allclose(found, seconds.astype(float), rtol=0, atol=1e-4)

    @pytest.mark.parametrize("make", [np.asarray, torch.from_numpy])
    def test_integers_beyond_float64_are_refused(self, make):
        with pytest.raises(ValueError, match=r"more digits than float64 holds .* take an offset off"):
            from_arrays(make(2**60 + np.arange(24).reshape(12, 2)), LABELS)

    def test_a_value_far_from_all_others_is_refused(self):
        table = TABLE.copy()
        table[3, 1] = 1e12
        with pytest.raises(ValueError, match="column 1 has 8 different values, 2 once they are standardised"):
            from_arrays(table[:8], LABELS[:8], test=(table, LABELS))

    @pytest.mark.parametrize("factor", [1e300, 1e-200])
    def test_a_variance_that_overflows_or_vanishes_is_refused(self, factor):
        with pytest.raises(ValueError, match=r"column 0 are too large or too small for the variance of torch\.float64"):
            from_arrays(TABLE * factor, LABELS)

    @pytest.mark.parametrize(("factor", "dtype"), [(1e30, np.float32), (1e-30, np.float32), (1e120, float), (1e-120, float)])
    def test_a_factor_changes_nothing(self, factor, dtype):
        found, expected = (from_arrays((TABLE * f).astype(dtype), LABELS).train_inputs for f in (factor, 1.0))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


class TestChannels:
    @pytest.mark.parametrize("shape", [(12, 28, 28, 1), (12, 32, 32, 3), (12, 5, 9, 4), (12, 4, 4, 3), (12, 3, 3, 1)])
    @pytest.mark.parametrize("make", [np.zeros, torch.zeros, lambda shape: list(np.zeros(shape))])
    def test_last_is_refused_with_the_remedy_and_can_be_said(self, shape, make):
        with pytest.raises(ValueError, match=r"channels last as it seems.*inputs.transpose\(0, 3, 1, 2\).*say channels='last'"):
            from_arrays(make(shape), LABELS)
        assert from_arrays(make(shape), LABELS, channels="last").shape == (shape[3], *shape[1:3])
        assert from_arrays(make(shape), LABELS, channels="first").shape == shape[1:]

    @pytest.mark.parametrize("shape", [(12, 3, 32, 32), (12, 1, 8, 3), (12, 3, 4, 4), (12, 64, 4, 4), (12, 3, 3, 4), (12, 16, 5, 5)])
    def test_first_is_taken_as_it_is(self, shape):
        assert from_arrays(np.zeros(shape), LABELS).shape == shape[1:]

    def test_the_test_part_too(self):
        with pytest.raises(ValueError, match=r"own data, test part: .*channels last"):
            from_arrays(np.zeros((12, 3, 8, 8)), LABELS, test=(np.zeros((12, 8, 8, 3)), LABELS))

    def test_last_means_the_same_images(self):
        last, first = (restored(images, channels=said)[0] for images, said in ((COLOUR.transpose(0, 2, 3, 1), "last"), (COLOUR, None)))
        np.testing.assert_array_equal(last, first)


FRAME = pd.DataFrame({"age": pd.array([50, 60, None, 70], dtype="Int64"), "sick": [True, False, True, False]})


def test_a_frame_of_several_dtypes_becomes_a_table():
    frame = pd.concat([FRAME.drop(index=2)] * 2)
    np.testing.assert_allclose(restored(frame, LABELS[:6])[0], frame.astype(float).to_numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (np.ma.masked_greater(TABLE, 0), LABELS, "inputs are masked, the first at .: fill the cells in"),
        ([np.ma.masked_greater(row, 0) for row in TABLE], LABELS, "example .: inputs are masked"),
        (TABLE, np.ma.masked_equal(LABELS, 1), "labels are masked, the first at 1"),
        (FRAME, LABELS[:4], "example 2 holds a value that is not finite"),
        (FRAME.assign(sick=["yes", "no"] * 2), LABELS[:4], "example 0 holds 'yes', expected numbers"),
        (FRAME.assign(sick=pd.Timestamp("2024-01-01")), LABELS[:4], "turn words and dates into numbers"),
        (csr_matrix(TABLE), LABELS, r"a sparse matrix: give inputs.toarray\(\)"),
        (torch.from_numpy(TABLE).to_sparse(), LABELS, "torch.sparse_coo, expected real numbers, dense"),
        (torch.from_numpy(TABLE) * 1j, LABELS, "torch.complex128 .*, expected real numbers"),
        (TABLE * 1j, LABELS, "dtype complex128, expected numbers"),
        ([torch.zeros(3, 4, 4), torch.zeros(3, 4, 5)], [0, 1], r"example 1 has shape \(3, 4, 5\) and example 0 \(3, 4, 4\)"),
        (TABLE, LABELS + 1, "the labels begin at 1, expected 0: give labels - 1"),
        (TABLE, 0 * LABELS, "there is one class, expected two or more"),
        (TABLE, LABELS.astype(np.longdouble), "dtype torch.float64, expected integers"),
    ],
)
def test_each_misuse_has_one_clear_error(inputs, labels, message):
    with pytest.raises(ValueError, match=f"^own data.*{message}"):
        from_arrays(inputs, labels)


def test_another_place_for_channels_is_refused():
    with pytest.raises(ValueError, match="channels='middle', expected 'first' or 'last'"):
        from_arrays(COLOUR, LABELS, channels="middle")
