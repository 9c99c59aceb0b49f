"""One split: choose, train every method on some patients, then ask once about those held out; tables over splits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pandas as pd
import sklearn
import torch
from torch import Tensor

from pinndd.storage.reading import Reading
from pinndd.storage.writing import write_json
from pinndd.study.medical.heart.choice import CANDIDATES, Choice, TriedChoice, choose
from pinndd.study.medical.heart.cohort import Cohort, Scores
from pinndd.study.medical.heart.distilling import HARDENING, DistilledTable, distill_tables
from pinndd.study.medical.heart.methods import LOGISTIC, baselines, structure_of
from pinndd.study.results.run_config import versions as shared_versions
from pinndd.study.results.writing import json_records, markdown_table

AREA = "AUC "
"""Before the name of a hospital: the column of the area under the curve within it."""

SHOWN = {"brier": "Brier", "log_loss": "log loss", "auc": "AUC"}
"""Columns of scores, and how tables name them."""


@dataclass(frozen=True, eq=False)
class Split:
    """What one split of the patients gave.

    Attributes:
        name: of the split.
        seed: of all draws.
        learned, held_out: numbers of patients.
        choice: settings of the distillation.
        tried: all settings that were tried.
        scores: one row per ``method``, on the patients held out: ``brier``, ``log_loss``, ``auc`` and the area within each
            hospital, `AREA` before its name, NaN where all patients have one outcome; ``seconds`` of training.
    """

    name: str
    seed: int
    learned: int
    held_out: int
    choice: Choice
    tried: tuple[TriedChoice, ...]
    scores: pd.DataFrame

    def score(self, method: str) -> pd.Series[Any]:
        """Return the scores of a method.

        Raises:
            ValueError: it was not run.
        """
        scores = self.scores.set_index("method")
        if method not in scores.index:
            raise ValueError(f"split {self.name!r} has no method {method!r}; expected one of {', '.join(scores.index)}")
        return scores.T[method]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, the scores of the hospitals nested."""
        lines = []
        for row in json_records(self.scores):
            hospitals = {name.removeprefix(AREA): row[name] for name in areas(self.scores)}
            scores = {name: row[name] for name in ("auc", "brier", "log_loss")}
            lines.append({"method": row["method"], "scores": {**scores, "hospitals": hospitals}, "seconds": row["seconds"]})
        known = {name: getattr(self, name) for name in ("name", "seed", "learned", "held_out")}
        return {**known, "choice": asdict(self.choice), "tried": [asdict(each) for each in self.tried], "lines": lines}

    @classmethod
    def of_json(cls, entry: Mapping[str, Any]) -> Split:
        """Read what `to_json` wrote."""
        tried = tuple(TriedChoice(Choice(**each["choice"]), each["log_loss"]) for each in entry["tried"])
        scores = scores_frame((each["method"], Scores(**each["scores"]), each["seconds"]) for each in entry["lines"])
        known = {name: entry[name] for name in ("name", "seed", "learned", "held_out")}
        return cls(**known, choice=Choice(**entry["choice"]), tried=tried, scores=scores)


def scores_frame(scores: Iterable[tuple[str, Scores, float]]) -> pd.DataFrame:
    """Return the frame of a split from methods, their scores and seconds."""
    rows = []
    for method, own, seconds in scores:
        within = {f"{AREA}{name}": area for name, area in own.hospitals.items()}
        rows.append(
            {"method": method, "brier": own.brier, "log_loss": own.log_loss, "auc": own.auc, **within, "seconds": seconds}
        )
    frame = pd.DataFrame(rows)
    return frame.astype(dict.fromkeys(frame.columns.drop("method"), float))


def areas(scores: pd.DataFrame) -> list[str]:
    """Return the columns of the areas within hospitals."""
    return [name for name in scores.columns if name.startswith(AREA)]


@dataclass(frozen=True)
class SplitRun:
    """A split with what it leaves behind.

    Attributes:
        split: the scores.
        tables: the distilled ones.
        probabilities: of the disease, for each method, ``(n,)``, of the patients held out.
    """

    split: Split
    tables: tuple[DistilledTable, ...]
    probabilities: Mapping[str, Tensor]


