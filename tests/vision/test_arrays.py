"""A user's own data: standardised, split by class, and checked at the door."""

import dataclasses

import numpy as np
import pytest
import torch

from pinndd.vision.datasets import from_arrays, stratified_split


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count=12, channels=3, side=4):
    values = 5 + 3 * torch.randn((count, channels, side, side), generator=generator())
    return values, torch.arange(count) % 3


def test_images_are_standardised_by_the_training_part_and_restored():
    inputs, labels = images(60)
    data = from_arrays(inputs, labels, test=(inputs[:6] + 100, labels[:6]), classes=("a", "b", "c"))
    assert data.shape == (3, 4, 4)
    assert data.classes == ("a", "b", "c")
    assert data.train_labels.dtype == torch.int64
    torch.testing.assert_close(data.train_inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train_inputs.std((0, 2, 3), correction=0), torch.ones(3))
    assert float(data.test_inputs.mean()) > 10
    torch.testing.assert_close(data.restore(data.train_inputs), inputs)


def test_a_column_of_a_table_has_its_own_unit_and_a_constant_one_keeps_it():
    table = np.column_stack([np.arange(8.0), 1000 * np.arange(8.0), np.full(8, 7.0)])
    data = from_arrays(table, np.arange(8) % 2, test=(table, np.arange(8) % 2))
    torch.testing.assert_close(data.train_inputs[:, 0], data.train_inputs[:, 1])
    assert data.std[2] == 1
    assert data.train_inputs[:, 2].abs().max() == 0


def test_grey_images_get_their_channel_and_lists_become_arrays():
    inputs = [np.full((4, 4), k, dtype=np.uint8) for k in range(6)]
    data = from_arrays(inputs, [0, 1] * 3, test=(inputs, [0, 1] * 3))
    assert data.train_inputs.shape == (6, 1, 4, 4)
    torch.testing.assert_close(data.restore(data.train_inputs)[:, 0, 0, 0], torch.arange(6.0))


def test_the_same_seed_holds_out_the_same_share_of_every_class():
    inputs, labels = images(60)
    first, again, other = (from_arrays(inputs, labels, test_share=0.25, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.test_inputs, again.test_inputs)
    assert not torch.equal(first.test_inputs, other.test_inputs)
    assert first.test_labels.bincount().tolist() == [5, 5, 5]
    assert len(first.train_inputs) == 45


def test_a_split_leaves_something_of_a_small_class_in_both_parts():
    labels = torch.tensor([0] * 2 + [1] * 20)
    kept, held = stratified_split(labels, 0.01, generator())
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(22))
    assert labels[held].bincount().tolist() == [1, 1]
    kept, _ = stratified_split(labels, 0.99, generator())
    assert labels[kept].bincount().tolist() == [1, 1]


MIXED = [np.zeros((3, 4, 4)), np.zeros((3, 4, 4)), np.zeros((3, 5, 4))]
HOLE = np.where(np.arange(12).reshape(6, 2) == 7, np.nan, 1.0)


@pytest.mark.parametrize(
    ("inputs", "labels", "options", "message"),
    [
        (MIXED, [0, 1, 0], {}, r"own data: example 2 has shape \(3, 5, 4\) and example 0 \(3, 4, 4\): resize or crop"),
        (HOLE, [0, 1] * 3, {}, "own data, training part: example 3 holds a value that is not finite: fill it in"),
        (np.where(np.eye(6) > 0, -np.inf, 1.0), [0, 1] * 3, {}, "example 0 holds a value that is not finite"),
        (np.ones(6), [0, 1] * 3, {}, r"inputs have shape \(6,\), expected images \(N, C, H, W\)"),
        ([], [], {}, r"inputs have shape \(0,\), expected images"),
        (np.ones((2, 2)).astype(str), [0, 1], {}, "own data: inputs have dtype <U32, expected numbers"),
        (np.ones((4, 2)), ["cat", "dog"] * 2, {}, "own data: labels have dtype <U3, expected integers: number the classes"),
        (np.ones((4, 2)), [0.0, 1.0] * 2, {}, r"labels have shape \(4,\) and dtype torch.float64, expected integers \(N,\)"),
        (np.ones((4, 2)), [True, False] * 2, {}, "dtype torch.bool, expected integers"),
        (np.ones((4, 2)), [0, 1, 0], {}, "4 examples have 3 labels, expected one each"),
        (np.ones((4, 2)), [0, 1, 0, -1], {}, "label -1 of example 3 is out of range, expected 0 to 1: number the classes"),
        (np.ones((4, 2)), [0, 1, 0, 5], {"classes": ("a", "b")}, "label 5 of example 3 is out of range, expected 0 to 1"),
        (np.ones((4, 2)), [0, 2, 0, 2], {}, "class 1 has no example: number the classes without gaps, or add examples"),
        (np.ones((4, 2)), [0, 1, 0, 0], {}, "class 1 has 1 example, 2 wanted, one to train on and one to test with"),
        (np.ones((4, 2)), [0, 1] * 2, {"test_share": 1.0}, "the share to hold out is 1.0, expected between 0 and 1"),
        (np.ones((4, 2)), [0, 1] * 2, {"test": (np.ones((1, 2)), [2])}, "own data, test part: label 2 of example 0 is out"),
        (np.ones((4, 2)), [0, 1] * 2, {"test": (np.full((1, 2), np.inf), [0])}, "test part: example 0 holds a value"),
        (
            np.ones((4, 2)),
            [0, 1] * 2,
            {"name": "wine", "test": (np.ones((1, 3)), [0])},
            r"wine: an example of the training part .* .* \(2,\), .* \(3,\)",
        ),
    ],
)
def test_each_misuse_has_one_clear_error(inputs, labels, options, message):
    with pytest.raises(ValueError, match=message):
        from_arrays(inputs, labels, **options)


def test_the_class_itself_checks_too():
    inputs, labels = images()
    data = from_arrays(inputs, labels)
    with pytest.raises(ValueError, match="own data, training part: label 2 of example"):
        dataclasses.replace(data, classes=("a", "b"))
    with pytest.raises(ValueError, match=r"one of the test part \(3, 2, 4\): bring them to one size"):
        dataclasses.replace(data, test_inputs=data.test_inputs[:, :, :2])


def test_another_dtype_is_for_the_inputs_only():
    data = from_arrays(*images()).to("cpu", torch.float64)
    assert data.train_inputs.dtype == data.test_inputs.dtype == data.mean.dtype == data.std.dtype == torch.float64
    assert data.train_labels.dtype == data.test_labels.dtype == torch.int64
