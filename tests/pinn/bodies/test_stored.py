"""Bodies are trained once, found again, and refused where they did not converge."""

from dataclasses import replace

import pytest
import torch

from pinndd.pinn.bodies import stored
from pinndd.pinn.bodies.settings import BodySettings
from pinndd.pinn.bodies.stored import Bodies, trained_body
from pinndd.pinn.bodies.training import BodyError
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.roughened import ROUGH
from pinndd.pinn.solving import cache

SMALL = BodySettings(width=12, hidden=(10,), steps=60, conditions=4, points=40, boundary_points=24)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.CACHE, str(tmp_path))
    monkeypatch.setattr(cache, "LEAST_SECONDS", 0.0)
    return tmp_path


def count_trainings(monkeypatch):
    calls = []
    train = stored.train_body
    monkeypatch.setattr(stored, "train_body", lambda *given: calls.append(given[1]) or train(*given))
    return calls


def test_a_body_is_found_again_bit_for_bit(folder, monkeypatch):
    calls = count_trainings(monkeypatch)
    pde = load_pde("heat")
    first, again = (trained_body(pde, SMALL, ROUGH) for _ in range(2))
    assert torch.equal(first.body.parameters, again.body.parameters)
    assert first.residual == again.residual
    assert first.seconds == again.seconds > 0
    assert len(calls) == 1


@pytest.mark.parametrize("change", [{"seed": 1}, {"steps": 61}, {"rate": 0.05}])
def test_other_settings_have_another_body(folder, monkeypatch, change):
    calls = count_trainings(monkeypatch)
    pde = load_pde("heat")
    trained_body(pde, SMALL, ROUGH)
    trained_body(pde, replace(SMALL, **change), ROUGH)
    assert len(calls) == 2


def test_another_family_has_another_body(folder, monkeypatch):
    calls = count_trainings(monkeypatch)
    pde = load_pde("heat")
    trained_body(pde, SMALL, ROUGH)
    trained_body(pde, SMALL, replace(ROUGH, amplitude=0.5))
    trained_body(load_pde("poisson"), SMALL, ROUGH)
    assert len(calls) == 3


def test_a_damaged_file_is_replaced(folder, monkeypatch):
    calls = count_trainings(monkeypatch)
    pde = load_pde("heat")
    first = trained_body(pde, SMALL, ROUGH)
    (file,) = cache.kept_files(folder)
    file.write_bytes(file.read_bytes()[:-40])
    again = trained_body(pde, SMALL, ROUGH)
    assert torch.equal(first.body.parameters, again.body.parameters)
    assert len(calls) == 2


def test_bodies_are_trained_when_they_are_asked_for(monkeypatch):
    calls = count_trainings(monkeypatch)
    bodies = Bodies(load_pde("heat"), [replace(SMALL, seed=k) for k in range(3)], ROUGH)
    assert len(bodies) == 3
    assert calls == []
    assert bodies.seconds == []
    assert bodies[1] is bodies[1]
    assert bodies.seconds == [bodies.trained(1).seconds]
    assert [settings.seed for settings in calls] == [1]


def test_a_body_that_did_not_converge_is_refused(monkeypatch):
    monkeypatch.setattr(stored, "CONVERGED", 1e-9)
    bodies = Bodies(load_pde("heat"), [SMALL], ROUGH)
    with pytest.raises(BodyError, match=r"PDE 'heat': the body of seed 0 did not converge.*train it for more than 60 steps"):
        bodies[0]
