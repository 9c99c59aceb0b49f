"""What the methods scored: total variation from the truth on chosen and on fresh queries, seconds, and their means over seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from pinndd.bayesnet import BayesianNetwork, posterior
from pinndd.checkpoint import write_json
from pinndd.study.bootstrap import Interval, ratio_interval
from pinndd.study.hospitals.methods import EM, Known, Made, Method, label
from pinndd.study.hospitals.simulated import Trial
from pinndd.study.run_config import versions


class OutcomeFileError(ValueError):
    """A file of outcomes that cannot be read."""


@dataclass(frozen=True)
class Score:
    """Of one method in one trial.

    Attributes:
        method: its name.
        rows: of its table; None where there is no small table.
        chosen, fresh: mean total variation from the true network over these queries.
        imitation: mean total variation from the believed network over the chosen queries: what distillation lowers.
        seconds: of the processor, for the method itself.
    """

    method: str
    rows: int | None
    chosen: float
    fresh: float
    imitation: float
    seconds: float

    @property
    def label(self) -> str:
        """Name with the number of rows."""
        return label(self.method, self.rows)


@dataclass(frozen=True)
class Outcome:
    """All scores of one trial.

    Attributes:
        network: name of the true one.
        missing, hospitals, rows, chosen, fresh, seed: of the trial; ``rows`` of all hospitals together.
        scores: one a method.
        versions: of the programs.
    """

    network: str
    missing: float
    hospitals: int
    rows: int
    chosen: int
    fresh: int
    seed: int
    scores: tuple[Score, ...]
    versions: dict[str, str]

    @property
    def setting(self) -> tuple[str, float, int, int, int, int]:
        """All but the seed."""
        return self.network, self.missing, self.hospitals, self.rows, self.chosen, self.fresh

    def score(self, wanted: str) -> Score | None:
        """Return the score of a label, None where the method was not run."""
        return next((score for score in self.scores if score.label == wanted), None)


@dataclass(frozen=True)
class Mean:
    """Mean over seeds, with its standard error (nan for one seed) and the paired ratio to expectation maximisation."""

    value: float
    error: float
    ratio: Interval


@dataclass(frozen=True)
class Line:
    """A method over all seeds of a setting.

    Attributes:
        method, rows: see `Score`.
        seeds: how many trials it was run in.
        chosen, fresh: total variation from the truth.
        seconds: of the processor, mean.
    """

    method: str
    rows: int | None
    seeds: int
    chosen: Mean
    fresh: Mean
    seconds: float

    @property
    def label(self) -> str:
        """Name with the number of rows."""
        return label(self.method, self.rows)


def run_methods(
    name: str, known: Known, methods: Iterable[Method], *, report: Callable[[Method, Made], None] | None = None
) -> Outcome:
    """Run methods on one trial and judge their networks.

    Args:
        name: of the network.
        known: the trial and what is believed.
        methods: to be run.
        report: called after each method.
    """
    trial, scores = known.trial, []
    judge = _judge(trial, known.believed)
    for method in methods:
        made = method(known)
        scores.append(Score(method.name, method.rows, *judge(made.network), made.seconds))
        if report is not None:
            report(method, made)
    counts = len(trial.hospitals.names), len(trial.complete), len(trial.chosen), len(trial.fresh)
    return Outcome(name, trial.missing, *counts, trial.seed, tuple(scores), versions())


def _judge(trial: Trial, believed: BayesianNetwork) -> Callable[[BayesianNetwork], tuple[float, float, float]]:
    """Return what gives the total variation on chosen and fresh queries, and from the believed network."""
    pairs = ((trial.truth, trial.chosen), (trial.truth, trial.fresh), (believed, trial.chosen))
    answers = [posterior(network, queries) for network, queries in pairs]

    def compare(network: BayesianNetwork) -> tuple[float, float, float]:
        own = [posterior(network, queries) for queries in (trial.chosen, trial.fresh)]
        chosen, fresh, imitation = (
            float((mine - answer).abs().sum(-1).mean() / 2) for mine, answer in zip((*own, own[0]), answers, strict=True)
        )
        return chosen, fresh, imitation

    return compare


def summarise(outcomes: Sequence[Outcome]) -> tuple[Line, ...]:
    """Return one line a method, in the order in which they were run.

    Args:
        outcomes: of one setting, each with a score of expectation maximisation.

    Raises:
        ValueError: there is none, they are of several settings, or one lacks expectation maximisation.
    """
    settings = {outcome.setting for outcome in outcomes}
    if len(settings) != 1:
        raise ValueError(f"summarise: outcomes of {len(settings)} settings, expected those of one")
    lines = []
    for each in dict.fromkeys(score.label for outcome in outcomes for score in outcome.scores):
        pairs = []
        for outcome in outcomes:
            score, em = outcome.score(each), outcome.score(EM)
            if em is None:
                raise ValueError(
                    f"seed {outcome.seed} has no score of {EM!r}, which all others are compared with: run it too"
                )
            if score is not None:
                pairs.append((score, em))
        first = pairs[0][0]
        chosen = _mean([(score.chosen, em.chosen) for score, em in pairs])
        fresh = _mean([(score.fresh, em.fresh) for score, em in pairs])
        seconds = mean(score.seconds for score, _ in pairs)
        lines.append(Line(first.method, first.rows, len(pairs), chosen, fresh, seconds))
    return tuple(lines)


def _mean(pairs: Sequence[tuple[float, float]]) -> Mean:
    own, em = (np.array(column)[:, None] for column in zip(*pairs, strict=True))
    error = stdev(own[:, 0].tolist()) / len(pairs) ** 0.5 if len(pairs) > 1 else float("nan")
    return Mean(float(own.mean()), error, ratio_interval(own, em))


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table for each setting, chosen and fresh queries side by side.

    Brackets hold the 95 % bootstrap interval of the ratio to expectation maximisation, seeds drawn in pairs.
    """
    return "\n\n".join(
        _markdown([outcome for outcome in outcomes if outcome.setting == setting])
        for setting in dict.fromkeys(outcome.setting for outcome in outcomes)
    )


