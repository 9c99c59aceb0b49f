"""The outer loop: change the synthetic data until the risk is small."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from torch import Tensor

from pinndd.checkpoint import Checkpoint, CheckpointError, require_checkpoint
from pinndd.data import SyntheticData
from pinndd.devices import full_precision
from pinndd.free_memory import give_back, is_out_of_memory
from pinndd.hypergradients.protocol import Gradient, Hypergradient
from pinndd.problem import DistillationProblem, Episodes
from pinndd.processes import everyones, processes, same_everywhere, split
from pinndd.projected_adam import AdamStep, adam_step
from pinndd.schedules import half_cosine
from pinndd.stopping import at_forced_stop
from pinndd.storage.locks import writing_alone

DIVERGED = "diverged"
"""Entry in the header of a set whose outer loop diverged: why."""

_REMEDY = "the best set so far is kept; lower the learning rate or raise the penalty of the learner"


class DivergedError(RuntimeError):
    """The risk, its gradient or a step is not finite, or no validation risk ever was.

    Attributes:
        best: the best data set up to then, which says in its header that the outer loop diverged.
    """

    def __init__(self, message: str, best: SyntheticData) -> None:
        super().__init__(message)
        self.best = best if DIVERGED in best.header else best.with_header(**{DIVERGED: message})


class TooLargeError(MemoryError):
    """A step does not fit into the memory of its device. The last whole step is in the checkpoint."""


def divergence(data: SyntheticData) -> str:
    """Say that the outer loop which made a set diverged, and why; empty if it did not."""
    why = data.header.get(DIVERGED)
    return f"the outer loop that made this set diverged, so it is the best of a search that was cut short ({why})" if why else ""


FINAL_RATE = 0.01
"""Last learning rate as a part of the first."""


@dataclass(frozen=True)
class OuterSettings:
    """Settings of the outer loop.

    Attributes:
        steps: outer steps.
        batch: episodes per step.
        learning_rate: of Adam in the free parameters (positions are scaled to [0, 1], weights are logarithms); it decays to
            a hundredth along half a cosine.
        rates: factors on the learning rate of single fields.
        validate_every: steps between two looks at the validation risk.
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
        history: one row per look: ``step, risk, validation, seconds``.
        seconds: wall time.
        wild: steps with a gradient out of all proportion to those before, which was shortened (see `pinndd.projected_adam`).
    """

    data: SyntheticData
    risk: float
    history: list[dict[str, float]]
    seconds: float
    wild: int = 0


def distill(
    problem: DistillationProblem,
    data: SyntheticData,
    *,
    hypergradient: Hypergradient,
    validation: Sequence[Episodes],
    judge: DistillationProblem | None = None,
    settings: OuterSettings | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> Distillation:
    """Minimise the risk of ``problem`` over the learnable fields of ``data``.

    Every step draws a batch of episodes, asks ``hypergradient`` for the gradient, takes an Adam step in the free parameters and
    projects. The set with the lowest risk on ``validation`` is kept.

    Where `torch.distributed` is initialised, as by `torchrun`, every process calls this with the same arguments and takes its share of
    the episodes; all return the result of one process, up to rounding, and the first alone writes the checkpoint.

    Args:
        problem: learner, task, distance and risk.
        data: where to start.
        hypergradient: the estimator.
        validation: batches of episodes that choose the best iterate; never those of a test.
        judge: the problem whose risk on ``validation`` counts, where the learner of ``problem`` stands in for one that nothing
            differentiates (None: ``problem``).
        settings: see `OuterSettings`.
        checkpoint: file to keep the state in, written at every look at the validation risk and on Ctrl-C.
        resume: continue from ``checkpoint`` if it exists; the result is bit for bit that of an uninterrupted run.
        progress: called with the step and the best validation risk.

    Raises:
        DivergedError: the risk, its gradient or a step is not finite, or no validation risk was; the best set is on the exception.
        CheckpointError: the checkpoint is damaged or was written under other settings.
        LockedError: another process writes to the checkpoint.
        TooLargeError: a step does not fit into the memory of the device, with half of the episodes neither.
        LostProcessError: of several processes one has ended; the first keeps the last whole step.
        TypeError: the estimator or the episodes cannot be split over several processes.
        ValueError: there are more processes than episodes.
        Exception: anything else that stops a step, after the state has been saved, as with Ctrl-C.

    Warns:
        UserWarning: a batch did not fit into the memory of the device, so the loop goes on with half of it.

    Examples:
        Two numbers whose mean is to be 3; see `pinndd.problem.DistillationProblem` for what a problem is.

        >>> from pinndd import Box, SyntheticData
        >>> from pinndd.distances import RelativeL2
        >>> from pinndd.hypergradients import Exact
        >>> from pinndd.risks import Mean
        >>> class Average:
        ...     differentiation = "closed form"
        ...     def fit(self, data, episodes):
        ...         return data["x"].mean()
        >>> class Three:
        ...     def episodes(self, count, generator):
        ...         return range(count)
        ...     def answer(self, fitted, episodes, derivatives):
        ...         return fitted.expand(len(episodes), 1, 1)
        ...     def truth(self, episodes, derivatives):
        ...         return torch.full((len(episodes), 1, 1), 3.0)
        >>> problem = DistillationProblem(Average(), Three(), RelativeL2(), Mean())
        >>> start = SyntheticData({"x": torch.tensor([[1.0], [2.0]])}, {"x": Box((0,), (10,))})
        >>> settings = OuterSettings(steps=100, batch=1, learning_rate=0.01)
        >>> found = distill(problem, start, hypergradient=Exact(), validation=[range(1)], settings=settings)
        >>> found.risk < 0.05
        True
    """
    loop = _Loop(problem, data, hypergradient, validation, judge, settings or OuterSettings(), checkpoint)
    with writing_alone("checkpoint", checkpoint if loop.writes else None):
        if resume and checkpoint is not None and checkpoint.exists():
            loop.restore()
        return loop.run(progress)


def require_resumable(checkpoint: Path, header: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make sure, before any work, that a checkpoint is whole and belongs to a set with these entries in its header.

    Returns:
        The whole header in the checkpoint.

    Raises:
        CheckpointError: it is damaged, or belongs to other settings, which are named.
    """
    found = require_checkpoint(checkpoint, {"header": {n: v for n, v in header.items() if n != "module"}}, _Numbers)
    kept: Mapping[str, Any] = found["header"]
    return kept


