"""Write docs/benchmark.md from benchmarks/results/benchmark.json, which `pinndd study --all` writes.

python benchmarks/report.py                    # the page; pictures that are there stay
python benchmarks/report.py --runs runs/all    # the page, and the gallery drawn anew from these runs

What was tried where a family falls short is written by hand into benchmarks/notes/NAME.md and stands beside its picture.
The table of sensors is that of benchmarks/results/sensors, which `python benchmarks/sensors.py` writes; that of trained bodies comes
from benchmarks/results/bodies, which `pinndd study --learner body --results benchmarks/results/bodies` fills, that of
networks whose weights are all trained from benchmarks/results/trained (`--learner mlp-lm`), that of one set for several learners
from benchmarks/results/bank (`--learner bank`), and those of the default learner and of what its sets are worth to other networks
from benchmarks/results/default (no `--learner`; with judges).
"""

from __future__ import annotations

import argparse
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from pandas import DataFrame
from PIL import Image

from pinndd.pinn.declare.loading import list_pdes, load_pde
from pinndd.storage.writing import write_atomically
from pinndd.study.plots.fields import draw_field_row
from pinndd.study.plots.style import house_style
from pinndd.study.protocols import NAMES, protocol_named
from pinndd.study.protocols.retrain import LARGER, RetrainSettings
from pinndd.study.report.cost import points_needed
from pinndd.study.report.sensor_table import load_sensors, sensor_table
from pinndd.study.report.worth import (
    BESIDE,
    IN_DISTRIBUTION,
    Errors,
    best_designs,
    certain,
    keeping,
    means,
    of_sets,
    transfer,
    worth,
)
from pinndd.study.results import words
from pinndd.study.results.benchmark import FILE, BenchmarkRun, load_benchmark
from pinndd.study.results.intervals import Interval, geometric_mean
from pinndd.study.results.outcome import FieldExample, Outcome
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.results.selection import of_size, one_set_each, own_learner, sizes_studied
from pinndd.study.results.standing import Standing, standing
from pinndd.study.results.summary import comparisons
from pinndd.study.results.table import DISTILLED, NO_SHIFT, first_row, rows_of
from pinndd.study.results.writing import markdown_table

ROOT = Path(__file__).resolve().parent.parent
FEWEST = 3
"""Families from which an interval over families says anything."""

NOTES = ROOT / "benchmarks" / "notes"
DOTS_PER_INCH, COLOURS = 96, 256
"""Of the pictures: a page of seventeen families stays below a megabyte."""

HEAD = """# Benchmark

Every PDE of `pdes/`, in distribution and under every shift: the error of a distilled set, that of the best baseline *under that
shift* of the same size, and their ratio. `python benchmarks/report.py` wrote this page from
`benchmarks/results/benchmark.json`, which

```bash
{command}
```

fills; [reproduce.md](reproduce.md) says more. The rows of *retrain* are those of version 0.1.0, whose learner was random
features (`--learner ridge`, `--learner gauss-newton`); those of the present default come {bodies}. In the protocol *retrain* a
fresh network is trained for every boundary condition, in *amortised* one network answers for all, in *solved* a model is fitted
to the solutions of a few conditions that were chosen. Every row counts, those that lose among them.
"""

DEFAULT = """## What the default gives

`pinndd study NAME --protocol retrain --test-conditions 12` without `--learner`, from `benchmarks/results/default`: a set is
distilled for bodies, and for random features too where their usual designs promise as much; what errs less on validation
conditions is kept (*learner*). Geometric means over shifts, in the first table over families as well, with their 95 % interval.
*Ratio*: error of the best tuned design under each shift ÷ error of the distilled set, as many points, both judged by a draw of
the learner that no distillation saw. *Any learner*: the same for the best design with either learner, where both were studied.
*Kept*: error of the dense set ÷ that of the distilled set. *Points*: how many times as many points the best other set takes for
the same error in distribution, between two sizes that ran; ">" where the largest that ran errs more still. *Random features*: the
error of sets of the same size distilled for 256 random features (version 0.1.0), and how many times smaller that of the default is.
"""

