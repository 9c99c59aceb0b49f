"""Sensors: where to measure the boundary and initial values when collocation points inside are free.

The interior is plentiful and fixed. Of M sensors, how many go to which condition and where they stand is learned in two steps:
candidates on a fine grid of every condition are dropped one by one, each judged by the exact error of the trained models
(`pinndd.study.sensor_selection`), from several weights and exchanged until nothing is gained; then the outer loop moves the
positions by the hypergradient.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pinndd import __version__
from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT
from pinndd.study.outcome import Progress, StudySettings
from pinndd.study.retrain import quiet
from pinndd.study.retrain_baselines import Tuned
from pinndd.study.retrain_setup import learner_settings
from pinndd.study.sensor_baselines import (
    baseline_sensors,
    candidate_sensors,
    grouped,
    measurements,
    tune,
    with_best_scale,
)
from pinndd.study.sensor_selection import Candidates, eliminate, exchange
from pinndd.study.sensor_setup import SensorSetup, make_sensor_setup, require_sensors

LIFTS = (1.0, 30.0, 1e3)
"""Factors on the tuned boundary weight of the best baselines with which candidates are dropped."""

RACED = 3
"""Starts that the outer loop tries for a short time; the best goes on."""

RACE = 0.15
"""Share of the outer steps in that race."""

STEPS = {"ridge": 300, "gauss-newton": 80}
BATCHES = {"ridge": 64, "gauss-newton": 12}


@dataclass(frozen=True)
class Placement:
    """Sensors of one seed beside the baselines.

    Attributes:
        setup: what they were placed for.
        found: the distilled set with its history.
        baselines: with tuned weights, the best one on validation conditions first.
    """

    setup: SensorSetup
    found: Distillation
    baselines: Sequence[Tuned]


def place_sensors(
    pde: PDE,
    count: int,
    settings: StudySettings,
    seed: int,
    progress: Progress = quiet,
    points: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Placement:
    """Place sensors on the conditions of a PDE, and put every baseline beside them.

    Args:
        pde: the PDE.
        count: number of sensors M.
        settings: learner, budget, device.
        seed: of the conditions and of the features.
        progress: called often.
        points: interior points (None: plenty).
        checkpoint: file for the state of the outer loop.
        resume: continue from ``checkpoint``.

    Raises:
        ValueError: fewer sensors than conditions to measure.
        DivergedError: the outer loop diverged; its best set is on the exception.
    """
    require_sensors(pde, count)
    progress("sensors: solving conditions", 0, 1, None)
    setup = with_best_scale(make_sensor_setup(pde, settings, seed, points), count)
    progress("sensors: solving conditions", 1, 1, None)
    tuned = []
    designs = baseline_sensors(setup, count)
    for k, (method, sensors) in enumerate(designs.items()):
        tuned.append(tune(setup, method, sensors))
        progress("sensors: tuning baselines", k + 1, len(designs), min(t.error for t in tuned))
    tuned.sort(key=lambda t: t.error)
    started = time.perf_counter()
    starts = starting_sets(setup, tuned, count, progress)
    raced = []
    raced_starts = starts[: RACED if settings.budget >= 1 else 1]
    for k, start in enumerate(raced_starts):
        raced.append(refine(setup, start.data, RACE))
        progress("sensors: racing starts", k + 1, len(raced_starts), min(r.risk for r in raced))
    best = min(raced, key=lambda r: r.risk)
    before = time.perf_counter() - started
    found = refine(setup, best.data, 1.0, progress, checkpoint, resume)
    seconds = before + found.seconds
    data = in_order(setup, found.data).with_header(**header(setup, count), seconds=round(seconds, 3))
    return Placement(setup, replace(found, data=data, seconds=seconds), tuned)


def starting_sets(setup: SensorSetup, tuned: Sequence[Tuned], count: int, progress: Progress = quiet) -> list[Tuned]:
    """Return sets to refine, the lowest validation error first: selected from candidates, and the best baselines.

    For every weight that is tried, candidates are eliminated down to ``count``, and the best baselines are moved to the nearest
    candidates; exchanges follow.
    """
    places = candidate_sensors(setup)
    rivals = list(tuned[:2])
    lifts = LIFTS if setup.budget >= 1 else LIFTS[:1]
    pairs = {(t.weights[0], min(t.weights[1] * lift, 1e11)) for t in rivals for lift in lifts}
    found = [Tuned(t.method, t.data, t.error) for t in rivals]
    for k, (level, weight) in enumerate(sorted(pairs)):
        candidates = make_candidates(setup, places, level, weight, count)
        free = candidates.always.nonzero()[:, 0].tolist()
        starts = {"elimination": eliminate(candidates, count)}
        starts |= {t.method: sorted({*nearest(setup, places, t.data), *free}) for t in rivals[:1]}
        for method, kept in starts.items():
            chosen = [c for c in exchange(candidates, kept) if c not in set(free)]
            data = setup.data(grouped(setup, places, chosen), level, weight)
            if sum(setup.counts(data).values()) == count:
                found.append(Tuned(f"{method}, exchanged", data, setup.error(data)))
        progress("sensors: choosing among candidates", k + 1, len(pairs), min(t.error for t in found))
    return sorted(found, key=lambda t: t.error)


def make_candidates(setup: SensorSetup, places: Mapping[str, Tensor], level: float, weight: float, count: int) -> Candidates:
    """Return all candidates as rows of the fit, with the weight that each has among ``count`` sensors.

    Where the equation is nonlinear there is no such fit: the rows are then those of the best linear reconstruction of the solutions
    of the training family from measurements, a Gaussian process whose covariance is that of the snapshots.
    """
    known = sum(len(s) for s in setup.known.values())
    numbers = torch.cat([torch.full((len(places[name]),), k) for k, name in enumerate(setup.measured)])
    truth = setup.pool.truth.flatten(1)
    if not setup.linear:
        values = measurements(setup, places)
        scale = len(values) ** -0.5
        value_mean, mean = values.mean(0), truth.mean(0)
        size = (values - value_mean).square().mean()
        return Candidates(
            (values - value_mean).T * scale,
            values - value_mean,
            (truth - mean).T * scale,
            truth - mean,
            truth.norm(dim=-1),
            numbers,
            torch.zeros(len(numbers), dtype=torch.bool),
            float(1 / (1e-4 * size)),
        )
    reduced = setup.eliminated(level)
    unit = setup.data(places, level, 1.0)
    total = sum(unit[c.name].shape[0] for c in setup.pde.valued)
    with torch.no_grad():
        rows, targets = reduced.system(unit, setup.pool)
        identity = torch.eye(len(reduced.offset), dtype=rows.dtype, device=rows.device)
        answers = reduced.fitted(torch.cat((torch.zeros_like(identity[:1]), identity)), setup.pool)(
            setup.pool.points
        ).flatten(1)
    order, group, always = row_order(setup, unit)
    return Candidates(
        rows[order] * total**0.5,
        targets[:, order] * total**0.5,
        (answers[1:] - answers[0]).T,
        truth - answers[0],
        truth.norm(dim=-1),
        group,
        always,
        weight / (count + known),
    )


def row_order(setup: SensorSetup, data: SyntheticData) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows with the measured conditions first, the condition of each, and whether it costs nothing."""
    starts, start = {}, 0
    for c in setup.pde.valued:
        starts[c.name] = torch.arange(start, start + data[c.name].shape[0])
        start += data[c.name].shape[0]
    names = [*setup.measured, *setup.known]
    order = torch.cat([starts[name] for name in names])
    group = torch.cat([torch.full_like(starts[name], k) for k, name in enumerate(names)])
    return order, group, group >= len(setup.measured)


