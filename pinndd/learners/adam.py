"""Adam on all weights of a network, many networks at once, as a pure step that can be differentiated."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.compiled import compiled_functions
from pinndd.learners.recorded import RecordedFunctions
from pinndd.problem import IGNORES_QUESTIONS, Episodes
from pinndd.schedules import half_cosine


class TrainableModel(Protocol):
    """A model whose E networks are trained by gradient descent on a loss."""

    def initial(self, episodes: Episodes, like: Tensor) -> Tensor:
        """Draw initial weights ``(E, P)`` on the device and in the dtype of ``like``."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Compute once what does not depend on the weights, differentiably in the data."""

    def redraw(self, data: SyntheticData, generator: torch.Generator) -> SyntheticData:
        """Return data of the same size, drawn anew."""

    def loss(self, prepared: dict[str, Tensor], parameters: Tensor) -> Tensor:
        """Return the training loss of every network, ``(E,)``."""

    def fitted(self, parameters: Tensor, episodes: Episodes) -> Any:
        """Return the networks with weights ``(E, P)``."""


class AdamState(NamedTuple):
    """Weights and the running averages of their gradient and of its square, ``(E, P)`` each."""

    parameters: Tensor
    first: Tensor
    second: Tensor


@lru_cache(maxsize=16)
def _rates(
    steps: int, count: int, first: float, final: float, betas: tuple[float, float], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the numbers of so many steps, ``(count, 3)``, in one piece: a GPU would be waited for at each."""
    rows = [(first * half_cosine(t / steps, final), *(1 - beta ** (t + 1) for beta in betas)) for t in range(count)]
    return torch.tensor(rows, dtype=dtype, device=device)


@dataclass(frozen=True)
class Adam:
    """Train by Adam on the whole set at every step (Kingma & Ba 2015, arXiv 1412.6980).

    With data that require gradients, `fit` stays on the graph: naive unrolling, which needs memory for every step. Use
    `pinndd.hypergradients.UnrolledAdjoint` beyond a few steps.

    Args:
        model: gives initial weights and the loss.
        steps: number of steps.
        learning_rate: of the first step.
        final: learning rate of the last step as a part of that of the first; half a cosine lies between.
        betas: decay of the two running averages.
        tiny: added to the average of squares under the root, so that the step is differentiable where it is zero.
        dtype: of the training.
        fresh: the ceiling "fresh samples": draw all points anew at every step, as many as the set has.
        compile: compile the step with `torch.compile`: tens of seconds the first time for every shape of the data.

    Raises:
        ValueError: a setting is out of its range.
    """

    model: TrainableModel
    steps: int = 2000
    learning_rate: float = 1e-2
    final: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    tiny: float = 1e-16
    dtype: torch.dtype = torch.float32
    fresh: bool = False
    compile: bool = False
    _compiled: RecordedFunctions = field(default_factory=compiled_functions, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0 or not 0 < self.final <= 1 or self.tiny <= 0:
            raise ValueError(
                f"Adam: steps={self.steps} must be at least 1, learning_rate={self.learning_rate} and tiny={self.tiny} "
                f"positive, and final={self.final} in (0, 1]"
            )

    @property
    def differentiation(self) -> str:
        """The steps can be differentiated one by one, unless the data are drawn anew at each."""
        return "none" if self.fresh else "unrolled"

    @property
    def ignores_questions(self) -> bool:
        """Whether the training depends on number, place and seed of the episodes alone, which the model says."""
        return getattr(self.model, IGNORES_QUESTIONS, False)

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Train one network per episode, from its own initial weights."""
        prepared = self.prepare(data, episodes)
        state = self.start(prepared, episodes)
        generator = torch.Generator().manual_seed(episodes.seed)
        for t in range(self.steps):
            if self.fresh:
                prepared = self.prepare(self.model.redraw(data, generator), episodes)
            state = self.advance(state, prepared, t)
        return self.model.fitted(state.parameters, episodes)

    def prepare(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Return what `step` needs of the data, in the dtype of the training."""
        first = next(iter(data.fields.values()))
        return self.model.prepare(data.to(first.device, self.dtype), episodes)

    def start(self, prepared: dict[str, Tensor], episodes: Episodes) -> AdamState:
        """Return the state before the first step."""
        like = next(value for value in prepared.values() if value.is_floating_point())
        parameters = self.model.initial(episodes, like)
        return AdamState(parameters, torch.zeros_like(parameters), torch.zeros_like(parameters))

    def initial(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Draw initial weights ``(E, P)`` (what matching criteria ask for)."""
        return self.start(self.prepare(data, episodes), episodes).parameters

    def training_loss(self, parameters: Tensor, prepared: dict[str, Tensor]) -> Tensor:
        """Return the training loss of every network, ``(E,)``, at weights ``(E, P)``."""
        return self.model.loss(prepared, parameters)

    def rates(self, t: int, like: Tensor) -> Tensor:
        """Return what changes from step to step: the learning rate, and the bias corrections of the two averages."""
        count, betas = max(self.steps, t + 1), tuple(self.betas)
        return _rates(self.steps, count, self.learning_rate, self.final, betas, like.dtype, like.device)[t]

    def step(self, state: AdamState, prepared: dict[str, Tensor], rates: Tensor) -> AdamState:
        """Take one step: a pure function, differentiable in state and data where gradients are enabled.

        Args:
            state: before the step.
            prepared: from `prepare`.
            rates: from `rates`.
        """
        tracked = torch.is_grad_enabled() and any(t.requires_grad for t in (*state, *prepared.values()))
        with torch.enable_grad():
            theta = state.parameters if state.parameters.requires_grad else state.parameters.detach().requires_grad_()
            loss = self.model.loss(prepared, theta).sum()
            (slope,) = torch.autograd.grad(loss, theta, create_graph=tracked)
        first = torch.lerp(slope, state.first, self.betas[0])
        second = torch.lerp(slope * slope, state.second, self.betas[1])
        size = (second / rates[2] + self.tiny).sqrt()
        return AdamState(state.parameters - (rates[0] / rates[1]) * first / size, first, second)

    def advance(self, state: AdamState, prepared: dict[str, Tensor], t: int) -> AdamState:
        """Take step number ``t``, compiled if so set."""
        rates = self.rates(t, state.parameters)
        if not self.compile:
            return self.step(state, prepared, rates)
        names = tuple(prepared)

        def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
            return self.step(AdamState(*tensors[:3]), dict(zip(names, tensors[4:], strict=True)), tensors[3])

        return AdamState(*self._compiled(self, flat, (*state, rates, *prepared.values())))

    def fitted(self, parameters: Tensor, episodes: Episodes) -> Any:
        """Return the networks with weights ``(E, P)``."""
        return self.model.fitted(parameters, episodes)