TRANSFER = """## Sets that another network trains on

The same studies: error of the best design ÷ error of the distilled set where both train a network that the set was *not* distilled
for, weights tuned for it alike. The designs are the midpoint grid and the one that was best with the set's own learner; the set is
that of the first seed, on eight conditions per shift; DeepXDE (Adam, then L-BFGS) in distribution and under one shift alone.
Above 1 the distilled set is better.
"""

BODIES = """## PINNs whose hidden layers are trained

The learner `body`, the default, from `benchmarks/results/bodies`; geometric means over shifts, in the first table over families as
well, with their 95 % interval. *Ratio*: error of the best tuned design under each shift ÷ error of the distilled set, as many
points, both judged by a body that no distillation saw. *Kept*: error of the dense set ÷ that of the distilled set. *Random
features*: the error of sets of the same size distilled for 256 random features (version 0.1.0), and how many times smaller that
with the body is.
"""

TRAINED = """## PINNs all of whose weights are trained

The learner `mlp-lm`, from `benchmarks/results/trained` (`pinndd study NAME --protocol retrain --learner mlp-lm --test-conditions 12
--no-judges`): sets distilled for MLPs with three hidden layers of 32, which Levenberg-Marquardt trains to the end from initial
weights of their own for every condition. The first table as above. *Fresh samples*: the error of as many points, drawn
anew at every step.
"""

BANK = """## One set for several learners

The learner `bank`, from `benchmarks/results/bank` (`pinndd study NAME --protocol retrain --learner bank --test-conditions 12
--no-judges`): every set is distilled for bodies and for random features of two scales together. The first tables show what it is
worth to a body that no distillation saw, with columns as above.
"""

MEMBERS = """What the same sets are worth to the random features among the members, with a draw of them that no distillation saw: error
of the best of all designs with that member ÷ error of the set, weights tuned for it alike.
"""

SHORT = """## In short

Geometric means of the ratio over families and shifts, with a 95 % interval over families where there are at least three. A row
is certainly above 1 where the whole interval of its ratio is, and certainly below 1 likewise.
"""

FAMILIES = """## By family

Geometric mean of the ratio over the training family and all shifts; below it the worst of them.
"""

ROWS = """## Every row

Mean relative L2 error with its 95 % interval over seeds and conditions. Ratio: error of the baseline ÷ error of the distilled set,
paired. **Bold**: the distilled set certainly loses. ≈: the interval of the ratio holds 1.
"""

MEANT = {
    "ratio": "best design ÷ distilled",
    "kept": "dense ÷ distilled",
    "beside fresh samples": "fresh samples ÷ distilled",
    "beside the other learner": "random features ÷ distilled",
    "beside any learner": "best design, any learner ÷ distilled",
    "points": "points that the best other set takes for the same error ÷ those of the distilled set",
}

COLUMNS = {"other learner": "random features", "beside any learner": "any learner"} | {
    name: MEANT[name] for name in ("beside fresh samples", "beside the other learner")
}
"""Names of columns of `worth` on the page, where they differ."""

SENSORS = """## Sensors

The interior is plentiful, the samples of boundary and start are measured: error in distribution with a number of them, of the
distilled placement and of the best and the other baselines (`python benchmarks/sensors.py`). Aims: a ratio of 1.3 on smooth
families, 3 on localised ones.
"""

GALLERY = """## Solutions

One unseen boundary condition in distribution. Solution and predictions share a colour scale, and so do the errors.
"""


