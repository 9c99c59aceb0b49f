"""The retrain protocol: a fresh PINN for every boundary condition, trained on distilled points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from pinndd.data import SyntheticData
from pinndd.hypergradients import Hypergradient, fitting
from pinndd.hypergradients.minimum_norm import require_more_weights
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.adaptive import RARD
from pinndd.pinn.bodies.training import BodyError
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.files.points import write_csv
from pinndd.pinn.models.features import HeadModel
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT, collocation_data, point_counts
from pinndd.pinn.sets.roughened import roughening_for
from pinndd.pinn.sets.samplers import INTERIOR_SAMPLERS, allocate, sample_points
from pinndd.pinn.solving.truth import boundary_episodes
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.members import MemberGeneralisation
from pinndd.problem import DistillationProblem, Episodes, Learner
from pinndd.risks import Mean, OverParts
from pinndd.study.protocols.adaptive import ROUNDS, Adaptive, tuned_adaptive
from pinndd.study.protocols.bank import VALIDATING, Member, bank_of, members_of
from pinndd.study.protocols.bench import Bench, Method, Study
from pinndd.study.protocols.chosen import CLOUD, MAGIC_POINTS, PIVOTED_QR, chosen_by_features
from pinndd.study.protocols.conditions import FreshConditions, HeldOutConditions, fresh_tests
from pinndd.study.protocols.engine import distill_on
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
from pinndd.study.protocols.sections import Section, section_of
from pinndd.study.protocols.stored import points_needed
from pinndd.study.protocols.weights import (
    on_random_features,
    scaled,
    weight_grid,
    weighted,
    weights_around,
    weights_in_words,
    weights_of,
)
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.table import DENSE, DISTILLED, FRESH, NO_SHIFT, as_table

RATIOS = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4)
"""Ratios of the boundary weight to the interior weight that every baseline is tuned over."""

LEVELS = (1.0, 1e2, 1e4)
"""Interior weights that every baseline is tuned over: against the penalty of the learner, more weight is less smoothing."""

CEILING_WHERE_SLOW = (3.0625, 1.8)
"""Size of the ceiling in a first look at a nonlinear equation, and for several outputs of one, as multiples of the study's."""

ANEW_LEVELS, ANEW_RATIOS = (0.1, 1.0, 10.0), (0.1, 1.0, 10.0)
"""Factors on the weights of a distilled set that are tuned anew for a network that the outer loop did not see."""

STARTS = ("sobol", "hammersley", "latin-hypercube")
"""Baselines that the outer loop starts from; the best after a short race goes on. Some learners start from
the best three designs, whichever they are."""

ADDED = 4
"""The interior points of a set over those that RAR-D adds to it."""

BEST_OF_K = "best-of-k"
RANDOM = ("uniform", "latin-hypercube", "sobol", "hammersley")
"""Samplers that best-of-k draws from in turn."""

LARGER = ((1.5625, 1.2), (2.25, 1.5), (3.0625, 1.8))
"""Sizes at which the baselines alone are repeated, so that the report knows what the same error costs without distilling; in
interior and boundary points, as multiples of those of the study."""

CURVE = ((0.25, 0.5), (0.5625, 0.7), *LARGER)
"""Sizes of the curve, likewise."""

MEMBER_VALIDATION = 24
"""Conditions that choose the best iterate of a bank with networks that are trained to the end, for every member."""

MOST_GAIN = 8.0
"""How many times smaller than with the best design the error with a set that was distilled for random features can be: the most of any
family of docs/benchmark.md is 8.2, in the mean over conditions (elasticity), that of the next one 6.4."""

_TUNING = 4
"""Conditions on which the weights for a judge are tuned."""


@dataclass(frozen=True)
class RetrainSettings:
    """Size of a set of the retrain protocol.

    Attributes:
        points: interior points.
        boundary_points: of all conditions together.

    Raises:
        ValueError: one of them is not positive.
    """

    points: int = 64
    boundary_points: int = 30

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name.replace('_', ' ')} {value}: expected a whole number from 1 on")

    def times(self, pde: PDE, factors: tuple[float, float]) -> RetrainSettings:
        """Return multiples of the size, at least one boundary point per condition."""
        points, boundary_points = self.points * factors[0], self.boundary_points * factors[1]
        return RetrainSettings(max(1, round(points)), max(len(pde.valued), round(boundary_points)))


