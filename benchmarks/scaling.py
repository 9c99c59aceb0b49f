"""Time and memory against points, conditions, width, outer steps and processes; slopes on logarithmic axes; docs/scaling.md.

Fits, and outer loops of so many steps with batches of 32, are measured in processor seconds of one thread, the median over rounds,
each in a forked process of its own whose peak of memory is that of the fit alone. Processes are measured by the wall, on a machine
that does nothing else: outer steps per second on Burgers with Gauss-Newton and batches of 32, by one process and by two that share
them (the target is 1.7 times as many), quick studies with one worker and with two (1.8 times faster), and one study of several seeds.

    python benchmarks/scaling.py fits         # some minutes; --learner ridge, --axis points: one
    python benchmarks/scaling.py steps        # four minutes, on two processors at rest
    python benchmarks/scaling.py studies      # eight minutes, on two processors at rest
    python benchmarks/scaling.py seeds        # ten minutes, on two processors at rest
    python benchmarks/scaling.py cells        # a quarter of a minute: what it costs to run a study on a worker
    python benchmarks/scaling.py page         # writes docs/scaling.md from what was measured

The results go to benchmarks/results/scaling.json.
"""

from __future__ import annotations

import os

# before torch is imported
os.environ.update(OMP_NUM_THREADS="1", PINNDD_CACHE="off")

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pinndd import load_pde
from pinndd.distances import RelativeL2
from pinndd.hypergradients import fitting
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import OuterSettings, distill
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import DistillationProblem
from pinndd.risks import GeometricMean
from pinndd.storage.writing import write_json
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, head, house_style, legend_below, new_figure, save_figure
from pinndd.study.results.run_config import hardware, versions
from pinndd.study.workers import Cell, local_workers, run_cells
from pinndd.terminal.cells import StudyCell, run_on_worker

HERE = Path(__file__).resolve()
RESULT, PAGE = HERE.parent / "results" / "scaling.json", HERE.parent.parent / "docs" / "scaling.md"
PICTURE = PAGE.with_suffix(".png")
ROUNDS = 3
USUAL = {"points": 64, "conditions": 64, "width": 256}
STEPS, BATCH = "outer steps", 32
AXES = {
    "points": (64, 128, 256, 512, 1024, 2048, 4096),
    "conditions": (8, 32, 128, 512, 2048, 4096),
    "width": (64, 128, 256, 512, 1024),
    STEPS: (4, 8, 16, 32, 64, 128, 256),
}
SECONDS, MIB = 10.0, 1000.0
"""Processor seconds and memory of a fit after which no larger one of its kind is measured."""

LEARNERS: Mapping[str, tuple[str, Callable[[Any, int], Any]]] = {
    "ridge": ("heat", lambda pde, width: Ridge(FeatureModel(pde, width=width, scale=1.0), 1e-6)),
    "gauss-newton": ("burgers", lambda pde, width: GaussNewton(FeatureModel(pde, width=width, scale=1.0), 1e-6)),
}
SUBSET = ("heat", "advection", "poisson", "wave")
SEEDS_OF = "heat"


