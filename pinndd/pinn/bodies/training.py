"""Train the hidden layers of a PINN for a family of boundary conditions: by variable projection, on the physics alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.bodies.settings import BodySettings
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.jets.body import Body
from pinndd.pinn.jets.features import Encoding
from pinndd.pinn.jets.mlp import MLP
from pinndd.pinn.jets.rows import Rows, RowsModel
from pinndd.pinn.models.balanced import Balance, BalancedModel
from pinndd.pinn.models.features import BodyModel, FeatureModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.roughened import Roughening, roughened, roughened_sample
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.dense import typical_size
from pinndd.pinn.tasks.episodes import Draws, Trainings
from pinndd.schedules import half_cosine

PENALTY = 1e-10
"""Of the heads, against rows of unit size."""

HEAD_STEPS, DECREASE = 12, 1e-4
"""Most Gauss-Newton steps of a head of a nonlinear equation, and the relative decrease of its loss at which they end earlier."""

REPEATED = 3
"""Steps in a row that take the same boundary conditions where heads are iterated: the last heads are near the next ones."""

FINAL_RATE = 0.01
"""Last rate as a part of the first."""

WARM_UP = 30
"""First steps, over which the rates rise."""

CHECKED = 64
"""Boundary conditions on which a finished body is checked."""

Progress = Callable[[int, int, float], None]


class BodyError(ArithmeticError):
    """The training of a body failed."""


@dataclass(frozen=True, eq=False)
class TrainedBody:
    """A trained body.

    Attributes:
        body: the features.
        residual: what the best head leaves of equations and conditions, relative to the given values: geometric mean over boundary
            conditions and points that it was not trained on; 1 where nothing is learned.
        seconds: wall time of training it, then as when it is found again.
    """

    body: Body
    residual: float
    seconds: float


def train_body(pde: PDE, settings: BodySettings, roughening: Roughening, progress: Progress | None = None) -> TrainedBody:
    """Train a body: minimise over its weights the mean logarithm of the relative residual that the best head leaves.

    A *head* is the output layer for one boundary condition. Since it minimises the same loss, its derivative drops out (envelope
    theorem): heads are solved off the graph, then the loss is differentiated with heads fixed. Points and boundary conditions are
    drawn anew at every step, the latter from the training family and its roughened variant; nobody solves anything and no shift is
    seen. Matrices between hidden layers are moved by Muon, all else by Adam.

    Variable projection: Golub & Pereyra 1973, doi 10.1137/0710036. Heads on a shared body: Desai et al. 2021, arXiv 2110.11286.
    Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon.

    Args:
        pde: the equation.
        settings: shape, steps, sizes, rates.
        roughening: of the training family.
        progress: called with the step, their number and the relative residual, averaged over the last steps.

    Raises:
        BodyError: the loss is not finite; the step and the boundary condition are named.
    """
    started = time.perf_counter()
    problem = _Problem(pde, settings, roughening)
    network = network_of(pde, settings)
    leaves = [
        part[0].clone().requires_grad_() for layer in network.unpack(network.initial([settings.seed])) for part in layer
    ]
    # the first matrix maps coordinates, whose directions are not alike
    hidden = leaves[2::2]
    others = [leaf for leaf in leaves if all(leaf is not matrix for matrix in hidden)]
    optimisers: tuple[torch.optim.Optimizer, ...] = (
        torch.optim.Muon(hidden, lr=settings.rate, weight_decay=0.0, momentum=0.9, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam(others, lr=settings.rate / 10, betas=(0.9, 0.99)),
    )
    average = math.nan
    for step in range(settings.steps):
        _set_rates(optimisers, settings, step)
        for optimiser in optimisers:
            optimiser.zero_grad()
        with torch.enable_grad():  # whoever asks first for a body may be within no_grad
            losses = problem.losses(_body(network, leaves), step + 1)
            losses.mean().backward()  # type: ignore[no-untyped-call]
        if not bool(losses.isfinite().all()):
            raise BodyError(
                f"PDE {pde.name!r}: the training of a body is not finite at step {step}, boundary condition "
                f"{int((~losses.isfinite()).nonzero()[0])} of {settings.conditions}; lower its rate, now {settings.rate:g}"
            )
        for optimiser in optimisers:
            optimiser.step()
        now = float(losses.detach().mean())
        average = now if step == 0 else 0.95 * average + 0.05 * now
        if progress is not None and (step % 20 == 19 or step + 1 == settings.steps):
            progress(step + 1, settings.steps, math.exp(average / 2))
    body = _body(network, [leaf.detach() for leaf in leaves])
    with torch.no_grad():
        residual = math.exp(float(problem.checked(body).mean()) / 2)
    return TrainedBody(body, residual, time.perf_counter() - started)


def network_of(pde: PDE, settings: BodySettings) -> MLP:
    """Return the shape of a body's network."""
    return MLP(Encoding(pde.box, pde.periodic_axes), settings.hidden, settings.width)


