"""Frames that several tests ask, prepared once."""

from functools import cache

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde, remembered
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.exploring.frames import open_frames


class Once:
    """A schedule that computes no errors unless it is asked to."""

    def __init__(self):
        self.later = None

    def soon(self, call):
        call()

    def settled(self, call):
        self.later = call

    def apart(self, job, done):
        done(job())


@pytest.fixture
def once():
    return Once()


@pytest.fixture(scope="session")
def dense():
    """Dense frames of a PDE by name."""
    return cache(lambda name: open_frames(load_pde(name)))


@pytest.fixture(scope="session")
def heat_set():
    """A small set for the heat equation, as `pinndd distill` would write it."""
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", 64, 30, seed=3), 30.0)
    trained = {"learner": "ridge", "learner_settings": {"width": 120}, "seed": 2}
    return data.with_header(pde="heat", protocol="retrain", **trained, **remembered(pde))


@pytest.fixture
def drawn():
    """Draw boundary values of a PDE."""

    def draw(pde, count=1, seed=0, shift="none"):
        ensemble = pde.ensemble(shift)
        return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(seed)))

    return draw
