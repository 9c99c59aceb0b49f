"""Rows of the training loss of a network whose weights are all trained: residuals, then errors of the conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.jets.features import Axes
from pinndd.pinn.jets.mlp import MLP, Streams, Tap
from pinndd.pinn.jets.residual import PointwiseResidual, Term
from pinndd.pinn.jets.tanh_jets import closure

Prepared = dict[str, Tensor]
"""What training needs beside the weights: ``interior`` (N, d) and ``interior_scale`` (N,); ``inputs`` and ``slopes``, the
encoded points of interior and boundary; ``factors`` (D, K), the operators of the conditions on more than one value of u;
``components`` (M - D,), what the others are about; ``boundary_scale`` (M,), ``targets`` (..., M)."""


@dataclass(frozen=True)
class NetworkRows:
    """Residuals and conditions of a PDE for a batch of networks, whose outputs are u less its mean, in units of its sizes.

    The points of conditions on derivatives, or on several components, follow those of the interior, since both go through the
    network in the same way; those of conditions on the value of one component come last.

    Attributes:
        pde: the equation.
    """

    pde: PDE

    @cached_property
    def residual(self) -> PointwiseResidual:
        """The residual as a function of the jet."""
        return pointwise_residual(self.pde)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names of the conditions in the order of their rows."""
        return tuple(sorted(self.pde.operators, key=lambda name: self.pde.operators[name].component is not None))

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Terms of the conditions that say more than the value of one component."""
        operators = [o for o in self.pde.operators.values() if o.component is None]
        return tuple(dict.fromkeys(term for operator in operators for term in operator.terms))

    @cached_property
    def axes(self) -> tuple[Axes, ...]:
        """Derivatives that equation and conditions need, whatever the component."""
        return tuple(dict.fromkeys((*self.residual.axes, *(axes for _, axes in self.terms))))

    def prepare(
        self,
        network: MLP,
        interior: Tensor,
        places: Mapping[str, Tensor],
        targets: Mapping[str, Tensor],
        scales: Mapping[str, Tensor],
        interior_scale: Tensor,
        extra: Mapping[str, Tensor] | None = None,
    ) -> Prepared:
        """Encode the points.

        Args:
            network: whose encoding it is.
            interior: ``(N, d)``.
            places: points of every condition, ``(n, d)``.
            targets: values of every condition, ``(..., n)``.
            scales: square root of the weight of every row of a condition in units of its size, ``(n,)``.
            interior_scale: the same of every interior row, ``(N,)``.
            extra: further inputs of the network, ``(n, C)`` for every condition and ``(N, C)`` under ``"interior"``.
        """
        operators = self.pde.operators
        derived = [name for name in self.order if operators[name].component is None]
        plain = [name for name in self.order if operators[name].component is not None]
        at = torch.cat([interior, *(places[name] for name in derived)])
        further = None if extra is None else torch.cat([extra["interior"], *(extra[name] for name in self.order)])
        streams = network.streams(at, self.axes, further, values_at=torch.cat([interior[:0], *(places[n] for n in plain)]))
        factors = [self._factors(name, places[name]) for name in derived]
        components = [operators[name].component for name in plain for _ in range(places[name].shape[0])]
        return {
            "interior": interior,
            "interior_scale": interior_scale,
            "inputs": streams.values,
            "slopes": streams.slopes,
            "factors": torch.cat(factors) if factors else interior.new_zeros((0, 0)),
            "components": torch.tensor(components, dtype=torch.long, device=interior.device),
            "boundary_scale": torch.cat([scales[name] for name in self.order]),
            "targets": torch.cat([self._deviation(name, places[name], targets[name]) for name in self.order], -1),
        }

    def __call__(self, network: MLP, prepared: Prepared, parameters: Tensor, taps: list[Tap] | None = None) -> Tensor:
        """Return the weighted rows ``(E, N · equations + M)``: residuals point by point, then errors of the conditions.

        Args:
            network: the shape of the networks.
            prepared: from `prepare`.
            parameters: ``(E, P)``.
            taps: a list to which one `Tap` per layer is appended.
        """
        interior, factors = prepared["interior"], prepared["factors"]
        inner, derived = interior.shape[-2], factors.shape[0]
        streams = Streams(prepared["inputs"], prepared["slopes"], inner + derived)
        jets = network.propagate(parameters, streams, self.axes, taps)
        split = [inner, derived, jets.values.shape[1] - inner - derived]
        values = torch.split_with_sizes(jets.values, split, 1)
        slopes = torch.split_with_sizes(jets.slopes, split[:2], 2)
        residuals = self._residuals(interior, self._columns(values[0], slopes[0], self.residual.terms))
        rows = [(prepared["interior_scale"][:, None] * residuals).flatten(1)]
        found = []
        if derived:
            found.append((factors * self._columns(values[1], slopes[1], self.terms)).sum(-1))
        if self.pde.output_count == 1:
            found.append(values[2][..., 0])
        else:
            index = prepared["components"].expand(values[2].shape[0], -1)[..., None]
            found.append(values[2].gather(-1, index)[..., 0])
        rows.append(prepared["boundary_scale"] * (torch.cat(found, -1) - prepared["targets"]))
        return torch.cat(rows, -1)

    def _residuals(self, points: Tensor, jets: Tensor) -> Tensor:
        """Return the residuals in units of the sizes of the equations, from jets in units of the sizes of u."""
        # numbers in the units of the user, and their products, may be outside of single precision
        wide = jets.double()
        sizes = self.pde.sizes.to(wide)
        whole = sizes.resting(self.residual.terms) + wide * sizes.units(self.residual.terms)
        return (self.residual(points.double(), whole) / sizes.equations).to(jets)

    def _deviation(self, name: str, places: Tensor, targets: Tensor) -> Tensor:
        """Return values of a condition ``(..., n)`` less that of the mean of u, in units of the size of the condition."""
        wide = places.double()
        sizes = self.pde.sizes.to(wide)
        rest = self.pde.operators[name].at_rest(wide, sizes.means)
        return ((targets.double() - rest) / sizes.conditions[name]).to(targets)

    def _columns(self, values: Tensor, slopes: Tensor, terms: tuple[Term, ...]) -> Tensor:
        """Return u and its derivatives, in units of the sizes of u, in the order of ``terms``, ``(E, N, K)``."""
        jets = (values, *slopes.unbind(1))
        index = {axes: k for k, axes in enumerate(((), *closure(self.axes)))}
        return torch.cat([jets[index[axes]][..., component : component + 1] for component, axes in terms], -1)

    def _factors(self, name: str, places: Tensor) -> Tensor:
        """Return the coefficients of one condition on all of `terms`, ``(n, K)``, for u and the condition in units of their sizes."""
        operator, sizes = self.pde.operators[name], self.pde.sizes.to(places.double())
        units = sizes.units(operator.terms) / sizes.conditions[name]
        given = (operator.coefficients(places.double()) * units).to(places)
        zero = torch.zeros_like(given[:, 0])
        columns = []
        for term in self.terms:
            own = [given[:, k] for k, candidate in enumerate(operator.terms) if candidate == term]
            columns.append(torch.stack(own).sum(0) if own else zero)
        return torch.stack(columns, -1)
