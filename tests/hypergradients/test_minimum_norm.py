"""The hypergradient of networks that interpolate: against differences where it is exact, what it leaves out, and retraining."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import MinimumNorm, fitting
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import DistillationProblem
from pinndd.risks import GeometricMean, Mean

WEIGHTS = 9
ASKED = torch.linspace(0, 1, 11, dtype=torch.float64)
PHASES = torch.tensor([0.0, 0.7, 1.9], dtype=torch.float64)


def features(points: Tensor) -> Tensor:
    """More features than rows, ``(R, P)``."""
    k = torch.arange(1, WEIGHTS + 1, dtype=torch.float64)
    return torch.cos(k * points[:, None] + 0.3 * k.square()) / k.sqrt()


class Jacobian:
    """The same for all networks."""

    def __init__(self, matrix: Tensor, episodes: int) -> None:
        self.matrix = matrix.expand(episodes, -1, -1)
        self.rows, self.columns = matrix.shape

    def gram(self) -> Tensor:
        return self.matrix @ self.matrix.mT

    def times(self, vectors: Tensor) -> Tensor:
        return (self.matrix @ vectors[..., None])[..., 0]

    def transposed_times(self, rows: Tensor) -> Tensor:
        return (self.matrix.mT @ rows[..., None])[..., 0]

    def select(self, index: Tensor) -> "Jacobian":
        return Jacobian(self.matrix[0], len(index))

    def update(self, index: Tensor, other: "Jacobian") -> None:
        pass


class Linear:
    """Rows ``Φ(x) θ - y - sin(phase + x)`` with learnable x and y; an episode is its phase and the weights that it starts from."""

    parameter_count = WEIGHTS

    def prepare(self, data: SyntheticData, episodes: Any) -> tuple[Tensor, Tensor]:
        targets = data["values"] + torch.sin(3 * data["points"] + episodes.phases[:, None])
        return features(data["points"]), targets

    def initial(self, episodes: Any, like: Tensor) -> Tensor:
        return episodes.start

    def select(self, prepared: tuple[Tensor, Tensor], index: Tensor) -> tuple[Tensor, Tensor]:
        return prepared[0], prepared[1][index]

    def training_bytes(self, prepared: Any) -> int:
        return 1

    def rows(self, prepared: tuple[Tensor, Tensor], parameters: Tensor) -> Tensor:
        return parameters @ prepared[0].T - prepared[1]

    def linearise(self, prepared: tuple[Tensor, Tensor], parameters: Tensor) -> tuple[Tensor, Jacobian]:
        return self.rows(prepared, parameters), Jacobian(prepared[0].detach(), len(parameters))

    def fitted(self, parameters: Tensor, episodes: Any) -> Any:
        return Weights(parameters)


class Weights:
    def __init__(self, parameters: Tensor) -> None:
        self.parameters = parameters


class Draws:
    """Phases, and the weights that training starts from."""

    def __init__(self, start: Tensor) -> None:
        self.phases, self.start = PHASES, start

    def __len__(self) -> int:
        return len(self.start)


class Waves:
    def episodes(self, count: int, generator: torch.Generator) -> Any:
        return Draws(0.5 * torch.randn((len(PHASES), WEIGHTS), generator=generator, dtype=torch.float64))

    def answer(self, fitted: Weights, episodes: Draws, derivatives: int) -> Tensor:
        return (fitted.parameters @ features(ASKED).T)[..., None]

    def truth(self, episodes: Draws, derivatives: int) -> Tensor:
        return (1.5 + torch.sin(3 * ASKED + episodes.phases[:, None]))[..., None]


def linear_setting(learnable: str) -> tuple[DistillationProblem, SyntheticData, Draws]:
    """A linear over-parametrised model: 4 rows, 9 weights; either its values or its points are learnable."""
    kinds = {name: Box((-9.0,), (9.0,)) if name == learnable else Fixed() for name in ("points", "values")}
    fields = {
        "points": torch.tensor([0.05, 0.35, 0.6, 0.95], dtype=torch.float64),
        "values": torch.tensor([0.3, -0.2, 0.5, 0.1], dtype=torch.float64),
    }
    learner = LevenbergMarquardt(Linear(), iterations=100, tolerance=1e-26, acceleration=0.0)  # type: ignore[arg-type]
    task = Waves()
    problem = DistillationProblem(learner, task, RelativeL2(), Mean())
    return problem, SyntheticData(fields, kinds), task.episodes(len(PHASES), torch.Generator().manual_seed(0))


def by_differences(
    problem: DistillationProblem, data: SyntheticData, episodes: Draws, field: str, differences: Callable[..., Tensor]
) -> Tensor:
    return differences(lambda value: problem.evaluate(data.with_fields({field: value}), episodes), data[field])


def test_it_is_exact_in_the_values_of_a_linear_model(central_differences: Callable[..., Tensor]) -> None:
    problem, data, episodes = linear_setting("values")
    risk, gradient = MinimumNorm(1e-13)(problem, data, episodes)
    expected = by_differences(problem, data, episodes, "values", central_differences)
    torch.testing.assert_close(gradient["values"], expected, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(risk, problem.evaluate(data, episodes))


def test_it_is_exact_in_the_points_where_training_goes_on_from_its_end(central_differences: Callable[..., Tensor]) -> None:
    problem, data, episodes = linear_setting("points")
    there = Draws(problem.learner.fit(data, episodes).parameters)
    _, gradient = MinimumNorm(1e-13)(problem, data, there)
    expected = by_differences(problem, data, there, "points", central_differences)
    torch.testing.assert_close(gradient["points"], expected, rtol=1e-6, atol=1e-8)


def test_from_scratch_it_leaves_out_the_drift_among_weights_that_interpolate(
    central_differences: Callable[..., Tensor],
) -> None:
    """``(I - J⁺J) dJᵀ (J Jᵀ)⁻¹ (y - J θ₀)``, the rest of the derivative of ``θ₀ + J⁺ (y - J θ₀)``."""
    problem, data, episodes = linear_setting("points")
    _, gradient = MinimumNorm(1e-13)(problem, data, episodes)
    theta = problem.learner.fit(data, episodes).parameters.requires_grad_()
    (outer,) = torch.autograd.grad(problem.risk(problem.compare(Weights(theta), episodes)), theta)
    points = data["points"].clone().requires_grad_()
    matrix = features(points)
    fixed = matrix.detach()
    pushed = torch.linalg.solve(fixed @ fixed.T, fixed @ (theta.detach() - episodes.start).T).T
    free = outer - (torch.linalg.pinv(fixed) @ fixed @ outer.T).T
    (drift,) = torch.autograd.grad((pushed @ matrix * free).sum(), points)
    expected = by_differences(problem, data, episodes, "points", central_differences)
    assert float(drift.norm()) > 0.05 * float(expected.norm())
    torch.testing.assert_close(gradient["points"] + drift, expected, rtol=1e-6, atol=1e-8)


def heat(count: int, points: int = 24, boundary_points: int = 12) -> tuple[DistillationProblem, SyntheticData, BoundaryEpisodes]:
    """Networks of the heat equation, each with its own condition and initial weights."""
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", points, boundary_points, 4), 10.0)
    values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(count, torch.Generator().manual_seed(0)))
    asked = pde.box.scale(torch.rand((150, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    episodes = BoundaryEpisodes(values, asked, pde.reference(values, asked)[..., None], seed=7)
    learner = LevenbergMarquardt(MLPModel(pde, (10, 10)))
    task = BoundaryGeneralisation(episodes, (7,))
    return DistillationProblem(learner, task, RelativeL2(), GeometricMean()), data, episodes


def along(problem: DistillationProblem, data: SyntheticData, gradient: dict[str, Tensor], size: float) -> tuple[Any, float]:
    """The set moved against the gradient, and the fall of the logarithm of the risk that it predicts."""
    slope = gradient[INTERIOR]
    inner = (data[INTERIOR] - size * slope / slope.norm()).clamp(0, 1)
    return data.with_fields({INTERIOR: inner}), -float((slope * (inner - data[INTERIOR])).sum())


def test_it_predicts_retraining_from_scratch_in_the_mean_over_many_networks() -> None:
    problem, data, episodes = heat(256)
    risk, gradient = MinimumNorm()(problem, data, episodes)
    there, fall = along(problem, data, gradient, 0.02)
    back, rise = along(problem, data, gradient, -0.02)
    logs = [problem.losses(each, episodes).log() for each in (there, back)]
    measured = (logs[1] - logs[0]).double()
    predicted = (fall - rise) / float(risk)
    error = float(measured.std() / len(measured) ** 0.5)
    assert float(measured.mean()) > 3 * error, "the risk falls along it, beyond chance"
    assert abs(float(measured.mean()) - predicted) < 3 * error
    assert error < 0.5 * predicted


def test_the_damping_hardly_matters() -> None:
    problem, data, episodes = heat(8)
    fitted = problem.learner.fit(data, episodes)
    first, second = (MinimumNorm(m).after(problem, data, episodes, fitted)[1][INTERIOR] for m in (1e-10, 1e-7))
    assert float((first - second).norm()) < 0.1 * float(first.norm())


def test_networks_in_several_batches_give_the_same_gradient() -> None:
    problem, data, episodes = heat(3)
    fitted = problem.learner.fit(data, episodes)
    alone = replace(problem, learner=replace(problem.learner, memory=1))  # type: ignore[type-var]
    together, apart = (MinimumNorm().after(p, data, episodes, fitted)[1] for p in (problem, alone))
    for name, value in together.items():
        torch.testing.assert_close(apart[name], value, rtol=1e-6, atol=1e-9)


def test_it_fits_levenberg_marquardt() -> None:
    learner = heat(1)[0].learner
    assert isinstance(fitting(learner), MinimumNorm)


def test_fewer_weights_than_rows_are_refused_with_what_fits() -> None:
    problem, data, episodes = heat(1)
    small = replace(problem, learner=LevenbergMarquardt(MLPModel(load_pde("heat"), (4,)), iterations=2))
    said = r"36 rows for networks of 17 weights, .* widen .* at least 36 weights, .* hypergradients\.SPSA"
    with pytest.raises(ValueError, match=said):
        MinimumNorm()(small, data, episodes)


def test_kept_networks_are_replaced_in_turn_and_go_on_with_the_moved_data() -> None:
    problem, data, episodes = heat(4)
    estimator = MinimumNorm(alive=2, iterations=3)
    estimator(problem, data, episodes)
    first = estimator._pool.theta
    cold = problem.learner.fit(data, episodes).parameters
    assert first is not None
    torch.testing.assert_close(first, cold)
    other = replace(episodes[torch.tensor([3, 2, 1, 0])], seed=8)
    moved = data.with_fields({INTERIOR: (data[INTERIOR] + 0.01).clamp(0, 1)})
    estimator(problem, moved, other)
    second, living = estimator._pool.theta, estimator._pool.episodes
    assert second is not None
    torch.testing.assert_close(second[:2], problem.learner.fit(moved, other[:2]).parameters)
    coefficients = torch.cat((other.values.coefficients[:2], episodes.values.coefficients[:2]))
    torch.testing.assert_close(living.values.coefficients, coefficients)
    learner: Any = problem.learner
    on = learner.train(learner.prepare(moved, episodes[:2]), first[:2], 3)
    torch.testing.assert_close(second[2:], on)
    assert float((second[2:] - first[:2]).abs().max()) > 0
    # a batch of another size begins anew
    estimator(problem, moved, other[:3])
    assert estimator._pool.theta is not None
    assert len(estimator._pool.theta) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"damping": 0.0}, "damping=0.0 must be in"),
        ({"alive": 0}, "alive=0 and iterations=4 at least 1"),
        ({"iterations": 0}, "iterations=0 at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MinimumNorm(**wrong)
