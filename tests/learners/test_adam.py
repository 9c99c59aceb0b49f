"""Adam: the step against torch.optim, the pure step, fresh samples, and settings that are refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pinndd.learners.adam import Adam, AdamState
from pinndd.pinn.models.mlp import MLPModel


def test_steps_equal_those_of_torch(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 6, 5)
    model = MLPModel(pde, (5, 4))
    learner = Adam(model, steps=6, learning_rate=0.01, final=1.0, tiny=1e-30, dtype=torch.float64)
    prepared = model.prepare(data, episodes)
    theta = model.initial(episodes, data["interior"]).requires_grad_()
    optimizer = torch.optim.Adam([theta], lr=0.01, eps=0.0)
    for _ in range(6):
        optimizer.zero_grad()
        model.loss(prepared, theta).sum().backward()
        optimizer.step()
    fitted = learner.fit(data, episodes)
    torch.testing.assert_close(fitted.parameters, theta.detach(), rtol=1e-9, atol=1e-12)
    assert not fitted.parameters.requires_grad


def test_training_lowers_the_loss_of_every_network_by_itself(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 3, 8, 6)
    model = MLPModel(pde, (8,))
    together = Adam(model, steps=40, dtype=torch.float64).fit(data, episodes)
    prepared = model.prepare(data, episodes)
    before = model.loss(prepared, model.initial(episodes, data["interior"]))
    assert bool((model.loss(prepared, together.parameters) < 0.9 * before).all())
    alone = Adam(model, steps=40, dtype=torch.float64).fit(data, episodes[:1])
    torch.testing.assert_close(together.parameters[:1], alone.parameters, rtol=1e-8, atol=1e-10)


def test_the_learning_rate_decays_along_half_a_cosine() -> None:
    learner = Adam(None, steps=100, learning_rate=0.1, final=0.01)  # type: ignore[arg-type]
    rates = torch.stack([learner.rates(t, torch.zeros(1, dtype=torch.float64)) for t in (0, 50, 100)])
    torch.testing.assert_close(rates[:, 0], torch.tensor([0.1, 0.0505, 0.001], dtype=torch.float64))
    torch.testing.assert_close(rates[0, 1:], torch.tensor([0.1, 0.001], dtype=torch.float64))


def test_a_step_leaves_its_arguments_alone(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 2, 4, 3)
    learner = Adam(MLPModel(pde, (3,)), dtype=torch.float64)
    prepared = learner.prepare(data, episodes)
    state = learner.start(prepared, episodes)
    copy = AdamState(*(t.clone() for t in state))
    following = learner.step(state, prepared, learner.rates(0, state.parameters))
    for old, kept, new in zip(copy, state, following, strict=True):
        assert torch.equal(old, kept)
        assert not torch.equal(new, kept)
        assert not new.requires_grad


def test_the_compiled_step_is_the_eager_one(setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda recorded, **_: recorded)  # compiling takes most of a minute
    pde, data, episodes = setting("burgers", 2, 4, 3)
    model = MLPModel(pde, (3,))
    eager, compiled = (Adam(model, steps=5, dtype=torch.float64, compile=flag).fit(data, episodes) for flag in (False, True))
    torch.testing.assert_close(compiled.parameters, eager.parameters, rtol=1e-12, atol=1e-14)


def test_fresh_samples_forget_the_points_and_are_drawn_from_the_seed(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 2, 6, 5)
    learner = Adam(MLPModel(pde, (4,)), steps=5, dtype=torch.float64, fresh=True)
    moved = data.with_fields({"interior": 1 - data["interior"], "left": 1 - data["left"]})
    first = learner.fit(data, episodes).parameters
    torch.testing.assert_close(learner.fit(moved, episodes).parameters, first, rtol=0, atol=0)
    assert not torch.equal(learner.fit(data, episodes.with_seed(6)).parameters, first)
    fixed = Adam(learner.model, steps=5, dtype=torch.float64).fit(data, episodes).parameters
    assert not torch.equal(fixed, first)


def test_training_in_single_precision_answers_in_that_of_the_points(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 2, 4, 3)
    fitted = Adam(MLPModel(pde, (3,)), steps=2).fit(data, episodes)
    assert fitted.parameters.dtype == torch.float32
    answer = fitted(episodes.points, 1)
    assert answer.dtype == torch.float64
    assert answer.shape == (2, 12, 3)


@pytest.mark.parametrize("settings", [{"steps": 0}, {"learning_rate": 0.0}, {"final": 0.0}, {"tiny": 0.0}])
def test_odd_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Adam: steps=.* must be at least 1"):
        Adam(None, **settings)  # type: ignore[arg-type]
