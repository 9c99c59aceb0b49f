"""Every estimator of the hypergradient on every small problem, against central differences or enumeration."""

import itertools
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from pinndd.constraints import Box, Fixed, Positive, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import (
    SPSA,
    CentralDifferences,
    ConjugateGradients,
    EvolutionStrategies,
    Exact,
    ForwardGradient,
    HessianSolveError,
    Hypergradient,
    Implicit,
    LeaveOneOut,
    MinimumNorm,
    NeumannSeries,
    OneStep,
    RandomlyTruncated,
    StraightThrough,
    Truncated,
    UnrolledAdjoint,
)
from pinndd.hypergradients.draws import generator_of
from pinndd.hypergradients.perturbations import normal, units
from pinndd.hypergradients.protocol import CATEGORICAL, FITTING, ZEROTH_ORDER, Gradient
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import OuterSettings, distill
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

ASKED = torch.linspace(0, 1, 7, dtype=torch.float64)
STEPS = 20


def polynomials(points: Tensor) -> Tensor:
    """Features ``(R, 3)``, of similar size and not far from orthogonal."""
    x = 2 * points - 1
    return torch.stack((torch.ones_like(x), 1.7 * x, 3.4 * (x.square() - 1 / 3)), -1)


def wave(points: Tensor, phases: Tensor) -> Tensor:
    """The function of each episode, ``(E, R)``."""
    return torch.sin(3 * points + phases[:, None])


class Waves:
    """Asks polynomials with weights ``(E, 3)`` for the wave of an episode; an episode is its phase."""

    def episodes(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, generator=generator, dtype=torch.float64)

    def answer(self, fitted: Tensor, episodes: Tensor, derivatives: int) -> Tensor:
        return (fitted @ polynomials(ASKED).T)[..., None]

    def truth(self, episodes: Tensor, derivatives: int) -> Tensor:
        return wave(ASKED, episodes)[..., None]


class Rows:
    """Weighted rows of the waves at learnable points, for `Ridge`."""

    def system(self, data: SyntheticData, episodes: Tensor) -> tuple[Tensor, Tensor]:
        root = data["weight"].sqrt()
        return root[:, None] * polynomials(data["points"]), root * wave(data["points"], episodes)

    def fitted(self, weights: Tensor, episodes: Tensor) -> Tensor:
        return weights


class Levels:
    """Rows at given points whose values are one of three levels, for `Ridge`."""

    def system(self, data: SyntheticData, episodes: Tensor) -> tuple[Tensor, Tensor]:
        values = data["levels"] @ doubles(-1, 0.2, 1)
        return polynomials(data["points"]), values.expand(len(episodes), -1)

    def fitted(self, weights: Tensor, episodes: Tensor) -> Tensor:
        return weights


