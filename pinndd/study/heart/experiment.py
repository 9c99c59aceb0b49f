"""One trial: choose, train every method on some patients, then ask once about those held out; tables over trials."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import sklearn
import torch
from torch import Tensor

from pinndd.checkpoint import write_json
from pinndd.study.heart.choice import CANDIDATES, Choice, Tried, choose
from pinndd.study.heart.cohort import Cohort, Scores
from pinndd.study.heart.distilling import HARDENING, Distilled, distil_tables
from pinndd.study.heart.methods import LOGISTIC, baselines, structure_of
from pinndd.study.run_config import versions as shared_versions


@dataclass(frozen=True)
class Line:
    """Scores of one method on the patients held out, and how long it took to train, in seconds."""

    method: str
    scores: Scores
    seconds: float


@dataclass(frozen=True)
class Trial:
    """What one split of the patients gave.

    Attributes:
        name: of the split.
        seed: of all draws.
        learned, held_out: numbers of patients.
        choice: settings of the distillation.
        tried: all settings that were tried.
        lines: one a method.
    """

    name: str
    seed: int
    learned: int
    held_out: int
    choice: Choice
    tried: tuple[Tried, ...]
    lines: tuple[Line, ...]

    def line(self, method: str) -> Line:
        """Return the scores of a method.

        Raises:
            ValueError: it was not run.
        """
        for line in self.lines:
            if line.method == method:
                return line
        raise ValueError(f"trial {self.name!r} has no method {method!r}; expected one of {[x.method for x in self.lines]}")

    @classmethod
    def of_json(cls, entry: Mapping[str, Any]) -> Trial:
        """Read what `dataclasses.asdict` wrote."""
        tried = tuple(Tried(Choice(**each["choice"]), each["log_loss"]) for each in entry["tried"])
        lines = tuple(Line(each["method"], Scores(**each["scores"]), each["seconds"]) for each in entry["lines"])
        return cls(**{**entry, "choice": Choice(**entry["choice"]), "tried": tried, "lines": lines})


@dataclass(frozen=True)
class Ran:
    """A trial with what it leaves behind.

    Attributes:
        trial: the scores.
        tables: the distilled ones.
        probabilities: of the disease, for each method, ``(n,)``, of the patients held out.
    """

    trial: Trial
    tables: tuple[Distilled, ...]
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
) -> Ran:
    """Choose the settings, train every method, and only then ask about the patients held out.

    Args:
        cohort: all patients.
        learn, held_out: positions of the patients to learn from and of the others.
        name: of the split.
        seed: of all draws.
        rows: of the distilled tables and of those that they are compared with.
        candidates, folds: of the choice, see `pinndd.study.heart.choice.choose`.
        hardening: see `pinndd.study.heart.distilling.distil_tables`.
    """
    choice, tried = choose(cohort, learn, rows, seed, candidates=candidates, folds=folds)
    generator = torch.Generator().manual_seed(seed)
    structure = structure_of(choice.structure, cohort, learn, generator)
    trained = {}
    for method, train in baselines(cohort, learn, structure, rows, generator):
        begun = time.perf_counter()
        trained[method] = train(), time.perf_counter() - begun
    tables = tuple(distil_tables(cohort, learn, choice, rows, seed, structure=structure, hardening=hardening))
    for table in tables:
        trained[f"{rows} {table.kind}"] = cohort.predictor(table.network), table.seconds
    probabilities = {method: predict(held_out) for method, (predict, _) in trained.items()}
    lines = tuple(Line(m, cohort.score(p, held_out), trained[m][1]) for m, p in probabilities.items())
    return Ran(Trial(name, seed, len(learn), len(held_out), choice, tried, lines), tables, probabilities)


def versions() -> dict[str, str]:
    """Return the versions of what computes the results."""
    return {**shared_versions(), "scikit-learn": sklearn.__version__, "threads": str(torch.get_num_threads())}


def save(trials: Sequence[Trial], versions: Mapping[str, str], path: Path) -> None:
    """Write the trials as JSON, atomically."""
    write_json(path, {"versions": dict(versions), "trials": [asdict(trial) for trial in trials]})


def load(path: Path) -> tuple[Trial, ...]:
    """Read what `save` wrote.

    Raises:
        ValueError: the file holds no trials.
    """
    try:
        return tuple(Trial.of_json(entry) for entry in json.loads(path.read_text())["trials"])
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no trials of the heart study ({error}): run benchmarks/heart.py again") from error


def table(trials: Sequence[Trial]) -> str:
    """Return Markdown: the scores of every method, mean ± standard error over the trials, smallest log loss first."""
    hospitals = list(dict.fromkeys(name for trial in trials for name in trial.lines[0].scores.hospitals))
    columns: dict[str, Callable[[Line], float | None]] = {
        "Brier": lambda line: line.scores.brier,
        "log loss": lambda line: line.scores.log_loss,
        "AUC": lambda line: line.scores.auc,
        **{f"AUC {name}": partial(_within, name) for name in hospitals},
    }
    methods = sorted((x.method for x in trials[0].lines), key=lambda m: mean(t.line(m).scores.log_loss for t in trials))
    lines = [f"| method | {' | '.join(columns)} | seconds |", "|---" * (len(columns) + 2) + "|"]
    for method in methods:
        cells = [spread([value(trial.line(method)) for trial in trials]) for value in columns.values()]
        seconds = mean(trial.line(method).seconds for trial in trials)
        lines.append(f"| {method} | {' | '.join(cells)} | {seconds:.1f} |")
    return "\n".join(lines)


def _within(hospital: str, line: Line) -> float | None:
    return line.scores.hospitals.get(hospital)


def differences(trials: Sequence[Trial], methods: Sequence[str], reference: str = LOGISTIC) -> str:
    """Return Markdown: the area under the curve within each hospital less that of a reference, paired over the trials."""
    hospitals = list(dict.fromkeys(name for trial in trials for name in trial.lines[0].scores.hospitals))
    lines = [f"| AUC less that of {reference} | {' | '.join(hospitals)} |", "|---" * (len(hospitals) + 1) + "|"]
    for method in methods:
        cells = []
        for name in hospitals:
            pairs = [(_within(name, trial.line(method)), _within(name, trial.line(reference))) for trial in trials]
            cells.append(spread([None if a is None or b is None else a - b for a, b in pairs], sign="+"))
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float | None], *, sign: str = "") -> str:
    """Return mean ± standard error of the values that exist, or a dash."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    error = f" ± {stdev(known) / len(known) ** 0.5:.3f}" if len(known) > 1 else ""
    return f"{mean(known):{sign}.3f}{error}"
