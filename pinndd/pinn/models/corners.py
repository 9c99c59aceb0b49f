"""Which singular functions a solution contains: at corners of the domain, and where one kind of condition meets another."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pinndd.pinn.declare.operators import BoundaryOperator
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.powers import CornerPowers
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.regions import Piece, Point, Segment
from pinndd.regions.pieces import CLOSE

_DEGREE = 3.0
"""Powers of the distance of this degree and above are smooth enough for random features."""

_SMOOTH = 0.1
"""An exponent that is this near a whole number is left to random features: its function is nearly a polynomial."""

_ASIDE = 1e-3
"""Distance from a corner, relative to a piece of the boundary, at which it is asked which condition holds there."""

_SLANTED = 1e-6
"""Part of a quarter turn by which a derivative may miss the conormal and still count as it."""

_ROUNDING = 1e-9
"""Relative size of what counts as zero."""

_ALONG_CUT = 1000
"""Places along the cut of a power at which it is asked whether it lies in the domain."""


@dataclass(frozen=True)
class _Side:
    """One of the two directions along the boundary from a corner.

    Attributes:
        direction: unit vector along the boundary.
        beside: a point of the boundary near the corner.
    """

    direction: Point
    beside: Point


def corner_features(pde: PDE, residual: PointwiseResidual) -> tuple[CornerPowers, ...]:
    """Return the singular functions of a PDE of second order for one u over the plane, for each corner that has any.

    At a corner with the opening ω, where coefficients are frozen and coordinates are such that the principal part is Laplace's,
    u contains the real part of ``c z^a`` with ``a = (k π + shift) / ω``; the shift is 0 where both conditions are on u, or both on
    its normal derivative, and π / 2 where one of each meet (Grisvard, Elliptic Problems in Nonsmooth Domains, 1985). Whole numbers
    are polynomials and need nothing. Terms of lower order, and edges that are not straight, add ``z^(a + i) z̄^j``.

    There are none where a condition is on a derivative that is not along the normal: such a function may then meet all conditions
    for zero values, and the solution would be one of many. There are none for equations that evolve, that are of another order, that
    are not elliptic at the corner, or whose terms of highest order depend on u; and none where it is unknown which conditions hold.

    Args:
        pde: gives the domain and the conditions.
        residual: of the PDE.
    """
    box = pde.box
    if box.has_time or box.dimension != 2 or pde.output_count != 1 or residual.equations != 1 or residual.order != 2:
        return ()
    if pde.periodic_axes:
        return ()
    found = (_at(pde, residual, place, sides) for place, sides in _corners(pde))
    return tuple(features for features in found if features is not None)


def _at(pde: PDE, residual: PointwiseResidual, place: Point, sides: tuple[_Side, _Side]) -> CornerPowers | None:
    """Return the singular functions at one corner, the domain lying counter-clockwise from the first side to the second."""
    slope = _flattening(residual, place)
    if slope is None:
        return None
    across, up = slope
    turns, shifts = [], []
    for side in sides:
        operator = _condition(pde, side.beside)
        if operator is None or not set(operator.axes) <= {(), (0,), (1,)}:
            return None
        x, y = side.direction
        turns.append(cmath.phase(across * x + up * y))
        x, y = _derivative(operator, side.beside)
        shifts.append(cmath.phase(across * x + up * y) - turns[-1] if (x, y) != (0, 0) else 0.0)
    quarters = (shifts[0] - shifts[1]) / (math.pi / 2)
    if abs(quarters - round(quarters)) > _SLANTED:
        # with slanted derivatives such functions may meet all conditions for zero values: a solution would be one of many
        return None
    opening = 2 * math.pi - (turns[0] - turns[1]) % (2 * math.pi)
    powers = _powers(opening, shifts[0] - shifts[1])
    if not powers:
        return None
    ahead = cmath.exp(-1j * (turns[0] + opening / 2))
    return CornerPowers(place, *_scaled(pde, place, (across * ahead, up * ahead)), powers)


def _powers(opening: float, shift: float) -> tuple[tuple[float, int], ...]:
    """Return the pairs (p, q) of the functions ``z^p z̄^q`` that random features would miss."""
    most = math.ceil(_DEGREE * opening / math.pi) + 2
    exponents = ((k * math.pi + shift) / opening for k in range(-2, most))
    singular = [a for a in exponents if 0 < a < _DEGREE and abs(a - round(a)) > _SMOOTH]
    rising = range(math.ceil(_DEGREE))
    return tuple(sorted({(round(a + i, 12), j) for a in singular for i in rising for j in rising if a + i + j < _DEGREE}))


def _flattening(residual: PointwiseResidual, place: Point) -> tuple[complex, complex] | None:
    """Return the slope of the coordinates in which the principal part at a point is Laplace's; None where there are none.

    They keep the orientation of the plane: ``z = x + β y`` with ``a + b β + c β² = 0`` for the principal part
    ``a u_xx + b u_xy + c u_yy``, where β has a positive imaginary part.
    """
    generator = torch.Generator().manual_seed(0)
    jets = torch.randn((2, 1, len(residual.terms)), generator=generator, dtype=torch.float64)
    jets[0] = 0
    _, slopes = residual.linearise(torch.tensor([place], dtype=torch.float64), jets)
    second = [(0, axes) for axes in ((0, 0), (0, 1), (1, 1))]
    both = [slopes[:, 0, 0, residual.terms.index(term)] if term in residual.terms else slopes.new_zeros(2) for term in second]
    a, b, c = (float(part[0]) for part in both)
    depends = max(float((part[0] - part[1]).abs()) for part in both)
    size = abs(a) + abs(c)
    discriminant = 4 * a * c - b * b
    if not discriminant > _ROUNDING * size**2 or depends > _ROUNDING * size:
        return None
    return 1 + 0j, complex(-b / (2 * c), math.sqrt(discriminant) / (2 * abs(c)))


def _condition(pde: PDE, place: Point) -> BoundaryOperator | None:
    """Return what the one condition at a point of the boundary says; None where there is none, or more than one."""
    point = torch.tensor(place, dtype=torch.float64)
    found = [pde.operators[name] for name, patch in pde.patches.items() if bool(patch.contains(point))]
    return found[0] if len(found) == 1 else None


def _derivative(operator: BoundaryOperator, place: Point) -> Point:
    """Return the coefficients of the first derivatives in a condition at a point."""
    factors = operator.coefficients(torch.tensor([place], dtype=torch.float64))[0].tolist()
    x, y = (sum(f for f, (_, axes) in zip(factors, operator.terms, strict=True) if axes == (axis,)) for axis in (0, 1))
    return x, y


def _scaled(pde: PDE, place: Point, slope: tuple[complex, complex]) -> tuple[tuple[complex, complex], float]:
    """Return the slope for which z is at most 1 in the domain, and the |z| up to which the powers reach.

    They reach everywhere if their cut lies outside the domain, else no further than the next piece of the boundary.
    """
    (x0, y0), (x1, y1) = (bound[:2] for bound in (pde.box.low, pde.box.high))
    across, up = slope
    size = max(abs(across * (x - place[0]) + up * (y - place[1])) for x in (x0, x1) for y in (y0, y1))
    across, up = across / size, up / size
    # the direction in which z is real and negative
    matrix = torch.tensor([[across.real, up.real], [across.imag, up.imag]], dtype=torch.float64)
    cut = torch.linalg.solve(matrix, torch.tensor([-1.0, 0.0], dtype=torch.float64))
    shares = torch.linspace(0, 1, _ALONG_CUT, dtype=torch.float64)[:, None]
    if not bool(pde.box.inside(torch.tensor(place, dtype=torch.float64) + shares * cut, _ASIDE).any()):
        return (across, up), math.inf
    width = max(x1 - x0, y1 - y0)
    distances = (piece.distance(place) for piece in _pieces(pde))
    clearance = min((d for d in distances if d > _ASIDE * width), default=width)
    return (across, up), clearance * float(torch.linalg.svdvals(matrix)[-1])


def _pieces(pde: PDE) -> tuple[Piece, ...]:
    """Return the pieces of the boundary of a domain of the plane, each with the domain at its left."""
    if pde.box.region is not None:
        return pde.box.region.boundary()
    (x0, y0), (x1, y1) = pde.box.low, pde.box.high
    around = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return tuple(Segment(one, two) for one, two in zip(around, around[1:] + around[:1], strict=True))


def _corners(pde: PDE) -> Iterator[tuple[Point, tuple[_Side, _Side]]]:
    """Yield where pieces of the boundary meet, and where conditions end: the side behind which the domain lies, then the other."""
    pieces = _pieces(pde)
    size = max(high - low for low, high in zip(pde.box.low, pde.box.high, strict=True))
    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    places: list[Point] = [piece.start for piece in pieces]
    for patch in pde.patches.values():
        if patch.dimension == 1:
            places += [(x, y) for x, y in patch.points(ends).tolist()]
    seen: list[Point] = []
    for place in places:
        if any(math.dist(place, other) <= CLOSE * size for other in seen):
            continue
        seen.append(place)
        following = [side for piece in pieces for side in _after(piece, place, size)]
        previous = [side for piece in pieces for side in _after(piece.reversed(), place, size)]
        if len(following) == len(previous) == 1:
            yield place, (following[0], previous[0])


def _after(piece: Piece, place: Point, size: float) -> list[_Side]:
    """Return the side that a piece of the boundary is of a point of it, in the direction of the piece; none at its end."""
    slack = CLOSE * size
    if piece.distance(place) > slack or math.dist(place, piece.end) <= slack:
        return []
    step = _ASIDE * min(size, piece.length)
    if isinstance(piece, Segment):
        (x0, y0), (x1, y1) = piece.start, piece.end
        direction = (x1 - x0) / piece.length, (y1 - y0) / piece.length
        return [_Side(direction, piece.at(piece.share(place) + step / piece.length))]
    angle = math.atan2(place[1] - piece.center[1], place[0] - piece.center[0])
    direction = -piece.turn * math.sin(angle), piece.turn * math.cos(angle)
    return [_Side(direction, piece.at(angle + piece.turn * step / piece.radius))]
