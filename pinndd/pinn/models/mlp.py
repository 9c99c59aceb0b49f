"""PINNs whose weights are all trained: a batch of MLPs on the collocation data of the retrain protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.declare.sizes import Sizes
from pinndd.pinn.jets.features import Axes, Encoding
from pinndd.pinn.jets.mlp import MLP, Streams, Tap
from pinndd.pinn.jets.network_jacobian import LayerFactors, NetworkJacobian
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.pinn.jets.tanh_jets import closure
from pinndd.pinn.models.network_rows import NetworkRows, Prepared
from pinndd.pinn.sets.collocation import INTERIOR, unit_scales
from pinndd.pinn.tasks.episodes import BoundaryEpisodes


@dataclass(frozen=True)
class FittedMLP:
    """A batch of trained networks.

    Attributes:
        network: their shape.
        parameters: ``(E, P)``.
        episodes: what they were trained for.
        sizes: in whose units the outputs of the network are.
    """

    network: MLP
    parameters: Tensor
    episodes: BoundaryEpisodes
    sizes: Sizes

    def __call__(self, points: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)``: ``(E, Q, outputs)``, followed by the d partial derivatives if ``derivatives`` is 1."""
        axes = [()] + [(a,) for a in range(points.shape[-1])] * (derivatives > 0)
        return torch.cat([jet.to(points) for jet in self.jets(points, axes)], -1)

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate u at ``(Q, d)`` or ``(E, Q, d)``: one tensor ``(E, Q, outputs)``, float64, for each of ``axes``."""
        found = self.network.jets(self.parameters, points.to(self.parameters), axes)
        whole = [jet.double() for jet in found]
        return self.sizes.to(whole[0]).of_u(whole, axes)


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
        seeds = [episodes.seed * _SEED_STRIDE + episodes.place + k for k in range(len(episodes))]
        return self.network.initial(seeds, device=like.device, dtype=like.dtype)

    def prepare(self, data: SyntheticData, episodes: BoundaryEpisodes) -> Prepared:
        """Evaluate the boundary values at the points of ``data``, differentiably."""
        scales = unit_scales(self.pde, data)
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
        """Return what some of the episodes need, whose interior points may be their own."""
        own = [name for name, shared in _SHARED_AXES.items() if prepared[name].ndim > shared]
        return {**prepared, **{name: prepared[name][index] for name in own}}

    def training_bytes(self, prepared: Prepared) -> int:
        """Estimate the memory that a step of one network by second-order training takes, in bytes.

        It holds the Gram matrix of the rows, its damped copy and its factor, a strip of that of the streams, and the factors of the
        Jacobian with the graph that they come from.
        """
        inner, count = prepared["interior"].shape[-2], prepared["inputs"].shape[-2]
        derived = inner + prepared["factors"].shape[0]
        rows = self.residual.equations * inner + count - inner
        streams = count + len(closure(self.equations.axes)) * derived
        width = sum(fan_in + fan_out for fan_in, fan_out in self.network.layers)
        strip = 3 * max(count, derived) * streams
        smaller = min(rows, self.parameter_count)
        jacobian = 0 if rows <= self.parameter_count else rows * self.parameter_count
        return 8 * (4 * smaller**2 + strip + jacobian + (2 + self.residual.equations) * streams * width)

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

    def linearise(self, prepared: Prepared, parameters: Tensor) -> tuple[Tensor, NetworkJacobian]:
        """Return the rows ``(E, R)`` and their Jacobian, off the graph.

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
        layers = [
            _factors(inputs, [s[2 * k] for s in slopes], [s[2 * k + 1] for s in slopes]) for k, (inputs, _) in enumerate(taps)
        ]
        values, derived = taps[0][0].values, taps[0][0].count
        return rows.detach(), NetworkJacobian(tuple(layers), values.shape[-2], derived, count)

    def fitted(self, parameters: Tensor, episodes: BoundaryEpisodes) -> FittedMLP:
        """Return the networks with weights ``(E, P)``."""
        return FittedMLP(self.network, parameters, episodes, self.pde.sizes)


_SHARED_AXES = {"interior": 2, "inputs": 2, "slopes": 3, "targets": 1}
"""Axes of what training needs where all episodes share it; one more, the first, where each has its own."""

_SEED_STRIDE = 100_003  # more episodes than a batch will ever have, so that batches of neighbouring seeds share no network


def _factors(inputs: Streams, at_values: list[Tensor], at_slopes: list[Tensor]) -> LayerFactors:
    """Return the factors of one layer.

    Args:
        inputs: of the layer.
        at_values: derivative of the rows of each equation in the pre-activations, ``(E, N + M, out)``; the rows of the conditions
            count to the first equation.
        at_slopes: the same in the derivatives of the pre-activations, ``(E, K, N + D, out)``.
    """
    episodes, count = at_values[0].shape[:2]
    values, slopes = inputs.values.detach(), inputs.slopes.detach().flatten(-3, -2)
    width = values.shape[-1]
    entering = values.new_empty((episodes, count + slopes.shape[-2], width + 1))
    entering[:, :count, :width], entering[:, count:, :width] = values, slopes
    entering[:, :count, width], entering[:, count:, width] = 1, 0
    leaving = [torch.cat((v, s.flatten(1, 2)), 1) for v, s in zip(at_values, at_slopes, strict=True)]
    return LayerFactors(entering, leaving[0][None] if len(leaving) == 1 else torch.stack(leaving))
