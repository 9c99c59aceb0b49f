"""The boundary condition that somebody has chosen: coefficients of its families, and curves that were drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, BoundaryValues, Ensemble
from pinndd.pinn.families import Family, Fixed, Tied

_SAME_PLACE = 1e-6
_DRAWS = 400


@dataclass(frozen=True)
class Curve:
    """A function on [0, 1] through given points, without overshoot between them (piecewise cubic Hermite polynomials).

    Fritsch and Carlson, Monotone Piecewise Cubic Interpolation, SIAM J. Numer. Anal. 17, 1980. It is constant beyond the first and
    the last point. Of several points at one place the last counts.

    Args:
        places: local coordinates, in any order.
        values: one for each.
        closed: whether the ends meet, so that the curve goes on from the last point to the first.

    Raises:
        ValueError: there is no point.
    """

    places: tuple[float, ...]
    values: tuple[float, ...]
    closed: bool = False

    def __post_init__(self) -> None:
        if not self.places:
            raise ValueError("a drawn curve needs at least one point: add one")

    def __call__(self, s: Tensor) -> Tensor:
        """Evaluate at local coordinates ``(N, 1)``: ``(N,)``."""
        at = dict(sorted({round(p / _SAME_PLACE): (p, v) for p, v in zip(self.places, self.values, strict=True)}.items()))
        x, y = (np.array(column) for column in zip(*at.values(), strict=True))
        if self.closed:
            x, y = np.concatenate((x - 1, x, x + 1)), np.tile(y, 3)
            x, first = np.unique(np.round(x / _SAME_PLACE), return_index=True)
            x, y = x * _SAME_PLACE, y[first]
        where = s.detach().cpu().double().numpy()[:, 0].clip(x[0], x[-1])
        found = np.full(len(where), y[0]) if len(x) == 1 else PchipInterpolator(x, y)(where)
        return torch.from_numpy(found).to(s)


@dataclass(frozen=True)
class Choice:
    """One boundary condition of a PDE.

    Attributes:
        pde: the equation.
        shift: whose families the coefficients belong to (``"none"``: those of training).
        coefficients: ``(1, C)``.
        curves: condition name to the curve that was drawn in place of its family.
    """

    pde: PDE
    shift: str
    coefficients: Tensor
    curves: Mapping[str, Curve] = field(default_factory=dict)

    @property
    def ensemble(self) -> Ensemble:
        """The families that the coefficients belong to."""
        return self.pde.ensemble(self.shift)

    def values(self) -> BoundaryValues:
        """Return the boundary values.

        A drawn curve is the value itself: it joins nothing. A condition tied to one that is drawn keeps what it followed before.
        """
        ensemble = self.ensemble
        whole = BoundaryValues(ensemble, self.coefficients)
        families: dict[str, Family] = {name: Fixed(curve) for name, curve in self.curves.items()}
        for name, family in ensemble.families.items():
            if name not in families and isinstance(family, Tied) and family.to in self.curves:
                families[name] = Fixed(lambda s, of=whole[name]: of(s)[0])  # type: ignore[misc]
        conditions = tuple(c.unjoined() if c.name in families else c for c in ensemble.conditions)
        kept = [
            self.coefficients[:, ensemble.slices[name]]
            for name, family in ensemble.families.items()
            if name not in families and not isinstance(family, Tied)
        ]
        left = torch.cat(kept, -1) if kept else self.coefficients[:, :0]
        return BoundaryValues(replace(ensemble.with_families(families), conditions=conditions), left)

    def with_coefficient(self, number: int, value: float) -> Choice:
        """Return the choice with another coefficient of that number."""
        changed = self.coefficients.clone()
        changed[0, number] = value
        return replace(self, coefficients=changed)

    def with_curve(self, name: str, curve: Curve | None) -> Choice:
        """Return the choice with a drawn curve for a condition (None: with its family again)."""
        others = {other: drawn for other, drawn in self.curves.items() if other != name}
        return replace(self, curves=others if curve is None else {**others, name: curve})


def drawn_choice(pde: PDE, shift: str = "none", seed: int = 0) -> Choice:
    """Draw a boundary condition from the training family or from a shift.

    Raises:
        ValueError: no such shift.
    """
    return Choice(pde, shift, pde.ensemble(shift).sample(1, torch.Generator().manual_seed(seed)))


def coefficient_ranges(ensemble: Ensemble) -> tuple[Tensor, Tensor]:
    """Return the least and the greatest of 400 draws of every coefficient, ``(C,)`` each."""
    drawn = ensemble.sample(_DRAWS, torch.Generator().manual_seed(0))
    return drawn.amin(0), drawn.amax(0)
