"""Write docs/benchmark.md from benchmarks/results/benchmark.json, which `pinndd study --all` writes.

python benchmarks/report.py                    # the page; pictures that are there stay
python benchmarks/report.py --runs runs/all    # the page, and the gallery drawn anew from these runs

What was tried where a family falls short is written by hand into benchmarks/notes/NAME.md and stands beside its picture. The table of
sensors is that of benchmarks/results/sensors, which `python benchmarks/sensors.py` writes.
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from pinndd.checkpoint import write_atomically
from pinndd.pinn.declare.loading import list_pdes, load_pde
from pinndd.study import words
from pinndd.study.benchmark import FILE, BenchmarkRun, load_benchmark
from pinndd.study.geometric import geometric_mean
from pinndd.study.outcome import NO_SHIFT, FieldExample, Outcome
from pinndd.study.plots.fields import draw_field_row
from pinndd.study.plots.style import house_style
from pinndd.study.run_folder import RunFolder
from pinndd.study.sensor_study import load_records, sensor_table
from pinndd.study.summary import SummaryRow, best_baseline

ROOT = Path(__file__).resolve().parent.parent
FEWEST = 3
"""Families from which an interval over families says anything."""

NOTES = ROOT / "benchmarks" / "notes"
DOTS_PER_INCH, COLOURS = 96, 256
"""Of the pictures: a page of seventeen families stays below a megabyte."""

HEAD = """# Benchmark

Every PDE of `pdes/`, in distribution and under every shift: the error of a distilled set, that of the best tuned baseline of the
same size *under that shift*, and their ratio. `python benchmarks/report.py` wrote this page from
[benchmark.json](../benchmarks/results/benchmark.json), which

```bash
{command}
```

fills; [reproduce.md](reproduce.md) says more. In the protocol *retrain* a fresh network is trained for every boundary condition, in
*amortised* one network answers for all, in *solved* a model is fitted to the solutions of a few conditions that were chosen. Every row
counts, those that lose among them.
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

SENSORS = """## Sensors

The interior is plentiful, the samples of boundary and start are measured: error in distribution with a number of them, of the
distilled placement and of the best and the other baselines (`python benchmarks/sensors.py`). Aims: a ratio of 1.3 on smooth
families, 3 on localised ones.
"""

GALLERY = """## Solutions

One unseen boundary condition in distribution. Solution and predictions share a colour scale, and so do the errors.
"""