@dataclass(frozen=True)
class _State:
    """Everything that the next step depends on. A step makes a new state, so an interrupt never leaves half a step."""

    step: int
    free: Mapping[str, Tensor]
    first: Mapping[str, Tensor]
    second: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    generator: Tensor
    risk: float = math.nan
    best_risk: float = math.inf
    history: tuple[dict[str, float], ...] = ()
    wild: int = 0


class _Look(msgspec.Struct):
    """A row of the history. A number that was not finite is not in the file."""

    step: Annotated[int, msgspec.Meta(ge=0)]
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    risk: float = math.nan
    validation: float = math.nan

    def row(self) -> dict[str, float]:
        return {"step": self.step, "risk": self.risk, "validation": self.validation, "seconds": self.seconds}


class _Numbers(msgspec.Struct):
    """The numbers of a checkpoint."""

    step: Annotated[int, msgspec.Meta(ge=0)]
    history: list[_Look]
    risk: float = math.nan
    best_risk: float = math.inf
    wild: Annotated[int, msgspec.Meta(ge=0)] = 0


class _Loop:
    def __init__(
        self,
        problem: DistillationProblem,
        data: SyntheticData,
        hypergradient: Hypergradient,
        validation: Sequence[Episodes],
        judge: DistillationProblem | None,
        settings: OuterSettings,
        checkpoint: Path | None,
    ) -> None:
        self.problem, self.hypergradient, self.validation = split(problem, hypergradient, validation, settings.batch)
        self.judge = judge or self.problem
        self.data, self.settings, self.checkpoint = data, settings, checkpoint
        self.writes = processes()[0] == 0
        free = {n: data.constraints[n].to_free(data[n]).detach().clone() for n in data.learnable}
        if not free:
            raise ValueError("the data has no learnable field: nothing to distill")
        same_everywhere(list(free.values()))
        zero = {n: torch.zeros_like(v) for n, v in free.items()}
        self.state = _State(0, free, zero, zero, free, torch.Generator().manual_seed(settings.seed).get_state())
        self.elapsed = 0.0
        self.batch = settings.batch

    def current(self, free: Mapping[str, Tensor]) -> SyntheticData:
        return self.data.with_fields({n: self._value(n, v) for n, v in free.items()})

    def _value(self, name: str, free: Tensor) -> Tensor:
        return self.data.constraints[name].from_free(free)

    def run(self, progress: Callable[[int, float], None] | None) -> Distillation:
        started = time.perf_counter() - self.elapsed
        try:
            with at_forced_stop(self._save), full_precision():
                while True:
                    last = self.state.step >= self.settings.steps
                    if last or self.state.step % self.settings.validate_every == 0:
                        self.state = self._validated(self.state, time.perf_counter() - started)
                        self._save()
                        if progress:
                            progress(self.state.step, self.state.best_risk)
                    if last:
                        break
                    self.state = self._advanced(self.state)
        except BaseException:
            # whatever stopped it, the last whole step is kept
            self._save()
            raise
        if not math.isfinite(self.state.best_risk):
            raise self._diverged(
                f"the validation risk was finite at none of {len(self.state.history)} looks: nothing says which set is better, so the "
                "start is kept; look at the true solutions of the validation conditions and at the learner"
            )
        seconds = time.perf_counter() - started
        found = self.current(self.state.best)
        return Distillation(found, self.state.best_risk, list(self.state.history), seconds, self.state.wild)

    def _diverged(self, why: str) -> DivergedError:
        return DivergedError(why, self.current(self.state.best))

    def _advanced(self, state: _State) -> _State:
        found = self._differentiated(state)
        if found is None:
            self._halve()
            found = self._differentiated(state)
        if found is None:
            raise TooLargeError(f"an outer step with {self.batch} episodes does not fit into the memory of {self.device}")
        risk, gradient, generator = found
        if not _all_finite(risk, *gradient.values()):
            raise self._diverged(f"the risk or its gradient is not finite at outer step {state.step}: {_REMEDY}")
        moved = {name: self._moved(name, state, gradient[name]) for name in state.free}
        if not all(field.finite and _all_finite(self._value(name, field.free)) for name, field in moved.items()):
            raise self._diverged(f"outer step {state.step} leads to values that are not finite: {_REMEDY}")
        return replace(
            state,
            step=state.step + 1,
            free={name: field.free for name, field in moved.items()},
            first={name: field.first for name, field in moved.items()},
            second={name: field.second for name, field in moved.items()},
            generator=generator.get_state(),
            risk=float(risk),
            wild=state.wild + any(field.wild for field in moved.values()),
        )

    def _differentiated(self, state: _State) -> tuple[Tensor, Gradient, torch.Generator] | None:
        """Return the risk of a fresh batch, its gradient, and the generator after it; None where memory is too short."""
        generator = torch.Generator()
        generator.set_state(state.generator)
        try:
            episodes = self.problem.task.episodes(self.batch, generator)
            return *self.hypergradient(self.problem, self.current(state.free), episodes), generator
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None  # whatever the error holds is let go first

    @property
    def device(self) -> torch.device:
        return next(iter(self.state.free.values())).device

    def _halve(self) -> None:
        """Go on with half of the episodes per step.

        Raises:
            TooLargeError: they were halved before, there is one, or other processes would go on with all of theirs.
        """
        give_back(self.device)
        if self.batch < self.settings.batch or self.batch == 1 or processes()[1] > 1:
            raise TooLargeError(f"an outer step with {self.batch} episodes does not fit into the memory of {self.device}")
        self.batch //= 2
        warnings.warn(
            f"{self.settings.batch} episodes per outer step do not fit into the memory of {self.device}: the outer loop goes on with "
            f"{self.batch}",
            stacklevel=1,
        )

    def _moved(self, name: str, state: _State, gradient: Tensor) -> AdamStep:
        """Return a field after one step, whose rate decays along half a cosine."""
        decay = half_cosine(state.step / self.settings.steps, FINAL_RATE)
        rate = self.settings.learning_rate * decay * self.settings.rates.get(name, 1.0)
        before = state.free[name], state.first[name], state.second[name]
        return adam_step(self.data.constraints[name], *before, gradient, step=state.step, rate=rate)

    def _validated(self, state: _State, seconds: float) -> _State:
        """Return the state with the validation risk of this step in its history (once per step, also after resuming)."""
        if state.history and state.history[-1]["step"] == state.step:
            return state
        with torch.no_grad():
            losses = torch.cat([everyones(self._losses(self.current(state.free), e)) for e in self.validation])
            validation = float(self.judge.risk(losses))
        row = {"step": state.step, "risk": state.risk, "validation": validation, "seconds": seconds}
        state = replace(state, history=(*state.history, row))
        if math.isfinite(validation) and validation < state.best_risk:
            return replace(state, best_risk=validation, best=state.free)
        return state

    def _losses(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Return the losses of validation episodes, of one half after the other where memory is too short for all.

        Raises:
            TooLargeError: a half does not fit either, or the episodes cannot be split.
        """
        try:
            return self.judge.losses(data, episodes)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        give_back(self.device)
        count = len(episodes)
        try:
            if count > 1 and hasattr(episodes, "part"):
                halves = episodes.part(0, count // 2), episodes.part(count // 2, count - count // 2)
                return torch.cat([self.judge.losses(data, half) for half in halves])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        raise TooLargeError(f"training for {count} validation episodes does not fit into the memory of {self.device}")

    def _configuration(self) -> dict[str, Any]:
        shapes = {n: list(v.shape) for n, v in self.data.fields.items()}
        settings = {**vars(self.settings), "rates": dict(self.settings.rates)}
        # where a module lies does not matter to the state; which text it has does, and its checksum is in the header
        header = {name: value for name, value in self.data.header.items() if name != "module"}
        return {"settings": settings, "shapes": shapes, "header": header}

    def _save(self) -> None:
        if self.checkpoint is None or not self.writes:
            return
        state = self.state
        history = [_Look(**row) for row in state.history]  # type: ignore[arg-type]
        numbers = _Numbers(state.step, history, state.risk, state.best_risk, state.wild)
        Checkpoint(self._configuration(), numbers, self._tensors()).save(self.checkpoint)

    def _tensors(self) -> dict[str, Tensor]:
        state = self.state
        groups = {"free": state.free, "first": state.first, "second": state.second, "best": state.best}
        return {f"{group}/{n}": v for group, values in groups.items() for n, v in values.items()} | {"generator": state.generator}

    def restore(self) -> None:
        assert self.checkpoint is not None
        layouts = {name: (v.shape, v.dtype) for name, v in self._tensors().items()}
        stored = Checkpoint.load(self.checkpoint, self._configuration(), _Numbers, layouts)
        groups = {
            group: {n: stored.tensors[f"{group}/{n}"].to(v) for n, v in self.state.free.items()}
            for group in ("free", "first", "second", "best")
        }
        numbers = stored.state
        state = _State(
            step=numbers.step,
            generator=stored.tensors["generator"],
            risk=numbers.risk,
            best_risk=numbers.best_risk,
            history=tuple(look.row() for look in numbers.history),
            wild=numbers.wild,
            **groups,
        )
        try:
            self._require_possible(state)
        except (ValueError, RuntimeError) as error:
            said = f"checkpoint {self.checkpoint} holds no state of this run ({error}): delete it to start anew"
            raise CheckpointError(said) from error
        # a process may not see the file that the first wrote a moment ago
        same_everywhere([*state.free.values(), *state.first.values(), *state.second.values()])
        self.state = state
        self.elapsed = state.history[-1]["seconds"] if state.history else 0.0

    def _require_possible(self, state: _State) -> None:
        """Make sure that a state could be one of this run.

        Raises:
            ValueError: a set is not feasible, or the steps do not fit the settings.
            RuntimeError: the state of the generator is none.
        """
        for free in (state.free, state.best):
            self.current(free)
        torch.Generator().set_state(state.generator)
        steps = [row["step"] for row in state.history]
        if steps != sorted(set(steps)) or not max(steps, default=0) <= state.step <= self.settings.steps:
            raise ValueError(f"step {state.step} of {self.settings.steps}, after looks at the steps {steps}")


def _all_finite(*values: Tensor) -> bool:
    return bool(torch.stack([v.isfinite().all() for v in values]).all())
