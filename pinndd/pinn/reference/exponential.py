"""Exponential collocation in time for stiff systems ``w' = -r w + g(t, w)`` with a diagonal linear part.

On each slab of time, g is interpolated at Gauss-Legendre nodes and the linear part is solved exactly (variation of
constants):

    w(a + τ) = exp(-r τ) w(a) + Σ_j g_j ∫_0^τ exp(-r σ) ℓ_j(τ - σ) dσ

so stiffness costs nothing, whether it decays (r real) or oscillates (r imaginary), g may jump where slabs meet, and the
same formula gives the solution at any time between the nodes. The implicit equations for g_j are solved by fixed-point
iteration (Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from pinndd.pinn.reference.interpolation import gauss_legendre, interpolation_matrix, legendre, legendre_transform

_NEGLIGIBLE = 34.0
"""exp(-34) is below the rounding error of the sums that it enters."""

_QUADRATURE_NODES = 26
"""Enough for what decays; oscillation needs more, see `kernel_integrals`."""

_TOGETHER = 2**22
"""Entries of a forcing that is asked for several slabs at once."""

_ITERATIONS = 40
_DEEPEST_SPLIT = 12


def kernel_integrals(rates: Tensor, length: float, times: Tensor, order: int) -> Tensor:
    """Return ``∫_0^τ exp(-r σ) ℓ_j((τ - σ) / length) dσ`` for all times τ, nodes j and rates r.

    Args:
        rates: ``(K,)``, real or complex, real parts not negative.
        length: of the slab on which the Lagrange polynomials ℓ_j live.
        times: ``(T,)``, between 0 and ``length``.
        order: number of Gauss-Legendre nodes.

    Returns:
        Tensor of shape ``(T, order, K)``.
    """
    decay = rates.real if rates.is_complex() else rates
    # beyond σ = 34 / r the kernel is nil: integrate over what is left, where it is smooth
    reach = torch.minimum(times[:, None], _NEGLIGIBLE / decay.clamp_min(1e-300))
    # a Gauss rule of n nodes resolves a wave of phase 2n, and a dozen nodes more give it all digits
    phase = float((rates.imag.abs() * reach).max()) if rates.is_complex() else 0.0
    nodes, weights = (v.to(decay) for v in gauss_legendre(_QUADRATURE_NODES + int(phase / 2)))
    sigma = reach[..., None] * nodes
    kernel = (-rates[:, None] * sigma).exp() * weights * reach[..., None]
    polynomials = legendre(2 * (times[:, None, None] - sigma) / length - 1, order - 1)
    moments = (kernel[..., None, :] @ polynomials.to(kernel)).squeeze(-2)
    return (moments @ legendre_transform(order).to(kernel)).transpose(-1, -2)


def slab_boundaries(stop: float, count: int, *, graded: int = 0, ratio: float = 4.0) -> list[float]:
    """Return the ends of ``count`` equal slabs of [0, stop]; the first is cut ``graded`` times by ``ratio``."""
    first = [stop / count / ratio**k for k in range(graded, 0, -1)]
    return [0.0, *first, *(stop * k / count for k in range(1, count + 1))]


@dataclass(frozen=True)
class Slab:
    """One slab ``[start, start + length]``: w ``(B, K)`` at its start and g ``(B, order, K)`` at its nodes."""

    start: float
    length: float
    state: Tensor
    forcing: Tensor


@dataclass(frozen=True)
class ContinuousSolution:
    """A solution w(t), known at every time."""

    rates: Tensor
    slabs: Sequence[Slab]

    def project(self, times: Tensor, functionals: Tensor) -> Tensor:
        """Evaluate ``Σ_k functionals[q, k] w_k(times[q])``.

        Args:
            times: ``(Q,)``; times outside the slabs are extrapolated.
            functionals: ``(Q, K)``, of the dtype of w.

        Returns:
            Tensor of shape ``(B, Q)``.
        """
        edges = torch.tensor([s.start for s in self.slabs[1:]], dtype=times.dtype, device=times.device)
        owner = torch.bucketize(times.contiguous(), edges)
        parts, places = [], []
        for index in sorted(set(owner.tolist())):
            place = (owner == index).nonzero().squeeze(-1)
            parts.append(self._project_slab(self.slabs[index], times[place], functionals[place]))
            places.append(place)
        return torch.cat(parts, -1)[:, torch.cat(places).argsort()]

    def _project_slab(self, slab: Slab, times: Tensor, functionals: Tensor) -> Tensor:
        distinct, which = torch.unique(times - slab.start, return_inverse=True)
        decay = (-distinct[:, None] * self.rates).exp()[which]
        integrals = kernel_integrals(self.rates, slab.length, distinct, slab.forcing.shape[1])[which]
        forced = (functionals[:, None] * integrals).flatten(1)
        values: Tensor = slab.state @ (functionals * decay).T + slab.forcing.flatten(1) @ forced.T
        return values


def integrate(
    rates: Tensor,
    forcing: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    boundaries: Sequence[float],
    *,
    order: int = 6,
    tolerance: float = 1e-11,
) -> ContinuousSolution:
    """Solve ``w' = -rates w + forcing(t, w)``, for a batch of systems at once.

    Args:
        rates: ``(K,)``, real parts not negative.
        forcing: ``(t (p,), w (B, p, K)) -> (B, p, K)``.
        start: ``(B, K)``, of the dtype of ``rates``.
        boundaries: where the slabs of time begin and end, increasing. A slab whose fixed-point iteration does not
            converge is halved.
        order: number of Gauss-Legendre nodes per slab, which is the order of convergence in the length of the slabs.
        tolerance: largest change of the last iteration, relative to the largest entry of w.

    Returns:
        The solution, differentiable in ``start`` and in whatever ``forcing`` depends on.

    Raises:
        ArithmeticError: the iteration does not converge on the shortest slab that is tried.
    """
    nodes = gauss_legendre(order)[0].to(rates.device)
    cache: dict[float, tuple[Tensor, Tensor]] = {}
    slabs: list[Slab] = []
    pending = [(a, b - a, 0) for a, b in pairwise(boundaries)][::-1]
    state = start
    while pending:
        begin, length, depth = pending.pop()
        key = round(length, 14)
        if key not in cache:
            times = length * torch.cat((nodes, nodes.new_ones(1)))
            cache[key] = (-times[:, None] * rates).exp(), kernel_integrals(rates, length, times, order)
        decay, integrals = cache[key]
        times = begin + length * nodes
        guess = _extrapolate(slabs[-1], times, nodes) if slabs and length <= 1.5 * slabs[-1].length else None
        found = _fixed_point(forcing, state, guess, times, decay[:-1], integrals[:-1], tolerance)
        if found is not None:
            slabs.append(Slab(begin, length, state, found))
            state = decay[-1] * state + torch.einsum("jk,bjk->bk", integrals[-1], found)
        elif depth < _DEEPEST_SPLIT:
            pending += [(begin + length / 2, length / 2, depth + 1), (begin, length / 2, depth + 1)]
        else:
            raise ArithmeticError(
                f"reference solution: no convergence on the time slab [{begin:.6g}, {begin + length:.6g}], "
                f"even after halving it {depth} times; the largest entry of the state is "
                f"{float(state.detach().abs().max()):.3g}. The solution may blow up: check the signs in the PDE and the "
                "amplitude of its data"
            )
    return ContinuousSolution(rates, slabs)


def integrate_driven(
    rates: Tensor, forcing: Callable[[Tensor], Tensor], start: Tensor, boundaries: Sequence[float], *, order: int = 6
) -> ContinuousSolution:
    """Solve ``w' = -rates w + forcing(t)``, for a batch of systems at once: as `integrate`, with nothing to iterate.

    Args:
        rates: ``(K,)``, real parts not negative.
        forcing: ``t (N,) -> (B, N, K)``; it is asked for many slabs together.
        start: ``(B, K)``, of the dtype of ``rates``.
        boundaries: where the slabs of time begin and end, increasing.
        order: number of Gauss-Legendre nodes per slab.

    Returns:
        The solution, differentiable in ``start`` and in whatever ``forcing`` depends on.
    """
    nodes = gauss_legendre(order)[0].to(rates.device)
    cache: dict[float, tuple[Tensor, Tensor]] = {}
    slabs: list[Slab] = []
    ends = list(pairwise(boundaries))
    together = max(1, _TOGETHER // (order * start.numel()))
    state = start
    for first in range(0, len(ends), together):
        some = ends[first : first + together]
        times = torch.cat([begin + (end - begin) * nodes for begin, end in some])
        for (begin, end), driven in zip(some, torch.split(forcing(times), order, 1), strict=True):
            key = round(end - begin, 14)
            if key not in cache:
                whole = rates.real.new_tensor([end - begin])
                cache[key] = (-whole * rates).exp(), kernel_integrals(rates, end - begin, whole, order)[0]
            decay, integrals = cache[key]
            slabs.append(Slab(begin, end - begin, state, driven))
            state = decay * state + torch.einsum("jk,bjk->bk", integrals, driven)
    return ContinuousSolution(rates, slabs)


def _extrapolate(slab: Slab, times: Tensor, nodes: Tensor) -> Tensor:
    matrix = interpolation_matrix(nodes, (times - slab.start) / slab.length).to(slab.forcing)
    return torch.einsum("ij,bjk->bik", matrix, slab.forcing)


def _fixed_point(
    forcing: Callable[[Tensor, Tensor], Tensor],
    state: Tensor,
    guess: Tensor | None,
    times: Tensor,
    decay: Tensor,
    integrals: Tensor,
    tolerance: float,
) -> Tensor | None:
    """Return g at the nodes ``(B, p, K)``, or None where the iteration does not converge."""
    free = decay * state[:, None]
    inner = state[:, None].expand_as(free) if guess is None else free + torch.einsum("ijk,bjk->bik", integrals, guess)
    for _ in range(_ITERATIONS):
        values = forcing(times, inner)
        updated = free + torch.einsum("ijk,bjk->bik", integrals, values)
        with torch.no_grad():
            change, size = float((updated - inner).abs().max()), float(updated.abs().max())
        inner = updated
        if not change < 1e6 * (1 + size):
            return None
        if change <= tolerance * max(size, 1e-30):
            return values
    return None
