"""One distillation on several processes: each takes a share of the episodes of every step, and the risk is that of all of them.

A risk is not a mean in general, so the losses are gathered and every process takes the risk of all. Only its own losses are on its
graph, so what it back-propagates is its share of the gradient, and the sum over the processes is the gradient. All else, the step
included, every process does for itself, with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import torch
import torch.distributed as dist
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients import ByMember, Exact, Implicit, MinimumNorm, OneStep, Truncated, UnrolledAdjoint
from pinndd.hypergradients.protocol import Gradient, Hypergradient
from pinndd.learners.bank import Bank
from pinndd.problem import DistillationProblem, Episodes, Learner, Task
from pinndd.risks import OverParts, Risk

SPLIT = (Exact, Implicit, UnrolledAdjoint, Truncated, OneStep, MinimumNorm)
"""Estimators that back-propagate the risk of a batch once, so that the gradients of shares add up."""


class LostProcessError(RuntimeError):
    """Another process of this distillation has ended."""


class Shareable(Protocol):
    """Episodes of which some can be trained apart from the others, with the same result."""

    def __len__(self) -> int: ...

    def part(self, first: int, count: int) -> Any:
        """Return ``count`` episodes from number ``first`` on, which draw what they would draw in the whole batch."""


def processes() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are: 0 and 1 without `torch.distributed`."""
    if not (dist.is_available() and dist.is_initialized()):
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


def require_enough(batch: int, of: str = "episodes per step") -> None:
    """Make sure that every process has an episode of each batch.

    Args:
        batch: how many there are.
        of: what they are, for people.

    Raises:
        ValueError: there are more processes.
    """
    _, count = processes()
    if batch < count:
        raise ValueError(f"{count} processes for {batch} {of}: each takes one at least, so start at most {batch}")


def number_of_the_first(compute: Callable[[], float]) -> float:
    """Return a number that the first process alone computes, such as an error by which something is tuned.

    Raises:
        LostProcessError: a process has ended.
    """
    rank, count = processes()
    if count == 1:
        return compute()
    found = torch.tensor([0.0 if rank else compute()], dtype=torch.float64)
    with _together():
        dist.broadcast(found, 0)
    return float(found)


