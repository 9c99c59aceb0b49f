"""Diagnostics: optimality conditions against closed forms, norms of an adjoint whose decay is known, and the vacuity test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Fixed, Positive, Simplex
from pinndd.data import SyntheticData
from pinndd.diagnostics import (
    UnrolledNorms,
    Vacuity,
    effective_sample_size,
    nearest_probabilities,
    optimality,
    projected_residual,
    unrolled_norms,
    vacuity,
)
from pinndd.distances import RelativeL2
from pinndd.held_out import HeldOutPrediction
from pinndd.hypergradients import Exact, Implicit
from pinndd.learners.linear import LinearRidge, SoftmaxRegression, affine
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Mean

GENERATOR = torch.Generator().manual_seed(2)
POOL = torch.randn((60, 2), generator=GENERATOR, dtype=torch.float64)
ANSWERS = torch.stack((POOL.sum(-1), 2 - POOL[:, 0]), -1).softmax(-1)
TASK = HeldOutPrediction(POOL, ANSWERS, queries=10)
EPISODES = TASK.episodes(4, torch.Generator().manual_seed(1))
CONSTRAINTS: dict[str, Constraint] = {"inputs": Box((-4.0,), (4.0,)), "targets": Simplex()}
RIDGE, SOFTMAX = LinearRidge(0.05), SoftmaxRegression(0.05)


def examples(inputs: Tensor, targets: Tensor) -> SyntheticData:
    return SyntheticData({"inputs": inputs, "targets": targets}, CONSTRAINTS)


FULL = examples(POOL, ANSWERS)
START = examples(POOL[:5], ANSWERS[[3, 1, 4, 1, 5]])


def problem(learner: Any, risk: Any = None) -> DistillationProblem:
    return DistillationProblem(learner, TASK, RelativeL2(), risk or Mean())


@pytest.mark.parametrize(("learner", "estimator"), [(RIDGE, Exact()), (SOFTMAX, Implicit())], ids=["ridge", "softmax"])
@pytest.mark.parametrize("risk", [Mean(), CVaR(0.4)], ids=repr)
def test_the_multipliers_give_the_hypergradient(learner: Any, estimator: Any, risk: Any) -> None:
    asked = problem(learner, risk)
    found = optimality(asked, START, EPISODES)
    value, gradient = estimator(asked, START, EPISODES)
    assert found.risk == pytest.approx(float(value), rel=1e-14)
    for name, expected in gradient.items():
        torch.testing.assert_close(found.gradient[name], expected, rtol=1e-9, atol=1e-12)
    assert found.training_residual < 1e-13
    assert found.adjoint_residual < 1e-12
    assert found.training_multipliers.shape == (4, 6)


def test_the_answer_multipliers_are_the_derivative_of_the_risk_in_the_answers(
    central_differences: Callable[..., Tensor],
) -> None:
    asked = problem(RIDGE)
    answer = TASK.answer(RIDGE.fit(START, EPISODES), EPISODES, 0)
    expected = central_differences(lambda a: asked.risk(asked.distance(a, EPISODES.targets)), answer)
    torch.testing.assert_close(optimality(asked, START, EPISODES).answer_multipliers, expected, rtol=1e-8, atol=1e-11)


def test_the_condition_number_is_that_of_the_normal_equations() -> None:
    matrix = affine(START["inputs"])
    expected = torch.linalg.cond(matrix.T @ matrix / 5 + 0.05 * torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(optimality(problem(RIDGE), START, EPISODES).conditions, expected.expand(4))


def test_the_residual_falls_as_the_outer_loop_converges() -> None:
    whole = TASK.everything()
    settings = OuterSettings(steps=400, batch=8, learning_rate=0.03, validate_every=50)
    found = distill(problem(RIDGE), START, hypergradient=Exact(), validation=[whole], settings=settings)
    before, after = (optimality(problem(RIDGE), data, whole) for data in (START, found.data))
    assert after.stationarity < 0.2 * before.stationarity
    assert after.risk < before.risk
    assert f"risk {after.risk:.4g}, stationarity residual {after.stationarity:.3g} (inputs" in str(after)


@pytest.mark.parametrize(
    ("constraint", "value", "gradient", "expected"),
    [
        (Box((0.0,), (2.0,)), [0.0, 2.0, 1.0], [0.1, -0.1, 0.1], [0.0, 0.0, 0.2]),
        (Box((0.0,), (2.0,)), [0.0, 2.0, 1.0], [-0.1, 0.1, 0.0], [-0.2, 0.2, 0.0]),
        (Positive(1.0, 10.0), [1.0, 10.0, 2.0], [3.0, -3.0, 0.1], [0.0, 0.0, 0.2]),
        (Simplex(), [0.5, 0.5, 0.0], [0.3, 0.3, 0.4], [0.0, 0.0, 0.0]),
        (Simplex(), [0.5, 0.5, 0.0], [0.3, 0.3, 0.0], [0.1, 0.1, -0.2]),
        (Fixed(), [1.0, 2.0, 3.0], [1.0, 0.0, -1.0], [1.0, 0.0, -1.0]),
    ],
)
def test_the_residual_counts_feasible_directions_only(
    constraint: Constraint, value: list[float], gradient: list[float], expected: list[float]
) -> None:
    tensors = (torch.tensor(v, dtype=torch.float64)[:, None] for v in (value, gradient, expected))
    if isinstance(constraint, Simplex):
        tensors = (t.T for t in tensors)
    at, slope, residual = tensors
    torch.testing.assert_close(projected_residual(constraint, at, slope), residual, rtol=0, atol=1e-14)


def test_nearest_probabilities_are_nearer_than_any_others() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = 2 * torch.randn((20, 1, 4), generator=generator, dtype=torch.float64)
    nearest = nearest_probabilities(vectors)
    torch.testing.assert_close(nearest.sum(-1), torch.ones((20, 1), dtype=torch.float64))
    assert float(nearest.min()) >= 0
    others = torch.rand((1, 500, 4), generator=generator, dtype=torch.float64).log()
    others = others / others.sum(-1, keepdim=True)
    assert bool(((nearest - vectors).norm(dim=-1) <= (others - vectors).norm(dim=-1)).all())


class Weights(NamedTuple):
    """A state without momentum."""

    parameters: Tensor


@dataclass(frozen=True)
class Descent:
    """Gradient descent on ``½ curvature ‖θ - target‖²``: the adjoint shrinks by ``1 - rate · curvature`` a step."""

    curvature: float
    rate: float = 0.1
    steps: int = 50
    differentiation: str = "unrolled"

    def prepare(self, data: SyntheticData, episodes: Any) -> dict[str, Tensor]:
        return {"target": data["inputs"][:1].expand(len(episodes), -1)}

    def start(self, prepared: dict[str, Tensor], episodes: Any) -> Weights:
        return Weights(torch.ones_like(prepared["target"]))

    def rates(self, t: int, like: Tensor) -> Tensor:
        return like.new_tensor(self.rate)

    def step(self, state: Weights, prepared: dict[str, Tensor], rates: Tensor) -> Weights:
        return Weights(state.parameters - rates * self.curvature * (state.parameters - prepared["target"]))

    def advance(self, state: Weights, prepared: dict[str, Tensor], t: int) -> Weights:
        return self.step(state, prepared, self.rates(t, state.parameters))

    def fitted(self, parameters: Tensor, episodes: Any) -> Any:
        return lambda inputs: parameters[:, None].expand(-1, 10, -1)

    def fit(self, data: SyntheticData, episodes: Any) -> Any:
        pytest.fail("the norms need the steps only")


@pytest.mark.parametrize(("curvature", "verdict"), [(1.0, "stable"), (8.0, "vanishing"), (25.0, "exploding")])
def test_norms_shrink_and_grow_by_the_factor_of_one_step(curvature: float, verdict: str) -> None:
    found = unrolled_norms(problem(Descent(curvature)), START, EPISODES)
    factor = abs(1 - 0.1 * curvature)
    assert found.verdict == verdict
    assert found.factor == pytest.approx(factor, rel=1e-10)
    torch.testing.assert_close(found.norms[:-1] / found.norms[1:], torch.full((50,), factor, dtype=torch.float64))
    assert str(found).startswith(f"{verdict}: norm")


def test_a_risk_that_no_parameter_changes_has_no_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Descent, "fitted", lambda _, parameters, episodes: lambda inputs: ANSWERS[:10] + 0 * parameters[:, None]
    )
    with pytest.raises(ValueError, match="the derivative of the risk in the trained parameters is zero"):
        unrolled_norms(problem(Descent(1.0)), START, EPISODES)


def test_the_window_holds_its_share() -> None:
    norms = UnrolledNorms(torch.tensor([0.1, 1.0, 3.0, 6.0]))
    assert [norms.window(share) for share in (0.5, 0.6, 0.61, 0.9, 0.99, 1.0)] == [1, 1, 2, 2, 3, 3]
    with pytest.raises(ValueError, match=r"share=0 must lie in \(0, 1\]"):
        norms.window(0)
    assert UnrolledNorms(torch.tensor([torch.nan, 1.0])).verdict == "exploding"


def test_effective_sample_size() -> None:
    assert effective_sample_size(torch.full((7,), 1e-200, dtype=torch.float64)) == pytest.approx(7)
    assert effective_sample_size(torch.tensor([1.0, 0.0, 0.0])) == 1
    assert effective_sample_size(torch.tensor([1.0, 3.0])) == pytest.approx(1.6)
    for bad in ([-1.0, 2.0], [0.0, 0.0], [torch.inf, 1.0]):
        with pytest.raises(ValueError, match="weights must be finite, not negative and not all zero"):
            effective_sample_size(torch.tensor(bad))


def worth(data: SyntheticData, learner: Any = RIDGE, **options: Any) -> Vacuity:
    generator = torch.Generator().manual_seed(0)
    return vacuity(problem(learner), data, FULL, TASK.everything(), generator=generator, **options)


@pytest.mark.parametrize("learner", [RIDGE, SOFTMAX], ids=["ridge", "softmax"])
def test_a_constant_set_is_vacuous_and_all_data_are_not(learner: Any) -> None:
    constant = worth(examples(torch.zeros((6, 2), dtype=torch.float64), ANSWERS.mean(0).expand(6, -1)), learner)
    assert constant.vacuous
    assert constant.meets_criterion is False
    assert str(constant).startswith("VACUOUS: task risk")
    assert "not met within 1.0%" in str(constant)
    most = worth(examples(POOL[:55], ANSWERS[:55]), learner, subsets=3, tolerance=0.05)
    assert most.meets_criterion
    assert (most.examples, len(most.subset_risks)) == (55, 3)
    best = distill(
        problem(learner),
        examples(POOL[:6], ANSWERS[:6]),
        hypergradient=Exact() if learner is RIDGE else Implicit(),
        validation=[TASK.everything()],
        settings=OuterSettings(steps=60, batch=8, learning_rate=0.05),
    )
    found = worth(best.data, learner)
    assert not found.vacuous
    assert str(found).startswith("not vacuous")
    assert found.risk == pytest.approx(best.risk)


def test_subsets_as_large_as_the_pool_cost_what_all_data_cost() -> None:
    found = worth(FULL, subsets=2)
    assert found.subset_risks == pytest.approx([found.full_risk] * 2)
    assert found.risk == found.full_risk
    assert found.training_loss == found.full_training_loss


class Mute:
    """Ridge, without its training loss."""

    differentiation = "none"

    def fit(self, data: SyntheticData, episodes: Any) -> Any:
        return RIDGE.fit(data, episodes)


def test_a_learner_without_training_loss_has_no_criterion() -> None:
    found = worth(START, Mute())
    assert found.training_loss is None
    assert found.meets_criterion is None
    assert "criterion (1) is not measured, since the learner does not offer prepare, training_loss, parameters" in str(found)
    with pytest.raises(TypeError, match="Mute lacks prepare, parameters, with_parameters, training_loss, solve_hessian"):
        optimality(problem(Mute()), START, EPISODES)
    with pytest.raises(TypeError, match="needs a learner that trains by differentiable steps; Mute offers 'none'"):
        unrolled_norms(problem(Mute()), START, EPISODES)


def test_misuse_of_the_vacuity_test_is_refused() -> None:
    with pytest.raises(ValueError, match="subsets=0 must be at least 1"):
        worth(START, subsets=0)
    with pytest.raises(ValueError, match="the data have 61 examples, the pool only 60"):
        worth(examples(POOL[[0, *range(60)]], ANSWERS[[0, *range(60)]]))
    with pytest.raises(ValueError, match=r"the fields have \[4, 5\] examples in the data and \[60\] in the pool"):
        worth(examples(POOL[:4], ANSWERS[:5]))
    with pytest.raises(ValueError, match=r"the data lack the field\(s\) targets of the pool"):
        worth(SyntheticData({"inputs": POOL[:4]}, {"inputs": Fixed()}))
