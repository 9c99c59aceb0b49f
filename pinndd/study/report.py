"""One self-contained page about a run: verdict, tables, pictures, costs."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from pinndd.checkpoint import write_atomically
from pinndd.pinn.declare.pde import PDE
from pinndd.study import words
from pinndd.study.cost import Cost, cost_of, judge_sentence
from pinndd.study.outcome import DISTILLED, NO_SHIFT, Outcome
from pinndd.study.plots.errors import one_set_each
from pinndd.study.plots.gallery import Picture, own_learner
from pinndd.study.plots.pareto import frontier
from pinndd.study.plots.transfer import transfer_cells
from pinndd.study.run_config import RunConfig
from pinndd.study.summary import SummaryRow, best_baseline, summarise
from pinndd.study.verdict import Verdict, verdict

PROTOCOLS = {
    "retrain": "Retrain: a fresh network for every boundary condition, trained on the distilled points",
    "amortised": "Amortised: one network for all boundary conditions, trained once on the distilled tuples",
    "solved": "Solved: the distilled boundary conditions are solved once, a conditioned model is fitted to the solutions",
}


@dataclass(frozen=True)
class Comparison:
    """One line of a learner's first table: the distilled set against the best baseline under one shift."""

    distilled: SummaryRow
    baseline: SummaryRow | None

    @property
    def state(self) -> str:
        """``win``, ``loss`` or ``draw``."""
        return {True: "win", False: "loss", None: "draw"}[self.distilled.wins]


@dataclass(frozen=True)
class LearnerSection:
    """What the page says about one learner."""

    learner: str
    comparisons: Sequence[Comparison]
    shifts: Sequence[str]
    methods: Sequence[tuple[str, bool, Sequence[SummaryRow | None]]]
    best: Mapping[str, float]


@dataclass(frozen=True)
class ProtocolSection:
    """What the page says about one protocol."""

    name: str
    title: str
    verdict: Verdict
    learners: Sequence[LearnerSection]
    pictures: Mapping[str, Sequence[tuple[str, str]]]
    costs: Sequence[Cost]
    judge: str
    distill_seconds: Sequence[float]
    training: Sequence[tuple[SummaryRow, bool]]
    transfer: Sequence[SummaryRow]
    settings: Sequence[tuple[str, str]]
    notes: Sequence[str]


def write_report(pde: PDE, config: RunConfig, outcomes: Sequence[Outcome], pictures: Sequence[Picture], path: Path) -> None:
    """Write the page, with all pictures inside it, atomically.

    Args:
        pde: of the study.
        config: of the run.
        outcomes: one a protocol.
        pictures: those of `draw_gallery`.
        path: such as ``runs/heat/report.html``.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "percent": words.percent,
        "interval": words.interval,
        "seconds": words.seconds,
        "significant": words.significant,
        "ratio": words.ratio,
        "shift": words.shift_name,
    }
    source = resources.files("pinndd.study").joinpath("report.html.jinja").read_text(encoding="utf-8")
    page = environment.from_string(source).render(
        pde=pde,
        config=config,
        sections=[section(o, [p for p in pictures if p.protocol == o.protocol]) for o in outcomes],
        pending=[p for p in config.protocols if p not in {o.protocol for o in outcomes}],
    )
    with write_atomically(path) as file:
        file.write(page.encode())


def section(outcome: Outcome, pictures: Sequence[Picture]) -> ProtocolSection:
    """Put together what the page says about one protocol."""
    rows = summarise(outcome.results)
    single = one_set_each(rows)
    all_sizes = one_set_each(summarise((*outcome.results, *outcome.curve))) if outcome.curve else single
    learners = list(dict.fromkeys(r.learner for r in rows))
    costs = [cost_of(all_sizes, name, outcome.distill_seconds) for name in learners]
    inside = sorted((r for r in single if r.shift == NO_SHIFT and math.isfinite(r.mean)), key=lambda r: (r.seconds, r.mean))
    fastest = frontier(inside)
    embedded: dict[str, list[tuple[str, str]]] = {}
    for picture in pictures:
        embedded.setdefault(picture.kind, []).append((_data_uri(picture.path), picture.caption))
    learner = own_learner(outcome) if rows else ""
    return ProtocolSection(
        name=outcome.protocol,
        title=PROTOCOLS.get(outcome.protocol, outcome.protocol),
        verdict=verdict(single, learner, all_sizes) if rows else Verdict("Nothing was measured.", (), ()),
        learners=[_learner(single, name) for name in learners],
        pictures=embedded,
        costs=[c for c in costs if c is not None],
        judge=judge_sentence(all_sizes, learner),
        distill_seconds=outcome.distill_seconds,
        training=[
            (r, r in fastest) for r in inside if r in fastest or r.ceiling or r.method in (DISTILLED, outcome.best_baseline)
        ],
        transfer=[*transfer_cells(rows, worst_shift=False).values(), *transfer_cells(rows, worst_shift=True).values()],
        settings=[(name, _plain(value)) for name, value in outcome.settings.items()],
        notes=outcome.notes,
    )


def _learner(rows: Sequence[SummaryRow], learner: str) -> LearnerSection:
    mine = [r for r in rows if r.learner == learner]
    shifts = list(dict.fromkeys(r.shift for r in mine))
    names = list(dict.fromkeys((r.method, r.points, r.boundary_points, r.ceiling) for r in mine))
    at = {(r.method, r.points, r.boundary_points, r.shift): r for r in mine}
    methods = []
    for method, points, boundary_points, ceiling in sorted(names, key=lambda n: (n[3], n[0] != DISTILLED)):
        name = f"{method} ({points} + {boundary_points})" if ceiling else method
        methods.append((name, ceiling, [at.get((method, points, boundary_points, s)) for s in shifts]))
    best = {s: min((r.mean for r in mine if r.shift == s and not r.ceiling), default=math.inf) for s in shifts}
    comparisons = [Comparison(r, best_baseline(mine, r)) for r in mine if r.method == DISTILLED]
    return LearnerSection(learner, comparisons, shifts, methods, best)


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _plain(value: Any) -> str:
    """A setting for people: ``sobol: 10, grid: 3``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
