"""How much memory a run will take, before it starts, and which option lowers it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pinndd.free_memory import available_memory
from pinndd.learners.network import NetworkModel

_FORWARD = 2.0
"""Copies of the activations that one forward and backward pass holds at most: what is saved, and the slopes that flow back."""

_UNROLLED = 4.5
"""Copies of the activations in the graph of one step of training that is itself differentiated."""

_STATE = 4
"""Vectors in a state of Adam: three, and a third more for the holes that the allocator of the C library leaves between them."""

_WORKING = 30
"""Vectors as long as the weights that one step back holds: states, slopes, what was pulled back, and what lies between."""

_GRAPH = 5, 2.0
"""Vectors as long as the weights, and copies of the activations, in the graph of one step among many that are kept."""

_MEBIBYTE = 2**20


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a run takes beside its data set and what the program holds anyway.

    Attributes:
        states: of the stored trajectory of training, all episodes; its graphs, where those are kept.
        working: vectors as long as the weights, all episodes.
        step: the graph of one step of training, all episodes.
        questions: the graph of the answers to the questions, all episodes.
        episodes, examples, asked: that they are for.
        steps: of training.
        keep_every: of the states.
        keep_graph: whether the graphs of all steps are kept.
    """

    states: int
    working: int
    step: int
    questions: int
    episodes: int
    examples: int
    asked: int
    steps: int
    keep_every: int
    keep_graph: bool = False

    @property
    def total(self) -> int:
        """Peak: the graphs of a step and of the questions are never held together."""
        return self.states + self.working + max(self.step, self.questions)

    @property
    def remedies(self) -> tuple[str, ...]:
        """What lowers the memory, what helps most first."""
        best = max(1, round(math.sqrt(self.steps)))
        fewer_states = f"keep_every={best} of UnrolledAdjoint" if self.keep_every < best else "fewer steps of training"
        parts = {
            "UnrolledAdjoint without keep_graph" if self.keep_graph else fewer_states: self.states,
            f"fewer examples in the set or a step (now {self.examples})": self.step,
            f"fewer questions per episode (now {self.asked})": self.questions,
        }
        ordered = sorted((name for name in parts if parts[name]), key=lambda name: -parts[name])
        fewer = (f"fewer episodes at once (now {self.episodes})",) if self.episodes > 1 else ()
        return (ordered[0], *fewer, "a narrower network", *ordered[1:])


def estimate_memory(
    model: NetworkModel,
    shape: tuple[int, ...],
    *,
    examples: int,
    steps: int,
    episodes: int,
    questions: int,
    keep_every: int = 1,
    keep_graph: bool = False,
    dtype: torch.dtype = torch.float32,
    unrolled: bool = True,
) -> MemoryEstimate:
    """Estimate what back-propagation through training, or training alone, takes.

    The activations of one example are counted by running the network on it. The estimate leaves out work space of the
    convolutions, which the library chooses; it is meant to be right within a factor of two.

    Args:
        model: the networks.
        shape: of an example.
        examples: of the set, or of a batch.
        steps: of training.
        episodes: networks trained together.
        questions: an episode.
        keep_every, keep_graph: as in `pinndd.hypergradients.UnrolledAdjoint`.
        dtype: of the training.
        unrolled: whether training is differentiated; otherwise no states are kept, and the questions ask for no gradient.

    Raises:
        ValueError: a number is not positive, or the network does not take such an example.
    """
    if min(examples, steps, episodes, questions, keep_every) < 1:
        raise ValueError(
            f"estimate_memory: examples={examples}, steps={steps}, episodes={episodes}, questions={questions} and "
            f"keep_every={keep_every} must be at least 1"
        )
    size = torch.empty((), dtype=dtype).element_size()
    layers = activations_of(model, shape)
    activations = sum(layers)
    # without a gradient, networks answer one after the other, and a layer's output is freed once the next one has used it
    answers = episodes * activations if unrolled else max(layers)
    vector, shown = episodes * model.size * size, episodes * examples * activations * size
    states = 0
    if unrolled and keep_graph:
        states = round(steps * (_GRAPH[0] * vector + _GRAPH[1] * shown))
    elif unrolled:
        # beside the states that are kept, those of one stretch are recomputed
        states = _STATE * vector * (math.ceil(steps / keep_every) + (keep_every if keep_every > 1 else 0))
    return MemoryEstimate(
        states=states,
        working=_WORKING * vector,
        step=round((_UNROLLED if unrolled else _FORWARD) * shown),
        questions=round(_FORWARD * questions * answers * size),
        episodes=episodes,
        examples=examples,
        asked=questions,
        steps=steps,
        keep_every=keep_every,
        keep_graph=keep_graph,
    )


def activations_of(model: NetworkModel, shape: tuple[int, ...]) -> list[int]:
    """Return the entries of one example and of the output of each layer for it.

    Raises:
        ValueError: the network does not take such an example.
    """
    counted = [math.prod(shape)]

    def count(module: nn.Module, given: tuple[Tensor, ...], output: object) -> None:
        # what only looks at its input, such as flattening, holds nothing of its own
        if isinstance(output, Tensor) and output.data_ptr() != given[0].data_ptr():
            counted.append(output.numel())

    layers = [module for module in model.network.modules() if not list(module.children())]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    like = next(model.network.parameters())
    try:
        with torch.no_grad():
            model.network(torch.zeros((1, *shape), dtype=like.dtype, device=like.device))
    except RuntimeError as error:
        raise ValueError(
            f"{type(model.network).__name__} does not take examples of shape {shape}: {error}; build it for that shape"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return counted


def room_for(most: int, needed: Callable[[int], MemoryEstimate], device: torch.device | str = "cpu") -> int:
    """Return how many episodes can run at once, from ``most`` down to 1, which is not checked.

    Args:
        most: that are wanted.
        needed: the estimate for a number of episodes.
        device: where they will run.
    """
    free = available_memory(device)
    return next((count for count in range(most, 1, -1) if free is None or needed(count).total <= free), 1)


def check_memory(estimate: MemoryEstimate, device: torch.device | str = "cpu") -> None:
    """Refuse a run for which there is not memory enough.

    Args:
        estimate: of the run.
        device: where it will run.

    Raises:
        MemoryError: the estimate exceeds what is free; the message says which option lowers it.
    """
    free = available_memory(device)
    if free is not None and estimate.total > free:
        raise MemoryError(
            f"the run needs about {estimate.total / _MEBIBYTE:.0f} MiB, {free / _MEBIBYTE:.0f} MiB are free on {device}; "
            f"choose {', or '.join(estimate.remedies)}"
        )
