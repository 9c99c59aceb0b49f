"""Features of a point that are trained: the hidden layers of a network, whose output layer is left to a learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pinndd.pinn.jets.features import Axes
from pinndd.pinn.jets.mlp import MLP
from pinndd.pinn.jets.tanh_jets import closure, tanh_jets


@dataclass(frozen=True, eq=False)
class Body:
    """Features ``tanh(z_p(x))``, where z is a tanh network: the hidden layers of a PINN.

    Attributes:
        network: from the point to z; its outputs are the features before the last activation.
        parameters: its weights and biases, ``(1, weights)``.
    """

    network: MLP
    parameters: Tensor

    @property
    def width(self) -> int:
        """Number of features P."""
        return self.network.outputs

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate the features.

        Args:
            points: ``(..., d)``.
            axes: one tuple per derivative; ``()`` is the value, ``(0, 0)`` the second derivative along the first axis.

        Returns:
            One tensor ``(..., P)`` per derivative, differentiable in the points and in the weights of the body.
        """
        parts = closure(axes)
        flat = points.reshape(-1, points.shape[-1])
        before = self.network.propagate(self.parameters, self.network.streams(flat, axes), axes)
        values, slopes = tanh_jets(before.values, before.slopes, parts, before.count)
        found = [slopes[0, parts.index(a)] if a else values[0] for a in axes]
        return [jet.reshape(*points.shape[:-1], self.width) for jet in found]

    def to(self, like: Tensor) -> Body:
        """Return the body on the device and in the dtype of a tensor."""
        return Body(self.network, self.parameters.to(like))