def run(
    cohort: Cohort,
    learn: Tensor,
    held_out: Tensor,
    *,
    name: str,
    seed: int,
    rows: int = 100,
    candidates: Mapping[str, Sequence[Any]] = CANDIDATES,
    folds: int = 3,
    hardening: int = HARDENING,
) -> SplitRun:
    """Choose the settings, train every method, and only then ask about the patients held out.

    Args:
        cohort: all patients.
        learn, held_out: positions of the patients to learn from and of the others.
        name: of the split.
        seed: of all draws.
        rows: of the distilled tables and of those that they are compared with.
        candidates, folds: of the choice, see `pinndd.study.medical.heart.choice.choose`.
        hardening: see `pinndd.study.medical.heart.distilling.distill_tables`.
    """
    choice, tried = choose(cohort, learn, rows, seed, candidates=candidates, folds=folds)
    generator = torch.Generator().manual_seed(seed)
    structure = structure_of(choice.structure, cohort, learn, generator)
    trained = {}
    for method, train in baselines(cohort, learn, structure, rows, generator):
        begun = time.perf_counter()
        trained[method] = train(), time.perf_counter() - begun
    tables = tuple(distill_tables(cohort, learn, choice, rows, seed, structure=structure, hardening=hardening))
    for table in tables:
        trained[f"{rows} {table.kind}"] = cohort.predictor(table.network), table.seconds
    probabilities = {method: predict(held_out) for method, (predict, _) in trained.items()}
    scores = scores_frame((m, cohort.score(p, held_out), trained[m][1]) for m, p in probabilities.items())
    return SplitRun(Split(name, seed, len(learn), len(held_out), choice, tried, scores), tables, probabilities)


def versions() -> dict[str, str]:
    """Return the versions of what computes the results."""
    return {**shared_versions(), "scikit-learn": sklearn.__version__, "threads": str(torch.get_num_threads())}


def save(splits: Sequence[Split], versions: Mapping[str, str], path: Path) -> None:
    """Write the splits as JSON, atomically."""
    write_json(path, {"versions": dict(versions), "trials": [split.to_json() for split in splits]})


def load(path: Path) -> tuple[Split, ...]:
    """Read what `save` wrote.

    Raises:
        FileError: the file holds no splits.
    """
    reading = Reading(path, "run benchmarks/heart.py again")
    parsed = reading.json(reading.content())
    try:
        return tuple(Split.of_json(entry) for entry in parsed["trials"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reading.fail(f"holds no splits of the heart study ({error})", error)


def table(splits: Sequence[Split]) -> str:
    """Return Markdown: the scores of every method, mean ± standard error over the splits, smallest log loss first."""
    scores = pd.concat([split.scores for split in splits])
    methods = scores.groupby("method", sort=False)
    # exact sums: some methods differ by rounding alone, and their order should not depend on how numbers are added
    order = methods["log_loss"].agg(mean).sort_values(kind="stable").index
    shown = methods[[*SHOWN, *areas(scores)]].agg(spread).rename(columns=SHOWN)
    shown["seconds"] = methods["seconds"].mean()
    return markdown_table(shown.loc[order].reset_index(), {"seconds": ".1f"})


def differences(splits: Sequence[Split], methods: Sequence[str], reference: str = LOGISTIC) -> str:
    """Return Markdown: the area under the curve within each hospital less that of a reference, paired over the splits."""
    scores = pd.concat([split.scores for split in splits], keys=range(len(splits)), names=["split", None])
    within = scores.set_index("method", append=True).droplevel(1)[areas(scores)]
    less = within - within.xs(reference, level="method")
    shown = less.groupby("method").agg(partial(spread, sign="+")).loc[list(methods)]
    shown.columns = shown.columns.str.removeprefix(AREA)
    return markdown_table(shown.reset_index(names=f"AUC less that of {reference}"))


def spread(values: pd.Series[float], *, sign: str = "") -> str:
    """Return mean ± standard error of the values that exist, or a dash."""
    known = values.dropna()
    if known.empty:
        return "-"
    error = f" ± {stdev(known) / len(known) ** 0.5:.3f}" if len(known) > 1 else ""
    return f"{mean(known):{sign}.3f}{error}"
