"""The amortised protocol: one network u(x; condition), trained once on distilled tuples, asked zero-shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.files.points import write_csv
from pinndd.pinn.models.conditioned_mlp import REACH
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR
from pinndd.pinn.sets.condition_code import encode, require_linear
from pinndd.pinn.sets.tuples import FAMILY, sample_tuples, tuple_data
from pinndd.pinn.tasks.questions import Questions
from pinndd.pinn.tasks.zero_shot import ZeroShot
from pinndd.problem import Episodes, Learner
from pinndd.risks import GeometricMean
from pinndd.study.protocols.bench import Bench, Method, Study
from pinndd.study.protocols.conditions import BroadenedConditions, HeldOutConditions, ask, asked_tests
from pinndd.study.protocols.learners import ON_TUPLES, Recipe, distilling_recipe
from pinndd.study.protocols.protocol import Protocol
from pinndd.study.protocols.sections import Section, section_of
from pinndd.study.protocols.stored import points_needed
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.table import DENSE, NO_SHIFT, as_table

DESIGNS = ("uniform", "latin-hypercube", "sobol", "hammersley", FAMILY)
TEST_FAMILY = "test-family"
"""Name of the design whose conditions are drawn from the very shift that is tested."""

WEIGHTS = (1e-2, 1e-1, 1.0, 1e1, 1e2)
REACHES = (1.0, 1.7)
"""Half widths of the box of conditions of a design, in standard deviations, that every baseline is tuned over."""

BOX = 3.0
"""Half width of the box of distilled coefficients, in standard deviations."""

NETWORKS = 16
"""Draws of the network that a set is distilled for; it is tested on a draw that is none of them."""

LARGER = (2, 4, 8)
"""Sobol designs with that many times the tuples, for the error against their number; the largest is the ceiling."""



@dataclass(frozen=True)
class AmortisedSettings:
    """Size of a set of the amortised protocol.

    Attributes:
        tuples: tuples (position, condition) in the interior.
        boundary_tuples: those on all conditions together.

    Raises:
        ValueError: one of them is not positive.
    """

    tuples: int = 280
    boundary_tuples: int = 70

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name.replace('_', ' ')} {value}: expected a whole number from 1 on")

    def times(self, factor: int) -> AmortisedSettings:
        """Return a multiple of the size."""
        return AmortisedSettings(self.tuples * factor, self.boundary_tuples * factor)


@dataclass(frozen=True, eq=False)
class AmortisedBench(Bench[AmortisedSettings]):
    """One seed of the amortised protocol."""

    conditions: BroadenedConditions

    fresh = False
    statistic = GeometricMean()
    validated_on = "of the broadened training family"

    def task_on(self, pool: Episodes) -> ZeroShot:
        first = 1000 * self.seed + 1
        return ZeroShot(pool, tuple(range(first, first + NETWORKS)), points=48)

    @property
    def training_draw(self) -> int:
        """A draw of the network that no distillation has seen."""
        return 1000 * self.seed + 900

    @property
    def outer(self) -> OuterSettings:
        recipe = self.recipe.outer
        assert recipe is not None
        steps = max(4, round(recipe.steps * self.settings.effort))
        return OuterSettings(steps, recipe.batch, recipe.rate, {BOUNDARY_WEIGHT: 3.0}, max(1, steps // 12), self.seed)

    @property
    def race(self) -> None:
        """There is one start."""

    def counts(self, data: SyntheticData) -> tuple[int, int]:
        return data[INTERIOR].shape[0], sum(data[c.name].shape[0] for c in self.pde.valued)

    @property
    def validating(self) -> Questions:
        return self.conditions.validation

    def drawn(self, design: str, size: AmortisedSettings, reach: float, shift: str = NO_SHIFT) -> SyntheticData:
        """Draw tuples by a named design; under a shift, with conditions drawn from its family."""
        training, ensemble = self.pde.ensemble(), self.pde.ensemble(shift)

        def conditions(count: int, generator: torch.Generator) -> Tensor:
            return encode(training, ensemble, ensemble.sample(count, generator)).coefficients

        drawn = sample_tuples(
            self.pde,
            design,
            size.tuples,
            size.boundary_tuples,
            self.seed + 1,
            reach=reach,
            conditions=None if shift == NO_SHIFT else conditions,
        )
        return tuple_data(self.pde, *drawn, reach=BOX).to(self.settings.device).with_header(reach=reach)

    def tune(self, design: str, size: AmortisedSettings, reaches: Sequence[float] = REACHES) -> Method:
        """Draw a design and choose its boundary weight, and the reach of its conditions, on validation conditions."""
        # the family is drawn as it is: a factor above 1 would leave the box
        found = [
            self.tune_weight(Method(design, self.drawn(design, size, reach), details=f"reach {reach:g}"))
            for reach in (reaches if design != FAMILY else (1.0,))
        ]
        return min(found, key=lambda m: m.error)

    def tune_weight(self, method: Method, more: Sequence[float] = ()) -> Method:
        """Return a set with the boundary weight that has the lowest error on validation conditions."""
        details = method.details.partition(", weight")[0]
        methods = [
            replace(method, data=data, error=self.error(data), details=f"{details}, weight {weight:.4g}".lstrip(", "))
            for weight in (*WEIGHTS, *more)
            for data in [with_weight(method.data, weight)]
        ]
        return min(methods, key=lambda m: m.error)

    @cached_property
    def designs(self) -> Sequence[Method]:
        tuned = []
        for k, design in enumerate(DESIGNS):
            tuned.append(self.tune(design, self.study.size))
            self.study.progress("amortised: tuning baselines", k + 1, len(DESIGNS), min(m.error for m in tuned))
        return tuned

    def starts(self) -> Sequence[SyntheticData]:
        return (min(self.designs, key=lambda m: m.error).data,)

    def rivals(self) -> Sequence[Method]:
        """Return designs drawn from each shift, which nobody has who does not know what will be asked (see arXiv 2505.21626)."""
        family = next(m for m in self.designs if m.name == FAMILY)
        weight = float(family.data[BOUNDARY_WEIGHT])
        found = []
        for shift in (s for s in self.study.tests.episodes if s != NO_SHIFT):
            data = with_weight(self.drawn(FAMILY, self.study.size, 1.0, shift), weight)
            found.append(Method(TEST_FAMILY, data, family.error, shifts=(shift,)))
        if not self.settings.quick:
            found.append(replace(self.larger[LARGER[-1]], name=DENSE, ceiling=True))
        return found

    @cached_property
    def larger(self) -> Mapping[int, Method]:
        """Sobol designs of several times the size, with the reach of the small one."""
        reach = next(m for m in self.designs if m.name == "sobol").data.header["reach"]
        found = {}
        for factor in LARGER:
            found[factor] = self.tune("sobol", self.study.size.times(factor), (reach,))
            self.study.progress("amortised: larger designs", factor, LARGER[-1], found[factor].error)
        return found


def with_weight(data: SyntheticData, weight: float) -> SyntheticData:
    """Return tuples with another boundary weight."""
    return data.with_fields({BOUNDARY_WEIGHT: data[BOUNDARY_WEIGHT].new_tensor(weight)})


@dataclass(frozen=True, eq=False)
class AmortisedStudy(Study[AmortisedSettings]):
    """The amortised protocol applied to a PDE."""

    name = "amortised"
    judged_designs = ("sobol",)

    @cached_property
    def tests(self) -> HeldOutConditions:
        return asked_tests(self.pde, self.settings, self.allowance)

    def benches(self, seed: int) -> Sequence[AmortisedBench]:
        recipe = self.recipe
        self.progress("amortised: solving conditions", 0, 1, None)
        return (self._bench(recipe, recipe.build(self.pde, recipe.distilling), seed),)

    def bench_for(self, data: SyntheticData, recipe: Recipe | None) -> AmortisedBench:
        own = distilling_recipe(self.pde, str(data.header.get("learner", "")) or None, self.recipes)
        stored = data.header.get("learner_settings", {}) if recipe is None else {}
        chosen = recipe or own
        return self._bench(chosen, chosen.build(self.pde, stored), int(data.header.get("seed", self.settings.seed)))

    def _bench(self, recipe: Recipe, learner: Learner, seed: int) -> AmortisedBench:
        conditions = BroadenedConditions(self.pde, seed, self.settings.device, allowance=self.allowance)
        return AmortisedBench(self, recipe, learner, seed, conditions)

    def judge(self, bench: Bench[Any], recipe: Recipe, part: float = 1.0) -> Bench[Any]:
        return bench.with_recipe(recipe, recipe.build(self.pde, {"part": part * self.settings.effort}))

    def retuned(self, bench: Bench[Any], method: Method) -> Method:
        assert isinstance(bench, AmortisedBench)
        if method.name in DESIGNS:
            return bench.tune(method.name, self.size)
        return bench.tune_weight(method, (float(method.data[BOUNDARY_WEIGHT]),))

    def fresh_samples(self, bench: Bench[Any], data: SyntheticData) -> SyntheticData:
        # in a box that holds the conditions of fresh samples, which reach farther than those of the designs
        boundary = {c.name: data[c.name] for c in self.pde.valued}
        return tuple_data(self.pde, data[INTERIOR], boundary, float(data[BOUNDARY_WEIGHT]), reach=REACH)

    def other_sizes(self, bench: Bench[Any]) -> pd.DataFrame:
        assert isinstance(bench, AmortisedBench)
        if self.settings.quick:
            return as_table([])
        return as_table(pd.concat([bench.rows(method, self.tests) for method in bench.larger.values()]))

    def example_questions(self, bench: Bench[Any], shift: str, index: int) -> tuple[Questions, Section]:
        section, tests = section_of(self.pde), self.tests.episodes[shift]
        codes = tests.codes[index : index + 1].cpu()
        asked = ask(self.pde, self.pde.ensemble(), codes, section.points, bench.training_draw)
        return asked.to(self.settings.device), section

    def notes(self, bench: Bench[Any]) -> Sequence[str]:
        outside = self.tests.outside
        return [
            "Every method trains the same network; each baseline's boundary weight, and how far its conditions reach, are "
            "tuned on validation conditions of the broadened training family. No shift of the test was seen, but by the design "
            "test-family, whose conditions are drawn from the very shift that is asked.",
            *([f"Not tested, outside the span of the training family: {', '.join(outside)}."] if outside else []),
        ]


def nonsense(pde: PDE, size: AmortisedSettings) -> str:
    """Return why the protocol makes no sense for a PDE, or an empty text."""
    try:
        require_linear(pde.ensemble())
    except ValueError as error:
        return str(error)
    if size.boundary_tuples < len(pde.valued):
        return f"{size.boundary_tuples} boundary tuples for {len(pde.valued)} conditions: give at least one to each"
    return ""


PROTOCOL = Protocol(
    name="amortised",
    about="tuples (position, condition)",
    words=ProtocolWords(
        title="Amortised: one network for all boundary conditions, trained once on the distilled tuples",
        size="{points} interior and {boundary_points} boundary distilled tuples",
        unit="tuples",
        axis="tuples (position, condition)",
    ),
    size=AmortisedSettings,
    default_size=lambda pde: AmortisedSettings(),
    study=AmortisedStudy,
    recipes=ON_TUPLES,
    judges=(),
    curve=False,
    derivatives=False,
    usual=True,
    labelled=False,
    shared=True,
    nonsense=nonsense,
    export=write_csv,
    fields=lambda pde: points_needed(pde, pde.ensemble().size),
)
