"""How much a step of training computes, which says whether a GPU is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinndd.data import SyntheticData
from pinndd.devices import Work
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.study.protocols.learners import Recipe, Recipes

USUAL_INTERIOR = 400
"""Interior points where a size leaves them open, as that of sensors does."""

USUAL_BATCH = 16
"""Conditions that a learner which only judges is trained for at a time."""

Counts = tuple[int, int]
"""Points of the equations, and those of all conditions together."""


def steps_of(pde: PDE, counts: Counts, recipe: Recipe, recipes: Recipes, *, shared: bool) -> list[tuple[Any, Work]]:
    """Return the learners of an outer step, several of a bank, and the work of each.

    Args:
        pde: the equation.
        counts: of points, or of tuples.
        recipe: of the learner.
        recipes: of the protocol.
        shared: whether one network serves all boundary conditions.
    """
    inner, outer = counts
    rows = inner * pointwise_residual(pde).equations + outer
    found = []
    for each in (recipe, *(recipes[name] for name in recipe.mixes if name in recipes)):
        learner: Any = each.build(pde, {**each.distilling, **each.fitted_to(pde, inner, outer)})
        # one factorisation serves all conditions
        alone = shared or learner.differentiation == "closed form"
        together = each.outer.batch if each.outer else USUAL_BATCH
        found.append((learner, Work(1 if alone else together, rows, _weights(learner))))
    return found


def work_of(pde: PDE, counts: Counts, recipe: Recipe, recipes: Recipes, *, shared: bool) -> Work:
    """Return the work of an outer step with a learner, see `steps_of`; of a bank, that of its largest member."""
    return max((work for _, work in steps_of(pde, counts, recipe, recipes, shared=shared)), key=lambda work: work.numbers)


def counts_asked(size: object) -> Counts:
    """Return the numbers of points that a protocol's own settings ask for, the largest where there are several."""
    inner = outer = 0
    for name, value in vars(size).items():
        count = USUAL_INTERIOR if value is None else max(value) if isinstance(value, Sequence) else int(value)
        if name.startswith("boundary") or name == "sensors":
            outer += count
        else:
            inner += count
    return inner, outer


def counts_of(data: SyntheticData) -> Counts:
    """Return the numbers of points of a set."""
    counts = {name: len(value) for name, value in data.fields.items() if value.ndim == 2}
    inner = counts.pop(INTERIOR, 0)
    return inner, sum(counts.values())


def _weights(learner: Any) -> int:
    """Return the weights of one network; 0 of a learner that always computes on the processor, such as DeepXDE's."""
    model = getattr(learner, "model", None)
    counts = (getattr(owner, "parameter_count", None) for owner in (model, getattr(model, "network", None)))
    return next((int(count) for count in counts if count is not None), int(getattr(model, "width", 0)))