class Logistic:
    """Logistic regression on learnable inputs with learnable soft labels, towards a prior of each episode, by Newton's method."""

    differentiation = "implicit"
    penalty = 0.5

    def fit(self, data: SyntheticData, episodes: Tensor) -> Tensor:
        return self.fit_prepared(self.prepare(data, episodes), episodes)

    def prepare(self, data: SyntheticData, episodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return polynomials(data["inputs"]), data["labels"], episodes

    def fit_prepared(self, prepared: Any, episodes: Tensor) -> Tensor:
        theta = torch.zeros((len(episodes), 3), dtype=torch.float64)
        for _ in range(6):
            theta = theta - self.solve_hessian(theta, prepared, self._slope(theta, prepared))
        return theta.detach()

    def parameters(self, fitted: Tensor) -> Tensor:
        return fitted

    def with_parameters(self, fitted: Tensor, parameters: Tensor) -> Tensor:
        return parameters

    def training_loss(self, parameters: Tensor, prepared: Any) -> Tensor:
        features, labels, priors = prepared
        logits = parameters @ features.T
        fit = labels.sum(-1) * torch.nn.functional.softplus(logits) - labels[:, 1] * logits
        return fit.sum(-1) + self.penalty / 2 * (parameters - priors[:, None]).square().sum(-1)

    def solve_hessian(self, parameters: Tensor, prepared: Any, right: Tensor) -> Tensor:
        features, labels, _ = prepared
        share = torch.sigmoid(parameters @ features.T)
        curvature = labels.sum(-1) * share * (1 - share)
        hessian = features.T @ (curvature[..., None] * features) + self.penalty * torch.eye(3, dtype=torch.float64)
        return torch.linalg.solve(hessian, right)

    def _slope(self, theta: Tensor, prepared: Any) -> Tensor:
        with torch.enable_grad():
            leaf = theta.detach().requires_grad_()
            return torch.autograd.grad(self.training_loss(leaf, prepared).sum(), leaf)[0]


class Moving(NamedTuple):
    parameters: Tensor
    velocity: Tensor


@dataclass(frozen=True)
class Descent:
    """Gradient descent with momentum on the rows."""

    steps: int = STEPS
    differentiation: str = "unrolled"

    def fit(self, data: SyntheticData, episodes: Tensor) -> Tensor:
        prepared = self.prepare(data, episodes)
        state = self.start(prepared, episodes)
        for t in range(self.steps):
            state = self.step(state, prepared, self.rates(t, state.parameters))
        return state.parameters

    def prepare(self, data: SyntheticData, episodes: Tensor) -> dict[str, Tensor]:
        matrix, targets = Rows().system(data, episodes)
        return {"matrix": matrix, "targets": targets, "count": torch.tensor(len(matrix))}

    def start(self, prepared: dict[str, Tensor], episodes: Tensor) -> Moving:
        zero = torch.zeros((len(episodes), 3), dtype=torch.float64)
        return Moving(zero, zero)

    def rates(self, t: int, like: Tensor) -> Tensor:
        return like.new_tensor([0.3 + 0.1 / (t + 1), 0.2])

    def step(self, state: Moving, prepared: dict[str, Tensor], rates: Tensor) -> Moving:
        matrix, count = prepared["matrix"], prepared["count"]
        slope = (state.parameters @ matrix.T - prepared["targets"]) @ matrix / count + 0.1 * state.parameters.tanh()
        velocity = rates[1] * state.velocity - rates[0] * slope
        return Moving(state.parameters + velocity, velocity)

    def advance(self, state: Moving, prepared: dict[str, Tensor], t: int) -> Moving:
        return self.step(state, prepared, self.rates(t, state.parameters))

    def fitted(self, parameters: Tensor, episodes: Tensor) -> Tensor:
        return parameters


class BlackBox:
    """Ridge without its gradient."""

    differentiation = "none"

    def fit(self, data: SyntheticData, episodes: Tensor) -> Tensor:
        with torch.no_grad():
            return Ridge(Rows(), penalty=0.05).fit(data, episodes)


def doubles(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# the first point lies on the bound of its box: a difference has to leave it
POINTS = SyntheticData(
    {"points": doubles(0, 0.3, 0.55, 0.9), "weight": doubles(0.5, 1.5, 1, 2), "kept": doubles(7)},
    {"points": Box((0.0,), (1.0,)), "weight": Positive(), "kept": Fixed()},
)
LABELS = SyntheticData(
    {"inputs": doubles(0, 0.4, 0.9), "labels": doubles([0.2, 0.8], [0.5, 0.5], [0.9, 0.1])},
    {"inputs": Box((0.0,), (1.0,)), "labels": Simplex()},
)
CATEGORIES = SyntheticData(
    {
        "points": doubles(0, 0.3, 0.6, 0.9),
        "levels": doubles([0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.4, 0.3, 0.3], [0.5, 0.4, 0.1]),
    },
    {"points": Fixed(), "levels": Simplex()},
)
EPISODES = doubles(0.1, 0.5, 0.8)
PROBLEMS: dict[str, tuple[DistillationProblem, SyntheticData]] = {
    "closed form": (DistillationProblem(Ridge(Rows(), penalty=0.05), Waves(), RelativeL2(), Mean()), POINTS),
    "implicit": (DistillationProblem(Logistic(), Waves(), RelativeL2(), Mean()), LABELS),
    "unrolled": (DistillationProblem(Descent(), Waves(), RelativeL2(), Mean()), POINTS),
    "none": (DistillationProblem(BlackBox(), Waves(), RelativeL2(), Mean()), POINTS),
    "categorical": (DistillationProblem(Ridge(Levels(), penalty=0.05), Waves(), RelativeL2(), Mean()), CATEGORIES),
}


@dataclass(frozen=True)
class Case:
    """An estimator, and what is promised of it.

    ``make`` takes the seed of a stochastic one, and the effort of a biased one. Those that draw hard rows (``draws_rows``)
    differentiate the expected risk of these, the others the risk of the soft ones.
    """

    make: Callable[[int], Hypergradient]
    promise: str = "exact"
    efforts: tuple[int, ...] = (0,)
    draws_rows: bool = False

    @property
    def name(self) -> str:
        return type(self.make(1)).__name__


CASES = {
    "Exact": Case(lambda _: Exact()),
    "Implicit, direct": Case(lambda _: Implicit()),
    "Implicit, conjugate gradients": Case(lambda _: Implicit(ConjugateGradients(tolerance=1e-10))),
    "Implicit, Neumann series": Case(lambda _: Implicit(NeumannSeries(0.3, terms=500, tolerance=1e-10))),
    "Implicit, few Neumann terms": Case(lambda k: Implicit(NeumannSeries(0.3, terms=k)), "biased", (1, 4, 8, 16)),
    "UnrolledAdjoint": Case(lambda _: UnrolledAdjoint()),
    "Truncated": Case(lambda k: Truncated(k), "biased", (1, 3, 6, 12)),
    "Truncated, all steps": Case(lambda _: Truncated(STEPS + 5)),
    "OneStep": Case(lambda _: OneStep(), "biased"),
    "RandomlyTruncated": Case(lambda seed: RandomlyTruncated(2, 0.8, seed), "stochastic"),
    "ForwardGradient": Case(lambda seed: ForwardGradient(seed=seed), "stochastic"),
    "CentralDifferences": Case(lambda _: CentralDifferences()),
    "SPSA": Case(lambda seed: SPSA(seed=seed), "stochastic"),
    "EvolutionStrategies": Case(lambda seed: EvolutionStrategies(1, 1e-3, seed), "stochastic"),
    "LeaveOneOut": Case(lambda seed: LeaveOneOut(4, seed), "stochastic", draws_rows=True),
    "StraightThrough": Case(lambda seed: StraightThrough(Exact(), 4, seed), "biased in mean", draws_rows=True),
}
DRAWS = 200
# what an estimator that draws rows says of data without any, or of a learner that its own estimator does not fit
REFUSALS: dict[tuple[str, str], tuple[type[Exception], str]] = {
    **{
        (estimator, problem): (ValueError, "no categorical field: give one of points, weight, kept the constraint Simplex")
        for estimator in ("LeaveOneOut", "StraightThrough")
        for problem in ("closed form", "unrolled", "none")
    },
    ("LeaveOneOut", "implicit"): (ValueError, "LeaveOneOut: field 'inputs' is not categorical"),
    ("StraightThrough", "implicit"): (TypeError, "Exact needs a learner with a closed form gradient; Logistic offers"),
}


def flat(gradient: Gradient, data: SyntheticData) -> Tensor:
    """All fields in one vector, in units of the free parameters, so that no field drowns another."""
    assert list(gradient) == list(data.learnable)
    for name, value in gradient.items():
        assert value.shape == data[name].shape
        assert not value.requires_grad
    return torch.cat([(value * units(data)[name]).flatten() for name, value in gradient.items()])


def along(gradient: Gradient, data: SyntheticData) -> Gradient:
    """The part of a gradient along the simplex: a constant added to a row has no meaning there."""
    fields = [name for name in gradient if isinstance(data.constraints[name], Simplex)]
    mean = {name: (gradient[name] * data[name]).sum(-1, keepdim=True) for name in fields}
    return {**gradient, **{name: gradient[name] - mean[name] for name in fields}}


def expected_risk(problem: DistillationProblem, data: SyntheticData, name: str) -> tuple[float, Gradient]:
    """Expected risk of rows drawn from the distributions of a field, and its gradient, by enumeration."""
    rows, categories = data[name].shape
    eye = torch.eye(categories, dtype=torch.float64)
    hard = torch.stack([eye[list(chosen)] for chosen in itertools.product(range(categories), repeat=rows)])
    risks = torch.stack([problem.evaluate(data.with_fields({name: each}), EPISODES) for each in hard])
    leaf = data[name].clone().requires_grad_()
    value = ((hard * leaf).sum(-1).prod(-1) * risks).sum()
    return float(value.detach()), {name: torch.autograd.grad(value, leaf)[0]}


@pytest.fixture(scope="module")
def oracle(central_differences: Callable[..., Tensor]) -> Callable[[str], tuple[float, Tensor]]:
    """Risk and gradient of a problem, by central differences of fourth order."""

    def differentiate(name: str) -> tuple[float, Tensor]:
        problem, data = PROBLEMS[name]
        unchecked = SyntheticData(data.fields, dict.fromkeys(data.fields, Fixed()))

        def risk(field: str) -> Callable[[Tensor], Tensor]:
            return lambda value: problem.evaluate(unchecked.with_fields({field: value}), EPISODES)

        gradient = {field: central_differences(risk(field), data[field]) for field in data.learnable}
        return float(problem.evaluate(data, EPISODES)), flat(gradient, data)

    return differentiate


@pytest.mark.parametrize("problem", list(PROBLEMS))
@pytest.mark.parametrize("case", list(CASES))
def test_every_estimator_keeps_its_promise(case: str, problem: str, oracle: Callable[[str], tuple[float, Tensor]]) -> None:
    setting, data = PROBLEMS[problem]
    promised = CASES[case]
    if (promised.name, problem) in REFUSALS:
        error, message = REFUSALS[promised.name, problem]
        with pytest.raises(error, match=message):
            promised.make(1)(setting, data, EPISODES)
        return
    offered = setting.learner.differentiation
    if not (promised.draws_rows or promised.name in (*FITTING.get(offered, ()), *ZEROTH_ORDER)):
        with pytest.raises(TypeError, match=f"{promised.name} needs a learner with a .* gradient") as refusal:
            promised.make(1)(setting, data, EPISODES)
        for fitting in (*FITTING.get(offered, ("evaluation only",)), *ZEROTH_ORDER, CATEGORICAL):
            assert fitting in str(refusal.value)
        return
    risk, expected = oracle(problem)
    if promised.draws_rows:
        risk, gradient = expected_risk(setting, data, "levels")
        expected = flat(along(gradient, data), data)
    risks = []

    def estimate(argument: int) -> Tensor:
        found, gradient = promised.make(argument)(setting, data, EPISODES)
        risks.append(float(found))
        return flat(along(gradient, data) if promised.draws_rows else gradient, data)

    CHECKS[promised.promise](estimate, promised.efforts, expected)
    spread = statistics.stdev(risks) / len(risks) ** 0.5 if promised.draws_rows else 0.0
    for found in [statistics.mean(risks)] if promised.draws_rows else risks:
        assert found == pytest.approx(risk, rel=1e-12, abs=4 * spread)


def bias(gradient: Tensor, expected: Tensor) -> float:
    return float((gradient - expected).norm() / expected.norm())


def check_exact(estimate: Callable[[int], Tensor], efforts: tuple[int, ...], expected: Tensor) -> None:
    assert bias(estimate(1), expected) < 1e-7


def check_stochastic(estimate: Callable[[int], Tensor], efforts: tuple[int, ...], expected: Tensor) -> None:
    """The mean of draws lies within a few standard errors, entry by entry, and those are small enough to tell."""
    draws = torch.stack([estimate(seed) for seed in range(DRAWS)])
    spread = draws.std(0)
    assert float(spread.norm()) > 0.01 * float(expected.norm()), "it is not random"
    error = spread / DRAWS**0.5
    assert bool(((draws.mean(0) - expected).abs() < 4 * error + 1e-5 * expected.norm()).all())
    assert float(error.norm()) < 0.35 * float(expected.norm())
    torch.testing.assert_close(estimate(3), draws[3], rtol=0, atol=0)


def check_biased(estimate: Callable[[int], Tensor], efforts: tuple[int, ...], expected: Tensor) -> None:
    """The bias is there, shrinks with every effort, and leaves a descent direction."""
    biases = []
    for effort in efforts:
        gradient = estimate(effort)
        biases.append(bias(gradient, expected))
        assert float(gradient @ expected) > 0.5 * float(gradient.norm() * expected.norm())
    assert 0.1 < biases[0] < 1
    assert all(later < 0.9 * former for former, later in itertools.pairwise(biases))
    if len(efforts) > 1:
        assert 1e-6 < biases[-1] < 0.15


def check_biased_in_mean(estimate: Callable[[int], Tensor], efforts: tuple[int, ...], expected: Tensor) -> None:
    """The mean of draws points the right way, and is off by more than chance."""
    draws = torch.stack([estimate(seed) for seed in range(DRAWS)])
    error = float((draws.std(0) / DRAWS**0.5).norm() / expected.norm())
    assert 5 * error < bias(draws.mean(0), expected) < 1
    assert float(draws.mean(0) @ expected) > 0.8 * float(draws.mean(0).norm() * expected.norm())


CHECKS = {
    "exact": check_exact,
    "stochastic": check_stochastic,
    "biased": check_biased,
    "biased in mean": check_biased_in_mean,
}


@dataclass(frozen=True)
class Relaxation(Descent):
    """Moves by ``rate`` of the way towards the weights of the data: every term of the derivative is known."""

    rate: float = 0.5
    steps: int = 40

    def prepare(self, data: SyntheticData, episodes: Tensor) -> dict[str, Tensor]:
        return {"goal": data["weight"][:3].expand(len(episodes), 3)}

    def step(self, state: Moving, prepared: dict[str, Tensor], rates: Tensor) -> Moving:
        return Moving(state.parameters + self.rate * (prepared["goal"] - state.parameters), state.velocity)


@pytest.mark.parametrize("rate", [0.3, 0.9, 1.0])
def test_the_bias_of_truncation_is_the_contraction_to_the_power_of_the_window(rate: float) -> None:
    problem = DistillationProblem(Relaxation(rate=rate), Waves(), RelativeL2(), Mean())
    _, whole = UnrolledAdjoint()(problem, POINTS, EPISODES)
    for estimator, window in [(OneStep(), 1), (Truncated(1), 1), (Truncated(2), 2), (Truncated(5), 5)]:
        _, gradient = estimator(problem, POINTS, EPISODES)
        torch.testing.assert_close(gradient["weight"], (1 - (1 - rate) ** window) * whole["weight"], rtol=1e-6, atol=0)
        assert not gradient["points"].any()


def test_the_error_falls_with_the_number_of_draws() -> None:
    problem, data = PROBLEMS["closed form"]
    for few, many in [(SPSA(64), SPSA(1024)), (EvolutionStrategies(64), EvolutionStrategies(1024))]:
        expected = flat(Exact()(problem, data, EPISODES)[1], data)
        assert bias(flat(many(problem, data, EPISODES)[1], data), expected) < 0.2
        assert 0.1 < bias(flat(few(problem, data, EPISODES)[1], data), expected) < 0.7


def test_the_forward_gradient_falls_back_where_forward_mode_fails(setting: Callable[..., Any]) -> None:
    # the residual of a PDE asks for gradients inside, which torch.func does not allow
    pde, data, episodes = setting("heat", 2, 5, 4)
    problem = DistillationProblem(
        Ridge(FeatureModel(pde, width=4)), BoundaryGeneralisation(episodes, [0]), RelativeL2(), Mean()
    )
    risk, gradient = ForwardGradient(seed=4)(problem, data, episodes)
    expected_risk, exact = Exact()(problem, data, episodes)
    torch.testing.assert_close(risk, expected_risk)
    generator, scales = generator_of(data, 4), units(data)
    direction = normal(data, generator)
    slope = sum((exact[n] * scales[n] * d).sum() for n, d in direction.items())
    for name, part in direction.items():
        torch.testing.assert_close(gradient[name], slope * part / scales[name], rtol=1e-8, atol=1e-12)


def test_draws_follow_the_seed_and_the_data() -> None:
    problem, data = PROBLEMS["closed form"]
    moved = data.with_fields({"weight": data["weight"] * (1 + 1e-12)})
    for make in (CASES["SPSA"].make, CASES["ForwardGradient"].make):
        here, again = make(0)(problem, data, EPISODES)[1], make(0)(problem, data, EPISODES)[1]
        other, elsewhere = make(1)(problem, data, EPISODES)[1], make(0)(problem, moved, EPISODES)[1]
        assert torch.equal(here["points"], again["points"])
        assert not torch.allclose(here["points"], other["points"])
        assert not torch.allclose(here["points"], elsewhere["points"])


def test_the_outer_loop_resumes_stochastic_estimators_bit_for_bit(tmp_path: Path) -> None:
    problem, data = PROBLEMS["none"]
    settings = OuterSettings(steps=8, batch=2, validate_every=2)
    arguments: dict[str, Any] = {"hypergradient": SPSA(draws=2), "validation": [EPISODES], "settings": settings}
    whole = distill(problem, data, **arguments)

    def interrupt(step: int, best: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(problem, data, checkpoint=tmp_path / "state", progress=interrupt, **arguments)
    resumed = distill(problem, data, checkpoint=tmp_path / "state", resume=True, **arguments)
    assert torch.equal(resumed.data["points"], whole.data["points"])
    assert whole.risk < whole.history[0]["validation"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Truncated(0), "window=0 must be at least 1 step"),
        (lambda: RandomlyTruncated(window=0), "window=0 must be at least 1 step"),
        (lambda: RandomlyTruncated(continuation=1.0), "continuation=1.0 a probability"),
        (lambda: ForwardGradient(draws=0), "draws=0 must be at least 1"),
        (lambda: CentralDifferences(size=0), "size=0 must be positive"),
        (lambda: SPSA(draws=0), "draws=0 must be at least 1"),
        (lambda: SPSA(size=-1), "size=-1 positive"),
        (lambda: EvolutionStrategies(pairs=0), "pairs=0 must be at least 1"),
        (lambda: EvolutionStrategies(sigma=0), "sigma=0 positive"),
        (lambda: ConjugateGradients(iterations=0), "iterations=0 must be at least 1"),
        (lambda: ConjugateGradients(tolerance=0), "tolerance=0 in"),
        (lambda: NeumannSeries(0.1, terms=0), "terms=0 must be at least 1"),
        (lambda: NeumannSeries(0), "rate=0 positive"),
        (lambda: NeumannSeries(0.1, tolerance=2), "tolerance=2 None or in"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("estimator", "way", "lacking"),
    [
        (Implicit(), "implicit", "prepare, fit_prepared, with_parameters, parameters, training_loss, solve_hessian"),
        (Implicit(ConjugateGradients()), "implicit", "prepare, fit_prepared, with_parameters, parameters, training_loss"),
        (MinimumNorm(), "interpolation", "model, prepare, initial, train, batch"),
        (UnrolledAdjoint(), "unrolled", "steps, prepare, start, rates, step, advance, fitted"),
        (ForwardGradient(1), "unrolled", "steps, prepare, start, rates, step, advance, fitted"),
    ],
)
def test_a_learner_that_lacks_what_an_estimator_calls_is_told_so(estimator: Any, way: str, lacking: str) -> None:
    setting, data = PROBLEMS["implicit"]
    bare: Any = SimpleNamespace(differentiation=way, fit=setting.learner.fit)
    said = f"needs a learner with {lacking}; SimpleNamespace, whose differentiation is '{way}', has none"
    with pytest.raises(TypeError, match=said):
        estimator(replace(setting, learner=bare), data, EPISODES)


@pytest.mark.parametrize(
    ("solve", "message"),
    [
        (ConjugateGradients(iterations=1), r"relative residual .* after 1 iterations, expected 1.0e-08: raise iterations"),
        (NeumannSeries(10.0), "the terms grow at rate=10.0: lower it"),
        (NeumannSeries(0.1, terms=2, tolerance=1e-6), r"relative residual .* after 2 terms, expected 1.0e-06: raise terms"),
    ],
    ids=["conjugate gradients", "diverging series", "short series"],
)
def test_a_solve_that_does_not_converge_is_an_error(solve: Any, message: str) -> None:
    problem, data = PROBLEMS["implicit"]
    with pytest.raises(HessianSolveError, match=message):
        Implicit(solve)(problem, data, EPISODES)


def test_conjugate_gradients_refuse_an_indefinite_hessian_and_accept_a_zero_right_hand_side() -> None:
    learner: Any = SimpleNamespace(training_loss=lambda theta, prepared: (theta**2 * doubles(1, -1)).sum(-1))
    solve = ConjugateGradients()
    with pytest.raises(HessianSolveError, match="not positive definite: raise the penalty"):
        solve(learner, torch.zeros((2, 2)).double(), None, doubles([1, 0], [0, 1]))
    right = doubles([1, 0], [0, 0])
    torch.testing.assert_close(solve(learner, torch.zeros((2, 2)).double(), None, right), right / 2)
