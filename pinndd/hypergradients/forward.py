"""The forward hypergradient: the derivative along a random direction, carried along with training."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.draws import generator_of
from pinndd.hypergradients.perturbations import normal, units
from pinndd.hypergradients.protocol import Gradient, leaves, methods_of, require
from pinndd.hypergradients.trajectory import UnrolledLearner
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class ForwardGradient:
    """Multiply a random direction by the exact derivative of the risk along it (Baydin et al. 2022, arXiv 2202.08587).

    Unbiased; the relative error is about the root of the number of entries over ``draws``. Nothing is kept for walking back: a
    learner that trains by steps needs memory for one step, whatever their number. Directions are standard normal in units of the
    free parameters (`pinndd.hypergradients.perturbations.units`).

    A closed form is differentiated in forward mode; where an operation has no forward formula, and in the steps of training,
    whose own gradients take reverse mode, by differentiating a vector-Jacobian product in its vector.

    Args:
        draws: directions to average over, one training each.
        seed: of the directions, together with the data: new ones for every iterate of the outer loop, the same after resuming.

    Raises:
        ValueError: there are no draws.
        TypeError: the learner has neither a closed form nor differentiable steps.
    """

    draws: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"ForwardGradient: draws={self.draws} must be at least 1")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        by_steps = problem.learner.differentiation == "unrolled"
        require(problem, ("closed form", "unrolled"), "ForwardGradient", methods_of(UnrolledLearner) if by_steps else ())
        differentiate = _through_steps if by_steps else _through_closed_form
        generator, scales = generator_of(data, self.seed), units(data)
        gradient = {name: torch.zeros_like(scale) for name, scale in scales.items()}
        for _ in range(self.draws):
            direction = normal(data, generator)
            risk, slope = differentiate(problem, data, episodes, {n: scales[n] * d for n, d in direction.items()})
            for name, part in direction.items():
                gradient[name] += slope.to(part) * part / scales[name] / self.draws
        return risk, gradient


def _through_closed_form(
    problem: DistillationProblem, data: SyntheticData, episodes: Episodes, tangent: Gradient
) -> tuple[Tensor, Tensor]:
    """Return the risk and its derivative along ``tangent``."""
    values = tuple(data[name].detach() for name in tangent)

    def evaluate(*fields: Tensor) -> Tensor:
        return problem.evaluate(data.with_fields(dict(zip(tangent, fields, strict=True))), episodes)

    try:
        with torch.no_grad(), warnings.catch_warnings():
            # torch's own rules for forward mode are scripts, which torch itself has deprecated
            warnings.filterwarnings("ignore", r"`torch\.jit", DeprecationWarning)
            pair = torch.func.jvp(evaluate, values, tuple(tangent.values()))
            risk, slope = pair[0], pair[1]
    except RuntimeError:
        # also raised where an operation has no forward formula; any other error comes up again here
        with torch.enable_grad():
            tracked = [value.clone().requires_grad_() for value in values]
            risk = evaluate(*tracked)
            (slope,) = jacobian_vector_product((risk,), tracked, list(tangent.values()))
    return risk.detach(), slope.detach()


def _through_steps(
    problem: DistillationProblem, data: SyntheticData, episodes: Episodes, tangent: Gradient
) -> tuple[Tensor, Tensor]:
    """Train, carrying along the derivative of the state; return the risk and its derivative along ``tangent``."""
    learner = cast(UnrolledLearner, problem.learner)
    with torch.enable_grad():
        tracked, fields = leaves(data)
        prepared = learner.prepare(tracked, episodes)
        reached = {name: value for name, value in prepared.items() if value.requires_grad}
        pushed = jacobian_vector_product(tuple(reached.values()), list(fields.values()), [tangent[n] for n in fields])
    constant = {name: value.detach() for name, value in prepared.items()}
    state = learner.start(constant, episodes)
    along = tuple(torch.zeros_like(s) for s in state)
    for t in range(learner.steps):
        with torch.enable_grad():
            inner = [s.detach().requires_grad_() for s in state]
            seen = {name: constant[name].requires_grad_(name in reached) for name in constant}
            following = learner.step(type(state)(*inner), seen, learner.rates(t, state[0]))
            along = jacobian_vector_product(following, [*inner, *(seen[n] for n in reached)], [*along, *pushed])
        state = type(state)(*(s.detach() for s in following))
    with torch.enable_grad():
        theta = state[0].detach().requires_grad_()
        risk = problem.risk(problem.compare(learner.fitted(theta, episodes), episodes))
        (outer,) = torch.autograd.grad(risk, theta)
    return risk.detach(), (outer * along[0]).sum()


def jacobian_vector_product(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], tangents: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Return the derivative of each output along ``tangents``, from two passes in reverse mode.

    ``J v`` is the derivative of ``uᵀ J v`` in u, and ``uᵀ J`` is what reverse mode gives, linear in u.

    Args:
        outputs: on the graph of ``inputs``, each.
        inputs: any shapes.
        tangents: of the shape of each input.
    """
    vectors = [torch.zeros_like(output, requires_grad=True) for output in outputs]
    pulled = torch.autograd.grad(outputs, inputs, vectors, create_graph=True, materialize_grads=True)
    paired = [(p, v) for p, v in zip(pulled, tangents, strict=True) if p.requires_grad]
    return torch.autograd.grad([p for p, _ in paired], vectors, [v for _, v in paired], materialize_grads=True)
