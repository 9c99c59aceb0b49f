"""Which boundary conditions to solve without distilling: the usual designs in the space of coefficients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor

from pinndd.pinn.declare.pde import Ensemble
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.sets.samplers import latin_hypercube

ConditionSampler = Callable[[Ensemble, int, int], Tensor]
"""``(training family, count, seed) -> coefficients (count, C)`` in standard deviations, float64."""

_CANDIDATES = 2000


def random_conditions(training: Ensemble, count: int, seed: int) -> Tensor:
    """Independent draws from the training family."""
    return training.sample(count, torch.Generator().manual_seed(seed)) / code_scales(training)


def latin_hypercube_conditions(training: Ensemble, count: int, seed: int) -> Tensor:
    """Latin hypercube in the cube of one standard deviation either way (McKay et al. 1979)."""
    return 2 * latin_hypercube(count, training.size, seed) - 1


def kmeans_conditions(training: Ensemble, count: int, seed: int) -> Tensor:
    """Centres of k-means clusters of many draws from the training family (k-means++ start, Arthur & Vassilvitskii 2007).

    Raises:
        ValueError: there are more clusters than draws.
    """
    if count > _CANDIDATES:
        raise ValueError(f"k-means: {count} conditions asked for, there are {_CANDIDATES} draws to cluster: ask for fewer")
    draws = random_conditions(training, _CANDIDATES, seed).numpy()
    centres, _ = kmeans2(draws, count, minit="++", rng=np.random.default_rng(seed))
    return torch.from_numpy(centres)


def farthest_point_conditions(training: Ensemble, count: int, seed: int) -> Tensor:
    """Draws from the training family, each farthest from those before it; the first is nearest to the mean (Gonzalez 1985).

    Raises:
        ValueError: there are more points than draws.
    """
    if count > _CANDIDATES:
        raise ValueError(f"farthest-point: {count} conditions asked for, there are {_CANDIDATES} draws: ask for fewer")
    draws = random_conditions(training, _CANDIDATES, seed)
    chosen = [int(draws.norm(dim=1).argmin())]
    distance = (draws - draws[chosen[0]]).norm(dim=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (draws - draws[chosen[-1]]).norm(dim=1))
    return draws[chosen]


CONDITION_SAMPLERS: dict[str, ConditionSampler] = {
    "random": random_conditions,
    "latin-hypercube": latin_hypercube_conditions,
    "k-means": kmeans_conditions,
    "farthest-point": farthest_point_conditions,
}


def sample_conditions(training: Ensemble, sampler: str, count: int, seed: int, width: float) -> Tensor:
    """Choose conditions by a named design.

    Args:
        training: the training family, linear in its coefficients.
        sampler: a key of `CONDITION_SAMPLERS`.
        count: how many, m.
        seed: of the draw.
        width: factor on the coefficients: how far from zero the design reaches.

    Returns:
        Coefficients ``(m, C)``, float64.

    Raises:
        ValueError: the design is unknown, or ``count`` or ``width`` is not positive.
    """
    if sampler not in CONDITION_SAMPLERS:
        raise ValueError(f"no design of conditions {sampler!r}: expected one of {', '.join(CONDITION_SAMPLERS)}")
    if count < 1 or width <= 0:
        raise ValueError(f"{count} conditions of width {width}: expected at least one, and a positive width")
    return width * CONDITION_SAMPLERS[sampler](training, count, seed) * code_scales(training)
