"""Training, validation and test conditions of every protocol, with all their seeds: nothing else draws conditions.

Everything is solved when it is first asked for, so judging a finished set solves no training conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, BoundaryValues, Ensemble
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.sets.condition_code import encode
from pinndd.pinn.sets.roughened import Roughening, roughened, roughened_sample
from pinndd.pinn.sets.samplers import sobol
from pinndd.pinn.solving.truth import answer_scale, boundary_episodes, recorded_conditions, solutions, truth_errors
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.questions import Questions
from pinndd.study.protocols.allowance import TEST, Allowance
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.results.table import NO_SHIFT

_TRAIN, _VALIDATION, _TEST = 11, 22, 33
"""Offsets that keep the draws of training, validation and test conditions apart."""

TESTED_AT, ASKED_AT = 1024, 512
"""Points at which solutions of test conditions are compared where a network is trained for each, and where one answers for all."""

_TRAINING_SHARE, _VALIDATION_SHARE, _TEST_SHARE = 0.15, 0.1, 0.15
"""Parts of the time of a first look that the true solutions of each may take, where there are as many as the fewest below."""

_FEWEST_TRAINING, _FEWEST_VALIDATION, _FEWEST_TESTS = 16, 8, 2
"""Conditions that there are at least in a first look, of tests in every family."""

_FIELD_TEST, _FIELD_VALIDATION = 910_000, 920_000
"""Seeds of the solved protocol's test and validation conditions."""


@dataclass(frozen=True)
class HeldOutConditions:
    """Test conditions of every shift that is asked, the same for every distillation seed, touched once.

    Attributes:
        episodes: `BoundaryEpisodes` or `Questions` by shift.
        outside: shifts that leave the span of the training family, which no function of its coefficients can see.
    """

    episodes: Mapping[str, Any]
    outside: Sequence[str] = ()

    def few(self, count: int, elsewhere: int) -> HeldOutConditions:
        """Return the first ``count`` conditions in distribution and ``elsewhere`` under other shifts."""
        chosen = {shift: e[: count if shift == NO_SHIFT else elsewhere] for shift, e in self.episodes.items()}
        return replace(self, episodes=chosen)


def _test_count(pde: PDE, settings: StudySettings, allowance: Allowance) -> int:
    """Return how many test conditions of every family there are, each of which our own solver solves twice."""
    families = len(settings.tested(pde.shifts))
    solved = families * (2 if pde.reference is None else 1)
    return allowance.solves(pde, settings.test_conditions, _FEWEST_TESTS, _TEST_SHARE, TEST, solved)


def fresh_tests(pde: PDE, settings: StudySettings, allowance: Allowance | None = None) -> HeldOutConditions:
    """Return the test conditions of protocols that train afresh for each."""
    points = pde.box.scale(sobol(TESTED_AT, pde.box.dimension, _TEST))
    episodes = {}
    count = _test_count(pde, settings, allowance or Allowance())
    for shift in settings.tested(pde.shifts):
        ensemble = pde.ensemble(shift)
        generator = torch.Generator().manual_seed(10_000 + _TEST * 100 + _number(pde, shift))
        drawn = _recorded_or(pde, shift, ensemble.sample(count, generator))
        solved = boundary_episodes(
            pde, ensemble, drawn, points, seed=settings.seed, derivatives=settings.measure.derivatives
        )
        errors = truth_errors(pde, solved.values)
        episodes[shift] = replace(solved, truth_error=errors).to(settings.device)
    return HeldOutConditions(episodes)


def asked_tests(pde: PDE, settings: StudySettings, allowance: Allowance | None = None) -> HeldOutConditions:
    """Return the test conditions of a conditioned network; shifts outside the span of the training family are left out."""
    points = pde.box.scale(sobol(ASKED_AT, pde.box.dimension, _TEST))
    return _in_span(pde, settings, points, 13_300, _test_count(pde, settings, allowance or Allowance()))


def field_tests(pde: PDE, settings: StudySettings, points: Tensor) -> HeldOutConditions:
    """Return the test conditions of the solved protocol, at the points where solutions are known."""
    return _in_span(pde, settings, points, _FIELD_TEST, settings.test_conditions)


def field_validation(pde: PDE, settings: StudySettings, points: Tensor, count: int) -> list[Questions]:
    """Return other conditions of all shifts in the span, on which the solved protocol's baselines are tuned."""
    every = StudySettings(device=settings.device, seed=0)
    return list(_in_span(pde, every, points, _FIELD_VALIDATION, count, judged=False).episodes.values())


def ask(pde: PDE, ensemble: Ensemble, coefficients: Tensor, points: Tensor, seed: int) -> Questions:
    """Solve conditions of any family in the span of the training family: questions to the network of draw ``seed``."""
    code = encode(pde.ensemble(), ensemble, coefficients)
    truth = solutions(pde, BoundaryValues(ensemble, coefficients), points)
    return Questions(code.coefficients, points, truth, seed, answer_scale(pde, points))