def design_seed(method: str, seed: int) -> int:
    """Return the seed of a sampler in a study: the designs that need no randomness are taken as they are in the books."""
    return 0 if method in ("hammersley", "midpoint-grid", "chebyshev-grid") else seed + 1


@dataclass(frozen=True, eq=False)
class RetrainBench(Bench[RetrainSettings]):
    """One seed of the retrain protocol; the draw of the random features belongs to the learner.

    Attributes:
        remark: a sentence for the report, on the learner.
    """

    conditions: FreshConditions
    remark: str = ""

    @property
    def slow(self) -> bool:
        """Whether a fit takes so long that tuning has to be sparing: all that has no closed form."""
        return self.learner.differentiation != "closed form"

    @property
    def hurried(self) -> bool:
        """Whether this is a first look with a slow learner."""
        return self.settings.quick and self.slow

    @property
    def sluggish(self) -> bool:
        """Whether a fit takes several times as long as a slow one, since there are several outputs."""
        return self.slow and self.pde.output_count > 1

    def task_on(self, pool: Episodes) -> BoundaryGeneralisation:
        return BoundaryGeneralisation(pool, self.recipe.draws(self.learner, self.seed))

    @cached_property
    def members(self) -> Sequence[Member]:
        """The learners of the bank that the outer loop trains; none where it trains the learner of the bench alone."""
        if not self.recipe.mixes:
            return ()
        return members_of(self.pde, self.recipe, self.learner, self.seed, self.study.recipes)

    @cached_property
    def member_benches(self) -> Sequence[RetrainBench | None]:
        """For every member the bench where it is judged; None where this bench is."""
        return [self.with_recipe(each.recipe, each.learner) if each.judges else None for each in self.members]

    @property
    def shared(self) -> int:
        return max(1, self.outer.batch // max(1, len(self.members)))

    def problem_for(self, data: SyntheticData) -> DistillationProblem:
        if not self.members:
            return super().problem_for(data)
        bank = bank_of(self.members)
        seeds = [[bank.seed(k, draw) for draw in member.draws] for k, member in enumerate(self.members)]
        levels = tuple(min(m.error for m in (bench or self).designs) for bench in self.member_benches)
        risk = OverParts(self.usual_risk, self.settings.risk_or(Mean()), levels)
        return DistillationProblem(bank, MemberGeneralisation(self.conditions.training, seeds), self.settings.measure, risk)

    @property
    def hypergradient(self) -> Hypergradient:
        return fitting(bank_of(self.members)) if self.members else super().hypergradient

    @property
    def validation(self) -> Sequence[BoundaryEpisodes]:
        whole = self.conditions.validation
        if self.members:
            bank = bank_of(self.members)
            few = whole[:MEMBER_VALIDATION] if any(bench and bench.recipe.interpolates for bench in self.member_benches) else whole
            return [few.with_seed(bank.seed(k, member.validating)) for k, member in enumerate(self.members)]
        if bodies_of(self.learner) is None:
            return [whole]
        return [whole.with_seed(draw) for draw in self.recipe.draws(self.learner, self.seed)]

    @property
    def validating(self) -> BoundaryEpisodes:
        return self.conditions.plain[: 6 if self.hurried else 12 if self.slow else None]

    @property
    def outer(self) -> OuterSettings:
        return outer_settings(self.recipe, self.settings.effort, self.seed, self.pde.output_count)

    def counts(self, data: SyntheticData) -> tuple[int, int]:
        return point_counts(self.pde, data)

    def sampled(self, method: str, size: RetrainSettings, seed: int) -> SyntheticData:
        """Draw a point set by a named sampler, with unit weights."""
        interior, boundary = sample_points(self.pde, method, size.points, size.boundary_points, seed)
        return collocation_data(self.pde, interior, boundary).to(self.settings.device)

    def design(self, method: str, size: RetrainSettings) -> SyntheticData:
        """Return a usual design of a size."""
        return self.sampled(method, size, design_seed(method, self.seed))

    def tune(self, name: str, data: SyntheticData, *, ceiling: bool = False) -> Method:
        """Return a set with its best weights for the learner, on the grid that its speed allows."""
        if self.recipe.interpolates:
            sets = weight_grid(data, (1.0,), self.recipe.ratios)
        elif self.hurried:
            sets = weight_grid(data, LEVELS[:2], RATIOS[2:5])
        elif self.slow:
            sets = weight_grid(data, LEVELS[:2], RATIOS[1:6])
        else:
            sets = weight_grid(data, LEVELS, RATIOS)
        return replace(self.best(name, sets, self.validating), ceiling=ceiling)

    def best(self, name: str, sets: Sequence[SyntheticData], episodes: BoundaryEpisodes) -> Method:
        """Return the one of several sets with the lowest error."""
        methods = [Method(name, each, self.error(each, episodes), details=weights_in_words(each)) for each in sets]
        return min(methods, key=lambda m: m.error)

    def with_best_scale(self) -> RetrainBench:
        """Choose the feature scale of the learner on the baselines that are usually best."""
        candidates = [replace(self, learner=learner) for learner in scaled(self.learner)]
        if len(candidates) == 1:
            return self
        methods = ("hammersley", "midpoint-grid", "sobol")[: 1 if self.hurried else 3]
        sets = [self.design(m, self.study.size) for m in methods]
        ratios, levels = (RATIOS[2:5], LEVELS[: 1 if self.hurried else 2]) if self.slow else (RATIOS[1:6], LEVELS)
        plain = self.conditions.plain
        episodes = plain[:8] if self.slow else plain
        errors: list[float] = []
        for candidate in candidates:
            errors.append(min(candidate.best("", weight_grid(data, levels, ratios), episodes).error for data in sets))
            self.study.progress("retrain: choosing the scale of the features", len(errors), len(candidates), min(errors))
        return candidates[errors.index(min(errors))]

    @cached_property
    def designs(self) -> Sequence[Method]:
        return self.designs_of(self.study.size)

    def designs_of(self, size: RetrainSettings) -> list[Method]:
        """Return every usual design of a size with its tuned weights."""
        tuned = []
        for k, name in enumerate(INTERIOR_SAMPLERS):
            tuned.append(self.tune(name, self.design(name, size)))
            least = min(t.error for t in tuned)
            self.study.progress("retrain: tuning baselines", k + 1, len(INTERIOR_SAMPLERS), least)
        return tuned

    def starts(self) -> Sequence[SyntheticData]:
        able = [m for m in self.designs if m.name in STARTS or self.recipe.any_start]
        sets = sorted(able, key=lambda m: m.error)[: len(STARTS)]
        if self.hurried:
            sets = sets[:1]
        lifted = []
        for m in sets:
            level, weight = weights_of(m.data)
            lifted += [weighted(m.data, level * inner, weight * outer) for inner, outer in self.recipe.lifts]
        return lifted

    def rivals(self) -> Sequence[Method]:
        allowance, study = self.study.allowance, self.study
        found = [self.best_of_k()] if allowance.affords(BEST_OF_K, 0.6) else []
        if self.recipe.interpolates and self.recipe.fresh is not None and allowance.affords(FRESH, 0.6):
            found.append(self._on_fresh_samples(self.recipe.fresh(self.pde, {})))
        if allowance.affords("the dense set", 0.7):
            size = CEILING_WHERE_SLOW if self.hurried or self.sluggish else self.recipe.ceiling
            dense = self.sampled("sobol", study.size.times(self.pde, size), self.seed + 1)
            found.append(self.tune(DENSE, dense, ceiling=True))
        if not self.hurried and allowance.affords("sets chosen by features", 0.6):
            found += chosen_by_features(self)
        # in a first look they would take longer than all the rest where every fit is slow
        if not self.hurried and allowance.affords("adaptive methods", 0.5):
            found += tuned_adaptive(self)
        return found

    def finished(self, data: SyntheticData) -> SyntheticData:
        if self.recipe.interpolates:
            return self.tune(DISTILLED, data).data
        if bodies_of(self.learner) is None:
            return data
        return self.best(DISTILLED, weights_around(data, ANEW_LEVELS, ANEW_RATIOS), self.validating).data

    def additions(self, data: SyntheticData) -> Sequence[Method]:
        """Return RAR-D on top of the distilled set and of the best design, a quarter more interior points each."""
        if not self.recipe.interpolates or self.hurried:
            return ()
        best = min(self.designs, key=lambda m: m.error)
        inner, outer = self.counts(data)
        count = inner + max(1, inner // ADDED)
        learner = Adaptive(self.pde, self.learner, RARD(start=inner / count), ROUNDS[0], count, self.seed)
        cores = ((DISTILLED, data), (best.name, best.data))
        return [
            Method(f"{name}+rar", core, learner=learner, ceiling=True, size=(count, outer), details=weights_in_words(core))
            for name, core in cores
        ]

    def elsewhere(self, data: SyntheticData) -> Sequence[pd.DataFrame]:
        """Return rows of every other member of a bank: the distilled set and all designs, with weights tuned for it alike."""
        rows, study = [], self.study
        judges = [bench for bench in self.member_benches if bench is not None]
        for k, bench in enumerate(judges):
            tests = study.judge_tests if bench.recipe.interpolates else study.tests
            rows.append(bench.rows(bench.tune(DISTILLED, data), tests, distilled_with=self.recipe.name))
            rows += [bench.rows(design, tests) for design in bench.designs]
            study.progress(f"retrain: testing {bench.recipe.name}", k + 1, len(judges), None)
        return rows

    def _on_fresh_samples(self, learner: Learner) -> Method:
        """Return training with as many points, drawn uniformly for every step, with the weight that serves it best."""
        size = self.study.size
        tried = []
        for each in weight_grid(self.design("uniform", size), (1.0,), self.recipe.ratios):
            error = self.error(each, self.conditions.plain[:_TUNING], learner)
            tried.append(Method(FRESH, each, error, learner, ceiling=True, details=weights_in_words(each)))
        return min(tried, key=lambda m: m.error)

    def best_of_k(self) -> Method:
        """Return the best of k random sets on the validation conditions, with the outer compute of a distillation.

        An outer step, with its gradient, costs about two evaluations of its batch, or one where training interpolates; so k is such
        that as many conditions are evaluated. Each set takes the tuned weights of its sampler.
        """
        tuned = {m.name: weights_of(m.data) for m in self.designs}
        outer, episodes = self.outer, self.conditions.plain
        each = 1 if self.recipe.interpolates else 2
        count = max(1, round(each * outer.steps * outer.batch / len(episodes)))
        best: Method | None = None
        for k in range(count):
            name = RANDOM[k % len(RANDOM)]
            drawn = self.sampled(name, self.study.size, 7919 * (self.seed + 1) + k)
            data = weighted(drawn, *tuned[name])
            error = self.error(data, episodes)
            if best is None or error < best.error:
                best = Method(BEST_OF_K, data, error, details=weights_in_words(data))
            if k % 20 == 0 or k == count - 1:
                self.study.progress("retrain: best of k random sets", k + 1, count, best.error)
        assert best is not None
        return best


def outer_settings(recipe: Recipe, effort: float, seed: int, outputs: int = 1) -> OuterSettings:
    """Return the settings of the outer loop for a learner; ``effort`` scales the number of steps.

    In a first look (an effort below 1) several outputs, which take longer each, get fewer conditions per step.
    """
    assert recipe.outer is not None
    return OuterSettings(
        steps=max(10, round(recipe.outer.steps * effort)),
        batch=max(4, recipe.outer.batch // outputs) if effort < 1 else recipe.outer.batch,
        learning_rate=recipe.outer.rate,
        rates=dict.fromkeys((BOUNDARY_WEIGHT, INTERIOR_WEIGHT), 0.0 if recipe.interpolates else 5.0),
        validate_every=20,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class FreshStudy(Study[Any]):
    """What protocols have in common that train a fresh model on points for every condition."""

    judged_designs = ("midpoint-grid",)

    @cached_property
    def tests(self) -> HeldOutConditions:
        return fresh_tests(self.pde, self.settings)

    @property
    def judge_tests(self) -> HeldOutConditions:
        count = self.settings.judge_conditions
        return self.tests.few(count, max(2, count // 2))

    def judge(self, bench: Bench[Any], recipe: Recipe, part: float = 1.0) -> Bench[Any]:
        learner = recipe.build(self.pde, {})
        train_bodies(learner, self.progress, self.name, [bench.seed])
        return bench.with_recipe(recipe, learner)

    def retuned(self, bench: Bench[Any], method: Method) -> Method:
        sets = weight_grid(method.data, (1.0,), bench.recipe.ratios)
        if len(sets) == 1:
            return replace(method, data=sets[0])
        episodes = bench.conditions.plain[:_TUNING]
        return min((replace(method, data=d, error=bench.error(d, episodes)) for d in sets), key=lambda m: m.error)

    def fresh_samples(self, bench: Bench[Any], data: SyntheticData) -> SyntheticData:
        return weighted(data, 1.0, 10.0)

    def example_questions(self, bench: Bench[Any], shift: str, index: int) -> tuple[BoundaryEpisodes, Section]:
        section, drawn = section_of(self.pde), self.tests.episodes[shift].values
        coefficients = drawn.coefficients[index : index + 1].cpu()
        episodes = boundary_episodes(self.pde, drawn.ensemble, coefficients, section.points, seed=bench.seed)
        return episodes.to(self.settings.device), section

    def points_bench(self, data: SyntheticData, recipe: Recipe | None) -> RetrainBench:
        """Return the bench where a finished set of points is judged: its conditions are solved only if weights are tuned."""
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
        counts = (512, 128) if isinstance(learner, Ridge) else (256, 32)
        conditions = FreshConditions(
            self.pde,
            seed,
            self.settings.device,
            *counts,
            roughening_for(self.pde),
            derivatives=self.settings.measure.derivatives,
            allowance=self.allowance,
            draw=seed + VALIDATING if recipe.interpolates else None,
        )
        return RetrainBench(self, recipe, learner, seed, conditions)


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

    def settled(self, bench: Bench[Any]) -> RetrainStudy:
        return self.with_tests(replace(self, usual=bench.recipe.name))

    def benches(self, seed: int) -> Sequence[RetrainBench]:
        recipe, learner, remark = self._prepared(self.recipe)
        bench = self.bench_of(recipe, learner, seed)
        for each in (learner, *(member.learner for member in bench.members)):
            if isinstance(each, LevenbergMarquardt):
                interior, boundary = self.size.points, self.size.boundary_points
                rows = interior * pointwise_residual(self.pde).equations + boundary
                require_more_weights(each.model.parameter_count, rows)
        self.progress("retrain: solving conditions", 0, 1, None)
        return (replace(bench.with_best_scale(), remark=remark),)

    def _prepared(self, recipe: Recipe) -> tuple[Recipe, Any, str]:
        """Return the learner to distill with, its bodies trained; another one and a remark where they do not converge."""
        fitted_to = recipe.fitted_to(self.pde, self.size.points, self.size.boundary_points)
        learner = recipe.build(self.pde, {**recipe.distilling, **fitted_to})
        try:
            train_bodies(learner, self.progress, self.name)
        except BodyError as error:
            usual, drawn = self._on_random_features()
            return usual, drawn, f"{error}. The study went on with {usual.name} on random features."
        return recipe, learner, ""

    def _on_random_features(self) -> tuple[Recipe, Learner]:
        """Return the recipe and the learner of random features that fit the equation."""
        recipe = distilling_recipe(self.pde, drawn_learner(self.pde), self.recipes)
        return recipe, recipe.build(self.pde, recipe.distilling)

    def bench_for(self, data: SyntheticData, recipe: Recipe | None) -> RetrainBench:
        return self.points_bench(data, recipe)

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


def nonsense(pde: PDE, size: RetrainSettings) -> str:
    """Return why a size makes no sense, or an empty text."""
    try:
        allocate(pde, size.boundary_points)
    except ValueError as error:
        return str(error)
    return ""


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
