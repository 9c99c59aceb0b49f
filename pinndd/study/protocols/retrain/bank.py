"""What a bank of learners consists of: bodies, random features of several scales, networks trained to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pinndd.learners.bank import Bank
from pinndd.pinn.declare.pde import PDE
from pinndd.problem import Learner
from pinndd.study.protocols.learners import DRAWS, RANDOM_FEATURES, Recipe, Recipes, drawn_learner

SCALES = (0.7, 1.4)
"""Scales of the random features, a member each."""

FEATURE_DRAWS = range(10_000, 10_016)
"""Draws of the random features that the outer loop trains with: none that judges, none of validation."""

VALIDATING = 5_000
"""Added to the seed, the draw that validation trains with, where a member has draws that the outer loop does not see."""


@dataclass(frozen=True, eq=False)
class Member:
    """A learner of a bank.

    Attributes:
        recipe: under whose name rows stand.
        learner: of the recipe.
        draws: that the outer loop trains with.
        validating: the draw that chooses the best iterate.
        judges: whether rows of its own say what the set is worth to it; otherwise the learner of the study says so.
    """

    recipe: Recipe
    learner: Learner
    draws: Sequence[int]
    validating: int
    judges: bool = True


def members_of(pde: PDE, recipe: Recipe, learner: Any, seed: int, recipes: Recipes) -> list[Member]:
    """Return the members of the bank of a recipe: its own draws that the outer loop sees, and what it mixes in.

    Args:
        pde: the equation.
        recipe: of the bank.
        learner: that it builds; the network that is judged is its draw ``seed``.
        seed: of the study.
        recipes: those of the protocol.
    """
    found = [Member(recipe, learner, (draw,), draw, judges=False) for draw in recipe.draws(learner, seed)]
    for name in recipe.mixes:
        if name == RANDOM_FEATURES:
            own = recipes[drawn_learner(pde)]
            for scale in SCALES:
                named = replace(own, name=f"{own.name}, scale {scale:g}")
                found.append(Member(named, own.build(pde, {"scale": scale}), FEATURE_DRAWS, seed + VALIDATING))
        else:
            other = recipes[name]
            found.append(Member(other, other.build(pde, {}), DRAWS, seed + VALIDATING))
    return found


def bank_of(members: Sequence[Member]) -> Bank:
    """Return the learner that trains by any of the members."""
    return Bank([member.learner for member in members])
