"""One seed of the retrain protocol: how sets of points are made, tuned and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from pinndd.data import SyntheticData
from pinndd.hypergradients import Hypergradient, fitting
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.adaptive import RARD
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT, collocation_data, point_counts
from pinndd.pinn.sets.samplers import INTERIOR_SAMPLERS, sample_points
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.members import MemberGeneralisation
from pinndd.problem import DistillationProblem, Episodes, Learner
from pinndd.risks import Mean, OverParts
from pinndd.study.protocols.bench import Bench, Method
from pinndd.study.protocols.conditions import FreshConditions
from pinndd.study.protocols.fresh import TUNING
from pinndd.study.protocols.learners import Recipe, bodies_of
from pinndd.study.protocols.retrain.adaptive import ROUNDS, Adaptive, tuned_adaptive
from pinndd.study.protocols.retrain.bank import Member, bank_of, members_of
from pinndd.study.protocols.retrain.chosen import chosen_by_features
from pinndd.study.protocols.retrain.settings import RetrainSettings
from pinndd.study.protocols.weights import scaled, weight_grid, weighted, weights_around, weights_in_words, weights_of
from pinndd.study.results.table import DENSE, DISTILLED, FRESH

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

MEMBER_VALIDATION = 24
"""Conditions that choose the best iterate of a bank with networks that are trained to the end, for every member."""


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
            error = self.error(each, self.conditions.plain[:TUNING], learner)
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
