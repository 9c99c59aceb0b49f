"""Where sensors are put without distilling: designs on every edge, and pivoted QR of modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinndd.pinn.sets.condition_code import patch_grid
from pinndd.pinn.sets.greedy import Sampled, Share, pivoted_rows
from pinndd.pinn.sets.samplers import patch_points
from pinndd.study.protocols.bench import Method
from pinndd.study.protocols.weights import scaled, weights_in_words

if TYPE_CHECKING:
    from pinndd.study.protocols.sensors.bench import SensorBench

LEVELS = (1e-2, 1.0, 1e2, 1e4, 1e6)
"""Interior weights that every baseline is tuned over: against the penalty of the learner, more weight is less smoothing."""

RATIOS = tuple(10.0**k for k in range(-2, 7))
"""Ratios of the boundary weight to the interior weight that every baseline is tuned over."""

DESIGNS = {"midpoints": "midpoint-grid", "chebyshev": "chebyshev-grid"}
EQUAL, PROPORTIONAL = "equal", "proportional"
QR_VALUES, QR_SOLUTIONS = "qr-boundary-modes", "qr-solution-modes"

CANDIDATES = {1: 49, 2: 11}
"""Candidates along each coordinate of a condition, both ends included, by its dimension."""


def candidate_sensors(bench: SensorBench) -> dict[str, Tensor]:
    """Return a fine grid of places on every condition that is measured, corners included, as local coordinates."""
    grids = {}
    for name in bench.measured:
        patch = bench.pde.patches[name]
        grid = patch_grid(patch.dimension, CANDIDATES.get(patch.dimension, 5))
        grids[name] = patch.from_unit(grid).to(bench.interior)
    return grids


def measurements(bench: SensorBench, places: Mapping[str, Tensor]) -> Tensor:
    """Return what sensors at ``places`` measure in every training condition, ``(E, M)``, one condition after the other."""
    return torch.cat([bench.conditions.training.values[name](places[name]) for name in bench.measured], -1)


def about_their_mean(bench: SensorBench, snapshots: Tensor) -> Tensor:
    """Subtract the mean over the conditions, ``(E, M)``, where families have known means: only what varies has to be measured."""
    return snapshots - snapshots.mean(0) if bench.pde.ensemble().has_mean else snapshots


def proportional(bench: SensorBench, count: int) -> dict[str, int]:
    """Share sensors in proportion to how many degrees of freedom the values of a condition have in training.

    That number is the participation ratio of the singular values of the snapshots, ``(Σ σ²)² / Σ σ⁴``; each condition gets one
    sensor at least, the rest goes to the largest remainders.
    """
    freedom = []
    for name, places in candidate_sensors(bench).items():
        varying = about_their_mean(bench, bench.conditions.training.values[name](places))
        squares = torch.linalg.svdvals(varying).square()
        freedom.append(float(squares.sum() ** 2 / squares.square().sum().clamp_min(1e-300)))
    return dict(zip(bench.measured, apportion(freedom, count), strict=True))


def apportion(shares: Sequence[float], total: int) -> list[int]:
    """Return whole numbers of sum ``total``, at least 1 each and as nearly in proportion to ``shares`` as they can be."""
    counts = [1] * len(shares)
    for _ in range(total - len(shares)):
        # the one that is furthest below its share
        behind = [share / sum(shares) * total - n for share, n in zip(shares, counts, strict=True)]
        counts[behind.index(max(behind))] += 1
    return counts


def modes_of(snapshots: Tensor, energy: float = 1e-10) -> Tensor:
    """Return the left singular vectors of snapshots ``(places, E)`` that hold all but ``energy`` of their squares, ``(places, r)``."""
    u, s, _ = torch.linalg.svd(snapshots, full_matrices=False)
    rank = int((s.square() > energy * s.square().sum()).sum())
    modes: Tensor = u[:, :rank]
    return modes


def qr_sensors(bench: SensorBench, method: str, count: int) -> dict[str, Tensor]:
    """Place sensors by pivoted QR of modes over the candidates (Manohar, Brunton, Kutz and Brunton 2018, doi
    10.1109/MCS.2018.2810460), anew among the others where there are more sensors than modes; at least one on each condition.

    Args:
        bench: gives the training conditions.
        method: ``qr-boundary-modes`` takes the modes of the boundary values, ``qr-solution-modes`` those of the solution field
            together with the boundary values, at the candidates.
        count: number of sensors.
    """
    places = candidate_sensors(bench)
    values = about_their_mean(bench, measurements(bench, places)).T
    if method == QR_SOLUTIONS:
        training = bench.conditions.training
        field = about_their_mean(bench, training.compared(training.truth).flatten(1)).T
        # both as means of squares: neither counts more for having more points
        snapshots = torch.cat((values / len(values) ** 0.5, field / len(field) ** 0.5))
        modes = modes_of(snapshots)[: len(values)]
    else:
        modes = modes_of(values)
    group = torch.tensor([k for k, name in enumerate(bench.measured) for _ in range(len(places[name]))])
    space = Sampled(modes.cpu().double(), torch.arange(len(group)))
    return grouped(bench, places, pivoted_rows(space, group, [Share(tuple(range(len(bench.measured))), count)]))


def grouped(bench: SensorBench, places: Mapping[str, Tensor], chosen: Sequence[int]) -> dict[str, Tensor]:
    """Return the chosen candidates by condition, in the order of their coordinates."""
    found, start = {}, 0
    for name in bench.measured:
        mine = sorted(k - start for k in chosen if start <= k < start + len(places[name]))
        found[name] = places[name][mine]
        start += len(places[name])
    return found


def designed(bench: SensorBench, design: str, counts: Mapping[str, int]) -> dict[str, Tensor]:
    """Put ``counts`` sensors on each condition by a design of `DESIGNS`."""
    patches = bench.pde.patches
    return {name: patch_points(patches[name], DESIGNS[design], n, 0).to(bench.interior) for name, n in counts.items()}


def baseline_sensors(bench: SensorBench, count: int) -> dict[str, dict[str, Tensor]]:
    """Return the sensors of every baseline, by its name."""
    shares = {
        EQUAL: dict(zip(bench.measured, apportion([1.0] * len(bench.measured), count), strict=True)),
        PROPORTIONAL: proportional(bench, count),
    }
    found = {}
    for design in DESIGNS:
        found[design] = designed(bench, design, shares[EQUAL])
        if shares[PROPORTIONAL] != shares[EQUAL]:
            found[f"{design}-{PROPORTIONAL}"] = designed(bench, design, shares[PROPORTIONAL])
    for method in (QR_VALUES, QR_SOLUTIONS):
        found[method] = qr_sensors(bench, method, count)
    return found


def tune(
    bench: SensorBench,
    method: str,
    sensors: Mapping[str, Tensor],
    levels: Sequence[float] = (),
    ratios: Sequence[float] = (),
) -> Method:
    """Return the sensors with the weights of lowest error on the validation conditions (empty: the grid that speed allows)."""
    every = bench.linear and not bench.settings.quick
    levels = levels or (LEVELS if every else LEVELS[2:4])
    ratios = ratios or (RATIOS if every else RATIOS[1:6])
    sets = [bench.data(sensors, level, level * ratio) for level in levels for ratio in ratios]
    methods = [Method(method, data, bench.error(data), details=weights_in_words(data)) for data in sets]
    return min(methods, key=lambda m: m.error)


def with_best_scale(bench: SensorBench, count: int) -> SensorBench:
    """Choose the feature scale of the learner on the baseline that is best there."""
    sets = {name: s for name, s in baseline_sensors(bench, count).items() if name in DESIGNS}
    every = bench.linear and not bench.settings.quick
    levels, ratios = (LEVELS[1:4], RATIOS[1::2]) if every else (LEVELS[2:3], RATIOS[1:5])
    learners = scaled(bench.learner)
    candidates = [bench.with_learner(learner) for learner in (learners if every else learners[1::2])]
    errors: list[float] = []
    for candidate in candidates:
        errors.append(min(tune(candidate, name, s, levels, ratios).error for name, s in sets.items()))
        bench.study.progress("sensors: choosing the scale of the features", len(errors), len(candidates), min(errors))
    return candidates[errors.index(min(errors))]
