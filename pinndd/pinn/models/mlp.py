"""PINNs whose weights are all trained: a batch of MLPs on the collocation data of the retrain protocol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.features import Encoding
from pinndd.pinn.jets.mlp import MLP, Streams, Tap
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.pinn.models.network_rows import NetworkRows, Prepared
from pinndd.pinn.sets.collocation import INTERIOR, row_scales
from pinndd.pinn.tasks.episodes import BoundaryEpisodes


@dataclass(frozen=True)
class FittedMLP:
    """A batch of trained networks.

    Attributes:
        network: their shape.
        parameters: ``(E, P)``.
        episodes: what they were trained for.
    """

    network: MLP
    parameters: Tensor
    episodes: BoundaryEpisodes

    def __call__(self, points: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)``: ``(E, Q, outputs)``, followed by the d partial derivatives if ``derivatives`` is 1."""
        axes = [()] + [(a,) for a in range(points.shape[-1])] * (derivatives > 0)
        return torch.cat(self.network.jets(self.parameters, points.to(self.parameters), axes), -1).to(points)


@dataclass(frozen=True)
class MLPModel:
    """MLP of the retrain protocol: one network per boundary condition, all trained on the same points.

    The loss of an episode is ``Σ rows²``, rows as in `pinndd.pinn.sets.collocation.collocation_data`: that of
    `FeatureModel`.

    Args:
        pde: the equation.
        hidden: widths of the hidden layers.
    """

    pde: PDE
    hidden: tuple[int, ...] = (32, 32, 32)

    @cached_property
    def network(self) -> MLP:
        """The shape of the networks."""
        return MLP(Encoding(self.pde.box, self.pde.periodic_axes), self.hidden, self.pde.output_count)

    @cached_property
    def equations(self) -> NetworkRows:
        """What the networks are trained to satisfy."""
        return NetworkRows(self.pde)

    @property
    def residual(self) -> PointwiseResidual:
        """The residual as a function of the jet."""
        return self.equations.residual

    @property
    def parameter_count(self) -> int:
        """Number P of weights of one network."""
        return self.network.parameter_count

    def initial(self, episodes: BoundaryEpisodes, like: Tensor) -> Tensor:
        """Draw initial weights ``(E, P)``, independent for every episode, from the seed of the batch and its place in it."""
        seeds = [episodes.seed * _SEED_STRIDE + k for k in range(len(episodes))]
        return self.network.initial(seeds, device=like.device, dtype=like.dtype)

    def prepare(self, data: SyntheticData, episodes: BoundaryEpisodes) -> Prepared:
        """Evaluate the boundary values at the points of ``data``, differentiably."""
        scales = row_scales(self.pde, data)
        names = list(self.pde.patches)
        return self.equations.prepare(
            self.network,
            data[INTERIOR],
            {name: self.pde.patches[name].points(data[name]) for name in names},
            {name: episodes.values[name](data[name]) for name in names},
            scales,
            scales[INTERIOR],
        )

    def select(self, prepared: Prepared, index: Tensor | slice) -> Prepared:
        """Return what some of the episodes need."""
        return {**prepared, "targets": prepared["targets"][index]}

    def redraw(self, data: SyntheticData, generator: torch.Generator) -> SyntheticData:
        """Return ``data`` with as many points drawn anew, uniformly in the domain and on every condition."""

        def uniform(name: str) -> Tensor:
            old = data[name]
            return torch.rand(old.shape, generator=generator, dtype=torch.float64).to(old)

        fields = {name: patch.from_unit(uniform(name)) for name, patch in self.pde.patches.items()}
        return data.with_fields({INTERIOR: self.pde.box.scale(uniform(INTERIOR)), **fields})

    def rows(self, prepared: Prepared, parameters: Tensor, taps: list[Tap] | None = None) -> Tensor:
        """Return the weighted rows ``(E, N · equations + M)``: residuals point by point, then boundary errors.

        Args:
            prepared: from `prepare`.
            parameters: ``(E, P)``.
            taps: a list to which one `Tap` per layer is appended.
        """
        return self.equations(self.network, prepared, parameters, taps)

    def loss(self, prepared: Prepared, parameters: Tensor) -> Tensor:
        """Return the training loss of every episode, ``(E,)``."""
        return self.rows(prepared, parameters).square().sum(-1)

    def linearise(self, prepared: Prepared, parameters: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the rows ``(E, R)`` and their Jacobian, one block ``(E, R, P_layer)`` a layer, off the graph.

        A row depends on the derivatives of u at one point only, so one backward pass of the sum of all rows gives, at the
        pre-activations of every layer, the slopes of each row; with the inputs of the layer they make its Jacobian.
        """
        taps: list[Tap] = []
        with torch.enable_grad():
            rows = self.rows(prepared, parameters.detach().requires_grad_(), taps)
            outputs = [tensor for _, tap in taps for tensor in (tap.values, tap.slopes)]
            count, equations = prepared["interior"].shape[-2], self.equations.residual.equations
            slopes: list[tuple[Tensor, ...]] = []
            for equation in range(equations):
                chosen = rows[:, equation : count * equations : equations].sum()
                if equation == 0:
                    chosen = chosen + rows[:, count * equations :].sum()
                slopes.append(torch.autograd.grad(chosen, outputs, retain_graph=equation + 1 < equations))
        blocks = [
            _layer_jacobian(
                inputs, torch.stack([s[2 * k] for s in slopes]), torch.stack([s[2 * k + 1] for s in slopes]), count
            )
            for k, (inputs, _) in enumerate(taps)
        ]
        return rows.detach(), blocks

    def fitted(self, parameters: Tensor, episodes: BoundaryEpisodes) -> FittedMLP:
        """Return the networks with weights ``(E, P)``."""
        return FittedMLP(self.network, parameters, episodes)


_SEED_STRIDE = 100_003  # more episodes than a batch will ever have, so that batches of neighbouring seeds share no network


def _layer_jacobian(inputs: Streams, at_values: Tensor, at_slopes: Tensor, interior: int) -> Tensor:
    """Return the derivative of all rows in weight and bias of one layer, ``(E, N · equations + M, (in + 1) · out)``.

    Args:
        inputs: of the layer.
        at_values: derivative of the rows of each equation in the pre-activations, ``(equations, E, N + M, out)``; the
            rows of the conditions count to the first equation.
        at_slopes: the same in the derivatives of the pre-activations, ``(equations, E, K, N + D, out)``.
        interior: N.
    """
    equations, episodes, _, out = at_values.shape
    values, slopes = inputs.values.detach().expand(episodes, -1, -1), inputs.slopes.detach().expand(episodes, -1, -1, -1)
    k, derived, width = slopes.shape[1], slopes.shape[2], slopes.shape[3]
    # the points of the rows: those of the interior once per equation, all others once
    point = torch.arange(values.shape[1], device=values.device)
    place = torch.cat((point[:interior].repeat_interleave(equations), point[interior:]))
    equation = torch.zeros_like(place)
    equation[: interior * equations] = torch.arange(equations, device=place.device).repeat(interior)
    with_slopes = place.shape[0] - (values.shape[1] - derived)
    # one small matrix product per row: inputs (and 1 for the bias) by value and slopes, times the slopes of the row
    left = values.new_zeros((episodes, place.shape[0], width + 1, 1 + k))
    right = values.new_zeros((episodes, place.shape[0], 1 + k, out))
    left[:, :, :width, 0] = values[:, place]
    left[:, :, width, 0] = 1
    left[:, :with_slopes, :width, 1:] = slopes[:, :, place[:with_slopes]].permute(0, 2, 3, 1)
    right[:, :, 0] = at_values[equation, :, place].movedim(0, 1)
    right[:, :with_slopes, 1:] = at_slopes[equation[:with_slopes], :, :, place[:with_slopes]].movedim(0, 1)
    return torch.bmm(left.flatten(0, 1), right.flatten(0, 1)).view(episodes, place.shape[0], -1)
