"""Describe a boundary condition by coefficients of the training family: the input of a conditioned network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import Ensemble
from pinndd.pinn.families import LinearFamily

IN_SPAN = 0.02
"""Largest relative misfit at which a shift counts as one that a conditioned network can see."""


@dataclass(frozen=True)
class ConditionCode:
    """Boundary conditions, as coefficients of the training family.

    Attributes:
        coefficients: ``(E, C)``.
        misfit: L2 distance of each condition from the one its coefficients describe, ``(E,)``, relative to the condition less the
            means of the training family.
    """

    coefficients: Tensor
    misfit: Tensor

    @property
    def in_span(self) -> bool:
        """Whether the coefficients describe all conditions."""
        return bool((self.misfit <= IN_SPAN).all())


def encode(training: Ensemble, ensemble: Ensemble, coefficients: Tensor, *, nodes: int = 65) -> ConditionCode:
    """Project conditions of any family onto the span of the training family, by least squares over all conditions together.

    A conditioned network sees nothing of a condition but its coefficients, so what the projection loses is lost. Where the training
    family has means, it is what a condition has beyond them that is projected.

    Args:
        training: the training family, linear in its coefficients.
        ensemble: the family that the coefficients belong to.
        coefficients: ``(E, size of ensemble)``.
        nodes: points along every axis of a patch at which the conditions are compared.

    Raises:
        ValueError: the training family is not linear in its coefficients.
    """
    require_linear(training)
    identity = torch.eye(training.size, dtype=coefficients.dtype, device=coefficients.device)
    basis, values = _weighted_values(training, identity, nodes), _weighted_values(ensemble, coefficients, nodes)
    means = _weighted_values(training, torch.zeros_like(identity[:1]), nodes)
    basis, deviations = basis - means, values - means
    # torch's usual driver, gelsy, begins with pivots that nobody has set: its last digits differ from call to call
    driver = "gelsd" if coefficients.device.type == "cpu" else None
    found = torch.linalg.lstsq(basis.T, deviations.T, driver=driver).solution.T
    # a condition that is the mean itself deviates by rounding errors alone
    size = torch.maximum(deviations.norm(dim=1), 1e-9 * values.norm(dim=1)).clamp_min(torch.finfo(values.dtype).tiny)
    misfit = (found @ basis - deviations).norm(dim=1) / size
    return ConditionCode(found, misfit)


def grid_values(ensemble: Ensemble, coefficients: Tensor, nodes: int) -> dict[str, Tensor]:
    """Return the values of every condition on a grid of its patch, ``(E, nodes^k)``."""
    values: dict[str, Tensor] = {}
    for condition in ensemble.conditions:
        s = patch_grid(ensemble.patches[condition.name].dimension, nodes).to(coefficients)
        values[condition.name] = ensemble.value(condition.name, coefficients[:, None, :], s)
    return values


def patch_grid(dimension: int, nodes: int) -> Tensor:
    """Return local coordinates of an equispaced grid of a patch, ends included, ``(nodes^k, k)``, float64."""
    if dimension == 0:
        return torch.empty((1, 0), dtype=torch.float64)
    axis = torch.linspace(0, 1, nodes, dtype=torch.float64)
    return torch.cartesian_prod(*[axis] * dimension).reshape(-1, dimension)


def _weighted_values(ensemble: Ensemble, coefficients: Tensor, nodes: int) -> Tensor:
    """Values of all conditions side by side, each patch weighing the same, ``(E, number of nodes)``."""
    return torch.cat([v / v.shape[-1] ** 0.5 for v in grid_values(ensemble, coefficients, nodes).values()], -1)


def require_linear(training: Ensemble) -> None:
    """Make sure that a training family can be described by coefficients.

    Raises:
        ValueError: a condition has a family that is not linear in its coefficients; the message names it. Or no condition varies.
    """
    if not training.size:
        raise ValueError(
            "every condition has a known value, so there is nothing to describe by coefficients: give one a family that varies, such "
            "as Sine or Fourier (with mean= for its known part)"
        )
    for name, family in training.families.items():
        if not isinstance(family, LinearFamily):
            raise ValueError(
                f"condition {name!r} has the family {type(family).__name__}, which is not linear in its coefficients: the "
                "amortised protocol needs a family that is, in training: Sine, Fourier, Chebyshev, GaussianProcess, ..."
            )


def code_scales(training: Ensemble) -> Tensor:
    """Return the unit of every coefficient, ``(C,)``: its standard deviation in training, and a thousandth of the largest for none.

    Raises:
        ValueError: the training family is not linear in its coefficients.
    """
    require_linear(training)
    scales = training.scales()
    return scales.clamp_min(1e-3 * float(scales.max()))
