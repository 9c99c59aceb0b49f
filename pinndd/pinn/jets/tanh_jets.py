"""The activation tanh, applied to a function and its derivatives at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from pinndd.pinn.jets.features import Axes, set_partitions, tanh_derivatives


def closure(axes: Sequence[Axes]) -> tuple[Axes, ...]:
    """Return the derivatives that those in ``axes`` need in a hidden layer: all parts of each but the value."""
    found: set[Axes] = set()
    for wanted in axes:
        for k in range(1, 2 ** len(wanted)):
            found.add(tuple(a for position, a in enumerate(wanted) if k >> position & 1))
    return tuple(sorted(found, key=lambda a: (len(a), a)))


def tanh_jets(values: Tensor, slopes: Tensor, parts: tuple[Axes, ...], count: int) -> tuple[Tensor, Tensor]:
    """Return tanh(z) and its derivatives in the points, from those of z.

    Args:
        values: z, ``(E, N + M, H)``; at the last M points no derivatives are wanted.
        slopes: derivatives of z, ``(E, K, N, H)``, or ``(E, K, 1, H)`` if they do not depend on the point.
        parts: what each of the K slopes is, closed and in the order of `closure`.
        count: N.

    Returns:
        Values ``(E, N + M, H)`` and slopes ``(E, K, N, H)``.
    """
    if parts and len(parts[-1]) > 2:
        return _any_order(values, slopes.expand(-1, -1, count, -1), parts)
    seconds = tuple((k, parts.index(axes[:1]), parts.index(axes[1:])) for k, axes in enumerate(parts) if len(axes) == 2)
    return _SecondOrder.apply(values, slopes, count, seconds)  # type: ignore[no-untyped-call,no-any-return]


def _any_order(values: Tensor, slopes: Tensor, parts: tuple[Axes, ...]) -> tuple[Tensor, Tensor]:
    """Faà di Bruno: derivative w of tanh(z) is ``Σ_partitions tanh^(parts)(z) · Π_part z_part``."""
    results = values.tanh()
    outer = tanh_derivatives(results[:, : slopes.shape[2]], len(parts[-1]))
    inner = dict(zip(parts, slopes.unbind(1), strict=True))
    rows: list[Tensor] = []
    for wanted in parts:
        total = torch.zeros_like(outer[0])
        for partition in set_partitions(wanted):
            product = outer[len(partition)]
            for part in partition:
                product = product * inner[part]
            total = total + product
        rows.append(total)
    return results, torch.stack(rows, 1)


class _SecondOrder(torch.autograd.Function):
    """Value, first and second derivatives, with a backward pass written by hand.

    With v = tanh(z) and d = 1 - v²: ``o_a = d z_a`` and ``o_ab = d z_ab - 2 v d z_a z_b``. The backward pass makes about
    half the passes over memory of the one that autograd would record, and is itself differentiable.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, slopes: Tensor, count: int, seconds: tuple[tuple[int, int, int], ...]) -> Any:
        v = (2 * z).sigmoid_().mul_(2).sub_(1)  # tanh, in half the time of torch.tanh
        inner = v[:, :count]
        outputs = _slope(inner)[:, None] * slopes
        for k, a, b in seconds:
            outputs[:, k].addcmul_(inner * slopes[:, a], outputs[:, b], value=-2)
        ctx.count, ctx.seconds = count, seconds
        ctx.save_for_backward(v, slopes)
        return v, outputs

    @staticmethod
    def backward(ctx: Any, g: Tensor, upper: Tensor) -> Any:
        v, slopes = ctx.saved_tensors
        n: int = ctx.count
        everywhere, inner = _slope(v), v[:, :n]
        d = everywhere[:, :n]
        at_slopes = d[:, None] * upper
        # Σ g_a z_a + Σ g_ab z_ab
        linear = _sum_of_products(zip(upper.unbind(1), slopes.unbind(1), strict=True), inner)
        at_values = torch.addcmul(g[:, :n], inner, linear, value=-2)
        if ctx.seconds:
            parts = [upper[:, k] * slopes[:, b] for k, _, b in ctx.seconds]
            bend = d * inner
            for (k, a, b), part in zip(ctx.seconds, parts, strict=True):
                at_slopes[:, a].addcmul_(bend, part, value=-2 if a != b else -4)
                if a != b:
                    at_slopes[:, b].addcmul_(bend, upper[:, k] * slopes[:, a], value=-2)
            # Σ g_ab z_a z_b, times the third derivative of tanh over d: 6 v² - 2
            pairs = ((part, slopes[:, a]) for (_, a, _), part in zip(ctx.seconds, parts, strict=True))
            quadratic = _sum_of_products(pairs, inner)
            factor = torch.addcmul(v.new_full((), -1.0), inner, inner, value=3)
            at_values = torch.addcmul(at_values, factor, quadratic, value=2)
        if slopes.shape[2] < n:
            at_slopes = at_slopes.sum(2, keepdim=True)
        return everywhere * torch.cat((at_values, g[:, n:]), 1), at_slopes, None, None


def _sum_of_products(pairs: Iterable[tuple[Tensor, Tensor]], like: Tensor) -> Tensor:
    """Return the sum of the products of pairs, zeros of the shape of ``like`` if there are none."""
    total: Tensor | None = None
    for left, right in pairs:
        total = left * right if total is None else total.addcmul_(left, right)
    return torch.zeros_like(like) if total is None else total


def _slope(v: Tensor) -> Tensor:
    """Return ``1 - v²``."""
    return torch.addcmul(v.new_ones(()), v, v, value=-1)