def page(
    runs: Sequence[BenchmarkRun],
    docs: Path,
    notes: Path = NOTES,
    sensors: DataFrame | None = None,
    bodies: Sequence[BenchmarkRun] = (),
    trained: Sequence[BenchmarkRun] = (),
    default: Sequence[BenchmarkRun] = (),
    bank: Sequence[BenchmarkRun] = (),
) -> str:
    """Return the page as Markdown.

    Args:
        runs: what was studied.
        docs: folder of the page; pictures are under ``benchmark/`` there.
        notes: folder of what was written by hand, one file per PDE, and ``sensors.md``.
        sensors: summary of the placements (None: there are none).
        bodies: studies with the learner `body`, in their own file of results.
        trained: studies with the learner `mlp-lm`, likewise.
        default: studies without a named learner, likewise.
        bank: studies with the learner `bank`, likewise.
    """
    features = [run for run in runs if run.protocol == "retrain"]
    parts = [
        HEAD.format(
            command="\n".join(dict.fromkeys(_general(r) for r in runs)) or "pinndd study --all",
            bodies="next" if default or bodies else "from `benchmarks/results/default`",
        ),
        *_worth(
            DEFAULT,
            default,
            {
                BESIDE["beside any learner"]: best_designs([*default, *bodies, *features]),
                BESIDE["beside the other learner"]: of_sets(features),
            },
        ),
        *_transfer(TRANSFER, default),
        *_worth(BODIES, bodies, {BESIDE["beside the other learner"]: of_sets(features)}),
        *_worth(TRAINED, trained),
        *_worth(BANK, bank),
        *_transfer(MEMBERS, bank),
        SHORT,
        _table(DataFrame(_means(runs))),
        FAMILIES,
        _families(runs),
        ROWS,
        _table(DataFrame(_rows(runs))),
        *_sensors(sensors, notes),
        GALLERY,
        *_gallery(runs, docs, notes),
        "## How it was run\n",
        _table(_settings(runs)),
    ]
    return "\n".join(parts)


def _worth(head: str, runs: Sequence[BenchmarkRun], others: Mapping[str, Errors] | None = None) -> Iterator[str]:
    """What sets are worth, beside the errors of ``others`` where there are any."""
    if not runs:
        return
    found = worth(runs, others)
    yield head
    rows = [
        {"conditions": conditions, "ratio": MEANT[column], "geometric mean": _interval(mean, len(runs))}
        for (conditions, column), mean in means(found).items()
    ]
    more = {run.pde: known for run in runs if (known := more_points(run)) is not None}
    if more:
        mean = geometric_mean([times for times, _ in more.values()], list(more))
        rows.append({"conditions": IN_DISTRIBUTION, "ratio": MEANT["points"], "geometric mean": _interval(mean, len(more))})
    yield _table(DataFrame(rows))
    count, kept, ahead = certain(runs), keeping(runs, 0.9), keeping(runs, 1.0)
    yield (
        f"{len(runs)} families, {_seeds(runs)}; {count.above} of {count.rows} rows are certainly above 1 against the best design; "
        f"{kept.above} of {kept.rows} keep at least 90 % of the performance of the dense set, and {ahead.above} do not fall behind "
        "it.\n"
    )
    shown = DataFrame({"PDE": found["pde"], "conditions": found["conditions"]})
    learners = _learners(runs)
    if len(set(learners.values())) > 1:
        shown["learner"] = found["pde"].map(learners)
    for name in found.dropna(axis="columns", how="all").columns.drop(["pde", "conditions"]):
        shown[COLUMNS.get(name, name)] = found[name].map(_plain_ratio if name in BESIDE else _percent)
    if more:
        inside = found["conditions"] == IN_DISTRIBUTION
        shown["points"] = [_more(more.get(pde)) if known else "" for pde, known in zip(found["pde"], inside, strict=True)]
    yield _table(shown)


def _learners(runs: Sequence[BenchmarkRun]) -> dict[str, str]:
    """Return the learner that the sets of each family were distilled with."""
    return {run.pde: own_learner(run.rows) for run in runs}


