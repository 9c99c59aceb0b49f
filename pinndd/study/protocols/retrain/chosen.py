"""Baselines that the features of the judged network choose: magic points and pivoted QR, from a dense cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.features import HeadModel
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.sets.greedy import Sampled, Share, magic_points, pivoted_rows
from pinndd.pinn.sets.samplers import allocate, sample_points
from pinndd.study.protocols.bench import Method
from pinndd.study.protocols.weights import weights_of

if TYPE_CHECKING:
    from pinndd.study.protocols.retrain.bench import RetrainBench

MAGIC_POINTS, PIVOTED_QR = "magic-points", "pivoted-qr"

CLOUD = (1500, 480)
"""Interior and boundary candidates, the latter of all conditions together."""

LINEARISED = 4
"""Conditions at whose fits the residual of a nonlinear equation is linearised; of several outputs, so many fewer."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """A dense cloud, with what the features of a network are and do there.

    Attributes:
        pde: the equation.
        interior: points, ``(N, d)``.
        boundary: for every condition, local coordinates ``(n, k)``.
        values: features at the interior points, ``(N, P)``.
        residuals: derivatives of the residuals in the weights of the head, ``(N · equations, F)``; of a nonlinear equation at several
            fits, side by side.
        traces: what each condition makes of the features, ``(M, F)``.
    """

    pde: PDE
    interior: Tensor
    boundary: dict[str, Tensor]
    values: Tensor
    residuals: Tensor
    traces: Tensor

    @property
    def owners(self) -> Tensor:
        """The interior point of every residual."""
        return torch.arange(len(self.interior)).repeat_interleave(len(self.residuals) // len(self.interior))

    @property
    def conditions(self) -> Tensor:
        """The number of the condition of every boundary candidate, from 1 on, ``(M,)``."""
        sizes = torch.tensor([len(points) for points in self.boundary.values()])
        return torch.arange(1, len(sizes) + 1).repeat_interleave(sizes)

    def chosen(self, interior: list[int], boundary: list[int]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the points with these numbers, the boundary counted through all conditions."""
        wanted, points, first = torch.tensor(boundary), {}, 0
        for name, local in self.boundary.items():
            mine = wanted[(wanted >= first) & (wanted < first + len(local))] - first
            points[name], first = local[mine], first + len(local)
        return self.interior[interior], points


def candidates_of(bench: RetrainBench) -> Candidates:
    """Return the cloud of a bench whose learner fits a head on features: of the draw that is judged."""
    learner: Any = bench.learner
    pde, model = bench.pde, learner.model
    assert isinstance(model, HeadModel)
    interior, boundary = sample_points(pde, "sobol", *CLOUD, bench.seed + 1)
    boundary = {name: boundary[name] for name in pde.operators}
    count = sum(map(len, boundary.values()))
    # weights of one for every row
    cloud = collocation_data(pde, interior, boundary, count, interior_weight=len(interior)).to(bench.settings.device)
    linear = model.residual.is_linear()
    fits = 1 if linear else max(1, LINEARISED // pde.output_count)
    episodes = bench.conditions.plain[:fits].with_seed(bench.training_draw)
    with torch.no_grad():
        if linear:
            heads = cloud[INTERIOR].new_zeros((1, model.parameter_count))
        else:
            heads = model.weights(learner.fit(min(bench.designs, key=lambda m: m.error).data, episodes))
        _, jacobian = model.linearise(model.prepare(cloud, episodes), heads)
        (values,) = model.features(bench.training_draw, cloud[INTERIOR]).jets(cloud[INTERIOR], [()])
    rows = jacobian.dense().cpu()
    side_by_side = torch.cat(tuple(rows[:, :-count]), -1)
    return Candidates(pde, interior, boundary, values.cpu(), side_by_side, rows[0, -count:])


def chosen_by_features(bench: RetrainBench) -> list[Method]:
    """Return both baselines with their tuned weights, none where the learner has no features.

    *Magic points*: half of the interior points interpolate the features, the others what the equation makes of them, in turns (the
    2n - 1 points of S²GPT-PINN, arXiv 2506.15687, for a set of given size); the boundary points what the conditions make of
    them. All functions have the same maximum, and so have all equations and all conditions the same typical size.
    *Pivoted QR*: rows of the least-squares problem with the weights of the best design, by column-pivoted QR of the transposed matrix.

    Args:
        bench: its designs give weights, and fits at which a nonlinear equation is linearised.
    """
    if not isinstance(getattr(bench.learner, "model", None), HeadModel):
        return []
    found, methods = candidates_of(bench), []
    for name, choose in ((MAGIC_POINTS, _by_magic), (PIVOTED_QR, _by_pivots)):
        data = collocation_data(bench.pde, *choose(bench, found)).to(bench.settings.device)
        methods.append(bench.tune(name, data))
        bench.study.progress(f"{bench.study.name}: tuning {name}", len(methods), 2, methods[-1].error)
    return methods


def _by_magic(bench: RetrainBench, found: Candidates) -> tuple[Tensor, dict[str, Tensor]]:
    inner, outer = _shares(bench)
    every, conditions = torch.arange(len(found.interior)), found.conditions
    equation = torch.arange(len(found.residuals)) % (len(found.residuals) // len(found.interior))
    spaces = (
        Sampled(_even(found.values), every),
        Sampled(_even(_of_one_size(found.residuals, equation)), found.owners),
    )
    traces = Sampled(_even(_of_one_size(found.traces, conditions)), torch.arange(len(conditions)))
    interior = magic_points(spaces, torch.zeros_like(every), [inner])
    return found.chosen(interior, magic_points([traces], conditions, [outer]))


def _by_pivots(bench: RetrainBench, found: Candidates) -> tuple[Tensor, dict[str, Tensor]]:
    inner, outer = _shares(bench)
    level, weight = weights_of(min(bench.designs, key=lambda m: m.error).data)
    fits = found.residuals.shape[-1] // found.traces.shape[-1]
    rows = torch.cat(
        ((level / inner.count) ** 0.5 * found.residuals, (weight / outer.count) ** 0.5 * found.traces.repeat(1, fits))
    )
    first, count = len(found.interior), len(found.traces)
    space = Sampled(rows, torch.cat((found.owners, first + torch.arange(count))))
    groups = torch.cat((torch.zeros(first, dtype=torch.long), found.conditions))
    taken = pivoted_rows(space, groups, (inner, outer))
    return found.chosen([k for k in taken if k < first], [k - first for k in taken if k >= first])


def _shares(bench: RetrainBench) -> tuple[Share, Share]:
    """Return how many interior points to choose, and how many of all conditions together, as many as a design has."""
    size, conditions = bench.study.size, len(bench.pde.operators)
    count = sum(allocate(bench.pde, size.boundary_points).values())
    return Share((0,), size.points), Share(tuple(range(1, conditions + 1)), count)


def _of_one_size(rows: Tensor, kinds: Tensor) -> Tensor:
    """Return the rows ``(R, F)``, those of each kind ``(R,)`` divided by their root mean square."""
    scaled = rows.clone()
    for kind in set(kinds.tolist()):
        scaled[kinds == kind] /= rows[kinds == kind].square().mean().sqrt().clamp_min(torch.finfo(rows.dtype).tiny)
    return scaled


def _even(rows: Tensor) -> Tensor:
    """Return the functions ``(R, F)``, each divided by its maximum."""
    return rows / rows.abs().amax(0).clamp_min(torch.finfo(rows.dtype).tiny)
