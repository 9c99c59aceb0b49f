"""Whether a study fits into memory at all, said before any work: a number with a digit too many is seen at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pinndd.devices import Work
from pinndd.free_memory import available_memory
from pinndd.pinn.declare.pde import PDE
from pinndd.study.protocols.settings import StudySettings

COLUMNS = 200
"""Weights of the smallest model that is fitted, so that every row of a fit has so many entries."""

COPIES = 4
"""Of the rows of a fit: themselves, their factors, and both for the gradient."""

ANSWERS = 500
"""Points, at least, at which the answer to a test condition is compared with the truth."""

_BYTES = 8


def beyond_memory(pde: PDE, size: object, settings: StudySettings, fit: Callable[[], int]) -> str:
    """Return how much memory a study takes at least and what there is, or an empty text if that is enough.

    Args:
        pde: the equation.
        size: a protocol's own settings, whose whole numbers count rows of a fit.
        settings: those that all protocols have, with the device.
        fit: returns the bytes of a step of its learner, at least.
    """
    free = available_memory(settings.device)
    if free is None:
        return ""
    numbers = {name: _largest(value) for name, value in vars(size).items()}
    rows = {name: value * pde.output_count * COLUMNS * COPIES * _BYTES for name, value in numbers.items()}
    tested = settings.test_conditions * (1 + len(pde.shifts)) * pde.output_count * ANSWERS * 2 * _BYTES
    for name, needed in {**rows, "test_conditions": tested}.items():
        if needed > free:
            return _refusal(f"{name.replace('_', ' ')} {numbers.get(name, settings.test_conditions)}", needed, free)
    most = max(numbers, key=lambda name: numbers[name])
    if (needed := fit()) > free:
        return _refusal(f"{most.replace('_', ' ')} {numbers[most]}", needed, free)
    return ""


def fit_bytes(learner: Any, work: Work) -> int:
    """Return the bytes that a step of training holds at least, by how the learner is differentiated.

    Args:
        learner: trains.
        work: of its step.
    """
    smaller = min(work.rows, work.weights)
    match learner.differentiation:
        case "closed form" | "implicit":  # the Jacobian, once more with its weights, and its Gram matrix
            return _BYTES * work.networks * (2 * work.rows * work.weights + smaller**2)
        case "interpolation":  # of one network at a time: the Gram matrix, a damped copy, its factor; the Jacobian is not formed
            return _BYTES * 3 * smaller**2
        case "unrolled":  # weights and both averages before every step
            return _BYTES * 3 * int(learner.steps) * work.networks * work.weights
        case _:
            return 0


def _refusal(what: str, needed: int, free: int) -> str:
    return f"{what} would need at least {_gigabytes(needed)} of memory, and {_gigabytes(free)} are free: take fewer"


def _largest(value: Any) -> int:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return max((_largest(each) for each in value), default=0)
    return value if isinstance(value, int) else 0


def _gigabytes(size: int) -> str:
    return f"{min(size, 10**300) / 1e9:.3g} GB"