def share_of(episodes: Episodes) -> Episodes:
    """Return the episodes of this process: as many as the others have, or one more, in the order of the processes.

    Of episodes with an attribute ``parts``, which are several batches, it is a share of each.

    Raises:
        TypeError: the episodes cannot be split.
        ValueError: there are fewer than processes.
    """
    rank, count = processes()
    if (parts := getattr(episodes, "parts", None)) is not None:
        return replace(episodes, parts=[share_of(part) for part in parts])
    if not hasattr(episodes, "part"):
        raise TypeError(f"{type(episodes).__name__} cannot be split over {count} processes: distill with one process")
    batch = cast(Shareable, episodes)
    require_enough(len(batch), "episodes")
    bounds = [k * len(batch) // count for k in range(count + 1)]
    return batch.part(bounds[rank], bounds[rank + 1] - bounds[rank])


def everyones(losses: Tensor) -> Tensor:
    """Return the losses of all processes in their order, ``(E,)``; those of this one, ``(own,)``, stay on their graph.

    The shares of a batch follow each other, so that is the order of the batch.

    Raises:
        LostProcessError: a process has ended.
    """
    rank, count = processes()
    if count == 1:
        return losses
    own = torch.tensor([len(losses)], device=losses.device)
    sizes = [torch.zeros_like(own) for _ in range(count)]
    with _together():
        dist.all_gather(sizes, own)
        longest = max(int(size) for size in sizes)
        padded = losses.new_zeros(longest)
        padded[: len(losses)] = losses.detach()
        found = [torch.zeros_like(padded) for _ in range(count)]
        dist.all_gather(found, padded)
    parts = [part[: int(size)] for part, size in zip(found, sizes, strict=True)]
    parts[rank] = losses
    return torch.cat(parts)


@dataclass(frozen=True)
class DistributedRisk:
    """The risk over the episodes of all processes, of which each passes its own.

    Args:
        risk: over all of them.
    """

    risk: Risk

    def __call__(self, losses: Tensor) -> Tensor:
        return self.risk(everyones(losses))


@dataclass(frozen=True)
class SharedTask:
    """A task of whose every batch each process takes its share.

    Args:
        task: that all draw from with the same generator.
    """

    task: Task

    def episodes(self, count: int, generator: torch.Generator) -> Episodes:
        """Draw a batch as the task does, and return the share of this process."""
        return share_of(self.task.episodes(count, generator))

    def answer(self, fitted: Any, episodes: Episodes, derivatives: int) -> Tensor:
        """Ask the trained models of the share."""
        return self.task.answer(fitted, episodes, derivatives)

    def truth(self, episodes: Episodes, derivatives: int) -> Tensor:
        """Return the true answers of the share."""
        return self.task.truth(episodes, derivatives)


def distributed(risk: Risk, episodes: Episodes) -> Risk:
    """Return a risk over the episodes of all processes; of several batches as one, each within its own."""
    if isinstance(risk, OverParts) and hasattr(episodes, "parts"):
        return replace(risk, within=DistributedRisk(risk.within))
    return DistributedRisk(risk)


@dataclass(frozen=True)
class SummedGradient:
    """The gradients of the shares of all processes, added.

    Args:
        estimator: one of `SPLIT`, or `ByMember` with such for its members.

    Raises:
        LostProcessError: when called: a process has ended.
    """

    estimator: Hypergradient

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        risk, gradient = self.estimator(replace(problem, risk=distributed(problem.risk, episodes)), data, episodes)
        kinds = [value.dtype for value in gradient.values()]
        widest = kinds[0]
        for kind in kinds[1:]:
            widest = torch.promote_types(widest, kind)
        flat = torch.cat([value.to(widest).flatten() for value in gradient.values()])
        with _together():
            dist.all_reduce(flat)
        parts = torch.split(flat, [value.numel() for value in gradient.values()])
        return risk, {n: part.to(v.dtype).view_as(v) for (n, v), part in zip(gradient.items(), parts, strict=True)}


def split(
    problem: DistillationProblem, hypergradient: Hypergradient, validation: Sequence[Episodes], batch: int
) -> tuple[DistillationProblem, Hypergradient, Sequence[Episodes]]:
    """Return problem, estimator and validation episodes for the share of this process; as they are if there is no other.

    Raises:
        TypeError: the estimator or the episodes cannot be split.
        ValueError: there are fewer episodes per step, ``batch``, or validation episodes than processes.
    """
    _, count = processes()
    if count == 1:
        return problem, hypergradient, validation
    require_enough(batch)
    for estimator in _of_members(hypergradient, problem.learner):
        if not isinstance(estimator, SPLIT) or (isinstance(estimator, MinimumNorm) and estimator.alive > 1):
            able = ", ".join(kind.__name__ for kind in SPLIT)
            raise TypeError(
                f"{type(estimator).__name__} cannot be split over {count} processes; expected {able} (MinimumNorm with alive=1), or "
                "one process"
            )
    shared = replace(problem, task=SharedTask(problem.task))
    return shared, SummedGradient(hypergradient), [share_of(episodes) for episodes in validation]


def _of_members(hypergradient: Hypergradient, learner: Learner) -> list[Hypergradient]:
    """Return the estimators that differentiate a learner: of a bank one for each member."""
    if isinstance(hypergradient, ByMember) and isinstance(learner, Bank):
        return [hypergradient.fitting(member) for member in learner.members]
    return [hypergradient]


def same_everywhere(values: Sequence[Tensor]) -> None:
    """Overwrite tensors by those of the first process, so that all begin alike on any processor.

    Raises:
        LostProcessError: a process has ended.
    """
    if processes()[1] > 1:
        with _together():
            for value in values:
                dist.broadcast(value, 0)


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        rank, count = processes()
        raise LostProcessError(
            f"process {rank + 1} of {count} no longer hears from another one, which has ended or cannot be reached"
        ) from error
