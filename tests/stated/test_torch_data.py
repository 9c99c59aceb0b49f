"""A data set of torch is taken as it is, and what cannot be used is named by its item."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from pinndd import StatedTask
from pinndd.distances import KL
from pinndd.learners import SoftmaxRegression
from pinndd.stated.torch_data import parts_of_torch

INPUTS = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(30) % 3


class Items(Dataset):
    def __init__(self, items, classes=None):
        self.items, self.classes = items, classes

    def __len__(self):
        return len(self.items)

    def __getitem__(self, k):
        return self.items[k]


class Endless(IterableDataset):
    def __iter__(self):
        return iter(())


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(INPUTS, LABELS),
        Subset(TensorDataset(INPUTS, LABELS), range(30)),
        Items([(row.numpy(), int(label)) for row, label in zip(INPUTS, LABELS, strict=True)]),
        Items([(row.tolist() and row, np.int32(label)) for row, label in zip(INPUTS, LABELS, strict=True)]),
    ],
)
def test_a_stated_task_takes_it_with_all_its_examples(data):
    task = StatedTask("rows", data, SoftmaxRegression(), KL(), size=3)
    found = torch.cat([part["inputs"] for part in task.data.named.values()])
    assert torch.equal(found[found[:, 0].argsort()], INPUTS[INPUTS[:, 0].argsort()])
    assert task.probabilities


def test_values_are_values_and_a_test_part_stays_apart():
    data = TensorDataset(INPUTS, INPUTS.sum(1))
    parts = parts_of_torch(data, test=TensorDataset(INPUTS[:5], INPUTS[:5].sum(1)))
    assert len(parts.test["inputs"]) == 5
    assert parts.train["targets"].shape[1] == 1


def test_images_are_drawn_with_their_names():
    images = torch.rand(30, 1, 4, 4)
    items = Items(list(zip(images, LABELS.tolist(), strict=True)), ["ant", "bee", "cat"])
    parts = parts_of_torch(items)
    assert parts.pictures.classes == ("ant", "bee", "cat")
    assert torch.equal(parts.pictures.restore(parts.train["inputs"]), parts.train["inputs"])
    assert parts_of_torch(TensorDataset(images - 0.5, LABELS)).pictures is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Endless(), "Endless has no length"),
        (Items([]), "is empty"),
        (Items([INPUTS[0]] * 9), "item 0 is of type Tensor, expected a pair"),
        (Items([(INPUTS[0], 0), ("cat.png", 1)]), "the input of item 1 is of type str"),
        (Items([(INPUTS[0], 0), (INPUTS[1], "dog")]), "the target of item 1 is of type str"),
        (Items([(INPUTS[0], 0), (INPUTS[1][:3], 1)]), r"the input of item 1 has shape \(3,\)"),
        (Items([(INPUTS[0], 0), (INPUTS[1], 1.0)]), "the target of item 1 .*float64"),
        (TensorDataset(LABELS[:, None], LABELS), "expected a floating type: standardise"),
        (TensorDataset(INPUTS, LABELS + 1), "begin at 1"),
        (TensorDataset(INPUTS / 0, LABELS), "not finite"),
    ],
)
def test_what_cannot_be_used_is_named(data, said):
    with pytest.raises(ValueError, match=said):
        parts_of_torch(data)


def test_what_does_not_fit_into_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr("pinndd.stated.torch_data.available_memory", lambda: 100)
    with pytest.raises(MemoryError, match="Subset"):
        parts_of_torch(TensorDataset(INPUTS, LABELS))
