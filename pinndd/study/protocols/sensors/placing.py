"""Where the search for sensors starts: candidates on a fine grid of every condition are dropped one by one, each judged by the
exact error of the trained models (`pinndd.study.protocols.sensors.selection`), from several weights, and exchanged until nothing
is gained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.study.protocols.bench import Method
from pinndd.study.protocols.sensors.baselines import candidate_sensors, grouped, measurements
from pinndd.study.protocols.sensors.selection import Candidates, eliminate, exchange
from pinndd.study.protocols.weights import weights_of

if TYPE_CHECKING:
    from pinndd.study.protocols.sensors.bench import SensorBench

LIFTS = (1.0, 30.0, 1e3)
"""Factors on the tuned boundary weight of the best baselines with which candidates are dropped."""


def starting_sets(bench: SensorBench, tuned: Sequence[Method], count: int) -> list[Method]:
    """Return sets to refine, the lowest validation error first: selected from candidates, and the best baselines.

    For every weight that is tried, candidates are eliminated down to ``count``, and the best baselines are moved to the nearest
    candidates; exchanges follow.
    """
    places = candidate_sensors(bench)
    rivals = list(tuned[:2])
    lifts = LIFTS[:1] if bench.settings.quick else LIFTS
    tuned_weights = [weights_of(t.data) for t in rivals]
    pairs = {(inner, min(outer * lift, 1e11)) for inner, outer in tuned_weights for lift in lifts}
    found = list(rivals)
    for k, (level, weight) in enumerate(sorted(pairs)):
        candidates = make_candidates(bench, places, level, weight, count)
        free = candidates.always.nonzero()[:, 0].tolist()
        starts = {"elimination": eliminate(candidates, count)}
        starts |= {t.name: sorted({*nearest(bench, places, t.data), *free}) for t in rivals[:1]}
        for method, kept in starts.items():
            chosen = [c for c in exchange(candidates, kept) if c not in set(free)]
            data = bench.data(grouped(bench, places, chosen), level, weight)
            if sum(bench.sensors_on(data).values()) == count:
                found.append(Method(f"{method}, exchanged", data, bench.error(data)))
        bench.study.progress("sensors: choosing among candidates", k + 1, len(pairs), min(t.error for t in found))
    return sorted(found, key=lambda t: t.error)


def make_candidates(bench: SensorBench, places: Mapping[str, Tensor], level: float, weight: float, count: int) -> Candidates:
    """Return all candidates as rows of the fit, with the weight that each has among ``count`` sensors.

    Where the equation is nonlinear there is no such fit: the rows are then those of the best linear reconstruction of the solutions
    of the training family from measurements, a Gaussian process whose covariance is that of the snapshots.
    """
    known = sum(len(s) for s in bench.known.values())
    numbers = torch.cat([torch.full((len(places[name]),), k) for k, name in enumerate(bench.measured)])
    training = bench.conditions.training
    truth = training.compared(training.truth).flatten(1)
    if not bench.linear:
        values = measurements(bench, places)
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
    reduced = bench.eliminated(level)
    unit = bench.data(places, level, 1.0)
    total = sum(unit[c.name].shape[0] for c in bench.pde.valued)
    with torch.no_grad():
        rows, targets = reduced.system(unit, training)
        identity = torch.eye(len(reduced.offset), dtype=rows.dtype, device=rows.device)
        units = reduced.fitted(torch.cat((torch.zeros_like(identity[:1]), identity)), training)
        answers = training.compared(units(training.points)).flatten(1)
    order, group, always = row_order(bench, unit)
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


def row_order(bench: SensorBench, data: SyntheticData) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows with the measured conditions first, the condition of each, and whether it costs nothing."""
    starts, start = {}, 0
    for c in bench.pde.valued:
        starts[c.name] = torch.arange(start, start + data[c.name].shape[0])
        start += data[c.name].shape[0]
    names = [*bench.measured, *bench.known]
    order = torch.cat([starts[name] for name in names])
    group = torch.cat([torch.full_like(starts[name], k) for k, name in enumerate(names)])
    return order, group, group >= len(bench.measured)


def nearest(bench: SensorBench, places: Mapping[str, Tensor], data: SyntheticData) -> list[int]:
    """Return a different candidate for every sensor of ``data``, the nearest that is free."""
    chosen: list[int] = []
    start = 0
    for name in bench.measured:
        for sensor in data[name]:
            order = (places[name] - sensor).square().sum(-1).argsort().tolist()
            chosen.append(next((start + k for k in order if start + k not in chosen), start))
        start += len(places[name])
    return chosen


def in_order(bench: SensorBench, data: SyntheticData) -> SyntheticData:
    """Return the set with the sensors of every condition sorted by their coordinates."""

    def ordered(s: Tensor) -> Tensor:
        for axis in reversed(range(s.shape[1])):
            s = s[s[:, axis].argsort(stable=True)]
        return s

    return data.with_fields({name: ordered(data[name]) for name in bench.measured})
