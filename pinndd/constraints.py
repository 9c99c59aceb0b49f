"""Constraints that the learnable fields of a synthetic data set obey."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import msgspec
import torch
from torch import Tensor

from pinndd.regions import Region, region_from_json


class Constraint(ABC):
    """Feasible set of one field, with a map from free parameters onto it.

    The outer loop steps in the free parameters and then projects, so an iterate is feasible at all times.
    """

    kind: ClassVar[str]
    learnable: ClassVar[bool] = True

    def refusal(self, value: Tensor) -> str:
        """Return why tensors of this shape and dtype cannot obey, or an empty text."""
        return "" if value.dtype.is_floating_point else f"is of {_plain(value.dtype)}, expected a floating type"

    @abstractmethod
    def to_free(self, value: Tensor) -> Tensor:
        """Return free parameters, of the shape of ``value``, that `from_free` maps to ``value``."""

    @abstractmethod
    def from_free(self, free: Tensor) -> Tensor:
        """Return the feasible value, differentiable in ``free``."""

    @abstractmethod
    def project(self, free: Tensor) -> Tensor:
        """Return the nearest free parameters whose value is feasible."""

    @abstractmethod
    def violation(self, value: Tensor) -> float:
        """Return how far ``value`` is from feasible, 0 where it obeys; positions in units of the domain."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON description that `constraint_from_json` reads."""
        return {"kind": self.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}}


@dataclass(frozen=True)
class Box(Constraint):
    """Every entry of the last axis lies between ``low`` and ``high`` (one pair per coordinate, or one pair for all).

    The free parameters are the positions within the box, scaled to [0, 1]: one step size serves boxes of any size.

    Examples:
        >>> import torch
        >>> box = Box((0, -1), (2, 1))
        >>> box.to_free(torch.tensor([[1.0, 0.5]]))
        tensor([[0.5000, 0.7500]])
        >>> box.violation(torch.tensor([[2.5, 0.0]]))
        0.25
    """

    kind: ClassVar[str] = "box"
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", tuple(float(v) for v in self.low))
        object.__setattr__(self, "high", tuple(float(v) for v in self.high))
        below = all(-math.inf < a < b < math.inf for a, b in zip(self.low, self.high, strict=False))
        if len(self.low) != len(self.high) or not self.low or not below:
            raise ValueError(f"Box: low {self.low} must be as long as high {self.high} and below it everywhere")

    def refusal(self, value: Tensor) -> str:
        count = value.shape[-1] if value.dim() else 1
        if len(self.low) not in (1, count):
            return f"has {count} entries in its last axis, expected {len(self.low)}"
        return super().refusal(value)

    def to_free(self, value: Tensor) -> Tensor:
        low, high = value.new_tensor(self.low), value.new_tensor(self.high)
        return (value - low) / (high - low)

    def from_free(self, free: Tensor) -> Tensor:
        low, high = free.new_tensor(self.low), free.new_tensor(self.high)
        return low + (high - low) * free

    def project(self, free: Tensor) -> Tensor:
        return free.clamp(0, 1)

    def violation(self, value: Tensor) -> float:
        free = self.to_free(value)
        return float((self.project(free) - free).abs().max()) if value.numel() else 0.0


