"""The unrolled hypergradient: back through every step of training, one step at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, leaves, require
from pinndd.learners.compiled import CompiledFunctions
from pinndd.problem import DistillationProblem, Episodes, Fitted


class UnrolledLearner(Protocol):
    """What a learner offers whose training is a sequence of pure steps from state to state.

    A state is a tuple of tensors, the trained parameters first.
    """

    @property
    def steps(self) -> int:
        """Number of steps."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Return what the steps need of the data, differentiably."""

    def start(self, prepared: dict[str, Tensor], episodes: Episodes) -> Any:
        """Return the state before the first step."""

    def rates(self, t: int, like: Tensor) -> Tensor:
        """Return what changes from step to step."""

    def step(self, state: Any, prepared: dict[str, Tensor], rates: Tensor) -> Any:
        """Return the next state, differentiable in state and prepared data."""

    def advance(self, state: Any, prepared: dict[str, Tensor], t: int) -> Any:
        """Return the state after step ``t``, off the graph."""

    def fitted(self, parameters: Tensor, episodes: Episodes) -> Fitted:
        """Return the models with parameters ``(E, P)``."""


@dataclass(frozen=True)
class UnrolledAdjoint:
    """Differentiate the risk through all steps of training: the total derivative, to rounding.

    Training keeps its states only, a few numbers a weight and step. Then one pure step at a time is differentiated, from
    the last to the first: memory for the graph of one step, whatever their number (the discrete adjoint method; Maclaurin,
    Duvenaud & Adams 2015, arXiv 1502.03492, who recompute the states backwards where these are kept).

    Args:
        compile: compile the derivative of the step: tens of seconds the first time for every shape of the data.

    Raises:
        TypeError: the learner does not train by differentiable steps.
    """

    compile: bool = False
    _compiled: CompiledFunctions = field(default_factory=CompiledFunctions, init=False, repr=False, compare=False)

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        require(problem, "unrolled", "UnrolledAdjoint")
        learner = cast(UnrolledLearner, problem.learner)
        with torch.enable_grad():
            tracked, fields = leaves(data)
            prepared = learner.prepare(tracked, episodes)
        constant = {name: value.detach() for name, value in prepared.items()}
        states = self._train(learner, constant, episodes)
        with torch.enable_grad():
            theta = states[-1][0].detach().requires_grad_()
            risk = problem.risk(problem.compare(learner.fitted(theta, episodes), episodes))
            (outer,) = torch.autograd.grad(risk, theta)
        pulled = self._walk_back(learner, constant, states, outer)
        reached = {name: value for name, value in prepared.items() if value.requires_grad}
        gradients = torch.autograd.grad(
            list(reached.values()), list(fields.values()), [pulled[name] for name in reached], allow_unused=True
        )
        return risk.detach(), {
            name: torch.zeros_like(leaf) if g is None else g
            for (name, leaf), g in zip(fields.items(), gradients, strict=True)
        }

    def _train(self, learner: UnrolledLearner, prepared: dict[str, Tensor], episodes: Episodes) -> list[tuple[Tensor, ...]]:
        with torch.no_grad():
            states = [learner.start(prepared, episodes)]
            for t in range(learner.steps):
                states.append(learner.advance(states[-1], prepared, t))
        return states

    def _walk_back(
        self, learner: UnrolledLearner, prepared: dict[str, Tensor], states: list[tuple[Tensor, ...]], outer: Tensor
    ) -> dict[str, Tensor]:
        """Return the derivative of the risk in the prepared data, from that in the trained parameters."""
        floating = [name for name, value in prepared.items() if value.is_floating_point()]
        slopes = (outer, *(torch.zeros_like(s) for s in states[-1][1:]))
        total = {name: torch.zeros_like(prepared[name]) for name in floating}
        kind, size, names = type(states[0]), len(states[0]), tuple(prepared)

        def pull_back(*tensors: Tensor) -> tuple[Tensor, ...]:
            state, slopes, rates = tensors[:size], tensors[size : 2 * size], tensors[2 * size]
            data = dict(zip(names, tensors[2 * size + 1 :], strict=True))
            with torch.enable_grad():
                inner = [s.detach().requires_grad_() for s in state]
                tracked = {n: v.detach().requires_grad_() if n in total else v for n, v in data.items()}
                following = learner.step(kind(*inner), tracked, rates)
                inputs = [*inner, *(tracked[n] for n in floating)]
                return torch.autograd.grad(following, inputs, slopes, materialize_grads=True)

        for t in range(learner.steps - 1, -1, -1):
            tensors = (*states[t], *slopes, learner.rates(t, outer), *prepared.values())
            pulled = self._compiled(learner, pull_back, tensors) if self.compile else pull_back(*tensors)
            slopes = pulled[:size]
            for name, part in zip(floating, pulled[size:], strict=True):
                total[name] = total[name] + part
        return total
