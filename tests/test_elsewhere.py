"""Training and its gradient on a device that is not the processor: nothing of the processor is mixed in, and inner loops do not wait.

The device is imagined (`elsewhere`), so a machine without a GPU finds what one would refuse.
"""

import importlib.util
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import pinndd.devices
from pinndd import StudySettings, evaluate, load_pde
from pinndd.data import SyntheticData
from pinndd.held_out import HeldOutPrediction
from pinndd.hypergradients import fitting
from pinndd.learners.adam import Adam
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.outer_loop import OuterSettings, distill
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import WEIGHTS_IN, collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.dense import DenseSettings, solve_densely
from pinndd.pinn.solving.given import given_values


def beside(name):
    """Import a file of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


elsewhere = beside("elsewhere")
Mixed, There, imagined, moved = elsewhere.Mixed, elsewhere.There, elsewhere.imagined, elsewhere.moved
PROBLEMS = beside("two_processes").PROBLEMS


def there(problem, data, pool):
    """Return a problem, a set and batches of episodes on the imagined device, in which what torch has computed before is cached."""
    data = replace(data, fields=moved(data.fields))
    if isinstance(problem.task, HeldOutPrediction):
        task = moved(problem.task)
        return replace(problem, task=task), data, [task.episodes(7, torch.Generator().manual_seed(0))]
    batches = [replace(moved(batch), values=moved(batch.values)) for batch in (problem.task.pool, *pool)]
    return replace(problem, task=replace(problem.task, pool=batches[0])), data, batches[1:]


def test_the_imagined_device_refuses_what_a_gpu_refuses():
    with imagined() as mode:
        x = moved(torch.arange(4.0))
        assert isinstance(x.new_tensor([1.0]) + 2 * x, There)
        assert torch.equal((x + torch.tensor(1.0)).cpu(), torch.arange(1.0, 5.0))  # numbers may meet
        for mix in (lambda: x + torch.ones(4), lambda: torch.cat((x, torch.ones(1))), lambda: torch.ones(4)[x.long()], x.numpy):
            with pytest.raises(Mixed):
                mix()
        assert bool((x[[0, 3]] == moved(torch.tensor([0.0, 3.0]))).all())
    assert Counter(mode.waits)["a list of indices"] == 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_risk_and_gradient_are_those_of_the_processor(name):
    problem, data, _ = PROBLEMS[name]()
    estimator = fitting(problem.learner)
    risk, gradient = estimator(problem, data, problem.task.episodes(3, torch.Generator().manual_seed(0)))
    with imagined():
        far, far_data, _ = there(problem, data, [])
        found, slopes = estimator(far, far_data, far.task.episodes(3, torch.Generator().manual_seed(0)))
        assert isinstance(found, There)
        assert torch.equal(found.cpu(), risk)
        assert slopes.keys() == gradient.keys()
        assert all(isinstance(v, There) and torch.equal(v.cpu(), gradient[n]) for n, v in slopes.items())


@pytest.mark.parametrize("name", ["ridge", "classification", "bank"])
def test_an_outer_loop_is_that_of_the_processor_with_its_checkpoint(name, tmp_path):
    problem, data, pool = PROBLEMS[name]()
    if isinstance(problem.task, HeldOutPrediction):
        pool = problem.task.episodes(7, torch.Generator().manual_seed(0))
    pool = pool if isinstance(pool, list) else [pool]
    settings = OuterSettings(steps=2, batch=3, validate_every=1)
    here = distill(problem, data, hypergradient=fitting(problem.learner), validation=pool, settings=settings)
    with imagined():
        far, far_data, far_pool = there(problem, data, pool)
        how = {"validation": far_pool, "settings": settings, "checkpoint": tmp_path / "state.npz"}
        found = distill(far, far_data, hypergradient=fitting(problem.learner), **how)
        found.data.save(tmp_path / "set.npz")
        again = distill(far, far_data, hypergradient=fitting(problem.learner), resume=True, **how)
        assert found.risk == here.risk == again.risk
    stored = SyntheticData.load(tmp_path / "set.npz")
    assert all(torch.equal(stored[n], here.data[n]) for n in here.data.fields)


def counted(learner_of, steps, setting):
    """Return how often training waits with so many steps."""
    pde, data, episodes = setting("burgers", 3, 6, 4)
    learner = learner_of(MLPModel(pde, hidden=(6,)), steps)
    with imagined() as mode:
        far = replace(data, fields=moved(data.fields))
        pool = replace(moved(episodes), values=moved(episodes.values))
        learner.fit(far, pool)
        mode.waits.clear()  # what is computed once is at hand
        learner.fit(far, pool)
    return len(mode.waits)


def test_adam_never_waits(setting):
    few, many = (counted(lambda model, steps: Adam(model, steps=steps), steps, setting) for steps in (2, 6))
    assert many == few


def test_levenberg_marquardt_waits_to_see_who_goes_on(setting):
    def learner(model, steps):
        return LevenbergMarquardt(model, iterations=steps, tolerance=0.0, attempts=1)

    few, many = (counted(learner, steps, setting) for steps in (1, 4))
    assert 0 < many - few <= 3 * 3  # who goes on, whose Jacobian is computed anew, whether that is finite


@pytest.fixture
def present(monkeypatch):
    """A machine that has the imagined device."""
    before = pinndd.devices.present_devices()
    monkeypatch.setattr(pinndd.devices, "present_devices", lambda: [*before, str(elsewhere.DEVICE)])


@pytest.mark.parametrize(("name", "learner"), [("heat", "ridge"), ("burgers", "gauss-newton"), ("heat", "mlp-lm")])
def test_a_set_is_evaluated_as_on_the_processor(name, learner, present):
    pde = load_pde(name)
    interior, boundary = sample_points(pde, "sobol", 16, 12, 1)
    data = collocation_data(pde, interior, boundary, 3.0)
    data = data.with_header(pde=name, protocol="retrain", learner=learner, seed=0, **WEIGHTS_IN)
    settings = StudySettings(test_conditions=2, shifts=[next(iter(pde.shifts))])
    here = evaluate(data, pde, settings=settings)
    with imagined() as mode:
        there = evaluate(data, pde, settings=replace(settings, device=str(elsewhere.DEVICE)))
    assert mode.waits
    assert there["error"].tolist() == here["error"].tolist()


@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_a_condition_of_ones_own_is_solved_as_on_the_processor(name):
    pde = load_pde(name)
    values = given_values(pde, {"left": 0.1, "right": 0.0, "start": lambda x: x * (1 - x)})
    asked = torch.tensor([[0.3, 0.5], [0.8, 0.1]], dtype=torch.float64)
    settings = DenseSettings(60, seed=0)
    here = solve_densely(pde, values, settings)(asked, 1)
    with imagined() as mode:
        there = solve_densely(pde, values, settings, str(elsewhere.DEVICE))(moved(asked), 1)
        assert isinstance(there, There)
        assert mode.waits
        assert torch.equal(there.cpu(), here)
