"""Relative errors in function norms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor


class Distance(Protocol):
    """Maps answers and truths, ``(E, Q, K)`` each, to one number per question, ``(E,)``.

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

    Examples:
        >>> import torch
        >>> truth = torch.tensor([[[3.0], [4.0]]])
        >>> RelativeL2()(truth + torch.tensor([[0.0], [1.0]]), truth)
        tensor([0.2000])
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


@dataclass(frozen=True)
class RelativeMaximum:
    """``max |answer - truth| / max |truth|`` over the Q points and all K columns: the relative error in the maximum norm.

    Raises:
        ValueError: the shapes differ, or a truth is zero everywhere.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        return relative_norm(answer, truth, math.inf)


def relative_norm(answer: Tensor, truth: Tensor, order: float = 2.0) -> Tensor:
    """Return ``‖answer - truth‖ / ‖truth‖`` for each of E pairs of shape ``(E, Q, K)``, in the vector norm of an order.

    Raises:
        ValueError: the shapes differ, or a truth is zero everywhere.
    """
    if answer.shape != truth.shape:
        raise ValueError(f"answer has shape {tuple(answer.shape)}, truth {tuple(truth.shape)}: expected the same")
    size = truth.flatten(1).norm(order, dim=1)
    if bool((size == 0).any()):
        episode = int((size == 0).nonzero()[0])
        raise ValueError(f"the truth of episode {episode} is zero everywhere: a relative error has no meaning; leave it out")
    error: Tensor = (answer - truth).flatten(1).norm(order, dim=1) / size
    return error
