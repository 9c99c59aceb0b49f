"""One table of learners: how a study builds, tunes, distills with and judges by each of them.

A learner is added here, in one line, and in its own file. Which hypergradient fits follows from the learner itself
(`pinndd.hypergradients.fitting`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import torch

from pinndd.hypergradients import Hypergradient
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.product_ridge import ProductRidge
from pinndd.learners.ridge import Ridge
from pinndd.pinn.bodies.settings import BodySettings
from pinndd.pinn.bodies.stored import Bodies
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.deepxde.learner import ConditionedDeepXDE, DeepXDE
from pinndd.pinn.deepxde.training import DeepXDETraining
from pinndd.pinn.models.conditioned import ConditionedModel
from pinndd.pinn.models.conditioned_linear import LinearConditionedModel
from pinndd.pinn.models.conditioned_mlp import ConditionedMLP
from pinndd.pinn.models.features import BodyModel, FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.roughened import roughening_for
from pinndd.pinn.solving.telling import Progress
from pinndd.problem import Learner
from pinndd.study.protocols.parts import unknown

Settings = Mapping[str, Any]
"""Settings of a learner as they are stored in the header of a data set."""


@dataclass(frozen=True)
class Outer:
    """The outer loop for a learner: steps at full effort, episodes per step, learning rate."""

    steps: int
    batch: int
    rate: float


@dataclass(frozen=True)
class Recipe:
    """How a study treats a learner.

    Attributes:
        name: on the command line and in the rows.
        build: makes the learner for a PDE from stored settings, or from none.
        describe: returns the settings that ``build`` reads.
        outer: how sets are distilled with it; None for a learner that only judges.
        distilling: settings that ``build`` takes where a study distills with it.
        fitted_to: further ones that depend on the numbers of interior and boundary points.
        draws: which draws of the network the outer loop sees, of a study with a seed; the network is judged as that of the seed.
        linear_only: whether it needs a linear equation.
        nonlinear_only: whether it is given the solution of the linearised equation, so that of a linear one says nothing of a set.
        ceiling: interior and boundary points of the set that stands for "full data", as multiples of those of the study.
        lifts: factors on the tuned weights of the starts: better points may bear less smoothing, or data that are met more closely.
        judges: whether it also trains on sets that were distilled with another learner, their weights tuned anew.
        ratios: boundary weights that are tuned then; for random features those of the designs, and the interior weight too.
        judged_by: returns the learners that judge a set distilled with it where nobody names any, before those of the protocol.
        judged_shifts: how many families a judge sees (None: all).
        rehearsal: part of its steps that a judge takes while weights are tuned.
        fresh: the same learner on fresh samples at every step, the ceiling of training by steps; None where there is none.
        any_start: whether the outer loop may start from any of the best designs; otherwise from those without a grid.
        interpolates: whether it drives all rows to zero, from initial weights that are drawn anew for every episode: it feels the
            ratio of the two weights of a set alone, and they are tuned, not learned.
        hypergradient: the estimator to distill with; None for the one that fits the learner.
        mixes: learners that the outer loop trains beside its own, as a bank: names of recipes, or `RANDOM_FEATURES`.
    """

    name: str
    build: Callable[[PDE, Settings], Learner]
    describe: Callable[[Learner], dict[str, Any]] = lambda learner: {}
    outer: Outer | None = None
    distilling: Settings = field(default_factory=dict)
    fitted_to: Callable[[PDE, int, int], Settings] = lambda pde, points, boundary_points: {}
    draws: Callable[[Learner, int], Sequence[int]] = lambda learner, seed: (seed,)
    linear_only: bool = False
    nonlinear_only: bool = False
    ceiling: tuple[float, float] = (5.0625, 2.2)
    lifts: Sequence[tuple[float, float]] = ((1.0, 1.0),)
    judges: bool = False
    ratios: Sequence[float] = (1.0, 10.0, 100.0)
    judged_by: Callable[[PDE], Sequence[str]] = lambda pde: ()
    judged_shifts: int | None = None
    rehearsal: float = 1.0
    fresh: Callable[[PDE, Settings], Learner] | None = None
    any_start: bool = False
    interpolates: bool = False
    hypergradient: Callable[[], Hypergradient] | None = None
    mixes: Sequence[str] = ()


Recipes = Mapping[str, Recipe]


def drawn_learner(pde: PDE) -> str:
    """Return the learner of random features that fits an equation: ridge for a linear one, Gauss-Newton for others."""
    return "ridge" if pointwise_residual(pde).is_linear() else "gauss-newton"


BODY = "body"

RANDOM_FEATURES = "random-features"
"""In a bank: the learner of random features that fits the equation, at several scales."""

DRAWS = range(10_000, 1_000_000)
"""Draws of initial weights that the outer loop trains with, where every episode has its own: none of a test, none of validation."""


def bodies_of(learner: Any) -> Bodies | None:
    """Return the bodies of a learner, None where it has none."""
    bodies = getattr(getattr(learner, "model", None), "bodies", None)
    return bodies if isinstance(bodies, Bodies) else None


def train_bodies(learner: Any, progress: Progress, what: str, draws: Sequence[int] | None = None, *, first: int = 0) -> None:
    """Train those bodies of a learner that are not at hand yet; nothing where it has none.

    Args:
        learner: any.
        progress: called while a body is trained.
        what: is being done, for the progress.
        draws: of the network that are needed (None: all).
        first: the draw that all begin with, so that processes which need the same bodies train different ones.

    Raises:
        BodyError: a body did not converge, or its training failed.
    """
    bodies = bodies_of(learner)
    if bodies is None:
        return
    count = len(bodies)
    for number in dict.fromkeys(draw % count for draw in (range(first, first + count) if draws is None else draws)):
        bodies.trained(number, partial(progress, f"{what}: training body {number + 1} of {count}"))


def recipe_of(name: str, recipes: Recipes) -> Recipe:
    """Return a recipe of a protocol by name.

    Raises:
        UnknownNameError: the protocol has no such learner.
    """
    if name not in recipes:
        raise unknown("learner", name, recipes)
    return recipes[name]


def distilling_recipe(pde: PDE, name: str | None, recipes: Recipes) -> Recipe:
    """Return the recipe of the learner to distill with: the one asked for, else that of random features which fits the equation.

    Raises:
        UnknownNameError: the protocol has no such learner.
        ValueError: its training is not differentiated, or it does not fit the equation, see `require_fit`.
    """
    recipe = recipe_of(name or drawn_learner(pde), recipes)
    if recipe.outer is None:
        able = [other.name for other in recipes.values() if other.outer is not None]
        raise ValueError(
            f"learner {recipe.name!r}: its training is not differentiated, so nothing is distilled with it; expected "
            f"{', '.join(able)} (--judge {recipe.name} trains it on the distilled set)"
        )
    require_fit(pde, recipe)
    return recipe


def require_fit(pde: PDE, recipe: Recipe) -> None:
    """Refuse a learner with which the equation cannot be solved, or says nothing of a set.

    Raises:
        ValueError: the equation is nonlinear, and the learner needs a linear one; or the other way round.
    """
    linear = pointwise_residual(pde).is_linear()
    if recipe.linear_only and not linear:
        raise ValueError(f"learner {recipe.name!r}: PDE {pde.name!r} is nonlinear; use gauss-newton")
    if recipe.nonlinear_only and linear:
        raise ValueError(
            f"learner {recipe.name!r}: PDE {pde.name!r} is linear, and this network begins with the solution of the linearised "
            "equation, which here is the solution itself, whatever the tuples; use ridge"
        )


def _known(kind: type, values: Settings) -> dict[str, Any]:
    """Return those of ``values`` that are settings of a model."""
    return {f.name: values[f.name] for f in fields(kind) if f.name != "pde" and f.name in values}


def _features(pde: PDE, stored: Settings) -> FeatureModel:
    return FeatureModel(pde, int(stored.get("width", 256)), float(stored.get("scale", 1.0)))


def _describe_features(learner: Any) -> dict[str, Any]:
    return {"width": learner.model.width, "scale": learner.model.scale, "penalty": learner.penalty}


def _describe_conditioned(learner: Any) -> dict[str, Any]:
    return {**_known(type(learner.model), vars(learner.model)), "penalty": learner.penalty}


def _describe_steps(learner: Any) -> dict[str, Any]:
    return {"steps": learner.steps}


def _ridge(pde: PDE, stored: Settings) -> Learner:
    return Ridge(_features(pde, stored), float(stored.get("penalty", 1e-8)))


def _gauss_newton(pde: PDE, stored: Settings) -> Learner:
    return GaussNewton(_features(pde, stored), float(stored.get("penalty", 1e-8)))


BODY_STEPS = {True: 600, False: 500}
"""Steps of training a body, of a linear equation or not."""

BODY_CONDITIONS = {True: 48, False: 8}
"""Boundary conditions per step, likewise."""

BODY_SHAPES = ((64, 64), (96, 64), (48, 48, 48))
"""Hidden layers of the bodies; each is judged with sets that were distilled on the others."""

MOST_FEATURES = 128


def _body_width(pde: PDE, points: int, boundary_points: int) -> Settings:
    """Return fewer features than rows, so that a head cannot meet all of them."""
    rows = points * pointwise_residual(pde).equations + boundary_points
    return {"width": max(8, min(MOST_FEATURES, round(FEATURES_PER_ROW * rows / pde.output_count)))}


FEATURES_PER_ROW = 0.85


def _body(pde: PDE, stored: Settings) -> Learner:
    linear = pointwise_residual(pde).is_linear()
    width = int(stored["width"] if "width" in stored else _body_width(pde, *pde.budget)["width"])
    steps = int(stored.get("steps", BODY_STEPS[linear]))
    shapes = [tuple(int(n) for n in hidden) for hidden in stored.get("hidden", BODY_SHAPES)]
    settings = [
        BodySettings(width=width, hidden=hidden, seed=seed, steps=steps, conditions=BODY_CONDITIONS[linear])
        for seed, hidden in enumerate(shapes)
    ]
    model = BodyModel(pde, width, Bodies(pde, settings, roughening_for(pde)))
    penalty = float(stored.get("penalty", 1e-8))
    return Ridge(model, penalty) if linear else GaussNewton(model, penalty)


def _describe_body(learner: Any) -> dict[str, Any]:
    bodies = learner.model.bodies.settings
    return {
        "width": learner.model.width,
        "hidden": [list(each.hidden) for each in bodies],
        "steps": bodies[0].steps,
        "penalty": learner.penalty,
    }


def body_seconds(learner: Any) -> Sequence[float]:
    """Return the wall time of training each body of a learner that was asked for; none where it has no bodies."""
    bodies = bodies_of(learner)
    return () if bodies is None else bodies.seconds


def _other_bodies(learner: Any, seed: int) -> Sequence[int]:
    """Return the bodies that the outer loop sees: all but the one that judges; that one where there is no other."""
    count = len(learner.model.bodies)
    return [(seed + k) % count for k in range(1, count)] or [seed]


def _mlp_adam(pde: PDE, stored: Settings, *, fresh: bool = False) -> Learner:
    if "steps" in stored:  # a set was distilled with it: a short training in double precision
        return Adam(MLPModel(pde), steps=int(stored["steps"]), dtype=torch.float64)
    return Adam(MLPModel(pde), steps=2000, fresh=fresh)


def _mlp_lm(pde: PDE, stored: Settings, *, fresh: bool = False) -> Learner:
    return LevenbergMarquardt(MLPModel(pde), fresh=fresh)


def _deepxde(pde: PDE, stored: Settings) -> Learner:
    return DeepXDE(pde, DeepXDETraining(adam_steps=600, lbfgs_steps=300))


def _tuple_ridge(pde: PDE, stored: Settings) -> Learner:
    model = LinearConditionedModel(pde, **_known(LinearConditionedModel, stored))
    return ProductRidge(model, stored.get("penalty", 1e-6))


def _tuple_gauss_newton(pde: PDE, stored: Settings) -> Learner:
    model = ConditionedModel(pde, **_known(ConditionedModel, stored))
    return GaussNewton(model, stored.get("penalty", 1e-4), iterations=8, tolerance=1e-5)


def _part(steps: int, stored: Settings) -> int:
    return max(2, round(steps * float(stored.get("part", 1.0))))


def _tuple_adam(pde: PDE, stored: Settings, *, fresh: bool = False) -> Learner:
    return Adam(ConditionedMLP(pde), steps=_part(4000, stored), fresh=fresh)


def _tuple_deepxde(pde: PDE, stored: Settings) -> Learner:
    return ConditionedDeepXDE(pde, DeepXDETraining(adam_steps=_part(2000, stored), lbfgs_steps=_part(500, stored)))


_BODIES = Recipe(
    BODY,
    _body,
    _describe_body,
    Outer(300, 24, 0.01),
    fitted_to=_body_width,
    draws=_other_bodies,
    any_start=True,
    lifts=((1.0, 1.0), (1e2, 1e2)),
    judges=True,
    judged_by=lambda pde: (drawn_learner(pde),),
    ratios=(1.0, 1e1, 1e2, 1e3),
)

ON_POINTS: Recipes = {
    r.name: r
    for r in (
        Recipe(
            "ridge",
            _ridge,
            _describe_features,
            Outer(400, 64, 0.01),
            linear_only=True,
            judges=True,
            ceiling=(14.0625, 5.0),
            lifts=((1.0, 1.0), (1e3, 1e3)),
        ),
        Recipe(
            "gauss-newton",
            _gauss_newton,
            _describe_features,
            Outer(200, 12, 0.01),
            judges=True,
            lifts=((1.0, 1.0), (1.0, 1e2)),
        ),
        _BODIES,
        Recipe(
            "mlp-adam",
            _mlp_adam,
            _describe_steps,
            Outer(60, 8, 0.01),
            distilling={"steps": 200},  # the state before every step is kept
            judges=True,
            fresh=partial(_mlp_adam, fresh=True),
        ),
        Recipe(
            "mlp-lm",
            _mlp_lm,
            outer=Outer(150, 16, 0.01),
            judges=True,
            fresh=partial(_mlp_lm, fresh=True),
            draws=lambda learner, seed: DRAWS,
            any_start=True,
            interpolates=True,
        ),
        Recipe("deepxde", _deepxde, judges=True, ratios=(10.0,), judged_shifts=2),
        replace(_BODIES, name="bank", outer=Outer(300, 48, 0.01), judged_by=lambda pde: (), mixes=(RANDOM_FEATURES,)),
        replace(_BODIES, name="bank-full", outer=Outer(300, 48, 0.01), judged_by=lambda pde: (), mixes=(RANDOM_FEATURES, "mlp-lm")),
    )
}
"""Learners that train on points: a fresh model for every condition."""

ON_TUPLES: Recipes = {
    r.name: r
    for r in (
        Recipe("ridge", _tuple_ridge, _describe_conditioned, Outer(800, 48, 0.02), linear_only=True),
        Recipe("gauss-newton", _tuple_gauss_newton, _describe_conditioned, Outer(90, 48, 0.01), nonlinear_only=True),
        Recipe("mlp-adam", _tuple_adam, judges=True, rehearsal=0.1, fresh=partial(_tuple_adam, fresh=True)),
        Recipe("deepxde", _tuple_deepxde, judges=True, rehearsal=0.1),
    )
}
"""Learners that train on tuples (position, condition): one network for all conditions."""