def _markdown(outcomes: Sequence[Outcome]) -> str:
    name, missing, hospitals, rows, chosen, fresh = outcomes[0].setting
    title = f"{name.upper()}, {hospitals} hospitals, {rows} rows, {100 * missing:.0f} % missing, {_seeds(len(outcomes))}"
    lines = [
        f"| {title} | {chosen} chosen queries | of EM | {fresh} fresh queries | of EM | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for line in summarise(outcomes):
        cells = [cell for each in (line.chosen, line.fresh) for cell in (_number(each), _ratio(each.ratio, line.seeds))]
        few = f" ({_seeds(line.seeds)})" if line.seeds < len(outcomes) else ""
        lines.append(f"| {line.label}{few} | {' | '.join(cells)} | {line.seconds:.2f} |")
    return "\n".join(lines)


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


def _number(value: Mean) -> str:
    return f"{value.value:.4f}" if np.isnan(value.error) else f"{value.value:.4f} ± {value.error:.4f}"


def _ratio(ratio: Interval, seeds: int) -> str:
    # one seed cannot be resampled
    return f"{ratio.value:.2f}" if seeds == 1 else f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def merged(old: Sequence[Outcome], new: Outcome) -> tuple[Outcome, ...]:
    """Return the outcomes with a new one, which replaces the scores of its own methods at its own setting and seed."""
    same = [outcome for outcome in old if (outcome.setting, outcome.seed) == (new.setting, new.seed)]
    kept = tuple(score for outcome in same for score in outcome.scores if new.score(score.label) is None)
    values = {**vars(new), "scores": (*new.scores, *kept)}
    others = [outcome for outcome in old if outcome not in same]
    return tuple(sorted((*others, Outcome(**values)), key=lambda outcome: (outcome.setting, outcome.seed)))


def write_outcomes(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes as JSON, atomically."""
    write_json(path, {"outcomes": [asdict(outcome) for outcome in outcomes]})


def read_outcomes(path: Path) -> tuple[Outcome, ...]:
    """Read what `write_outcomes` wrote.

    Raises:
        OutcomeFileError: the file is missing or holds something else.
    """
    try:
        stored: Any = json.loads(path.read_text(encoding="utf-8"))["outcomes"]
        return tuple(Outcome(**{**each, "scores": tuple(Score(**score) for score in each["scores"])}) for each in stored)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OutcomeFileError(
            f"{path}: no outcomes of hospitals can be read ({error}): run benchmarks/hospitals.py"
        ) from error