def _in_span(
    pde: PDE, settings: StudySettings, points: Tensor, first_seed: int, count: int, judged: bool = True
) -> HeldOutConditions:
    episodes, outside = {}, []
    for shift in settings.tested(pde.shifts):
        ensemble = pde.ensemble(shift)
        drawn = ensemble.sample(count, torch.Generator().manual_seed(first_seed + _number(pde, shift)))
        drawn = _recorded_or(pde, shift, drawn) if judged else drawn
        if encode(pde.ensemble(), ensemble, drawn).in_span:
            errors = truth_errors(pde, BoundaryValues(ensemble, drawn))
            episodes[shift] = replace(ask(pde, ensemble, drawn, points, settings.seed), truth_error=errors).to(settings.device)
        else:
            outside.append(shift)
    return HeldOutConditions(episodes, outside)


def _recorded_or(pde: PDE, shift: str, drawn: Tensor) -> Tensor:
    """Return the conditions that are recorded, where the reference is files and nothing is shifted; otherwise those drawn."""
    recorded = recorded_conditions(pde)
    return drawn if recorded is None or shift != NO_SHIFT else recorded


def _number(pde: PDE, shift: str) -> int:
    return [NO_SHIFT, *pde.shifts].index(shift)


@dataclass(frozen=True, eq=False)
class FreshConditions:
    """Conditions of protocols that train afresh for each: the training family, part of it with a rough process added, or not.

    Attributes:
        pde: the equation.
        seed: of the distillation; also of the network's draw.
        device: of the computation.
        training_count, validation_count: how many conditions.
        roughening: what is added to a part of them (None: nothing; whoever pays for sensors says what may come).
        points: how many, where the outer loop compares the solutions.
        derivatives: orders of derivatives that the distance needs.
        allowance: in a first look, fewer conditions are solved where each takes long.
        draw: of the network that validation trains (None: ``seed``).
    """

    pde: PDE
    seed: int
    device: str
    training_count: int
    validation_count: int
    roughening: Roughening | None
    points: int
    derivatives: int = 0
    allowance: Allowance = field(default_factory=Allowance)
    draw: int | None = None

    @cached_property
    def training(self) -> BoundaryEpisodes:
        """What the outer loop draws from."""
        count = self.allowance.solves(self.pde, self.training_count, _FEWEST_TRAINING, _TRAINING_SHARE, "training")
        return self._drawn(count, _TRAIN)

    @cached_property
    def validation(self) -> BoundaryEpisodes:
        """Conditions that choose the best iterate."""
        count = self.allowance.solves(self.pde, self.validation_count, _FEWEST_VALIDATION, _VALIDATION_SHARE, "validation")
        return self._drawn(count, _VALIDATION)

    @property
    def plain(self) -> BoundaryEpisodes:
        """Those of the validation conditions to which nothing is added: baselines are tuned on them."""
        share = 0.0 if self.roughening is None else self.roughening.share
        count = len(self.validation)
        return self.validation[: count - round(share * count)]

    def _drawn(self, count: int, offset: int) -> BoundaryEpisodes:
        generator = torch.Generator().manual_seed(self.seed * 100 + offset)
        if self.roughening is None:
            ensemble = self.pde.ensemble()
            drawn = ensemble.sample(count, generator)
        else:
            ensemble = roughened(self.pde, self.roughening)
            drawn = roughened_sample(ensemble, count, self.roughening.share, generator)
        points = self.pde.box.scale(sobol(self.points, self.pde.box.dimension, _TRAIN))
        draw = self.seed if self.draw is None else self.draw
        return boundary_episodes(self.pde, ensemble, drawn, points, seed=draw, derivatives=self.derivatives).to(self.device)


@dataclass(frozen=True, eq=False)
class BroadenedConditions:
    """Conditions of the amortised protocol, of a broadened training family.

    Attributes:
        pde: the equation.
        seed: of the distillation.
        device: of the computation.
        training_count, validation_count: how many conditions.
        points: where the solutions are compared.
        allowance: in a first look, fewer conditions are solved where each takes long.
    """

    pde: PDE
    seed: int
    device: str
    training_count: int = 300
    validation_count: int = 40
    points: int = 256
    allowance: Allowance = field(default_factory=Allowance)

    @cached_property
    def _codes(self) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(100 * self.seed + 5)
        training = self.pde.ensemble()
        wanted = (self.training_count, self.validation_count)
        least, shares = (_FEWEST_TRAINING, _FEWEST_VALIDATION), (_TRAINING_SHARE, _VALIDATION_SHARE)
        solves = partial(self.allowance.solves, self.pde)
        counts = map(solves, wanted, least, shares, ("training", "validation"))
        first, second = (broadened_sample(training, n, generator) for n in counts)
        return first, second

    @cached_property
    def training(self) -> Questions:
        """What the outer loop draws from."""
        return self._asked(self._codes[0])

    @cached_property
    def validation(self) -> Questions:
        """Conditions on which baselines are tuned, and that choose the best iterate."""
        return self._asked(self._codes[1])

    def _asked(self, codes: Tensor) -> Questions:
        points = self.pde.box.scale(sobol(self.points, self.pde.box.dimension, self.seed + 1))
        return ask(self.pde, self.pde.ensemble(), codes, points, 1000 * self.seed + 500).to(self.device)
