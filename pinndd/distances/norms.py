"""Relative errors in function norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor


class Distance(Protocol):
    """Maps answers and truths, ``(E, Q, K)`` each, to one number a question, ``(E,)``.

    Attributes:
        derivatives: how many orders of derivatives an answer must hold beside the values (columns of the last axis).
    """

    derivatives: ClassVar[int]

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class RelativeL2:
    """``‖answer - truth‖ / ‖truth‖`` over the Q points and all K columns, DeepXDE's "l2 relative error".

    Raises:
        ValueError: the shapes differ, or a truth is zero everywhere.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        return relative_norm(answer, truth)


@dataclass(frozen=True)
class RelativeH1:
    """As `RelativeL2` over the values and their gradients together: the relative error in the Sobolev norm H1.

    Answers and truths hold u in the first columns and its partial derivatives in the others.

    Raises:
        ValueError: the shapes differ, or a truth is zero everywhere.
    """

    derivatives: ClassVar[int] = 1

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        return relative_norm(answer, truth)


def relative_norm(answer: Tensor, truth: Tensor) -> Tensor:
    """Return ``‖answer - truth‖ / ‖truth‖`` for each of E pairs of shape ``(E, Q, K)``.

    Raises:
        ValueError: the shapes differ, or a truth is zero everywhere.
    """
    if answer.shape != truth.shape:
        raise ValueError(f"answer has shape {tuple(answer.shape)}, truth {tuple(truth.shape)}: expected the same")
    size = truth.flatten(1).norm(dim=1)
    if bool((size == 0).any()):
        episode = int((size == 0).nonzero()[0])
        raise ValueError(f"the truth of episode {episode} is zero everywhere: a relative error has no meaning; leave it out")
    error: Tensor = (answer - truth).flatten(1).norm(dim=1) / size
    return error
