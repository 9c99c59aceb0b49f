"""The engine: distill, compare, judge, repeat at other sizes. It knows no protocol by name."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd
import torch

from pinndd.checkpoint import CheckpointError
from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation, DivergedError, OuterSettings, distill, require_resumable
from pinndd.pinn.solving.in_words import scale_in_words, truth_in_words
from pinndd.problem import DistillationProblem
from pinndd.processes import processes, require_enough
from pinndd.study.protocols.allowance import FIRST_LOOK, Allowance
from pinndd.study.protocols.bench import Bench, Method, Study, outer_header
from pinndd.study.protocols.learners import Recipe, body_seconds, recipe_of, require_fit
from pinndd.study.protocols.parts import distance_name
from pinndd.study.protocols.protocol import Protocol
from pinndd.study.results.kept_seeds import NOT_KEPT, KeptSeeds
from pinndd.study.results.outcome import FieldExample, Outcome
from pinndd.study.results.selection import one_set_each
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import DISTILLED, FRESH, NO_SHIFT, as_table
from pinndd.study.results.words import significant

S = TypeVar("S")

SHARE = 0.5
"""Part of the time that is left in a first look which the outer loop may take."""

MOST_HURRIED = 5
"""Outer steps that a first look takes however slow they are."""


@dataclass(frozen=True)
class Trial:
    """One bench with the set that was distilled on it.

    Attributes:
        bench: of one seed and learner.
        found: the set, with the seconds of all that was distilled before it was chosen.
        remark: a sentence on the choice between learners; empty where there was none.
    """

    bench: Bench[Any]
    found: Distillation
    remark: str = ""

    @property
    def distilled(self) -> Method:
        """The distilled set as a method."""
        return Method(DISTILLED, self.found.data, self.found.risk)

    @cached_property
    def methods(self) -> Sequence[Method]:
        """What the set is compared with, each as it was tuned."""
        return [*self.bench.designs, *self.bench.rivals(), *self.bench.additions(self.found.data)]


def distill_on(bench: Bench[S], checkpoint: Path | None = None, resume: bool = False) -> Distillation:
    """Race the starts of a bench for a short time, then distill from the best of them.

    The seconds of the result are those of choosing the start, the race and the outer loop; the designs, which a study tunes
    anyway, are not in them.

    Args:
        bench: of one seed and learner.
        checkpoint: file for the state of the outer loop.
        resume: continue from ``checkpoint``.

    Raises:
        DivergedError: the outer loop diverged; its best set is on the exception, and says so in its header.
        CheckpointError: the checkpoint is damaged or of another configuration.
        ValueError: there are more processes than episodes to share out; before anything is tuned.
    """
    _require_shareable(bench)
    say, name = bench.study.progress, bench.study.name
    started = time.perf_counter()
    starts = [data.with_header(**bench.header()) for data in bench.starts()]
    validation = bench.validation
    best = starts[0] if bench.race is None else _winner(bench, starts, bench.race)
    before = time.perf_counter() - started
    problem, allowance = bench.problem_for(best), bench.study.allowance
    outer = _affordable(bench, problem, best)
    if allowance.seconds is not None:
        best = best.with_header(outer=outer_header(outer), **{FIRST_LOOK: allowance.distilling})
    found = distill(
        problem,
        best,
        hypergradient=bench.hypergradient,
        validation=validation,
        settings=outer,
        checkpoint=checkpoint,
        resume=resume,
        progress=lambda step, error: say(f"{name}: distilling", step, outer.steps, error),
    )
    seconds = found.seconds + before
    data = bench.finished(found.data).with_header(seconds=round(seconds, 3))
    return replace(found, data=data, seconds=seconds)


def going_on(study: Study[S], checkpoint: Path | None, resume: bool) -> Study[S]:
    """Return a study whose first look, if it is one, takes the numbers of conditions and steps that an interrupted one had settled.

    Args:
        study: that distills one set.
        checkpoint: file of the state of its outer loop.
        resume: whether the distillation goes on from there.

    Raises:
        CheckpointError: the checkpoint is damaged or of another configuration.
    """
    settings = study.settings
    if checkpoint is None or not resume or not checkpoint.exists():
        return replace(study, allowance=Allowance(settings.seconds))
    header = require_resumable(checkpoint, study.header(settings.seed))
    try:
        return replace(study, allowance=Allowance.going_on(settings.seconds, header))
    except ValueError as error:
        raise CheckpointError(f"checkpoint {checkpoint} holds no state of this run ({error}): delete it to start anew") from error


def _require_shareable(bench: Bench[Any]) -> None:
    """Make sure that every process has something to train in each batch of a bench.

    Raises:
        ValueError: it has not.
    """
    _, count = processes()
    if count == 1:
        return
    if not bench.fresh:
        raise ValueError(
            f"--protocol {bench.study.name} cannot be shared by {count} processes, since one training serves all conditions: start one"
        )
    require_enough(bench.shared)
    require_enough(min(map(len, bench.validation)), "validation conditions")


def distill_best(bench: Bench[S], checkpoint: Path | None = None, resume: bool = False) -> Trial:
    """Distill on a bench, then on those that may serve the equation better, and keep the set that errs least in validation.

    Args:
        bench: of one seed and learner.
        checkpoint: file for the state of the outer loop; that of another learner lies beside it, see `state_beside`.
        resume: continue from ``checkpoint``.

    Raises:
        DivergedError: the outer loop of ``bench`` diverged; its best set is on the exception, and says so in its header.
        CheckpointError: a checkpoint is damaged or of another configuration.
    """
    trial = Trial(bench, distill_on(bench, checkpoint, resume))
    for other in bench.study.alternatives(bench, trial.found.data):
        beside = None if checkpoint is None else state_beside(checkpoint)
        try:
            found = distill_on(other, beside, resume)
        except DivergedError as error:
            trial = replace(trial, remark=f"A set was distilled with {other.recipe.name} too, but {error}.")
        else:
            trial = _better(trial, Trial(other, found))
    return trial


def state_beside(checkpoint: Path) -> Path:
    """Return the file for the state of the outer loop of another learner than the first."""
    return checkpoint.with_suffix(".second.npz")


def _better(one: Trial, other: Trial) -> Trial:
    errors = [trial.bench.error_in_validation(trial.found.data) for trial in (one, other)]
    best, worse = (one, other) if errors[0] <= errors[1] else (other, one)
    least, most = map(best.bench.error_in_words, sorted(errors))
    seconds = one.found.seconds + other.found.seconds
    data = best.found.data.with_header(seconds=round(seconds, 3))
    remark = (
        f"Sets were distilled with {one.bench.recipe.name} and with {other.bench.recipe.name}; the one with {best.bench.recipe.name} "
        f"is kept, since its error on validation conditions is {least}, for {most} (--learner {worse.bench.recipe.name} asks for "
        "the other)."
    )
    return replace(best, found=replace(best.found, data=data, seconds=seconds), remark=remark)


def _winner(bench: Bench[S], starts: Sequence[SyntheticData], race: OuterSettings) -> SyntheticData:
    """Distill for a short time from every start and return the best; one that diverges loses.

    Raises:
        DivergedError: they all diverge.
    """
    best: Distillation | None = None
    for k, data in enumerate(starts):
        try:
            found = distill(
                bench.problem_for(data), data, hypergradient=bench.hypergradient, validation=bench.validation, settings=race
            )
        except DivergedError:
            if best is None and k + 1 == len(starts):
                raise
        else:
            best = found if best is None or found.risk < best.risk else best
        bench.study.progress(f"{bench.study.name}: racing starts", k + 1, len(starts), None if best is None else best.risk)
    assert best is not None
    return best.data


def _affordable(bench: Bench[S], problem: DistillationProblem, data: SyntheticData) -> OuterSettings:
    """Return the settings of the outer loop, with as many steps as the time that is left allows."""
    outer, allowance = bench.outer, bench.study.allowance

    def seconds() -> float:
        before = allowance.spent
        bench.hypergradient(problem, data, problem.task.episodes(outer.batch, torch.Generator().manual_seed(bench.seed)))
        return allowance.spent - before

    return replace(outer, steps=allowance.steps(outer.steps, MOST_HURRIED, SHARE, seconds))


@dataclass(eq=False)
class Seed(Generic[S]):
    """One seed of a study at one of its sizes.

    Attributes:
        study: at that size, with the learner that seeds before this one have settled.
        seed: of the distillation.
        place: of the size among those that are studied.
        kept: where what it finds is kept, and looked for.
    """

    study: Study[S]
    seed: int
    place: int
    kept: KeptSeeds

    @property
    def name(self) -> str:
        """All that tells it from others of the study; whether its learner was settled before depends on whether it is the first."""
        return f"{self.place}-{self.seed}-{self.study.recipe.name}"

    @cached_property
    def trials(self) -> Sequence[Trial]:
        """The benches with the sets that are distilled on them.

        Raises:
            DivergedError: an outer loop diverged; its best set is on the exception.
        """
        benches = self.study.benches(self.seed)
        return [distill_best(bench, self.kept.checkpoint(self.name, k), resume=True) for k, bench in enumerate(benches)]

    def found(self) -> Outcome:
        """Return what was kept of this seed, or compute it; where another process computes it, wait for that one.

        Raises:
            DivergedError: see `trials`.
            OutcomeFileError: what was kept is damaged.
            CheckpointError: the state of an outer loop is damaged.
        """
        return self.kept.outcome(self.name, self._outcome, self._waiting)

    def lend_a_hand(self) -> None:
        """Compute and keep this seed for another process, unless one does.

        Raises:
            DivergedError: see `trials`.
        """

        def computed() -> Outcome:
            found = self._outcome()
            # who is no longer wanted says so here, before anything is written
            self.study.progress(f"{self.study.name}: keeping seed {self.seed}", 1, 1, None)
            return found

        self.kept.lend_a_hand(self.name, computed)

    def _outcome(self) -> Outcome:
        """Distill, and compare with every method on conditions never seen: what belongs to this seed alone."""
        study, trials = self.study, self.trials
        compared = _compared(trials)
        further = [frame for trial in trials for frame in trial.bench.elsewhere(trial.found.data)]
        curve = [study.settled(trial.bench.recipe.name).other_sizes(trial.bench) for trial in trials]
        return Outcome(
            protocol=study.name,
            results=as_table(pd.concat([*compared, *further])),
            data=[t.found.data for t in trials],
            best_baseline="",
            baseline_data=None,
            histories=[t.found.history for t in trials],
            distill_seconds=[t.found.seconds for t in trials],
            examples=[],
            curve=as_table(pd.concat(curve)),
            settings=_tuned(trials, sized=self.place > 0),
            notes=[*(t.remark for t in trials if t.remark), *_wild(trials)],
            distance=distance_name(study.settings.distance),
        )

    def first_trial(self, outcome: Outcome) -> Trial:
        """Return the first of the trials; where the outcome was found before, its designs are tuned again when they are asked for."""
        if "trials" in vars(self):
            return self.trials[0]
        data = outcome.data[0].to(self.study.settings.device)
        learner = str(data.header["learner"])
        bench = self.study.benches(self.seed)[0]
        if bench.recipe.name != learner:
            bench = self.study.settled(learner).benches(self.seed)[0]
        history = [dict(row) for row in outcome.histories[0]]
        return Trial(bench, Distillation(data, float("nan"), history, outcome.distill_seconds[0]))

    def _waiting(self) -> None:
        """Say that another process computes this seed."""
        self.study.progress(f"{self.study.name}: another process computes seed {self.seed}: waiting", 0, 1, None)


def further_seeds(study: Study[S], kept: KeptSeeds = NOT_KEPT) -> Iterator[Seed[S]]:
    """Yield all seeds of a study but its first one, each with the learner that will be settled, if that is the usual one.

    They depend on nothing else of the others, so that several processes can compute them.

    Args:
        study: a protocol applied to a PDE.
        kept: where what they find is kept.
    """
    for place, size in enumerate(study.sizes):
        part = study.resized(size)
        for seed in part.seeds:
            if seed == part.seeds[0]:
                if place:
                    yield Seed(part, seed, place, kept)
                part = part.settled(part.recipe.name)
            else:
                yield Seed(part, seed, place, kept)


def run(study: Study[S], protocol: Protocol[S], kept: KeptSeeds = NOT_KEPT) -> Outcome:
    """Distill for every size and seed, compare with every method on conditions never seen, and let the judges train.

    Args:
        study: a protocol applied to a PDE.
        protocol: which one.
        kept: where the outcomes of single seeds are kept, and those of other processes found.

    Raises:
        DivergedError: an outer loop diverged; its best set is on the exception.
        OutcomeFileError: what was kept of a seed is damaged.
        CheckpointError: so is the state of an outer loop.
    """
    found: list[Outcome] = []
    shared: list[pd.DataFrame] = []
    for place, size in enumerate(study.sizes):
        part = study.resized(size)
        for number in part.seeds:
            seed = Seed(part, number, place, kept)
            outcome = seed.found()
            if not found:
                first = seed.first_trial(outcome)
                shared += [*study.for_everybody(), *_judged(study, protocol, first, set(outcome.results["learner"]))]
            part = part.settled(str(outcome.data[-1].header["learner"]))
            found.append(outcome)
    results = as_table(pd.concat([*(one.results for one in found), *shared]))
    best = _best_baselines(results, first)
    said = dict.fromkeys(note for one in found for note in one.notes)
    return Outcome(
        protocol=protocol.name,
        results=results,
        data=[data for one in found for data in one.data],
        best_baseline=best[NO_SHIFT].name if NO_SHIFT in best else "",
        baseline_data=best[NO_SHIFT].data if NO_SHIFT in best and best[NO_SHIFT].size is None else None,
        histories=[history for one in found for history in one.histories],
        distill_seconds=[seconds for one in found for seconds in one.distill_seconds],
        examples=_examples(study, first, results, best) if study.allowance.affords("solution fields") else [],
        curve=as_table(pd.concat([one.curve for one in found])),
        settings={name: tuned for one in found for name, tuned in one.settings.items()},
        notes=[*study.notes(first.bench), *said, *study.allowance.said("study")],
        distance=distance_name(study.settings.distance),
        measured=measured_in_words(study),
        body_seconds=body_seconds(first.bench.learner),
    )


def evaluate(study: Study[S], protocol: Protocol[S], data: SyntheticData, learner: str | None = None) -> pd.DataFrame:
    """Train on a distilled set for every test condition; nothing is solved for training.

    Args:
        study: a protocol applied to the PDE of the set.
        protocol: which one.
        data: the set.
        learner: any of the protocol's (None: the one that the set was distilled with); where it is another one, the weights of
            the set are tuned for it as in a study.

    Raises:
        UnknownNameError: the protocol has no such learner.
        ValueError: it does not fit the equation.
    """
    made_with = str(data.header.get("learner", ""))
    recipe = None if learner in (None, made_with) else recipe_of(str(learner), protocol.recipes)
    if recipe is not None:
        require_fit(study.pde, recipe)
    data = data.to(study.settings.device)
    bench = study.bench_for(data, recipe)
    method = Method(DISTILLED, data)
    if recipe is not None and recipe.judges:
        bench, rehearsal = _judging(study, bench, recipe)
        method = study.retuned(rehearsal, method)
    shifts = list(study.tests.episodes)
    if not bench.fresh:
        study.progress(f"{study.name}: training {bench.recipe.name}", 0, 1, None)
        return bench.rows(method, study.tests, distilled_with=made_with)
    found = []
    for k, shift in enumerate(shifts):
        found.append(bench.rows(replace(method, shifts=[shift]), study.tests, distilled_with=made_with))
        study.progress(f"{study.name}: training {bench.recipe.name}", k + 1, len(shifts), None)
    return as_table(pd.concat(found)) if found else as_table([])


def measured_in_words(study: Study[Any]) -> str:
    """Say in what errors are measured, and against what."""
    truths = [episodes.truth_error for episodes in study.tests.episodes.values()]
    return " ".join(filter(None, (scale_in_words(study.pde), truth_in_words(truths))))


def _compared(trials: Sequence[Trial]) -> list[pd.DataFrame]:
    """Return the rows of one seed: every bench trains on its own set, on those of the others, and on its methods."""
    rows = []
    for trial in trials:
        bench, tests = trial.bench, trial.bench.study.tests
        for other in trials:
            method = trial.distilled if other is trial else bench.foreign(other.found.data)
            rows.append(bench.rows(method, tests, distilled_with=other.bench.recipe.name))
        for k, method in enumerate(trial.methods):
            rows.append(bench.rows(method, tests))
            bench.study.progress(f"{bench.study.name}: testing", k + 1, len(trial.methods), None)
    return rows


def _judged(study: Study[S], protocol: Protocol[S], trial: Trial, having: Collection[str]) -> list[pd.DataFrame]:
    """Return the rows of every judge: the distilled set of the first trial and some designs, weights tuned anew.

    Learners ``having`` rows already do not judge again.
    """
    own, named = trial.bench.recipe, study.settings.judges
    wanted = (*own.judged_by(study.pde), *protocol.judges) if named is None else named
    rows: list[pd.DataFrame] = []
    for name in dict.fromkeys(wanted):
        if name not in {own.name, *having} and study.allowance.affords(f"the judge {name}", 0.6):
            rows += _judge(study, recipe_of(name, protocol.recipes), trial)
    return rows


def _judging(study: Study[S], bench: Bench[S], recipe: Recipe) -> tuple[Bench[S], Bench[S]]:
    """Return the bench of a judge, and the one on which weights are tuned."""
    judge = study.judge(bench, recipe)
    return judge, judge if recipe.rehearsal == 1.0 else study.judge(bench, recipe, recipe.rehearsal)


def _judge(study: Study[S], recipe: Recipe, trial: Trial) -> list[pd.DataFrame]:
    best = min(trial.bench.designs, key=lambda m: m.error).name
    designs = [m for m in trial.bench.designs if m.name in (*study.judged_designs, best)]
    bench, rehearsal = _judging(study, trial.bench, recipe)
    tests = study.judge_tests
    if recipe.judged_shifts is not None:
        tests = replace(tests, episodes=dict(list(tests.episodes.items())[: recipe.judged_shifts]))
    made_with = trial.bench.recipe.name
    rows = []
    methods = [study.retuned(rehearsal, m) for m in (trial.distilled, *designs)]
    for k, method in enumerate(methods):
        rows.append(bench.rows(method, tests, distilled_with=made_with if method.name == DISTILLED else ""))
        study.progress(f"{study.name}: training {recipe.name}", k + 1, len(methods), None)
    if recipe.fresh is not None:
        data = study.fresh_samples(bench, methods[-1].data)
        learner, asked = recipe.fresh(study.pde, {"part": study.settings.effort}), (NO_SHIFT,) if bench.fresh else None
        free = Method(FRESH, data, learner=learner, ceiling=True, shifts=asked)
        rows.append(bench.rows(free, tests))
    return rows


def _best_baselines(results: pd.DataFrame, trial: Trial) -> dict[str, Method]:
    """Return the best baseline of the table under each shift, as it was tuned for the first trial."""
    summary = one_set_each(summarise(results))
    own = summary[(summary["learner"] == trial.bench.recipe.name) & (summary["method"] == DISTILLED)]
    size = trial.bench.counts(trial.found.data)
    own = own[(own["points"] == size[0]) & (own["boundary_points"] == size[1])]
    found: dict[str, Method] = {}
    for shift, name in zip(own["shift"], own["baseline"], strict=True):
        if isinstance(name, str):
            # the designs are there; what else there is may have to be found again
            known = trial.bench.designs if any(m.name == name for m in trial.bench.designs) else trial.methods
            method = next((m for m in known if m.name == name and (m.shifts is None or shift in m.shifts)), None)
            found |= {} if method is None else {shift: method}
    return found


def _examples(
    study: Study[S], trial: Trial, results: pd.DataFrame, best: Mapping[str, Method]
) -> list[FieldExample]:
    """Return one test condition of every shift on the section that pictures show."""
    found = []
    for shift in study.tests.episodes:
        rival = best.get(shift)
        index, why = _shown(results, trial, shift, rival)
        asked = study.example_questions(trial.bench, shift, index)
        if asked is None:
            continue
        episodes, section = asked
        scale, truth = episodes.scale, episodes.truth[0]
        plain = replace(episodes, scale=None)  # pictures show u itself
        predictions = {
            m.name: _prediction(trial.bench, m, plain) for m in (trial.distilled, *([rival] if rival else []))
        }
        if scale is not None:
            predictions = {name: scale.aligned(field, truth) for name, field in predictions.items()}
        rest = None if scale is None else scale.rest
        found.append(replace(section.example(shift, truth, predictions, rest), why=why))
    return found


def _shown(results: pd.DataFrame, trial: Trial, shift: str, rival: Method | None) -> tuple[int, str]:
    """Return the number of the condition whose ratio of errors is nearest to the ratio of the table, and why it is shown."""
    size = trial.bench.counts(trial.found.data)
    mine = results[
        (results["shift"] == shift)
        & (results["learner"] == trial.bench.recipe.name)
        & (results["seed"] == trial.bench.seed)
        & (results["points"] == size[0])
        & (results["boundary_points"] == size[1])
    ]
    own = mine[(mine["method"] == DISTILLED) & (mine["distilled_with"] == trial.bench.recipe.name)]
    errors: pd.Series[float] = own.set_index("episode")["error"]
    count = len(errors)
    if rival is None:
        middle = errors.rank(method="first").sub((len(errors) + 1) // 2).abs().idxmin()
        return int(str(middle)), f"number {int(str(middle)) + 1} of {count}, the one of median error"
    other = mine[mine["method"] == rival.name].set_index("episode")["error"]
    ratios = (other / errors).replace([math.inf, 0.0], math.nan).dropna()
    if ratios.empty:
        return int(errors.index[0]), f"the first of {count}, since no ratio of errors is defined"
    table = other.mean() / errors.mean()
    nearest = int(str((ratios / table).map(math.log).abs().idxmin()))
    why = f"whose ratio of errors, {significant(ratios[nearest])}, is nearest to that of the means, {significant(table)}"
    return nearest, f"number {nearest + 1} of {count}, {why}"


def _prediction(bench: Bench[S], method: Method, episodes: Any) -> torch.Tensor:
    fitted, _ = bench.trained(method, episodes)
    with torch.no_grad():
        field: torch.Tensor = bench.task_on(episodes).answer(fitted, episodes, 0)[0]
    return field


def _tuned(trials: Sequence[Trial], *, sized: bool) -> dict[str, Any]:
    """Return what was tuned, by trial and method; with the size in the name of the trial where there are others."""
    found: dict[str, Any] = {}
    for t in trials:
        bench = t.bench
        size = f", {sum(bench.counts(t.found.data))} points" if sized else ""
        found[f"{bench.recipe.name}, seed {bench.seed}{size}"] = {
            **bench.recipe.describe(bench.learner),
            **{m.name: m.details for m in t.methods if m.details},
        }
    return found


def _wild(trials: Sequence[Trial]) -> list[str]:
    found = [wild_in_words(trial.found.wild) for trial in trials if trial.found.wild]
    return list(dict.fromkeys(found))


def wild_in_words(steps: int) -> str:
    """Say that gradients were shortened, at so many steps of an outer loop."""
    return (
        f"{steps} outer step{'s' * (steps > 1)} had a gradient out of all proportion to those before; it was shortened, so that the "
        "others count."
    )