def problem_of(name: str, points: int, conditions: int, width: int) -> tuple[DistillationProblem, Any, BoundaryEpisodes]:
    """Return a problem, a design of so many interior and half as many boundary points, and episodes of so many conditions."""
    equation, learner = LEARNERS[name]
    pde = load_pde(equation)
    ensemble, generator = pde.ensemble(), torch.Generator().manual_seed(0)
    values = BoundaryValues(ensemble, ensemble.sample(conditions, generator))
    asked = pde.box.scale(torch.rand((32, pde.box.dimension), generator=generator, dtype=torch.float64))
    truth = torch.rand((conditions, 32, pde.output_count), generator=generator, dtype=torch.float64) + 0.5
    episodes = BoundaryEpisodes(values, asked, truth, 0)
    data = collocation_data(pde, *sample_points(pde, "sobol", points, points // 2, 0))
    problem = DistillationProblem(learner(pde, width), BoundaryGeneralisation(episodes, [0]), RelativeL2(), GeometricMean())
    return problem, data, episodes


def forked(measure: Callable[[], Any]) -> Any:
    """Return what a function returns in a process of its own, which has imported everything."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(into, json.dumps(measure()).encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return json.loads(found)


def fit(name: str, steps: int = 0, **size: int) -> dict[str, float]:
    """Measure one fit, or an outer loop of so many steps: processor seconds, and MiB at the peak beyond those before it."""
    problem, data, episodes = problem_of(name, **size)

    def resident(what: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what))

    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before, started = resident("VmRSS"), time.process_time()
    if steps:
        settings = OuterSettings(steps=steps, batch=BATCH, validate_every=steps)
        distill(problem, data, hypergradient=fitting(problem.learner), validation=[episodes[:2]], settings=settings)
    else:
        with torch.no_grad():
            problem.learner.fit(data, episodes)
    return {"seconds": time.process_time() - started, "mib": (resident("VmHWM") - before) / 1024}


def fits(small: bool, learners: Sequence[str], axes: Sequence[str]) -> dict[str, Any]:
    """Measure fits along axes."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name in learners:
        for axis in axes:
            rows = []
            for size in AXES[axis][: 2 if small else None]:
                given = USUAL | {"steps" if axis == STEPS else axis: size}
                runs = [forked(lambda g=given, n=name: fit(n, **g)) for _ in range(1 if small else ROUNDS)]
                row = {key: statistics.median(run[key] for run in runs) for key in ("seconds", "mib")}
                rows.append({axis: size, **row})
                print(name, rows[-1], flush=True)
                if row["seconds"] > SECONDS or row["mib"] > MIB:
                    break
            found[f"{name}, {axis}"] = {"rows": rows, "slope": slope(rows[-3:], axis, "seconds")}
    return found


def slope(rows: list[dict[str, float]], axis: str, what: str) -> float:
    """Return the slope of a straight line through the logarithms."""
    x, y = ([math.log(row[key]) for row in rows] for key in (axis, what))
    return statistics.linear_regression(x, y).slope


def steps(small: bool) -> dict[str, Any]:
    """Outer steps per second of one process, of two that share them, and of two that do not, whose sum is what the machine can do.

    That of one with half of the episodes says what two could reach that never wait for each other. Medians over rounds, of the rates
    and of their ratios within a round.
    """

    def rates(count: int, of: int, batch: int = BATCH) -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, str(HERE), "one", "--of", str(of), "--store", f"{folder}/store", "--batch", str(batch)]
            words += ["--small"] * small
            ranks = [str(k if of > 1 else 0) for k in range(count)]
            each = [subprocess.Popen([*words, "--rank", rank], stdout=subprocess.PIPE, text=True) for rank in ranks]
            return [float(said) for process in each if (said := process.communicate()[0])]

    # in turns, since what else a machine does changes from minute to minute
    rounds = [
        (rates(1, 1)[0], rates(2, 2)[0], sum(rates(2, 1)), rates(1, 1, BATCH // 2)[0]) for _ in range(1 if small else ROUNDS)
    ]
    found = dict(zip(("1", "2", "2 apart", "half the episodes"), map(statistics.median, zip(*rounds, strict=True)), strict=True))
    gain, most, half = (statistics.median(each[k] / each[0] for each in rounds) for k in (1, 2, 3))
    return {"steps per second": found, "gain": gain, "most": most, "half": half}


def one(rank: int, count: int, store: str, batch: int, small: bool) -> None:
    """Be one of so many processes, and let the first print its outer steps per second."""
    torch.set_num_threads(1)
    problem, data, episodes = problem_of("gauss-newton", 64, 64, 256)
    if count > 1:
        shared = dist.FileStore(store, count)
        dist.init_process_group("gloo", store=shared, rank=rank, world_size=count, timeout=timedelta(minutes=5))
    looks: list[tuple[int, float]] = []
    distill(
        problem, data, hypergradient=fitting(problem.learner), validation=[episodes[:2]],
        settings=OuterSettings(steps=4 if small else 80, batch=batch, validate_every=2 if small else 20),  # as in a study
        progress=lambda step, risk: looks.append((step, time.perf_counter())),
    )  # fmt: skip
    (first, begun), (last, ended) = looks[1], looks[-1]
    if rank == 0:
        print((last - first) / (ended - begun), flush=True)
    os._exit(0)  # before gloo's threads are joined, which may abort a process that has lost another


def studies(small: bool) -> dict[str, Any]:
    """Seconds of quick studies with one worker and with two, and how many processors were busy meanwhile."""
    return with_two([*SUBSET[: 2 if small else None], "--quick", "--protocol", "retrain"], apart=True)


def seeds(small: bool) -> dict[str, Any]:
    """The same of one study, whose seeds two workers share; each trains no bodies that the other trains."""
    few = ["--points", "9", "--boundary-points", "9", "--learner", "ridge"] if small else []
    count = "2" if small else "3"
    return with_two([SEEDS_OF, "--protocol", "retrain", "--seeds", count, "--test-conditions", "12", "--no-judges", *few])


def with_two(words: Sequence[str], *, apart: bool = False) -> dict[str, Any]:
    """Run a study with one worker and with two, each with an empty cache; ``apart``: also twice at once, which share nothing."""
    found, busy = {}, {}
    for jobs, copies in (("1", 1), ("2", 1), ("1", 2))[: 3 if apart else 2]:
        name = "apart" if copies > 1 else jobs
        with tempfile.TemporaryDirectory() as folder:
            since, before = time.perf_counter(), os.times()
            running = [study_of([*words, "--jobs", jobs, "--out", f"{folder}/{k}/runs"], f"{folder}/{k}/cache") for k in range(copies)]
            if any([each.wait() for each in running]):
                raise SystemExit(f"a study of {words} failed")
            found[name], after = time.perf_counter() - since, os.times()
            spent = after.children_user - before.children_user + after.children_system - before.children_system
            busy[name] = spent / found[name]
    most = {"most": 2 * found["1"] / found["apart"]} if apart else {}
    return {"seconds": found, "gain": found["1"] / found["2"], **most, "busy": busy}


def study_of(words: Sequence[str], cache: str) -> subprocess.Popen[bytes]:
    """Begin a study in a process of its own."""
    command = [sys.executable, "-m", "pinndd", "study", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"PINNDD_CACHE": cache})


def cells(small: bool) -> dict[str, Any]:
    """Seconds that cells take beside their studies: once for a worker, which imports the package, and for each."""
    with tempfile.TemporaryDirectory() as folder:
        where = {"folder": folder, "log": f"{folder}/log", "resume": False, "overwrite": False}
        # of another version, so that it is refused when the study would begin
        refused = StudyCell("heat", "heat", "", [], {}, **where, command="", asked="", version="0").json
        took: list[float] = []
        since = time.perf_counter()
        with local_workers(1, {}, {}, dashboard=False) as client:
            names = [Cell(str(k), refused) for k in range(3 if small else 21)]
            run_cells(client, run_on_worker, names, {}, lambda cell: None, lambda how: took.append(time.perf_counter()))
        whole = time.perf_counter() - since
    each = statistics.median(after - before for before, after in pairwise(took))
    return {"start and end": whole - (took[-1] - took[0]) - each, "each": each}


def draw(results: Mapping[str, Any]) -> Figure:
    """Draw seconds and memory against every axis, all logarithmic."""
    measured = results["fits"]["measured"]
    figure = new_figure(WIDTH, 5.0)
    panels = figure.subplots(2, len(AXES), sharey="row")
    colours = dict(zip(LEARNERS, CONDITION_COLOURS, strict=False))
    for (above, below), axis in zip(panels.T, AXES, strict=True):
        for name, (equation, _) in LEARNERS.items():
            rows = measured[f"{name}, {axis}"]["rows"]
            sizes = [row[axis] for row in rows]
            for panel, what in ((above, "seconds"), (below, "mib")):
                panel.loglog(sizes, [row[what] for row in rows], "o-", color=colours[name], markersize=4, label=f"{name} ({equation})")
        for panel in (above, below):
            panel.grid(which="major")
            panel.xaxis.set_minor_formatter(NullFormatter())
        below.set_xlabel(axis)
    panels[0, 0].set_ylabel("processor seconds")
    panels[1, 0].set_ylabel("MiB at the peak")
    legend_below(figure, *panels[0, 0].get_legend_handles_labels())
    head(figure, "What one fit costs, and an outer loop against its steps")
    return figure


def gpu_lines(results: Mapping[str, Any]) -> list[str]:
    """Write the section of the page on a GPU."""
    lines = ["## A GPU", ""]
    if not results:
        return [
            *lines,
            "Not measured on a GPU. Whoever has one with CUDA runs `make gpu`, whose measurements are made to take less than eight",
            "minutes, and commits `benchmarks/results/gpu.json`; `python benchmarks/scaling.py page` prints it here. CUDA graphs",
            "of whole steps of Levenberg-Marquardt and Gauss-Newton (`cuda_graphs=True`) have never run either.",
        ]
    machine = results["hardware"]
    lines += [
        f"Per second, on one {machine['accelerator']} and on one core of {machine['processor']}, torch "
        f"{results['versions']['torch']}.",
        "",
        "| what | unit | GPU | core | times |",
        "|---|---|---:|---:|---:|",
    ]
    return lines + [
        f"| {name} | {row['unit']} | {row['gpu']:.2g} | {row['cpu']:.2g} | {row['gpu'] / row['cpu']:.3g} |"
        for name, row in results["measured"].items()
    ]


def stored() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the results of this file, and those of ``gpu.py``; empty where there are none."""
    scaled, gpu = (json.loads(path.read_text()) if path.exists() else {} for path in (RESULT, RESULT.with_name("gpu.json")))
    return scaled, gpu


def page(results: Mapping[str, Any], gpu: Mapping[str, Any]) -> str:
    """Write the page."""
    lines = [
        "# Cost",
        "",
        "Written by `python benchmarks/scaling.py page` from `benchmarks/results/scaling.json`: processor seconds of one thread, and",
        "memory beyond what the process had before, of one fit, or of an outer loop of so many steps with batches of",
        f"{BATCH} conditions. Where nothing else is said, with",
        f"{USUAL['points']} interior and half as many boundary points, {USUAL['conditions']} conditions, {USUAL['width']} features.",
        "The slope is that of the logarithms over the three largest sizes.",
        "",
        f"![Processor seconds and memory against sizes]({PICTURE.name})",
        "",
    ]
    for name, kind in results.get("fits", {}).get("measured", {}).items():
        learner, axis = name.split(", ")
        lines += [f"**{learner} ({LEARNERS[learner][0]}) against {axis}**, slope {kind['slope']:.2f}", ""]
        rows = kind["rows"]
        table = {axis: [str(row[axis]) for row in rows]}
        table |= {"seconds": [f"{row['seconds']:.2g}" for row in rows], "MiB": [f"{row['mib']:.0f}" for row in rows]}
        written = [f"| {what} | {' | '.join(cells)} |" for what, cells in table.items()]
        lines += [written[0], f"|---{'|---:' * len(rows)}|", *written[1:], ""]
    lines += ["## Processes", ""]
    shared, quick, one, alone = (results.get(what, {}).get("measured") for what in ("steps", "studies", "seeds", "cells"))
    lines += [
        "Outer steps per second on Burgers (Gauss-Newton, batches of 32) with two processes against one: "
        + (f"{shared['gain']:.2f} times as many." if shared else "not measured.")
        + (f" Two that share nothing make {shared['most']:.2f} times as many on this machine." if shared and "most" in shared else "")
        + (
            f" One with half of the episodes takes {shared['half']:.2f} times as many, which two could reach that never wait for each "
            "other: what a step costs whatever its episodes, calls of small operations, every process pays."
            if shared and "half" in shared
            else ""
        ),
        "",
        f"Quick studies of {', '.join(SUBSET)} with two workers against one: {faster(quick)}",
        "",
        f"One study of {SEEDS_OF} with three seeds, bodies included, with two workers against one: {faster(one)}",
        "",
        "What a cell of many takes beside its study: "
        + (f"{alone['each']:.2g} s, and once {alone['start and end']:.2g} s for its worker." if alone else "not measured."),
    ]
    for what, kind in results.items():
        lines += ["", f"{what.capitalize()}: on {kind['hardware']['processor']}, torch {kind['versions']['torch']}."]
    lines += ["", *gpu_lines(gpu)]
    return "\n".join(lines) + "\n"


def faster(two: Mapping[str, Any] | None) -> str:
    """Say how much faster two workers are than one."""
    if two is None:
        return "not measured."
    busy = two["busy"]
    most = f" Two at once that share nothing do {two['most']:.2f} times as much on this machine." if "most" in two else ""
    said = f"{busy['1']:.2f} processors were busy with one worker, {busy['2']:.2f} with two."
    return f"{two['gain']:.2f} times faster. {said}{most}"


RUNS: Mapping[str, Callable[[bool], dict[str, Any]]] = {"steps": steps, "studies": studies, "seeds": seeds, "cells": cells}
"""What is measured as a whole, by name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fits", *RUNS, "page", "one"])
    parser.add_argument("--learner", action="append", choices=[*LEARNERS], help="fits of this one only")
    parser.add_argument("--axis", action="append", choices=[*AXES], help="fits along this one only")
    parser.add_argument("--small", action="store_true", help="few sizes and steps; nothing is written")
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--of", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--store", default="", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=BATCH, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.what == "one":
        one(asked.rank, asked.of, asked.store, asked.batch, asked.small)
        return
    results, gpu = stored()
    if asked.what == "page":
        PAGE.write_text(page(results, gpu), encoding="utf-8")
        with house_style():
            save_figure(draw(results), PICTURE)
        return
    learners, axes = asked.learner or [*LEARNERS], asked.axis or [*AXES]
    before = results.get("fits", {}).get("measured", {})
    measured = before | fits(asked.small, learners, axes) if asked.what == "fits" else RUNS[asked.what](asked.small)
    print(json.dumps(measured, indent=1))
    if not asked.small:
        write_json(RESULT, results | {asked.what: {"measured": measured, "hardware": hardware(), "versions": versions()}})


if __name__ == "__main__":
    main()
