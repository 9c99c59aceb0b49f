"""The outer loop: change the synthetic data until the risk is small."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pinndd.checkpoint import Checkpoint
from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Hypergradient
from pinndd.problem import DistillationProblem, Episodes


class DivergedError(RuntimeError):
    """The risk or its gradient is not finite. ``best`` holds the best data set up to then."""

    def __init__(self, message: str, best: SyntheticData) -> None:
        super().__init__(message)
        self.best = best


@dataclass(frozen=True)
class OuterSettings:
    """Settings of the outer loop.

    Attributes:
        steps: outer steps.
        batch: episodes a step.
        learning_rate: of Adam in the free parameters (positions are scaled to [0, 1], weights are logarithms); it decays to
            a hundredth along half a cosine.
        rates: factors on the learning rate of single fields.
        validate_every: steps between two looks at the validation risk.
        clip: largest norm of the gradient of one field, relative to its running average.
        seed: of the episodes.
    """

    steps: int = 1000
    batch: int = 64
    learning_rate: float = 0.01
    rates: Mapping[str, float] = field(default_factory=dict)
    validate_every: int = 25
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "validate_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)} must be positive")


@dataclass(frozen=True)
class Distillation:
    """What the outer loop returns.

    Attributes:
        data: the set with the lowest validation risk.
        risk: that risk.
        history: one row a look: ``step, risk, validation, seconds``.
        seconds: wall time.
    """

    data: SyntheticData
    risk: float
    history: list[dict[str, float]]
    seconds: float


def distill(
    problem: DistillationProblem,
    data: SyntheticData,
    *,
    hypergradient: Hypergradient,
    validation: Sequence[Episodes],
    settings: OuterSettings | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> Distillation:
    """Minimise the risk of ``problem`` over the learnable fields of ``data``.

    Every step draws a batch of episodes, asks ``hypergradient`` for the gradient, takes an Adam step in the free parameters and
    projects. The set with the lowest risk on ``validation`` is kept.

    Args:
        problem: learner, task, distance and risk.
        data: where to start.
        hypergradient: the estimator.
        validation: batches of episodes that choose the best iterate; never those of a test.
        settings: see `OuterSettings`.
        checkpoint: file to keep the state in, written at every look at the validation risk and on Ctrl-C.
        resume: continue from ``checkpoint`` if it exists; the result is bit for bit that of an uninterrupted run.
        progress: called with the step and the best validation risk.

    Raises:
        DivergedError: the risk or its gradient is not finite; the best set is on the exception.
        CheckpointError: the checkpoint is damaged or was written under another configuration.
        KeyboardInterrupt: after the state has been saved.
    """
    loop = _Loop(problem, data, hypergradient, validation, settings or OuterSettings(), checkpoint)
    if resume and checkpoint is not None and checkpoint.exists():
        loop.restore()
    return loop.run(progress)


class _Loop:
    def __init__(
        self,
        problem: DistillationProblem,
        data: SyntheticData,
        hypergradient: Hypergradient,
        validation: Sequence[Episodes],
        settings: OuterSettings,
        checkpoint: Path | None,
    ) -> None:
        self.problem, self.data, self.hypergradient = problem, data, hypergradient
        self.validation, self.settings, self.checkpoint = validation, settings, checkpoint
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.free = {n: data.constraints[n].to_free(data[n]).detach().clone() for n in data.learnable}
        if not self.free:
            raise ValueError("the data has no learnable field: nothing to distil")
        self.first = {n: torch.zeros_like(v) for n, v in self.free.items()}
        self.second = {n: torch.zeros_like(v) for n, v in self.free.items()}
        self.best = {n: v.clone() for n, v in self.free.items()}
        self.best_risk = math.inf
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.elapsed = 0.0

    def current(self, free: Mapping[str, Tensor]) -> SyntheticData:
        return self.data.with_fields({n: self.data.constraints[n].from_free(v) for n, v in free.items()})

    def run(self, progress: Callable[[int, float], None] | None) -> Distillation:
        started = time.perf_counter() - self.elapsed
        try:
            risk = math.nan
            while self.step < self.settings.steps:
                if self.step % self.settings.validate_every == 0:
                    self._validate(risk, time.perf_counter() - started)
                    self._save()
                    if progress:
                        progress(self.step, self.best_risk)
                risk = self._advance()
                self.step += 1
            self._validate(risk, time.perf_counter() - started)
        except KeyboardInterrupt:
            self.elapsed = time.perf_counter() - started
            self._save()
            raise
        self.elapsed = time.perf_counter() - started
        self._save()
        if progress:
            progress(self.step, self.best_risk)
        return Distillation(self.current(self.best), self.best_risk, self.history, self.elapsed)

    def _advance(self) -> float:
        episodes = self.problem.task.episodes(self.settings.batch, self.generator)
        risk, gradient = self.hypergradient(self.problem, self.current(self.free), episodes)
        finite = torch.stack([g.isfinite().all() for g in (risk, *gradient.values())]).all()
        if not bool(finite):
            self._save()
            raise DivergedError(
                f"the risk or its gradient is not finite at outer step {self.step}: the best set so far is kept; lower the "
                "learning rate or raise the penalty of the learner",
                self.current(self.best),
            )
        self._adam(gradient)
        return float(risk)

    def _adam(self, gradient: Mapping[str, Tensor]) -> None:
        t, fraction = self.step + 1, self.step / self.settings.steps
        decay = 0.01 + 0.99 * (1 + math.cos(math.pi * fraction)) / 2
        for name, free in self.free.items():
            rate = self.settings.learning_rate * decay * self.settings.rates.get(name, 1.0)
            slope = self._pull_back(name, free, gradient[name])
            self.first[name] = 0.9 * self.first[name] + 0.1 * slope
            self.second[name] = 0.99 * self.second[name] + 0.01 * slope.square()
            mean = self.first[name] / (1 - 0.9**t)
            size = (self.second[name] / (1 - 0.99**t)).sqrt() + 1e-12
            self.free[name] = self.data.constraints[name].project(free - rate * mean / size)

    def _pull_back(self, name: str, free: Tensor, gradient: Tensor) -> Tensor:
        """Return the derivative in the free parameters, from that in the value."""
        with torch.enable_grad():
            leaf = free.detach().requires_grad_()
            value = self.data.constraints[name].from_free(leaf)
            (slope,) = torch.autograd.grad(value, leaf, gradient)
        return slope

    def _validate(self, risk: float, seconds: float) -> None:
        if self.history and self.history[-1]["step"] == self.step:
            return
        with torch.no_grad():
            losses = torch.cat([self.problem.losses(self.current(self.free), e) for e in self.validation])
            validation = float(self.problem.risk(losses))
        if math.isfinite(validation) and validation < self.best_risk:
            self.best_risk = validation
            self.best = {n: v.clone() for n, v in self.free.items()}
        self.history.append({"step": self.step, "risk": risk, "validation": validation, "seconds": seconds})

    def _configuration(self) -> dict[str, Any]:
        shapes = {n: list(v.shape) for n, v in self.data.fields.items()}
        return {"settings": {**vars(self.settings), "rates": dict(self.settings.rates)}, "shapes": shapes, "header": dict(self.data.header)}

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        groups = {"free": self.free, "first": self.first, "second": self.second, "best": self.best}
        tensors = {f"{group}/{n}": v for group, values in groups.items() for n, v in values.items()}
        tensors["generator"] = self.generator.get_state()
        # JSON has no NaN: the risk before the first step is left out
        history = [{k: v for k, v in row.items() if math.isfinite(v)} for row in self.history]
        state = {
            "step": self.step,
            "best_risk": self.best_risk if math.isfinite(self.best_risk) else None,
            "history": history,
            "elapsed": self.elapsed or (self.history[-1]["seconds"] if self.history else 0.0),
        }
        Checkpoint(self._configuration(), state, tensors).save(self.checkpoint)

    def restore(self) -> None:
        assert self.checkpoint is not None
        stored = Checkpoint.load(self.checkpoint, self._configuration())
        for group, values in (("free", self.free), ("first", self.first), ("second", self.second), ("best", self.best)):
            for name in values:
                values[name] = stored.tensors[f"{group}/{name}"].to(self.free[name])
        self.generator.set_state(stored.tensors["generator"])
        self.step = int(stored.state["step"])
        best = stored.state["best_risk"]
        self.best_risk = math.inf if best is None else float(best)
        self.history = [{"risk": math.nan, **row} for row in stored.state["history"]]
        self.elapsed = float(stored.state["elapsed"])
