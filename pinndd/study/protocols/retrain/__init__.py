"""The retrain protocol: a fresh PINN for every boundary condition, trained on distilled points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pinndd.data import SyntheticData
from pinndd.hypergradients.minimum_norm import require_more_weights
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.ridge import Ridge
from pinndd.pinn.bodies.training import BodyError
from pinndd.pinn.declare.pde import pointwise_residual
from pinndd.pinn.files.points import write_csv
from pinndd.pinn.models.features import HeadModel
from pinndd.pinn.sets.roughened import roughening_for
from pinndd.problem import Learner
from pinndd.study.protocols.bench import Bench, Method
from pinndd.study.protocols.conditions import FreshConditions, HeldOutConditions
from pinndd.study.protocols.engine import distill_on
from pinndd.study.protocols.fresh import FreshStudy
from pinndd.study.protocols.learners import (
    BODY,
    ON_POINTS,
    Recipe,
    bodies_of,
    distilling_recipe,
    drawn_learner,
    train_bodies,
)
from pinndd.study.protocols.protocol import Protocol
from pinndd.study.protocols.retrain.bank import VALIDATING
from pinndd.study.protocols.retrain.bench import RetrainBench
from pinndd.study.protocols.retrain.chosen import CLOUD, MAGIC_POINTS, PIVOTED_QR
from pinndd.study.protocols.retrain.settings import RetrainSettings, nonsense
from pinndd.study.protocols.stored import points_needed
from pinndd.study.protocols.weights import on_random_features
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.table import DISTILLED, NO_SHIFT, as_table

__all__ = ["PROTOCOL", "RetrainBench", "RetrainSettings", "RetrainStudy"]

LARGER = ((1.5625, 1.2), (2.25, 1.5), (3.0625, 1.8))
"""Sizes at which the baselines alone are repeated, so that the report knows what the same error costs without distilling; in
interior and boundary points, as multiples of those of the study."""

CURVE = ((0.25, 0.5), (0.5625, 0.7), *LARGER)
"""Sizes of the curve, likewise."""

CONDITIONS = {True: (512, 128), False: (256, 32)}
"""Training and validation conditions, for a learner in closed form or another one."""

COMPARED_AT = 600
"""Points at which their solutions are compared."""

MOST_GAIN = 8.0
"""How many times smaller than with the best design the error with a set that was distilled for random features can be: the most of any
family of docs/benchmark.md is 8.2, in the mean over conditions (elasticity), that of the next one 6.4."""


@dataclass(frozen=True, eq=False)
class RetrainStudy(FreshStudy):
    """The retrain protocol applied to a PDE.

    Attributes:
        usual: the learner to distill with where nobody names one; empty as long as that is open.
    """

    usual: str = ""

    name = "retrain"

    @property
    def recipe(self) -> Recipe:
        # in a first look nobody waits for bodies
        usual = self.usual or (drawn_learner(self.pde) if self.settings.quick else BODY)
        return distilling_recipe(self.pde, self.settings.learner or usual, self.recipes)

    def alternatives(self, bench: Bench[Any], data: SyntheticData) -> Sequence[RetrainBench]:
        """Return the bench of random features, where their designs promise as little error as bodies reach, and nobody chose."""
        assert isinstance(bench, RetrainBench)
        if self.settings.learner or self.usual or bench.recipe.name != BODY:
            return ()
        other = bench.with_recipe(*self._on_random_features()).with_best_scale()
        promised = min(m.error for m in other.designs) / MOST_GAIN
        return (other,) if promised < bench.error_in_validation(data) else ()

    def settled(self, learner: str) -> RetrainStudy:
        return self.with_tests(replace(self, usual=learner))

    def benches(self, seed: int) -> Sequence[RetrainBench]:
        recipe, learner, remark = self._prepared(self.recipe, seed)
        bench = self.bench_of(recipe, learner, seed)
        for each in (learner, *(member.learner for member in bench.members)):
            if isinstance(each, LevenbergMarquardt):
                interior, boundary = self.size.points, self.size.boundary_points
                rows = interior * pointwise_residual(self.pde).equations + boundary
                require_more_weights(each.model.parameter_count, rows)
        self.progress("retrain: solving conditions", 0, 1, None)
        return (replace(bench.with_best_scale(), remark=remark),)

    def _prepared(self, recipe: Recipe, seed: int) -> tuple[Recipe, Any, str]:
        """Return the learner to distill with, its bodies trained; another one and a remark where they do not converge."""
        fitted_to = recipe.fitted_to(self.pde, self.size.points, self.size.boundary_points)
        learner = recipe.build(self.pde, {**recipe.distilling, **fitted_to})
        try:
            train_bodies(learner, self.progress, self.name, first=seed)
        except BodyError as error:
            usual, drawn = self._on_random_features()
            return usual, drawn, f"{error}. The study went on with {usual.name} on random features."
        return recipe, learner, ""

    def _on_random_features(self) -> tuple[Recipe, Learner]:
        """Return the recipe and the learner of random features that fit the equation."""
        recipe = distilling_recipe(self.pde, drawn_learner(self.pde), self.recipes)
        return recipe, recipe.build(self.pde, recipe.distilling)

    def bench_for(self, data: SyntheticData, recipe: Recipe | None) -> RetrainBench:
        name = str(data.header.get("learner", "")) or None
        own = distilling_recipe(self.pde, name, self.recipes)
        stored = data.header.get("learner_settings", {})
        chosen = recipe or own
        learner = chosen.build(self.pde, stored if recipe is None else {})
        seed = int(data.header.get("seed", self.settings.seed))
        train_bodies(learner, self.progress, self.name, [seed])
        return self.bench_of(chosen, learner, seed)

    def bench_of(self, recipe: Recipe, learner: Any, seed: int) -> RetrainBench:
        """Return a bench of the retrain protocol."""
        conditions = FreshConditions(
            self.pde,
            seed,
            self.settings.device,
            *CONDITIONS[isinstance(learner, Ridge)],
            roughening_for(self.pde),
            COMPARED_AT,
            derivatives=self.settings.measure.derivatives,
            allowance=self.allowance,
            draw=seed + VALIDATING if recipe.interpolates else None,
        )
        return RetrainBench(self, recipe, learner, seed, conditions)

    def judge(self, bench: Bench[Any], recipe: Recipe, part: float = 1.0) -> RetrainBench:
        judging = super().judge(bench, recipe, part)
        assert isinstance(judging, RetrainBench)
        return judging.with_best_scale()

    def retuned(self, bench: Bench[Any], method: Method) -> Method:
        if not on_random_features(bench.learner):
            return super().retuned(bench, method)
        assert isinstance(bench, RetrainBench)
        tuned = bench.tune(method.name, method.data)
        return replace(method, data=tuned.data, error=tuned.error, details=tuned.details)

    def other_sizes(self, bench: Bench[Any]) -> pd.DataFrame:
        assert isinstance(bench, RetrainBench)
        settings = self.settings
        tests = HeldOutConditions({NO_SHIFT: self.tests.episodes[NO_SHIFT]} if NO_SHIFT in self.tests.episodes else {})
        sizes = CURVE if settings.curve else LARGER if not settings.quick and not bench.sluggish else ()
        rows = []
        for k, factors in enumerate(sizes):
            size = self.size.times(self.pde, factors)
            other = replace(bench, study=self.resized(size))
            if settings.curve:
                methods = list(other.designs)
                data = distill_on(other).data
                rows.append(other.rows(Method(DISTILLED, data), tests, distilled_with=bench.recipe.name))
            else:
                methods = [other.tune(m, other.design(m, size)) for m in ("hammersley", "midpoint-grid")]
            rows += [other.rows(m, tests) for m in methods]
            self.progress("retrain: other sizes", k + 1, len(sizes), None)
        return as_table(pd.concat(rows)) if rows else as_table([])

    def notes(self, bench: Bench[Any]) -> Sequence[str]:
        assert isinstance(bench, RetrainBench)
        if bench.hurried:
            moving = (
                "The adaptive methods (rad, rar-d, r3, pacmann) and the sets chosen by features (magic-points, pivoted-qr) are left "
                "out of a quick study with a slow learner."
            )
        else:
            moving = (
                "The adaptive methods (rad, rar-d, r3, pacmann) move the interior points for every boundary condition anew, and "
                "train after each move; their time holds all of it. They have as many points as the other sets (rar-d ends with "
                "as many), and the boundary points of the best Sobol or Hammersley design."
            )
        notes = [
            _sameness(bench),
            moving,
            "The outer loop sees the training family, half of it with a rough Gaussian process added; no shift of the test.",
            "A collocation point without a label is free for a first-order learner: the rows of the judges say what the set is "
            "worth there.",
        ]
        if not bench.hurried and isinstance(getattr(bench.learner, "model", None), HeadModel):
            notes.append(
                f"{MAGIC_POINTS} and {PIVOTED_QR} are chosen from {CLOUD[0]} interior and {CLOUD[1]} boundary candidates by the "
                "features of the network that is judged: by empirical interpolation of them and of their residuals in turns, and "
                "by column-pivoted QR of the rows with the weights of the best design."
            )
        if bench.members:
            others = [each.recipe.name for each in bench.member_benches if each is not None]
            notes.append(
                f"The outer loop trained {len(bench.members)} learners in every step: {len(bench.members) - len(others)} bodies, "
                f"{'; '.join(others)}. The error with each counts relative to that of its best design. Rows of {bench.recipe.name} "
                "are those of a body that it did not see, rows under the other names those of the other members, with draws that "
                "it did not see: the ratio to the best baseline there is what the set is worth to each."
            )
        if bench.remark:
            notes.append(bench.remark)
        if bench.sluggish:
            notes.append("Baselines of other sizes are left out, since they take very long for several outputs: --curve runs them.")
        if bench.recipe.interpolates:
            notes.append(
                "Every condition has initial weights of its own, in the outer loop too, and all networks are trained from scratch. "
                "fresh-samples draws as many points anew at every step; +rar adds a quarter more interior points to a set by RAR-D: "
                "both stand outside the comparison, since they see more points."
            )
        if isinstance(bench.learner, Ridge):
            notes.append(
                "The equation is linear: one factorisation serves every boundary condition, and an amplitude shift is trivial."
            )
        return notes


def _sameness(bench: RetrainBench) -> str:
    tuned = "weights are tuned on validation conditions of the training family"
    if bodies_of(bench.learner) is not None:
        return (
            "Every method is trained with the same body, which the outer loop did not see, on the same boundary conditions; the "
            f"{tuned} for that body, those of the distilled set too."
        )
    return (
        "Every method is trained with the same learner and the same draw of its features, on the same boundary conditions; each "
        f"baseline's {tuned}, and the feature scale on the best baseline."
    )


PROTOCOL = Protocol(
    name="retrain",
    about="positions and two weights",
    words=ProtocolWords(
        title="Retrain: a fresh network for every boundary condition, trained on the distilled points",
        size="{points} interior and {boundary_points} boundary distilled points",
        unit="points",
        axis="interior points",
    ),
    size=RetrainSettings,
    default_size=lambda pde: RetrainSettings(*pde.budget),
    study=RetrainStudy,
    recipes=ON_POINTS,
    judges=("mlp-lm",),
    curve=True,
    derivatives=True,
    usual=True,
    labelled=False,
    nonsense=nonsense,
    export=write_csv,
    fields=points_needed,
)
