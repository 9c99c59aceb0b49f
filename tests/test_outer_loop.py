"""The outer loop on a quadratic toy problem: convergence, resuming bit for bit, divergence, refusals."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinndd.checkpoint import CheckpointError
from pinndd.constraints import Box, Fixed, Positive
from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient
from pinndd.outer_loop import DivergedError, OuterSettings, distill, divergence
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

TARGET = torch.tensor([0.3, 0.8], dtype=torch.float64)
SETTINGS = OuterSettings(steps=24, batch=4, learning_rate=0.05, rates={"weight": 2.0}, validate_every=5, seed=7)
VALIDATION = [torch.zeros((1, 2), dtype=torch.float64)]


class Copy:
    """The trained model is the data."""

    differentiation = "closed form"

    def fit(self, data: SyntheticData, episodes: Tensor) -> Tensor:
        return torch.cat((data["point"], data["weight"].log()))


class NoisyTarget:
    """Asks for the model; the truth is the target plus a little noise."""

    def episodes(self, count: int, generator: torch.Generator) -> Tensor:
        return 0.05 * torch.randn((count, 2), generator=generator, dtype=torch.float64)

    def answer(self, fitted: Tensor, episodes: Tensor, derivatives: int) -> Tensor:
        return fitted.expand(len(episodes), 1, 2)

    def truth(self, episodes: Tensor, derivatives: int) -> Tensor:
        return (TARGET + episodes)[:, None]


class Squares:
    derivatives = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        return (answer - truth).square().sum((1, 2))


PROBLEM = DistillationProblem(Copy(), NoisyTarget(), Squares(), Mean())


def start() -> SyntheticData:
    fields = {"point": torch.tensor([0.9], dtype=torch.float64), "weight": torch.ones(1, dtype=torch.float64)}
    fields["label"] = torch.tensor([2.0], dtype=torch.float64)
    return SyntheticData(fields, {"point": Box((0.0,), (1.0,)), "weight": Positive(), "label": Fixed()})


def autograd(problem: DistillationProblem, data: SyntheticData, episodes: Any) -> tuple[Tensor, Gradient]:
    fields = {n: data[n].clone().requires_grad_() for n in data.learnable}
    risk = problem.evaluate(data.with_fields(fields), episodes)
    return risk.detach(), dict(zip(fields, torch.autograd.grad(risk, list(fields.values())), strict=True))


def failing_at(call: int, fail: Callable[[], Tensor]) -> Any:
    """Return an estimator whose risk comes from ``fail`` at one call."""
    calls = 0

    def estimate(problem: DistillationProblem, data: SyntheticData, episodes: Any) -> tuple[Tensor, Gradient]:
        nonlocal calls
        calls += 1
        risk, gradient = autograd(problem, data, episodes)
        return (fail() if calls == call else risk), gradient

    return estimate


def interrupt() -> Tensor:
    raise KeyboardInterrupt


def give_up() -> Tensor:
    raise RuntimeError("a solve did not converge")


def run(estimator: Any = autograd, settings: OuterSettings = SETTINGS, **options: Any) -> Any:
    return distill(PROBLEM, start(), hypergradient=estimator, validation=VALIDATION, settings=settings, **options)


def test_it_converges_and_leaves_fixed_fields_alone() -> None:
    found = run(settings=replace(SETTINGS, steps=300))
    reached = torch.cat((found.data["point"], found.data["weight"].log()))
    torch.testing.assert_close(reached, TARGET, rtol=0, atol=0.02)
    assert float(found.data["label"]) == 2.0
    assert found.risk == min(row["validation"] for row in found.history)
    assert [row["step"] for row in found.history] == list(range(0, 301, 5))


def test_iterates_stay_feasible() -> None:
    problem = replace(PROBLEM, task=NoisyTarget())
    outside = replace(SETTINGS, learning_rate=10.0)
    found = distill(problem, start(), hypergradient=autograd, validation=VALIDATION, settings=outside)
    assert 0 <= float(found.data["point"]) <= 1


@pytest.mark.parametrize(("stop", "error"), [(interrupt, KeyboardInterrupt), (give_up, RuntimeError)])
@pytest.mark.parametrize("call", [1, 2, 5, 6, 13, 24])
def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(
    call: int, stop: Callable[[], Tensor], error: type[BaseException], tmp_path: Path
) -> None:
    whole, state = run(), tmp_path / "state.npz"
    with pytest.raises(error):
        run(failing_at(call, stop), checkpoint=state)
    resumed = run(checkpoint=state, resume=True)
    for name in whole.data.fields:
        assert torch.equal(resumed.data[name], whole.data[name])
    assert resumed.risk == whole.risk
    for mine, other in zip(resumed.history, whole.history, strict=True):
        assert (mine["step"], mine["validation"]) == (other["step"], other["validation"])
        assert mine["step"] == 0 or mine["risk"] == other["risk"]


def test_a_finished_run_is_resumed_at_its_end(tmp_path: Path) -> None:
    whole = run(checkpoint=tmp_path / "state.npz")
    again = run(failing_at(1, interrupt), checkpoint=tmp_path / "state.npz", resume=True)
    assert torch.equal(again.data["point"], whole.data["point"])
    assert again.history == whole.history


def test_what_is_not_finite_stops_it_with_the_best_set(tmp_path: Path) -> None:
    diverging = failing_at(13, lambda: torch.tensor(torch.nan, dtype=torch.float64))
    with pytest.raises(DivergedError, match="not finite at outer step 12: the best set so far is kept") as error:
        run(diverging, checkpoint=tmp_path / "state.npz")
    before = PROBLEM.evaluate(start(), VALIDATION[0])
    assert float(PROBLEM.evaluate(error.value.best, VALIDATION[0])) < float(before)
    assert str(error.value) in divergence(error.value.best)
    assert (tmp_path / "state.npz").exists()


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    run(checkpoint=tmp_path / "state.npz")
    with pytest.raises(CheckpointError, match="belongs to other settings: batch was 4 and is now 5;"):
        run(settings=replace(SETTINGS, batch=5), checkpoint=tmp_path / "state.npz", resume=True)


def test_a_judge_chooses_the_iterate_that_serves_it(tmp_path: Path) -> None:
    """The outer loop passes the judge's optimum on its way to its own: that iterate is kept, also after a resume."""

    class Halfway(Copy):
        differentiation = "none"

        def fit(self, data: SyntheticData, episodes: Tensor) -> Tensor:
            return super().fit(data, episodes) - (data["point"] - TARGET[0]).abs().sub(0.3).relu() - 0.2

    judge = DistillationProblem(Halfway(), NoisyTarget(), Squares(), Mean())
    looks = replace(SETTINGS, validate_every=1)
    found, alone = run(settings=looks, judge=judge), run(settings=looks)
    risks = [float(judge.evaluate(each.data, VALIDATION[0])) for each in (found, alone)]
    assert found.risk == risks[0] == min(row["validation"] for row in found.history)
    assert risks[0] < 0.9 * risks[1]
    with pytest.raises(KeyboardInterrupt):
        run(failing_at(12, interrupt), looks, judge=judge, checkpoint=tmp_path / "c.npz")
    resumed = run(settings=looks, judge=judge, checkpoint=tmp_path / "c.npz", resume=True)
    assert resumed.data["point"].equal(found.data["point"])


