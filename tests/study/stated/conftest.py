"""Small stated tasks: a regression in closed form, and two classes."""

import pytest
import torch

from pinndd.distances import KL, RelativeL2
from pinndd.learners import LinearRidge, SoftmaxRegression
from pinndd.outer_loop import OuterSettings
from pinndd.stated.parts import Parts
from pinndd.stated.task import StatedTask

OUTER = OuterSettings(steps=6, batch=2, learning_rate=0.02, validate_every=3)


@pytest.fixture(scope="session")
def line():
    """Values along a line, with noise: two examples say it all."""
    x = torch.linspace(-1, 1, 80, dtype=torch.float64)[:, None]
    noise = 0.3 * torch.randn(80, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parts = Parts.of_examples(x, 2 * x + 1 + noise)
    return StatedTask("line", parts, LinearRidge(1e-4), RelativeL2(), 3, outer=OUTER, baselines=("random", "stratified", "k-means"))


@pytest.fixture(scope="session")
def classes():
    """Two clouds of points."""
    labels = torch.arange(60) % 2
    shift = 2.0 * labels[:, None].double() - 1
    x = shift + torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return StatedTask("clouds", Parts.of_examples(x, labels), SoftmaxRegression(0.1), KL(), 4, outer=OUTER)