@dataclass(frozen=True)
class Within(Constraint):
    """The first two entries of the last axis are a point of a plane region; the others lie between ``low`` and ``high``.

    The free parameters are the positions within the bounding box, scaled to [0, 1]; a point that leaves the region is put back
    to the nearest point of its boundary.

    Args:
        region: where the first two entries lie, or its JSON description.
        low, high: bounds of all entries, those of the region's bounding box first.
    """

    kind: ClassVar[str] = "within"
    region: Region
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if isinstance(self.region, dict):
            object.__setattr__(self, "region", region_from_json(self.region))
        object.__setattr__(self, "low", self.box.low)
        object.__setattr__(self, "high", self.box.high)

    @property
    def box(self) -> Box:
        """The bounding box."""
        return Box(self.low, self.high)

    def refusal(self, value: Tensor) -> str:
        if not value.dim() or len(self.low) < 2 or value.shape[-1] != len(self.low):
            return f"has the shape {list(value.shape)}, expected {len(self.low)} entries in its last axis, 2 at least"
        return super().refusal(value)

    def to_free(self, value: Tensor) -> Tensor:
        return self.box.to_free(value)

    def from_free(self, free: Tensor) -> Tensor:
        return self.box.from_free(free)

    def project(self, free: Tensor) -> Tensor:
        value = self.from_free(free.clamp(0, 1))
        return self.to_free(torch.cat((self.region.project(value[..., :2]), value[..., 2:]), -1)).clamp(0, 1)

    def violation(self, value: Tensor) -> float:
        if not value.numel():
            return 0.0
        outside = float((-self.region.depth(value[..., :2])).clamp_min(0).max()) / self.region.size
        return max(outside, self.box.violation(value))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "region": self.region.to_json(), "low": list(self.low), "high": list(self.high)}


@dataclass(frozen=True)
class Positive(Constraint):
    """Every entry is positive; the free parameter is its logarithm, kept between ``log(low)`` and ``log(high)``."""

    kind: ClassVar[str] = "positive"
    low: float = 1e-6
    high: float = 1e6

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise ValueError(f"Positive: low {self.low} must be positive and below high {self.high}")

    def to_free(self, value: Tensor) -> Tensor:
        return value.log()

    def from_free(self, free: Tensor) -> Tensor:
        return free.exp()

    def project(self, free: Tensor) -> Tensor:
        bounds = torch.tensor((self.low, self.high), dtype=torch.float64).log().to(free)
        return free.clamp(bounds[0], bounds[1])

    def violation(self, value: Tensor) -> float:
        return float((value.clamp(self.low, self.high) - value).abs().max()) if value.numel() else 0.0


@dataclass(frozen=True)
class Simplex(Constraint):
    """The last axis is a probability vector; the free parameters are logits."""

    kind: ClassVar[str] = "simplex"

    def refusal(self, value: Tensor) -> str:
        return super().refusal(value) if value.dim() else "is a single number, expected an axis of probabilities"

    def to_free(self, value: Tensor) -> Tensor:
        return value.clamp_min(torch.finfo(value.dtype).tiny).log()

    def from_free(self, free: Tensor) -> Tensor:
        return free.softmax(-1)

    def project(self, free: Tensor) -> Tensor:
        return free - free.mean(-1, keepdim=True)

    def violation(self, value: Tensor) -> float:
        if not value.numel():
            return 0.0
        return max(float((value.sum(-1) - 1).abs().max()), float((-value).clamp_min(0).max()))


@dataclass(frozen=True)
class Fixed(Constraint):
    """The field keeps the value it came with."""

    kind: ClassVar[str] = "fixed"
    learnable: ClassVar[bool] = False

    def refusal(self, value: Tensor) -> str:
        return ""

    def to_free(self, value: Tensor) -> Tensor:
        return value

    def from_free(self, free: Tensor) -> Tensor:
        return free

    def project(self, free: Tensor) -> Tensor:
        return free

    def violation(self, value: Tensor) -> float:
        return 0.0


KINDS: dict[str, type[Constraint]] = {kind.kind: kind for kind in (Box, Within, Positive, Simplex, Fixed)}


def constraint_from_json(description: Mapping[str, Any]) -> Constraint:
    """Build the constraint that `Constraint.to_json` described.

    Raises:
        ValueError: the kind is unknown to this version, or a bound is missing, of another type or out of range.
    """
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"constraint of kind {kind!r} is not known: expected one of {', '.join(sorted(KINDS))}")
    bounds = {k: v for k, v in description.items() if k != "kind"}
    if unknown := sorted(set(bounds) - {f.name for f in fields(KINDS[kind])}):  # type: ignore[arg-type]
        raise ValueError(f"constraint {kind!r} has no {unknown[0]!r}")
    return msgspec.convert(bounds, KINDS[kind], dec_hook=lambda _, region: region_from_json(region))


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
