"""The unrolled hypergradient: back through every step of training, one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves, methods_of, require
from pinndd.hypergradients.trajectory import Trajectory, UnrolledLearner, train
from pinndd.learners.compiled import compiled_functions
from pinndd.learners.recorded import RecordedFunctions
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class UnrolledAdjoint:
    """Differentiate the risk through all steps of training: the total derivative, to rounding.

    Training keeps its states only, a few numbers per weight and step. Then one pure step at a time is differentiated, from
    the last to the first: memory for the graph of one step, whatever their number (the discrete adjoint method; Maclaurin,
    Duvenaud & Adams 2015, arXiv 1502.03492, who recompute the states backwards where these are kept).

    Args:
        compile: compile the derivative of the step: tens of seconds the first time for every shape of the data.
        keep_every: keep every k-th state only and recompute those between, bit for bit the same: about T / k + k states in
            memory for T steps, for the time of at most one more training. The root of T holds the fewest.
        keep_graph: keep the graphs of all steps too and walk back through them at once, which is naive unrolling: half to two thirds
            of the time where networks are small, memory for T graphs.

    Raises:
        ValueError: ``keep_every`` is less than 1, or graphs are to be kept and yet compiled or recomputed.
        TypeError: at a call: the learner does not train by differentiable steps.
    """

    compile: bool = False
    keep_every: int = 1
    keep_graph: bool = False
    _compiled: RecordedFunctions = field(default_factory=compiled_functions, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.keep_every < 1:
            raise ValueError(f"UnrolledAdjoint: keep_every={self.keep_every} must be at least 1, which keeps every state")
        if self.keep_graph and (self.compile or self.keep_every > 1):
            raise ValueError(
                f"UnrolledAdjoint: keep_graph=True keeps what compile={self.compile} and keep_every={self.keep_every} compute again: "
                "leave both out, or leave keep_graph out"
            )

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner = unrolled_learner(problem, "UnrolledAdjoint")
        if self.keep_graph:
            return _at_once(problem, learner, data, episodes)
        compiled = self._compiled if self.compile else None
        return unrolled_gradient(problem, data, episodes, [1.0] * learner.steps, compiled, self.keep_every)


def unrolled_learner(problem: DistillationProblem, estimator: str) -> UnrolledLearner:
    """Return the learner of ``problem``, which trains by differentiable steps.

    Raises:
        TypeError: it does not, or lacks a method of `UnrolledLearner`.
    """
    require(problem, "unrolled", estimator, methods_of(UnrolledLearner))
    return cast(UnrolledLearner, problem.learner)


def unrolled_gradient(
    problem: DistillationProblem,
    data: SyntheticData,
    episodes: Episodes,
    weights: Sequence[float],
    compiled: RecordedFunctions | None = None,
    keep_every: int = 1,
) -> tuple[Tensor, Gradient]:
    """Train, then differentiate the risk back through the last steps of training.

    The derivative is a sum over the steps, each of which saw the data; ``weights`` says what every term counts.

    Args:
        problem: its learner is an `UnrolledLearner`.
        data: to differentiate in.
        episodes: a batch.
        weights: factor on the term of the last step, of the one before, and so on; steps beyond it are not walked back, and
            their states are not kept.
        compiled: where the compiled derivative of the step is kept; it is not compiled without.
        keep_every: of the states, as in `pinndd.hypergradients.trajectory.train`.

    Returns:
        The risk, and its derivative in each learnable field.
    """
    learner = cast(UnrolledLearner, problem.learner)
    with torch.enable_grad():
        tracked, fields = leaves(data)
        prepared = learner.prepare(tracked, episodes)
    constant = {name: value.detach() for name, value in prepared.items()}
    trajectory = train(learner, constant, episodes, len(weights), keep_every)
    with torch.enable_grad():
        theta = trajectory.final[0].detach().requires_grad_()
        risk = problem.risk(problem.compare(learner.fitted(theta, episodes), episodes))
        (outer,) = torch.autograd.grad(risk, theta)
    pulled = _walk_back(trajectory, outer, weights, compiled)
    reached = {name: value for name, value in prepared.items() if value.requires_grad}
    gradients = torch.autograd.grad(
        list(reached.values()), list(fields.values()), [pulled[name] for name in reached], materialize_grads=True
    )
    return risk.detach(), dict(zip(fields, gradients, strict=True))


def _at_once(
    problem: DistillationProblem, learner: UnrolledLearner, data: SyntheticData, episodes: Episodes
) -> tuple[Tensor, Gradient]:
    """Train on one graph and differentiate the risk back through all of it."""
    with torch.enable_grad():
        tracked, fields = leaves(data)
        prepared = learner.prepare(tracked, episodes)
        state = learner.start(prepared, episodes)
        for t in range(learner.steps):
            state = learner.step(state, prepared, learner.rates(t, state[0]))
        return differentiate(problem.risk(problem.compare(learner.fitted(state[0], episodes), episodes)), fields)


def _walk_back(
    trajectory: Trajectory, outer: Tensor, weights: Sequence[float], compiled: RecordedFunctions | None
) -> dict[str, Tensor]:
    """Return the derivative of the risk in the prepared data, from that in the trained parameters."""
    learner, prepared, final = trajectory.learner, trajectory.prepared, trajectory.final
    floating = [name for name, value in prepared.items() if value.is_floating_point()]
    slopes = (outer, *(torch.zeros_like(s) for s in final[1:]))
    total = {name: torch.zeros_like(prepared[name]) for name in floating}
    kind, size, names = type(final), len(final), tuple(prepared)

    def pull_back(*tensors: Tensor) -> tuple[Tensor, ...]:
        state, slopes, rates = tensors[:size], tensors[size : 2 * size], tensors[2 * size]
        data = dict(zip(names, tensors[2 * size + 1 :], strict=True))
        with torch.enable_grad():
            inner = [s.detach().requires_grad_() for s in state]
            tracked = {n: v.detach().requires_grad_() if n in total else v for n, v in data.items()}
            following = learner.step(kind(*inner), tracked, rates)
            inputs = [*inner, *(tracked[n] for n in floating)]
            return torch.autograd.grad(following, inputs, slopes, materialize_grads=True)

    for weight, (t, before) in zip(weights, trajectory.backwards(), strict=True):
        tensors = (*before, *slopes, learner.rates(t, outer), *prepared.values())
        pulled = compiled(learner, pull_back, tensors) if compiled else pull_back(*tensors)
        slopes = pulled[:size]
        for name, part in zip(floating, pulled[size:], strict=True):
            total[name] = total[name] + weight * part
    return total