def test_misuse_is_refused() -> None:
    for name in ("steps", "batch", "learning_rate", "validate_every"):
        with pytest.raises(ValueError, match=f"{name}=0 must be positive"):
            OuterSettings(**{name: 0})
    fixed = SyntheticData({"label": torch.ones(1)}, {"label": Fixed()})
    with pytest.raises(ValueError, match="no learnable field"):
        distill(PROBLEM, fixed, hypergradient=autograd, validation=VALIDATION)


def spike(size: float, call: int) -> Any:
    """Return an estimator whose gradient is of that size at one call."""
    calls = 0

    def estimate(problem: DistillationProblem, data: SyntheticData, episodes: Any) -> tuple[Tensor, Gradient]:
        nonlocal calls
        calls += 1
        risk, gradient = autograd(problem, data, episodes)
        return risk, {n: torch.full_like(g, size) for n, g in gradient.items()} if calls == call else gradient

    return estimate


@pytest.mark.parametrize(("call", "size"), [(1, 1e200), (2, 1e305), (30, 1e9)])
def test_one_wild_gradient_neither_freezes_nor_throws_off(call: int, size: float) -> None:
    longer = replace(SETTINGS, steps=150)
    found = run(spike(size, call), longer)
    reached = torch.cat((found.data["point"], found.data["weight"].log()))
    torch.testing.assert_close(reached, TARGET, rtol=0, atol=0.02)
    assert found.wild == 1


def test_wild_gradients_are_counted_through_a_resume(tmp_path: Path) -> None:
    whole, state = run(spike(1e200, 7)), tmp_path / "state.npz"

    def stopped(*given: Any) -> tuple[Tensor, Gradient]:
        stopped.calls += 1  # type: ignore[attr-defined]
        return interrupt() if stopped.calls == 12 else wild(*given)  # type: ignore[attr-defined, return-value]

    wild, stopped.calls = spike(1e200, 7), 0  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        run(stopped, checkpoint=state)
    resumed = run(checkpoint=state, resume=True)
    assert (run().wild, whole.wild, resumed.wild) == (0, 1, 1)
    assert torch.equal(resumed.data["point"], whole.data["point"])


def test_what_is_born_in_a_step_is_not_kept(tmp_path: Path) -> None:
    """The gradient is finite, what it becomes in the free parameters is not."""

    class Steep(Positive):
        def from_free(self, free: Tensor) -> Tensor:
            return super().from_free(free) * 1.0 if free.requires_grad is False else free * 1e300

    data = SyntheticData({**start().fields}, {**start().constraints, "weight": Steep()})
    state = tmp_path / "state.npz"
    with pytest.raises(DivergedError, match="outer step 4 leads to values that are not finite"):
        distill(PROBLEM, data, hypergradient=spike(1e300, 5), validation=VALIDATION, settings=SETTINGS, checkpoint=state)
    with np.load(state) as kept:
        assert all(np.isfinite(kept[name]).all() for name in kept.files if name.startswith("tensor."))


def test_a_validation_risk_that_is_never_finite_is_said() -> None:
    unknown = [torch.full((1, 2), torch.nan, dtype=torch.float64)]
    with pytest.raises(DivergedError, match="validation risk was finite at none of 6 looks") as error:
        distill(PROBLEM, start(), hypergradient=autograd, validation=unknown, settings=SETTINGS)
    assert torch.equal(error.value.best["weight"], start()["weight"])
