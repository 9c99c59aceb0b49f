"""What a boundary condition says of u: an expression linear in u and its derivatives, such as ``∂u/∂n``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.pinn.geometry.patches import Face, Patch
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.jets.features import Axes, Features
from pinndd.pinn.jets.probe import COUNT, Probe
from pinndd.pinn.jets.residual import PointwiseResidual, ResidualError, Term
from pinndd.user_code import Guarded

_SIZES = (1.0, 1e-12, 1e12, 1e24)
"""Sizes of u at which an operator is tested."""


@dataclass(frozen=True)
class BoundaryOperator:
    """``B u = Σ_k coefficient_k(x) · term_k(u)``.

    Attributes:
        terms: derivatives of components of u.
        coefficients: points ``(N, d)`` to ``(N, K)``, one column per term.
        component: the component that B takes the value of, if it does nothing else.
    """

    terms: tuple[Term, ...]
    coefficients: Callable[[Tensor], Tensor]
    component: int | None = None

    @cached_property
    def axes(self) -> tuple[Axes, ...]:
        """The distinct derivatives that are needed, whatever the component."""
        return tuple(dict.fromkeys(axes for _, axes in self.terms))

    @property
    def differentiates(self) -> bool:
        """Whether a derivative enters."""
        return self.axes != ((),)

    def apply(self, points: Tensor, jets: Sequence[Tensor]) -> Tensor:
        """Evaluate on given derivatives.

        Args:
            points: ``(N, d)``.
            jets: u and its derivatives there, ``(..., N, outputs)``, one for each of `axes`.

        Returns:
            Tensor ``(..., N)``.
        """
        factors = self.coefficients(points)
        parts = [
            factors[..., k] * jets[self.axes.index(axes)][..., component] for k, (component, axes) in enumerate(self.terms)
        ]
        return torch.stack(parts).sum(0)

    def rows(self, points: Tensor, features: Sequence[Tensor], outputs: int, sizes: Tensor | None = None) -> Tensor:
        """Return the derivative of ``B u`` in the weights of a model ``u_c = size_c Σ_p θ_cp φ_p``, ``(N, outputs · P)``.

        Args:
            points: ``(N, d)``.
            features: φ and its derivatives there, ``(N, P)``, one for each of `axes`.
            outputs: components of u.
            sizes: of the components, ``(outputs,)`` (None: 1).
        """
        factors = self.coefficients(points)
        blocks = [torch.zeros_like(features[0]) for _ in range(outputs)]
        for k, (component, axes) in enumerate(self.terms):
            blocks[component] = blocks[component] + factors[:, k, None] * features[self.axes.index(axes)]
        return torch.cat(blocks if sizes is None else [size * block for size, block in zip(sizes, blocks, strict=True)], -1)

    def at_rest(self, points: Tensor, means: Tensor) -> Tensor:
        """Return ``B u`` of a constant u, ``(N,)``.

        Args:
            points: ``(N, d)``.
            means: that u, ``(outputs,)``.
        """
        given = torch.stack([means.new_zeros(()) if axes else means[component] for component, axes in self.terms])
        return self.coefficients(points) @ given

    def rows_of(self, features: Features, points: Tensor, outputs: int, sizes: Tensor | None = None) -> Tensor:
        """Return `rows` of a model on ``features`` at points ``(N, d)``: ``(N, outputs · P)``."""
        return self.rows(points, features.jets(points, self.axes), outputs, sizes)

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """Evaluate by DeepXDE's automatic differentiation: points ``(N, d)`` and u ``(N, outputs)`` to ``(N, 1)``."""
        gradient = import_deepxde().grad.jacobian
        factors, total = self.coefficients(x), torch.zeros_like(u[:, :1])
        for k, (component, axes) in enumerate(self.terms):
            value = u[:, component : component + 1] if not axes else gradient(u, x, i=component, j=axes[0])
            for axis in axes[1:]:
                value = gradient(value, x, i=0, j=axis)
            total = total + factors[:, k : k + 1] * value
        return total


