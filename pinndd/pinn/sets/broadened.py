"""A training family made broader, so that what is distilled for it also serves conditions that are drawn differently."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import Ensemble
from pinndd.pinn.sets.condition_code import code_scales

_SPREAD = 0.5


def broadened_sample(training: Ensemble, count: int, generator: torch.Generator, *, reach: float = 1.5) -> Tensor:
    """Draw conditions from a mixture around the training family, which no test shift enters.

    Half are drawn from the family itself; a quarter gets a common amplitude, uniform in [0.7, ``reach``], and a log-normal
    factor per coefficient; the last quarter is changed in the same way, and a random part of the coefficients is zero. Draws
    that are nearly zero, where a relative error has no meaning, are replaced by draws from the family.

    Args:
        training: the training family, linear in its coefficients.
        count: how many.
        generator: source of randomness (CPU).
        reach: largest common amplitude.

    Returns:
        Coefficients ``(count, C)``, float64.
    """
    scales = code_scales(training)
    unit = training.sample(count, generator) / scales

    def uniform(columns: int) -> Tensor:
        return torch.rand((count, columns), generator=generator, dtype=torch.float64)

    amplitude = 0.7 + (reach - 0.7) * uniform(1)
    factors = (_SPREAD * torch.randn(unit.shape, generator=generator, dtype=torch.float64)).exp()
    changed = amplitude * factors * unit
    keep = uniform(unit.shape[1]) >= 0.9 * uniform(1)
    part = uniform(1)
    mixed = torch.where(part < 1 / 2, unit, torch.where(part < 3 / 4, changed, keep * changed))
    tiny = (mixed * scales).norm(dim=1, keepdim=True) < 0.2 * scales.norm()
    return torch.where(tiny, unit, mixed) * scales