def more_points(run: BenchmarkRun) -> tuple[float, bool] | None:
    """Return how many times as many points the best other set takes for the error in distribution of the distilled set.

    Returns:
        The multiple, and whether it is a lower bound, since the largest set that ran errs more; None where nothing can be said.
    """
    rows = run.rows[(run.rows["learner"] == own_learner(run.rows)) & (run.rows["shift"] == NO_SHIFT)]
    distilled = first_row(rows[rows["method"] == DISTILLED])
    own = RetrainSettings(points=distilled.points, boundary_points=distilled.boundary_points)
    pde = load_pde(run.pde)
    sizes = [own.times(pde, factors) for factors in LARGER]
    larger = run.sizes.merge(DataFrame({"points": [s.points for s in sizes], "boundary_points": [s.boundary_points for s in sizes]}))
    if larger.empty:
        return None
    needed = points_needed(pandas.concat([rows, larger.assign(protocol=run.protocol, ceiling=False)]), distilled)
    return None if needed is None else (needed.times, needed.above is None)


def _more(found: tuple[float, bool] | None) -> str:
    return "–" if found is None else f"{'> ' if found[1] else ''}{words.significant(found[0])}"


def _transfer(head: str, runs: Sequence[BenchmarkRun]) -> Iterator[str]:
    """What sets are worth to other networks than that whose rows bear the name of their learner, in all and by family."""
    found = transfer(runs)
    if found.empty:
        return
    yield head
    groups = found.groupby(["learner", "conditions"], sort=False)
    yield _table(DataFrame([{"trained with": n, "conditions": c, **_together(rows)} for (n, c), rows in groups]))
    logs = np.log(found["ratio"].where(found["ratio"] > 0)).groupby([found["pde"], found["conditions"], found["learner"]], sort=False)
    wide = np.exp(logs.mean()).map(_plain_ratio).unstack("learner", fill_value="–")
    table = wide.reset_index().rename(columns={"pde": "PDE"})
    table.insert(2, "distilled with", table["PDE"].map(_learners(runs)))
    yield _table(table)


def _seeds(runs: Sequence[BenchmarkRun]) -> str:
    """Say how many seeds the studies had: the usual number, then those with another one."""
    usual, *others = Counter(run.settings["seeds"] for run in runs).most_common()
    said = [f"{n} for {words.listed([run.pde for run in runs if run.settings['seeds'] == n])}" for n, _ in others]
    return f"{usual[0]} {'seed' if usual[0] == 1 else 'seeds'} each" + (f" ({', '.join(said)})" if said else "")


def _percent(error: float) -> str:
    return words.percent(error) if error == error else "–"


def _plain_ratio(ratio: float) -> str:
    return words.significant(ratio) if ratio == ratio else "–"


def _interval(found: Interval, families: int) -> str:
    """Write a mean over so many families, with its interval where there are enough."""
    if families < FEWEST:
        return words.significant(found.value)
    return f"{words.significant(found.value)} ({words.significant(found.low)}–{words.significant(found.high)})"


def _table(frame: DataFrame) -> str:
    return markdown_table(frame) + "\n"


def groups(runs: Sequence[BenchmarkRun]) -> dict[str, DataFrame]:
    """Return the compared rows by protocol; where a study has several learners of its own, by protocol and learner."""
    found: dict[str, list[DataFrame]] = {}
    for run in sorted(runs, key=lambda r: r.protocol != "retrain"):
        several = run.compared["learner"].nunique() > 1
        for learner, rows in run.compared.groupby("learner", sort=False):
            found.setdefault(f"{run.protocol}, {learner}" if several else run.protocol, []).append(rows)
    return {name: pandas.concat(parts) for name, parts in found.items()}


def draw(runs_folder: Path, names: Sequence[str], docs: Path) -> list[Path]:
    """Draw the gallery from the runs below a folder, one picture per PDE that is there, and return the files."""
    drawn = []
    for name in names:
        if not RunFolder(runs_folder / name).holds_run:
            continue
        example, beside = _example(RunFolder.open(runs_folder / name).outcomes())
        if example is not None:
            path = docs / "benchmark" / f"{name}.png"
            with house_style():
                save_small(draw_field_row(load_pde(name), example, beside), path)
            drawn.append(path)
    return drawn


