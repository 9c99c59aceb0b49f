"""Measured boundary values: a Gaussian process through samples at irregular places, which knows how far it is uncertain."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.pinn.declare.in_words import coordinates
from pinndd.pinn.geometry.patches import Patch

MOST = 5000
"""Samples of one condition above which the fit would take minutes."""

LARGEST = 1e100
"""Size of a value from which on squares and their sums are not finite in double precision, or soon."""

TOLERANCE = 1e-6
"""Distance from the patch, relative to the size of the domain, at which a sample still lies on it."""

_LEARNED = 400
"""Samples that the length scales are learned from."""

_LENGTHS, _VARIANCES = (0.02, 0.5), (1e-2, 1e3)
"""Bounds of the length scales, relative to the patch, and of the variance, relative to that of the samples.

Three to eight samples that happen to lie on a line let the likelihood choose a function without any waves, and the uncertainty a
hundred times too small; lengths up to 0.5 cost no accuracy where there are more.
"""


class SamplesError(ValueError):
    """Measured values that cannot be used."""


@dataclass(frozen=True)
class Samples:
    """Measured values of one condition.

    Attributes:
        places: coordinates ``(n, d)``, float64, all of the domain.
        values: ``(n,)``.
        noise: standard deviation of each value, ``(n,)`` or one for all (None: unknown, it is estimated).
    """

    places: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    noise: np.ndarray[Any, Any] | float | None = None


@dataclass(frozen=True)
class Interpolated:
    """A Gaussian process through the samples of one condition (Rasmussen & Williams 2006, chapter 2).

    Attributes:
        process: fitted, of scikit-learn.
        center, size: of the values: the process sees ``(value - center) / size``.
        closed: whether the first local coordinate is a loop.
        uncertainty: root mean square of its standard deviation along the patch, in units of the values.
        noise: standard deviation of the measurements, as said or estimated, root mean square.
        count: number of samples.
    """

    process: Any
    center: float
    size: float
    closed: bool
    uncertainty: float
    noise: float
    count: int

    def mean(self, s: Tensor) -> Tensor:
        """Return the most likely values at local coordinates ``(N, k)``: ``(1, N)``."""
        found = self.process.predict(_inputs(s, self.closed)) if len(s) else np.zeros(0)
        return torch.from_numpy(self.center + self.size * found).to(s)[None]

    def draw(self, s: Tensor, draws: int, seed: int) -> Tensor:
        """Draw functions that agree with the samples: ``(draws, N)``."""
        found = self.process.sample_y(_inputs(s, self.closed), draws, random_state=seed)
        return torch.from_numpy(self.center + self.size * found.T).to(s)


def interpolate(name: str, samples: Samples, patch: Patch, periodic_axes: Sequence[int]) -> Interpolated:
    """Fit a Gaussian process to samples, its length scales by maximum likelihood.

    Args:
        name: of the condition, for messages.
        samples: the measurements.
        patch: where the condition holds.
        periodic_axes: axes along which u is periodic.

    Raises:
        SamplesError: too few or too many samples, a place off the patch, a value that is not finite, noise that is not positive, or
            values that differ at one place.
    """
    places, values, noise = checked(name, samples, patch)
    _check_count(name, len(values), patch)
    if noise is None:
        _check_repeats(name, places, values, patch)
    if patch.dimension == 0:
        return _single(values, noise)
    closed = patch.closed(periodic_axes)
    inputs = _inputs(patch.local(places), closed)
    center = float(values.mean())
    size = _size(values, center, noise)
    process, variance = _fit(inputs, (values - center) / size, None if noise is None else noise / size)
    places = patch.drawn(256, torch.Generator().manual_seed(0))
    _, spread = process.predict(_inputs(places, closed), return_std=True)
    uncertainty, level = (size * math.sqrt(float(np.mean(v))) for v in (spread**2, variance))
    return Interpolated(process, center, size, closed, uncertainty, level, len(values))


def checked(name: str, samples: Samples, patch: Patch) -> tuple[Tensor, Any, Any]:
    """Return places ``(n, d)``, values ``(n,)`` and noise ``(n,)`` or None, after checks of every sample.

    Raises:
        SamplesError: arrays of other shapes, a place off the patch, a value that is not finite or too large, or noise that is not
            positive.
    """
    prefix, d = f"samples of {name!r}", patch.domain.dimension
    places, values = (np.asarray(a, dtype=np.float64) for a in (samples.places, samples.values))
    if values.ndim != 1 or places.shape != (len(values), d):
        raise SamplesError(
            f"{prefix}: places of shape {places.shape} and values of shape {values.shape}; expected (n, {d}), the coordinates "
            f"{', '.join(patch.domain.names)}, and (n,)"
        )
    for what, array in (("coordinate", places), ("value", values[:, None])):
        bad = ~np.isfinite(array).all(-1)
        if bad.any():
            raise SamplesError(f"{prefix}: a {what} of sample {int(np.flatnonzero(bad)[0]) + 1} is not finite; leave it out")
    large = np.abs(values) > LARGEST
    if large.any():
        raise SamplesError(
            f"{prefix}: the value of sample {int(np.flatnonzero(large)[0]) + 1} is {values[large][0]:g}, too large to compute with; "
            "correct it, or take another unit"
        )
    where = torch.from_numpy(places.copy())
    off = ~(patch.contains(where, TOLERANCE) & patch.domain.inside(where, -TOLERANCE))
    if bool(off.any()):
        first = coordinates(places[int(off.nonzero()[0])].tolist())
        raise SamplesError(
            f"{prefix}: the place {first} does not lie on it; correct the place, or the name of the condition"
        )
    if samples.noise is None:
        return where, values, None
    given = np.asarray(samples.noise, dtype=np.float64)
    if given.shape not in ((), values.shape):
        raise SamplesError(f"{prefix}: noise of shape {given.shape}; expected one number, or ({len(values)},)")
    noise = np.broadcast_to(given, values.shape)
    bad = ~((noise > 0) & np.isfinite(noise))
    if bad.any():
        raise SamplesError(
            f"{prefix}: a noise of {noise[bad][0]:g}; it is a standard deviation, which is positive: leave the column out if unknown"
        )
    return where, values, noise


def _check_count(name: str, count: int, patch: Patch) -> None:
    least = 2 * patch.dimension + 1
    if count < least:
        open_by = "nothing of u here" if count == 0 else "nothing of how u varies between them: it is open by all of its size"
        raise SamplesError(f"samples of {name!r}: there are {count}, which say {open_by}; give at least {least}")
    if count > MOST:
        raise SamplesError(f"samples of {name!r}: there are {count}; give at most {MOST}: thin them out")


def _check_repeats(name: str, places: Tensor, values: Any, patch: Patch) -> None:
    rounded = np.round(patch.local(places).numpy(), 9)
    _, earliest, inverse = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    apart = np.abs(values - values[earliest][inverse.ravel()])
    if (apart > 1e-9 * np.abs(values).max()).any():
        k = int(apart.argmax())
        where = coordinates(places[k].tolist())
        raise SamplesError(
            f"samples of {name!r}: two values at {where} differ by {apart[k]:.3g}; say how noisy they are, or keep one"
        )


def _size(values: Any, center: float, noise: Any) -> float:
    """The unit in which the process sees values: by how much they vary, or where they do not, their own size or their noise."""
    varied = float(values.std())
    if varied > 1e-12 * abs(center):
        return varied
    return (abs(center) if noise is None else float(noise.mean())) or sys.float_info.min


def _fit(inputs: Any, values: Any, noise: Any) -> tuple[Any, Any]:
    """Return the likelier of two Gaussian processes, smooth or twice differentiable, and the variance of the noise."""
    # scikit-learn takes a second to import, and only measured values need it
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    scales = np.full(inputs.shape[1], 0.3)
    few = np.random.default_rng(0).permutation(len(values))[:_LEARNED]
    best, likelihood = None, -math.inf
    with warnings.catch_warnings():
        # a length scale at its bound is an answer
        warnings.simplefilter("ignore", ConvergenceWarning)
        for shape in (RBF(scales, _LENGTHS), Matern(scales, _LENGTHS, nu=2.5)):
            kernel = ConstantKernel(1.0, _VARIANCES) * shape
            if noise is None:
                kernel = kernel + WhiteKernel(1e-4, (1e-9, 1.0))
            alpha = 1e-10 if noise is None else noise[few] ** 2
            found = GaussianProcessRegressor(kernel, alpha=alpha, n_restarts_optimizer=1, random_state=0)
            found.fit(inputs[few], values[few])
            if found.log_marginal_likelihood_value_ > likelihood:
                best, likelihood = found.kernel_, found.log_marginal_likelihood_value_
    assert best is not None
    variance = np.full(len(values), best.k2.noise_level) if noise is None else noise**2
    final = GaussianProcessRegressor(best.k1 if noise is None else best, alpha=variance, optimizer=None)
    return final.fit(inputs, values), variance


def _single(values: Any, noise: Any) -> Interpolated:
    """A single point: the weighted mean of its samples."""
    weights = np.ones(len(values)) if noise is None else 1 / np.asarray(noise, dtype=np.float64) ** 2
    center = float((weights * values).sum() / weights.sum())
    spread = float(values.std(ddof=1)) / len(values) ** 0.5 if noise is None and len(values) > 1 else 0.0
    error = spread if noise is None else float(weights.sum() ** -0.5)
    return Interpolated(_Point(), center, error, False, error, error * len(values) ** 0.5, len(values))


class _Point:
    """The process of a number that is known up to a standard deviation of 1."""

    def predict(self, inputs: Any) -> Any:
        return np.zeros(len(inputs))

    def sample_y(self, inputs: Any, draws: int, random_state: int) -> Any:
        drawn = np.random.default_rng(random_state).standard_normal(draws)
        return np.broadcast_to(drawn, (len(inputs), draws))


def _inputs(s: Tensor, closed: bool) -> Any:
    """Local coordinates as the process sees them; a loop becomes a circle."""
    s = s.detach().cpu().double()
    if closed:
        angle = 2 * math.pi * s[:, :1]
        s = torch.cat((angle.cos() / (2 * math.pi), angle.sin() / (2 * math.pi), s[:, 1:]), -1)
    return s.numpy()