class _Problem:
    """What a body is trained to make small."""

    def __init__(self, pde: PDE, settings: BodySettings, roughening: Roughening) -> None:
        self.pde, self.settings, self.share = pde, settings, roughening.share
        self.ensemble = roughened(pde, roughening)
        reference = FeatureModel(pde, _COMPARED, 1.0)
        values = self.values(CHECKED, 0)
        self.balance = Balance.of(reference, self.points(0), Trainings(values, 0), typical_size(pde, values))
        self.linear = reference.residual.is_linear()
        self.group, self.heads = 0, torch.zeros(0)

    def values(self, count: int, number: int) -> BoundaryValues:
        """Draw boundary conditions; ``number`` 0 is for checks."""
        generator = torch.Generator().manual_seed(self.settings.seed * _STRIDE + number)
        return BoundaryValues(self.ensemble, roughened_sample(self.ensemble, count, self.share, generator))

    def points(self, number: int) -> SyntheticData:
        """Draw points; ``number`` 0 is for checks."""
        counts, seed = (self.settings.points, self.settings.boundary_points), self.settings.seed * _STRIDE + number
        return collocation_data(self.pde, *sample_points(self.pde, "latin-hypercube", *counts, seed + 1))

    def losses(self, body: Body, number: int) -> Tensor:
        """Return the logarithm of the squared relative residual of the boundary conditions of a step, from 1 on, ``(conditions,)``."""
        group = number if self.linear else 1 + (number - 1) // REPEATED
        start = self.heads if group == self.group else None
        losses, self.heads = self._relative(body, self.values(self.settings.conditions, group), number, start)
        self.group = group
        return losses

    def checked(self, body: Body) -> Tensor:
        """Return the same of boundary conditions and points that no step saw, ``(CHECKED,)``."""
        return self._relative(body, self.values(CHECKED, 0), 0, None)[0]

    def _relative(self, body: Body, values: BoundaryValues, number: int, start: Tensor | None) -> tuple[Tensor, Tensor]:
        data, trainings = self.points(number), Trainings(values, 0)
        model = BalancedModel(BodyModel(self.pde, body.width, (body,)), self.balance, self.settings.boundary_weight)
        rows = model.prepare(data, trainings)
        fixed = _GivenRows(replace(rows, jets=rows.jets.detach(), boundary=rows.boundary.detach()))
        with torch.no_grad():
            heads: Tensor
            if self.linear:
                heads = Ridge(fixed, PENALTY).fit(data, trainings)
            else:
                heads = GaussNewton(fixed, PENALTY, iterations=HEAD_STEPS, decrease=DECREASE).fit(data, trainings, start)
        # what the heads make small, their penalty included: only then does their derivative drop out
        left = rows.residuals(heads).square().sum(-1) + PENALTY * heads.square().sum(-1)
        return (left / rows.targets.square().sum(-1)).log(), heads


@dataclass(frozen=True)
class _GivenRows(RowsModel):
    """A model whose rows are known already; what is fitted are the bare weights."""

    rows: Rows

    @property
    def parameter_count(self) -> int:
        return self.rows.boundary.shape[-1]

    def prepare(self, data: SyntheticData, episodes: Draws) -> Rows:
        return self.rows

    def system(self, data: SyntheticData, episodes: Draws) -> tuple[Tensor, Tensor]:
        return self.rows.system()

    def fitted(self, weights: Tensor, episodes: Draws) -> Tensor:
        return weights

    def weights(self, fitted: Tensor) -> Tensor:
        return fitted


def _body(network: MLP, leaves: list[Tensor]) -> Body:
    return Body(network, torch.cat([leaf.reshape(-1) for leaf in leaves])[None])


def _set_rates(optimisers: tuple[torch.optim.Optimizer, ...], settings: BodySettings, step: int) -> None:
    rate = settings.rate * half_cosine(step / settings.steps, FINAL_RATE) * min(1.0, (step + 1) / WARM_UP)
    for optimiser, part in zip(optimisers, (1.0, 0.1), strict=True):
        for group in optimiser.param_groups:
            group["lr"] = part * rate


_COMPARED = 200
"""Random features whose rows say what a typical size is."""

_STRIDE = 100_000
