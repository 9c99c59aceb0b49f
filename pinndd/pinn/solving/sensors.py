"""Readings of placed sensors: the measured values that a distilled set of sensors is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.pinn.declare.in_words import coordinates
from pinndd.pinn.geometry.patches import Patch
from pinndd.pinn.solving.measured import Interpolated, Samples, SamplesError, checked

AT_SENSOR = 1e-3
"""Distance from a sensor, relative to the size of the domain, at which a sample is its reading."""


@dataclass(frozen=True)
class _Nearest:
    """The process of readings that are asked at their sensors alone."""

    patch: Patch
    places: Tensor
    values: Any
    noise: Any

    def predict(self, s: Any) -> Any:
        return self.values[self._reading(s)]

    def sample_y(self, s: Any, draws: int, random_state: int) -> Any:
        drawn = np.random.default_rng(random_state).standard_normal((len(self.values), draws))
        return (self.values[:, None] + self.noise[:, None] * drawn)[self._reading(s)]

    def _reading(self, s: Any) -> Any:
        return torch.cdist(self.patch.points(torch.from_numpy(s)), self.places).argmin(1).numpy()


def readings(name: str, samples: Samples, patch: Patch, sensors: Tensor) -> Interpolated:
    """Match samples with the sensors of a condition; nothing is interpolated, since a set of sensors is trained at them alone.

    Args:
        name: of the condition, for messages.
        samples: a reading of every sensor, in any order; within a thousandth of the size of the domain they are at one.
        patch: where the condition holds.
        sensors: local coordinates ``(n, k)``.

    Raises:
        SamplesError: as `checked`; or a sensor has no reading or two of them, or a sample is at none.
    """
    places, values, noise = checked(name, samples, patch)
    size = max(high - low for low, high in zip(patch.domain.low, patch.domain.high, strict=True))
    standing = patch.points(sensors.detach().cpu().double())
    if len(places) == 0:
        raise SamplesError(f"samples of {name!r}: there are none; give a reading of each of the {len(standing)} sensors")
    gaps = torch.cdist(standing, places)
    missed = gaps.amin(1) > AT_SENSOR * size
    hint = "'pinndd export' writes a table of all of them to fill in"
    if bool(missed.any()):
        where = coordinates(standing[int(missed.nonzero()[0])].tolist())
        raise SamplesError(f"samples of {name!r}: there is no reading of the sensor at {where}; {hint}")
    elsewhere = gaps.amin(0) > AT_SENSOR * size
    if bool(elsewhere.any()):
        where = coordinates(places[int(elsewhere.nonzero()[0])].tolist())
        raise SamplesError(f"samples of {name!r}: there is no sensor at {where}; leave this value out; {hint}")
    if len(places) > len(standing):
        counts = torch.bincount(gaps.argmin(0), minlength=len(standing))
        where = coordinates(standing[int(counts.argmax())].tolist())
        raise SamplesError(f"samples of {name!r}: there are {int(counts.max())} readings of the sensor at {where}; keep one")
    level = 0.0 if noise is None else math.sqrt(float(np.mean(noise**2)))
    process = _Nearest(patch, places, values, np.zeros(len(values)) if noise is None else noise)
    return Interpolated(process, 0.0, 1.0, False, 0.0, level, len(values))
