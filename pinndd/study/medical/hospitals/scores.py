"""What the methods scored: total variation from the truth on chosen and on fresh queries, seconds, means over seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from pinndd.bayesnet import BayesianNetwork, posterior
from pinndd.storage.reading import FileError, Reading
from pinndd.storage.writing import write_json
from pinndd.study.medical.hospitals.methods import EM, Method, MethodInputs, MethodResult, label
from pinndd.study.medical.hospitals.simulated import Trial
from pinndd.study.results.intervals import ratio_interval
from pinndd.study.results.run_config import versions
from pinndd.study.results.writing import json_records, markdown_table

SETTING = ["network", "missing", "hospitals", "patients", "chosen_queries", "fresh_queries"]
"""Columns of what trials of several seeds have in common: name of the true network, share of (hospital, variable) pairs that
are missing, and numbers of hospitals, of patients of all of them, and of queries."""

SCORES = ["method", "rows", "chosen", "fresh", "imitation", "seconds"]
"""Columns of a method in a trial: its name; rows of its table, missing where there is no small table; mean total variation
from the true network over the chosen and over the fresh queries, and from the believed network over the chosen ones, which
is what distillation lowers; seconds of the processor for the method itself."""

_STORED = {**dict(zip(SETTING, ("network", "missing", "hospitals", "rows", "chosen", "fresh"), strict=True)), "seed": "seed"}
"""Names of the columns of a trial in files."""


class ScoresFileError(FileError):
    """A file of scores that cannot be read."""


def run_methods(
    name: str,
    inputs: MethodInputs,
    methods: Iterable[Method],
    *,
    report: Callable[[Method, MethodResult], None] | None = None,
) -> pd.DataFrame:
    """Run methods on one trial and judge their networks.

    Args:
        name: of the network.
        inputs: the trial and what is believed.
        methods: to be run.
        report: called after each method.

    Returns:
        A frame with one row per method: the columns `SETTING`, ``seed``, `SCORES`, ``versions`` of the programs, and
        ``label``, the name with the number of rows.
    """
    trial, scores = inputs.trial, []
    judge = _judge(trial, inputs.believed)
    for method in methods:
        result = method(inputs)
        scores.append((method.name, method.rows, *judge(result.network), result.seconds))
        if report is not None:
            report(method, result)
    counts = len(trial.hospitals.names), len(trial.complete), len(trial.chosen), len(trial.fresh)
    setting = dict(zip(SETTING, (name, trial.missing, *counts), strict=True))
    known, used = {**setting, "seed": trial.seed}, versions()
    return scores_frame({**known, **dict(zip(SCORES, own, strict=True)), "versions": used} for own in scores)


def scores_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return the frame of `run_methods` from its rows, which need no label."""
    frame = pd.DataFrame(list(rows)).astype({"rows": "Int64"})
    labels = [
        label(name, None if pd.isna(rows) else rows) for name, rows in zip(frame["method"], frame["rows"], strict=True)
    ]
    return frame.assign(label=labels)


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


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Return means over the seeds, one row per method, in the order in which they were run.

    Args:
        scores: of one setting, each seed with a score of expectation maximisation.

    Returns:
        A frame with ``label``, ``method`` and ``rows``, the number of ``seeds``, the mean of ``seconds``, and for ``chosen``
        and ``fresh`` queries the mean, its standard error (``chosen_error``; NaN for one seed), and the paired ratio to
        expectation maximisation with its 95 % bootstrap interval (``chosen_ratio``, ``chosen_low``, ``chosen_high``).

    Raises:
        ValueError: there is none, they are of several settings, or one seed lacks expectation maximisation.
    """
    settings = len(scores[SETTING].drop_duplicates())
    if settings != 1:
        raise ValueError(f"summarise: scores of {settings} settings, expected those of one")
    em = scores[scores["method"] == EM].set_index("seed")[["chosen", "fresh"]]
    alone = scores.loc[~scores["seed"].isin(em.index), "seed"]
    if len(alone):
        raise ValueError(f"seed {alone.iloc[0]} has no score of {EM!r}, which all others are compared with: run it too")
    paired = scores.join(em.add_suffix("_em"), on="seed")
    return pd.DataFrame([_means(own) for _, own in paired.groupby("label", sort=False)])


def _means(own: pd.DataFrame) -> dict[str, Any]:
    """Return the row of one method in the summary."""
    row: dict[str, Any] = {**own.iloc[0][["label", "method", "rows"]], "seeds": len(own), "seconds": own["seconds"].mean()}
    for asked in ("chosen", "fresh"):
        ratio = ratio_interval(own[[asked]].to_numpy(), own[[f"{asked}_em"]].to_numpy())
        row |= {asked: own[asked].mean(), f"{asked}_error": own[asked].sem()}
        row |= {f"{asked}_ratio": ratio.value, f"{asked}_low": ratio.low, f"{asked}_high": ratio.high}
    return row


def markdown(scores: pd.DataFrame) -> str:
    """Return a Markdown table for each setting, chosen and fresh queries side by side.

    Brackets hold the 95 % bootstrap interval of the ratio to expectation maximisation, seeds drawn in pairs.
    """
    return "\n\n".join(_markdown(own) for _, own in scores.groupby(SETTING, sort=False))


def _markdown(scores: pd.DataFrame) -> str:
    name, missing, hospitals, patients, chosen, fresh = scores.iloc[0][SETTING]
    summary, seeds = summarise(scores), scores["seed"].nunique()
    few = [f" ({_seeds(count)})" if count < seeds else "" for count in summary["seeds"]]
    cells = [column for asked in ("chosen", "fresh") for column in (_numbers(summary, asked), _ratios(summary, asked))]
    shown = pd.concat([summary["label"] + few, *cells, summary["seconds"]], axis=1)
    title = f"{name.upper()}, {hospitals} hospitals, {patients} rows, {100 * missing:.0f} % missing, {_seeds(seeds)}"
    head = [title, f"{chosen} chosen queries", "of EM", f"{fresh} fresh queries", "of EM", "seconds"]
    return markdown_table(shown.set_axis(head, axis=1), {"seconds": ".2f"})


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


def _numbers(summary: pd.DataFrame, asked: str) -> pd.Series[str]:
    means, errors = summary[asked].map("{:.4f}".format), summary[f"{asked}_error"]
    return means.where(errors.isna(), means + errors.map(" ± {:.4f}".format))


def _ratios(summary: pd.DataFrame, asked: str) -> pd.Series[str]:
    ratio, low, high = (summary[f"{asked}_{part}"].map("{:.2f}".format) for part in ("ratio", "low", "high"))
    # one seed cannot be resampled
    return ratio.where(summary["seeds"] == 1, ratio + " [" + low + ", " + high + "]")


def merged(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with new ones, which replace those of the same methods at the same setting and seed."""
    trial = [*SETTING, "seed"]
    both = pd.concat([new, old]).drop_duplicates([*trial, "label"])
    return both.sort_values(trial, kind="stable", ignore_index=True)


def write_scores(path: Path, scores: pd.DataFrame) -> None:
    """Write scores as JSON, atomically: one entry per trial, with the versions of the programs of its first method."""
    outcomes = []
    for _, own in scores.groupby([*SETTING, "seed"], sort=False):
        first = json_records(own)[0]
        known = {stored: first[name] for name, stored in _STORED.items()}
        outcomes.append({**known, "scores": json_records(own[SCORES]), "versions": first["versions"]})
    write_json(path, {"outcomes": outcomes})


def read_scores(path: Path) -> pd.DataFrame:
    """Read what `write_scores` wrote.

    Raises:
        ScoresFileError: the file is missing or holds something else.
    """
    reading = Reading(path, "run benchmarks/hospitals.py", ScoresFileError)
    parsed = reading.json(reading.content())
    try:
        outcomes: Any = parsed["outcomes"]
        return scores_frame(
            {
                **{name: each[stored] for name, stored in _STORED.items()},
                **{name: score[name] for name in SCORES},
                "versions": each["versions"],
            }
            for each in outcomes
            for score in each["scores"]
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ScoresFileError(
            f"{path}: no scores of hospitals can be read ({error}): run benchmarks/hospitals.py"
        ) from error
