"""Studies so small that they take seconds."""

from dataclasses import replace
from functools import cache

import pytest

from pinndd.pinn.declare.loading import load_pde
from pinndd.study.protocols import engine, protocol_named
from pinndd.study.protocols.retrain import bench as retrain_bench
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.solved import label_free, stand_in, tuning

SIZES = {
    "retrain": {"points": 16, "boundary_points": 9},
    "amortised": {"tuples": 24, "boundary_tuples": 9},
    "solved": {"conditions": 5},
    "sensors": {"sensors": (6,), "points": 40},
}

SETTINGS = {
    "retrain": StudySettings(seeds=1, test_conditions=3, effort=0.03, judges=()),
    "amortised": StudySettings(seeds=1, test_conditions=2, effort=0.05),
    "solved": StudySettings(seeds=2, test_conditions=6, effort=0.15),
    "sensors": StudySettings(seeds=1, test_conditions=3, effort=0.05),
}


def open_study(name, pde, *, size=None, allowance=None, **settings):
    protocol = protocol_named(name)
    equation = load_pde(pde) if isinstance(pde, str) else pde
    given = SIZES[name] if size is None else size
    return protocol.open(equation, protocol.sized_for(equation, given), replace(SETTINGS[name], **settings), allowance=allowance)


@pytest.fixture(autouse=True, scope="module")
def small_studies(few_conditions):
    """Let studies have few conditions; what `outcome_of` runs has as many as usual."""


@pytest.fixture(scope="session")
def opened():
    """Open a small study: ``opened(protocol, pde, size={...}, seeds=2)``."""
    return open_study


@pytest.fixture(scope="session")
def ran():
    """Run a small study: ``ran(protocol, pde, size={...}, seeds=2)``."""

    def run(name, pde, **more):
        return engine.run(open_study(name, pde, **more), protocol_named(name))

    return run


@pytest.fixture(scope="session")
def outcome_of(shrink, usually):
    """The outcome of a small study as it stands here, run once for all tests: ``outcome_of(protocol, pde)``."""

    @cache
    def once(name, pde):
        with pytest.MonkeyPatch.context() as patch:
            shrink(patch)
            usually(patch)
            return engine.run(open_study(name, pde), protocol_named(name))

    return once


@pytest.fixture(scope="session")
def shrink():
    """Make the pools and grids of the solved protocol small: ``shrink(monkeypatch)``."""

    def small(patch):
        for name, value in {"_POOL": 160, "_HELD_OUT": 40, "_POINTS": 64}.items():
            patch.setattr(stand_in, name, value)
        patch.setattr(label_free, "STEPS", 40)
        for name, values in {"WIDTHS": (0.5, 1.0), "LENGTHS": (2.0, 4.0), "TRENDS": (0.3,)}.items():
            patch.setattr(tuning, name, values)

    return small


@pytest.fixture
def few_designs(monkeypatch):
    """Leave the retrain protocol four designs and no adaptive method; returns the names of the designs."""
    designs = ("uniform", "latin-hypercube", "sobol", "hammersley")
    monkeypatch.setattr(retrain_bench, "INTERIOR_SAMPLERS", designs)
    monkeypatch.setattr(retrain_bench, "tuned_adaptive", lambda bench: [])
    return designs