def save_small(figure: Any, path: Path) -> None:
    """Write a figure as a PNG of few colours, some 30 KB."""
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=DOTS_PER_INCH)
    Image.open(full).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(small, format="png", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as file:
        file.write(small.getvalue())


def _example(outcomes: Sequence[Outcome]) -> tuple[FieldExample | None, Standing | None]:
    """The condition in distribution of the first protocol that has one, and what the table says about it."""
    found = next(((o, e) for o in outcomes for e in o.examples if e.shift == NO_SHIFT), None)
    if found is None:
        return None, None
    outcome, example = found
    summary = outcome.summary
    own = one_set_each(summary[summary["learner"] == own_learner(summary)])
    table = of_size(own, sizes_studied(own)[0]) if sizes_studied(own) else own
    shown = next((method for method in example.predictions if method != DISTILLED), "")
    return example, standing(table, NO_SHIFT, shown)


def _general(run: BenchmarkRun) -> str:
    """The command of a run, for all PDEs."""
    first, *options = run.command.removeprefix("pinndd study ").split(" --")
    return " --".join(["pinndd study --all" if first == run.pde else f"pinndd study {first}", *options])


def _means(runs: Sequence[BenchmarkRun]) -> Iterator[dict[str, str]]:
    for name, rows in groups(runs).items():
        kinds = {
            "in distribution": rows[rows["shift"] == NO_SHIFT],
            "under shifts": rows[rows["shift"] != NO_SHIFT],
            "all": rows,
        }
        for kind, mine in kinds.items():
            yield {"protocol": name, "conditions": kind, **_together(mine, lambda part: f"{100 * part:.0f} %")}


def _together(rows: DataFrame, said: Callable[[float], str] | None = None) -> dict[str, str]:
    """Return the cells on all rows of a table: families, rows, mean ratio, and those certainly above and below 1.

    Args:
        rows: with ``pde``, ``ratio`` and ``wins``.
        said: writes the parts that are above and below (None: their numbers stand there).
    """
    good = rows[rows["ratio"] > 0]
    failed = f" ({len(rows) - len(good)} failed)" if len(good) < len(rows) else ""
    counts = [int((rows["wins"] == wins).sum()) for wins in (True, False)]
    above, below = (str(n) if said is None else said(n / max(1, len(rows))) for n in counts)
    return {
        "families": str(rows["pde"].nunique()),
        "rows": f"{len(rows)}{failed}",
        "geometric mean of the ratio": _mean(good),
        "above 1": above,
        "below 1": below,
    }


def _mean(rows: DataFrame) -> str:
    if rows.empty:
        return "–"
    found = geometric_mean(rows["ratio"].tolist(), rows["pde"].tolist())
    several = rows["pde"].nunique() >= FEWEST
    interval = f" ({words.significant(found.low)}–{words.significant(found.high)})" if several else ""
    return f"{words.significant(found.value, 3)}{interval}"


def _families(runs: Sequence[BenchmarkRun]) -> str:
    titles, found = dict(list_pdes()), groups(runs)

    def cell(pde: str, rows: DataFrame) -> str:
        mine = rows[rows["pde"] == pde].sort_values("ratio", kind="stable")
        if mine.empty:
            return "–"
        worst, good = mine.iloc[0], rows.loc[(rows["pde"] == pde) & (rows["ratio"] > 0), "ratio"].tolist()
        mean = words.significant(geometric_mean(good, [pde] * len(good)).value) if good else "failed"
        return f"{mean}<br>{words.shift_name(worst['shift'])} {words.significant(worst['ratio'])}"

    names = sorted({r.pde for r in runs})
    columns = {"PDE": [f"[{n}](#{n})" for n in names], "what it is": [titles.get(n, "") for n in names]}
    return _table(DataFrame(columns | {group: [cell(n, rows) for n in names] for group, rows in found.items()}))


def _rows(runs: Sequence[BenchmarkRun]) -> Iterator[dict[str, str]]:
    for run in runs:
        own = comparisons(run.rows)
        for row in rows_of(own[(own["learner"] == own["distilled_with"]) & own["ratio"].notna()]):
            low, high = words.significant(row.ratio_low), words.significant(row.ratio_high)
            cells = {
                "PDE": run.pde,
                "protocol": run.protocol,
                "learner": row.learner,
                "conditions": words.shift_name(row.shift),
                "distilled": f"{words.percent(row.mean)} ({words.interval(row)})",
                "best baseline": f"{words.percent(row.baseline_mean)} {row.baseline}",
                "ratio": f"{words.significant(row.ratio, 3)} ({low}–{high})",
                "": {"win": "", "loss": "loses", "draw": "≈"}[row.state],
            }
            yield {name: f"**{cell}**" for name, cell in cells.items()} if row.state == "loss" else cells


def _gallery(runs: Sequence[BenchmarkRun], docs: Path, notes: Path) -> Iterator[str]:
    titles = dict(list_pdes())
    for name in sorted({r.pde for r in runs}):
        yield f"### {name}\n\n{titles.get(name, '')}\n"
        if (docs / "benchmark" / f"{name}.png").exists():
            yield f"![Solution, predictions and errors of {name}](benchmark/{name}.png)\n"
        for protocol, why in {p: w for r in runs if r.pde == name for p, w in r.skipped.items()}.items():
            yield f"Protocol {protocol} is left out: {why}.\n"
        yield from _note(name, notes)


def _sensors(summary: DataFrame | None, notes: Path) -> Iterator[str]:
    if summary is not None and len(summary):
        yield SENSORS
        yield sensor_table(summary) + "\n"
        yield from _note("sensors", notes)


def _note(name: str, notes: Path) -> Iterator[str]:
    """What was written by hand."""
    if (notes / f"{name}.md").exists():
        yield (notes / f"{name}.md").read_text().strip() + "\n"


def _settings(runs: Sequence[BenchmarkRun]) -> DataFrame:
    """One row for all runs that were made alike."""
    texts = [
        {
            "PDEs": f"{r.pde} {r.protocol}",
            "set": _size(r),
            "settings": _plain(_shared(r.settings)),
            "versions": _plain(r.versions),
            "hardware": _plain(r.hardware),
        }
        for r in runs
    ]
    same = ["set", "settings", "versions", "hardware"]
    return DataFrame(texts).groupby(same, sort=False)["PDEs"].agg(", ".join).reset_index()[["PDEs", *same]]


def _size(run: BenchmarkRun) -> str:
    """What its rows say about the size of the distilled sets: settings may hold sizes of other protocols."""
    sets = run.rows[run.rows["method"] == DISTILLED].drop_duplicates(["points", "boundary_points"])
    return "; ".join(protocol_named(run.protocol).words.size_of(row) for row in rows_of(sets))


def _shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that all protocols have, the factor on the outer steps under its present name."""
    sizes = {option for name in NAMES for option in protocol_named(name).options}
    named = {"effort" if name == "budget" else name: value for name, value in settings.items()}
    return {name: value for name, value in named.items() if name.split()[-1] not in sizes}


def _plain(values: Any) -> str:
    said = {k: ", ".join(map(str, v)) or "none" if isinstance(v, list) else v for k, v in values.items()}
    return ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in said.items())


def main() -> None:
    """Draw what the runs allow, and write the page."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results", help="folder of benchmark.json")
    parser.add_argument("--runs", type=Path, help="folder of the runs, to draw the gallery anew")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder of benchmark.md")
    options = parser.parse_args()
    runs = load_benchmark(options.results / FILE)
    if not runs:
        parser.error(f"{options.results / FILE} holds no runs: begin with 'pinndd study --all'")
    if options.runs is not None:
        for path in draw(options.runs, sorted({r.pde for r in runs}), options.docs):
            print(f"drew {path}")
    sensors = load_sensors(options.results / "sensors")
    learners = {name: load_benchmark(options.results / name / FILE) for name in ("bodies", "trained", "default", "bank")}
    options.docs.mkdir(parents=True, exist_ok=True)
    with write_atomically(options.docs / "benchmark.md") as file:
        file.write(page(runs, options.docs, sensors=sensors, **learners).encode())
    print(f"wrote {options.docs / 'benchmark.md'}")


if __name__ == "__main__":
    main()