def nearest(setup: SensorSetup, places: Mapping[str, Tensor], data: SyntheticData) -> list[int]:
    """Return a different candidate for every sensor of ``data``, the nearest that is free."""
    chosen: list[int] = []
    start = 0
    for name in setup.measured:
        for sensor in data[name]:
            order = (places[name] - sensor).square().sum(-1).argsort().tolist()
            chosen.append(next((start + k for k in order if start + k not in chosen), start))
        start += len(places[name])
    return chosen


def refine(
    setup: SensorSetup,
    data: SyntheticData,
    share: float,
    progress: Progress = quiet,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Distillation:
    """Move the sensors and their common weight by the hypergradient; the result is never worse on the validation conditions."""
    steps = max(5, round(STEPS[setup.name] * setup.budget * share))
    outer = OuterSettings(
        steps=steps,
        batch=BATCHES[setup.name],
        learning_rate=0.01 if share == 1.0 else 0.005,
        rates={BOUNDARY_WEIGHT: 5.0},
        validate_every=10,
        seed=setup.seed,
    )
    return distill(
        setup.problem(float(data[INTERIOR_WEIGHT])),
        data,
        hypergradient=setup.hypergradient,
        validation=[setup.validation],
        settings=outer,
        checkpoint=checkpoint,
        resume=resume,
        progress=lambda step, error: progress("sensors: distilling", step, steps, error),
    )


def in_order(setup: SensorSetup, data: SyntheticData) -> SyntheticData:
    """Return the set with the sensors of every condition sorted by their coordinates."""

    def ordered(s: Tensor) -> Tensor:
        for axis in reversed(range(s.shape[1])):
            s = s[s[:, axis].argsort(stable=True)]
        return s

    return data.with_fields({name: ordered(data[name]) for name in setup.measured})


def header(setup: SensorSetup, count: int) -> dict[str, object]:
    """Return what is needed to train on the set again."""
    return {
        "pde": setup.pde.name,
        "protocol": "retrain",
        "sensors": count,
        "learner": setup.name,
        "learner_settings": learner_settings(setup.learner),
        "seed": setup.seed,
        "evaluate": "pinndd evaluate FILE: a fresh model a boundary condition, features drawn with the seed above",
        "versions": {"pinndd": __version__, "torch": torch.__version__.split("+")[0]},
    }