def page(
    runs: Sequence[BenchmarkRun], docs: Path, notes: Path = NOTES, sensors: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Return the page as Markdown.

    Args:
        runs: what was studied.
        docs: folder of the page; pictures are under ``benchmark/`` there.
        notes: folder of what was written by hand, a file a PDE, and ``sensors.md``.
        sensors: records of the placements.
    """
    parts = [
        HEAD.format(command="\n".join(dict.fromkeys(_general(r) for r in runs)) or "pinndd study --all"),
        SHORT,
        _table(
            ("protocol", "conditions", "families", "rows", "geometric mean of the ratio", "above 1", "below 1"), _means(runs)
        ),
        FAMILIES,
        _families(runs),
        ROWS,
        _table(("PDE", "protocol", "learner", "conditions", "distilled", "best tuned baseline", "ratio", ""), _rows(runs)),
        *_sensors(sensors, notes),
        GALLERY,
        *_gallery(runs, docs, notes),
        "## How it was run\n",
        _table(("PDEs", "settings", "versions", "hardware"), _settings(runs)),
    ]
    return "\n".join(parts)


def groups(runs: Sequence[BenchmarkRun]) -> dict[str, list[SummaryRow]]:
    """Return the compared rows by protocol; where a study has several learners of its own, by protocol and learner."""
    found: dict[str, list[SummaryRow]] = {}
    for run in sorted(runs, key=lambda r: r.protocol != "retrain"):
        several = len({r.learner for r in run.compared}) > 1
        for row in run.compared:
            found.setdefault(f"{run.protocol}, {row.learner}" if several else run.protocol, []).append(row)
    return found


def draw(runs_folder: Path, names: Sequence[str], docs: Path) -> list[Path]:
    """Draw the gallery from the runs below a folder, one picture a PDE that is there, and return the files."""
    drawn = []
    for name in names:
        if not RunFolder(runs_folder / name).holds_run:
            continue
        example = _example(RunFolder.open(runs_folder / name).outcomes())
        if example is not None:
            path = docs / "benchmark" / f"{name}.png"
            with house_style():
                save_small(draw_field_row(load_pde(name), example), path)
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


def _example(outcomes: Sequence[Outcome]) -> FieldExample | None:
    """The condition in distribution of the first protocol that has one."""
    found = [e for outcome in outcomes for e in outcome.examples if e.shift == NO_SHIFT]
    return found[0] if found else None


def _general(run: BenchmarkRun) -> str:
    """The command of a run, for all PDEs."""
    first, *options = run.command.removeprefix("pinndd study ").split(" --")
    return " --".join(["pinndd study --all" if first == run.pde else f"pinndd study {first}", *options])


def _means(runs: Sequence[BenchmarkRun]) -> Iterator[Sequence[str]]:
    for name, rows in groups(runs).items():
        kinds = {
            "in distribution": [r for r in rows if r.shift == NO_SHIFT],
            "under shifts": [r for r in rows if r.shift != NO_SHIFT],
            "all": rows,
        }
        for kind, mine in kinds.items():
            good = [r for r in mine if r.ratio]
            failed = f" ({len(mine) - len(good)} failed)" if len(good) < len(mine) else ""
            share = [sum(r.wins is wins for r in mine) / max(1, len(mine)) for wins in (True, False)]
            yield (
                name,
                kind,
                str(len({r.pde for r in mine})),
                f"{len(mine)}{failed}",
                _mean(good),
                *(f"{100 * s:.0f} %" for s in share),
            )


def _mean(rows: Sequence[SummaryRow]) -> str:
    if not rows:
        return "–"
    found = geometric_mean([r.ratio or 0.0 for r in rows], [r.pde for r in rows])
    several = len({r.pde for r in rows}) >= FEWEST
    interval = f" ({words.significant(found.low)}–{words.significant(found.high)})" if several else ""
    return f"{words.significant(found.value, 3)}{interval}"


def _families(runs: Sequence[BenchmarkRun]) -> str:
    titles, found = dict(list_pdes()), groups(runs)

    def cell(pde: str, rows: Sequence[SummaryRow]) -> str:
        mine = [r for r in rows if r.pde == pde]
        if not mine:
            return "–"
        worst = min(mine, key=lambda r: r.ratio or 0.0)
        good = [r for r in mine if r.ratio]
        mean = (
            words.significant(geometric_mean([r.ratio or 0.0 for r in good], [pde] * len(good)).value) if good else "failed"
        )
        return f"{mean}<br>{words.shift_name(worst.shift)} {words.significant(worst.ratio or 0.0)}"

    names = sorted({r.pde for r in runs})
    rows = [[f"[{n}](#{n})", titles.get(n, ""), *(cell(n, g) for g in found.values())] for n in names]
    return _table(("PDE", "what it is", *found), rows)


def _rows(runs: Sequence[BenchmarkRun]) -> Iterator[Sequence[str]]:
    for run in runs:
        for row in run.compared:
            rival = best_baseline(run.rows, row)
            sign = {True: "", False: "loses", None: "≈"}[row.wins]
            low, high = (words.significant(bound or 0.0) for bound in (row.ratio_low, row.ratio_high))
            ratio = f"{words.significant(row.ratio or 0.0, 3)} ({low}–{high})"
            cells = (
                run.pde,
                run.protocol,
                row.learner,
                words.shift_name(row.shift),
                f"{words.percent(row.mean)} ({words.interval(row)})",
                "–" if rival is None else f"{words.percent(rival.mean)} {rival.method}",
                ratio,
                sign,
            )
            yield [f"**{c}**" for c in cells] if row.wins is False else cells


def _gallery(runs: Sequence[BenchmarkRun], docs: Path, notes: Path) -> Iterator[str]:
    titles = dict(list_pdes())
    for name in sorted({r.pde for r in runs}):
        yield f"### {name}\n\n{titles.get(name, '')}\n"
        if (docs / "benchmark" / f"{name}.png").exists():
            yield f"![Solution, predictions and errors of {name}](benchmark/{name}.png)\n"
        for protocol, why in {p: w for r in runs if r.pde == name for p, w in r.skipped.items()}.items():
            yield f"Protocol {protocol} is left out: {why}.\n"
        yield from _note(name, notes)


def _sensors(records: Sequence[Mapping[str, Any]], notes: Path) -> Iterator[str]:
    if records:
        yield SENSORS
        yield sensor_table(records) + "\n"
        yield from _note("sensors", notes)


def _note(name: str, notes: Path) -> Iterator[str]:
    """What was written by hand."""
    if (notes / f"{name}.md").exists():
        yield (notes / f"{name}.md").read_text().strip() + "\n"


def _settings(runs: Sequence[BenchmarkRun]) -> list[list[str]]:
    """One row for all runs that were made alike."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for r in runs:
        texts = tuple(_plain(values) for values in (r.settings, r.versions, r.hardware))
        found.setdefault(texts, []).append(f"{r.pde} {r.protocol}")  # type: ignore[arg-type]
    return [[", ".join(names), *texts] for texts, names in found.items()]


def _plain(values: Any) -> str:
    said = {k: ", ".join(map(str, v)) or "none" if isinstance(v, list) else v for k, v in values.items()}
    return ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in said.items())


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


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
    sensors = load_records(options.results / "sensors")
    options.docs.mkdir(parents=True, exist_ok=True)
    with write_atomically(options.docs / "benchmark.md") as file:
        file.write(page(runs, options.docs, sensors=sensors).encode())
    print(f"wrote {options.docs / 'benchmark.md'}")


if __name__ == "__main__":
    main()
