"""Small images of three shapes, with noise."""

import pytest
import torch

from pinndd.vision.datasets import from_arrays


@pytest.fixture(scope="session")
def shapes():
    """A bar, a square and a diagonal on 8 x 8 pixels; 20 of each to train on, 10 to test with."""
    pictures = torch.zeros((3, 1, 8, 8))
    pictures[0, 0, :, 3:5] = 1
    pictures[1, 0, 2:6, 2:6] = 1
    pictures[2, 0] = torch.eye(8)
    labels = torch.arange(90) % 3
    noise = torch.randn((90, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    images = pictures[labels] + 0.4 * noise
    return from_arrays(
        images[:60], labels[:60], test=(images[60:], labels[60:]), classes=("bar", "square", "line"), name="shapes"
    )


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)