def partial(component: int, axes: Axes) -> BoundaryOperator:
    """Return the operator that takes one derivative of one component."""
    return BoundaryOperator(
        ((component, axes),), lambda points: torch.ones_like(points[..., :1]), None if axes else component
    )


def value_of(component: int) -> BoundaryOperator:
    """Return the operator that takes the value of one component."""
    return partial(component, ())


def normal_derivative(name: str, patch: Patch, component: int) -> BoundaryOperator:
    """Return the derivative of one component along the outward normal of ``patch``, for condition ``name``.

    Raises:
        ValueError: the patch has no normal.
    """
    require_normal(name, patch)
    space = range(patch.domain.space_dimension)
    axes = [a for a in space if a in patch.fixed] if isinstance(patch, Face) else list(space)
    return BoundaryOperator(tuple((component, (a,)) for a in axes), lambda points: patch.normal(points)[..., axes])


def require_normal(name: str, patch: Patch) -> None:
    """Make sure that ``patch`` has a normal, for condition ``name``.

    Raises:
        ValueError: it has none.
    """
    try:
        patch.normal(patch.points(torch.full((1, patch.dimension), 0.5, dtype=torch.float64)))
    except ValueError as error:
        raise ValueError(f"condition {name!r}: {error}") from error


def combination(*weighted: tuple[float, BoundaryOperator]) -> BoundaryOperator:
    """Return a weighted sum of operators."""
    terms = tuple(term for _, operator in weighted for term in operator.terms)
    return BoundaryOperator(
        terms, lambda points: torch.cat([weight * operator.coefficients(points) for weight, operator in weighted], -1)
    )


def by_residual(
    name: str, function: Callable[[Tensor, Tensor, Tensor], Tensor], patch: Patch, outputs: int
) -> BoundaryOperator:
    """Read an operator off a function in DeepXDE's terms.

    Args:
        name: of the condition, for messages.
        function: ``(x, u, normal)`` to ``(N, 1)``.
        patch: gives the normal.
        outputs: components of u.

    Raises:
        UserCodeError: the function fails.
        ValueError: it returns another shape, or is not linear in u and its derivatives.
    """
    theirs = Guarded(function, f"condition {name!r}: operator")

    def normal(x: Tensor) -> Tensor:
        try:
            return patch.normal(x)
        except ValueError:
            return torch.zeros_like(x)

    domain = patch.domain
    places = patch.points(patch.drawn(COUNT, torch.Generator().manual_seed(0)))
    lengths = [high - low for low, high in zip(domain.low, domain.high, strict=True)]
    try:
        probe = Probe(places, lengths, (1.0,) * outputs, (0.0,) * outputs)
        residual = PointwiseResidual(lambda x, u: theirs(x, u, normal(x)), domain.dimension, outputs, name, probe)
        # nobody knows how large u is; what is linear is so at every size
        linear = all(residual.is_linear(size) for size in _SIZES)
    except ResidualError as error:
        message = str(error).partition(": ")[2].replace("residual", "operator", 1)
        raise ValueError(f"condition {name!r}: {message}") from error
    rest = residual(places, places.new_zeros((len(places), len(residual.terms))))
    if not linear or residual.equations != 1 or not bool(rest.detach().abs().max() <= 0):
        raise ValueError(
            f"condition {name!r}: its operator must be one expression, linear in u and its derivatives, that vanishes for "
            "u = 0; put the rest into `values`, or another equation into another condition"
        )

    def coefficients(points: Tensor) -> Tensor:
        place = points[:, : patch.domain.dimension]  # in DeepXDE, coefficients of the amortised protocol follow
        zeros = points.new_zeros((points.shape[0], len(residual.terms)))
        _, slopes = residual.linearise(place, zeros, create_graph=torch.is_grad_enabled())
        return slopes[..., 0, :]

    return BoundaryOperator(residual.terms, coefficients)
