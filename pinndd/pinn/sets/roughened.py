"""The training family with rough functions added, so that a distilled set does not rely on what the family lacks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, Ensemble, pointwise_residual
from pinndd.pinn.families import GaussianProcess, LinearFamily, Sum


@dataclass(frozen=True)
class Roughening:
    """A rough Gaussian process is added to the functions of the training family in a part of the episodes.

    Attributes:
        length: length scale of the process on a patch scaled to [0, 1] (three times as long on a periodic one).
        amplitude: standard deviation, relative to the root mean square of the training family.
        terms: terms of its expansion.
        share: part of the episodes that it is added to.
    """

    length: float = 0.12
    amplitude: float = 1.0
    terms: int = 14
    share: float = 0.5


ROUGH = Roughening()
MILD = Roughening(length=0.2, amplitude=0.4, share=0.35)
"""For nonlinear equations, where rough data of full size lead into another regime, such as shocks."""


def roughening_for(pde: PDE) -> Roughening:
    """Return how rough the conditions of a distillation are."""
    return ROUGH if pointwise_residual(pde).is_linear() else MILD


def roughened(pde: PDE, roughening: Roughening) -> Ensemble:
    """Return the training ensemble with a Gaussian process added to every linear family on a one-dimensional patch."""
    base = pde.ensemble()
    families = {}
    for name, family in base.families.items():
        patch = pde.patches[name]
        if patch.dimension == 1 and isinstance(family, LinearFamily) and family.size:
            families[name] = Sum(family, _process(family, roughening, patch.closed(pde.periodic_axes)))
    return base.with_families(families)


def roughened_sample(ensemble: Ensemble, count: int, share: float, generator: torch.Generator) -> Tensor:
    """Draw coefficients ``(count, C)`` of a roughened ensemble; in the first ``1 - share`` of them nothing is added."""
    coefficients = ensemble.sample(count, generator)
    plain = count - round(share * count)
    for name, columns in ensemble.slices.items():
        family = ensemble.families[name]
        if isinstance(family, Sum):
            coefficients[:plain, columns.start + family.first.size : columns.stop] = 0.0
    return coefficients


def _process(family: LinearFamily, roughening: Roughening, periodic: bool) -> GaussianProcess:
    s = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    basis = family.basis(s)
    variance = (basis.square() * basis.new_tensor(family.scales).square()).sum(-1)
    # a family that vanishes at both ends meets its neighbours there, and must go on doing so
    pinned = not periodic and bool((basis[[0, -1]].abs().max() < 1e-9).all())
    return GaussianProcess(
        length=roughening.length * (3 if periodic else 1),
        amplitude=roughening.amplitude * float(variance.mean().sqrt()),
        size=roughening.terms,
        pinned=pinned,
        periodic=periodic,
    )
