"""What a protocol needs of a set that comes from a file: header, fields, shapes, types and ranges, looked at before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Within
from pinndd.data import DataFileError, SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR, INTERIOR_WEIGHT
from pinndd.storage.reading import Reading

if TYPE_CHECKING:
    from pinndd.study.protocols.protocol import Protocol

_OUTSIDE = 1e-6
"""Part of the domain by which a point may lie outside, as for the constraints of a set."""

Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Size = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Steps = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Scale = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
Penalty = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class _LearnerSettings(msgspec.Struct):
    """The settings that pinndd's own learners store; those of others may have more."""

    width: Size | msgspec.UnsetType = msgspec.UNSET
    hidden: list[Annotated[list[Size], msgspec.Meta(min_length=1)]] | msgspec.UnsetType = msgspec.UNSET
    steps: Steps | msgspec.UnsetType = msgspec.UNSET
    iterates: Annotated[int, msgspec.Meta(ge=0, le=100)] | msgspec.UnsetType = msgspec.UNSET
    scale: Scale | msgspec.UnsetType = msgspec.UNSET
    place_scale: Scale | msgspec.UnsetType = msgspec.UNSET
    code_scale: Scale | msgspec.UnsetType = msgspec.UNSET
    iterate_scale: Scale | msgspec.UnsetType = msgspec.UNSET
    penalty: Penalty | msgspec.UnsetType = msgspec.UNSET


class _Header(msgspec.Struct):
    """Entries that are asked for. A set that was put together by hand may lack any."""

    pde: str = ""
    protocol: str = ""
    learner: str = ""
    learner_settings: _LearnerSettings = msgspec.field(default_factory=_LearnerSettings)
    seed: Seed = 0


@dataclass(frozen=True)
class Needed:
    """What a field has to be.

    Attributes:
        shape: None stands for any length.
        within: holds for the first entries of the last axis, as many as it has bounds.
        optional: whether older sets lack it.
    """

    shape: Sequence[int | None]
    within: Constraint | None = None
    optional: bool = False


def points_needed(pde: PDE, coefficients: int = 0) -> dict[str, Needed]:
    """Return the fields of a set of points: interior, every condition in local coordinates, and weights.

    Args:
        pde: the equation.
        coefficients: that stand beside the coordinates of every point.
    """
    patches = {c.name: pde.patches[c.name] for c in pde.valued}
    return {
        INTERIOR: Needed((None, pde.box.dimension + coefficients), pde.box.constraint()),
        BOUNDARY_WEIGHT: Needed(()),
        INTERIOR_WEIGHT: Needed((), optional=True),
        **{name: Needed((None, p.dimension + coefficients), p.constraint()) for name, p in patches.items()},
    }


def require_fits(protocol: Protocol[Any], pde: PDE, data: SyntheticData, path: Path | None = None) -> None:
    """Make sure that a protocol can train on a set for a PDE.

    Args:
        protocol: of the set.
        pde: of the set.
        data: the set.
        path: of its file, for the message.

    Raises:
        DataFileError: an entry of the header or a field is missing, unknown, of another type or shape, or out of range.
    """
    reading = Reading(path or Path("the set"), "distill it again", DataFileError)
    header = reading.typed(dict(data.header), _Header, "header")
    if header.learner and header.learner not in protocol.recipes:
        reading.fail(f"has the header.learner {header.learner!r}, expected one of {', '.join(protocol.recipes)}")
    needed = protocol.fields(pde)
    if lacking := [name for name, need in needed.items() if name not in data and not need.optional]:
        reading.fail(f"has no field {lacking[0]!r}, which the protocol {protocol.name} needs for {pde.name!r}")
    for name, need in needed.items():
        if name in data:
            _require_field(reading, name, data[name].detach().cpu(), need)


def _require_field(reading: Reading, name: str, value: Tensor, need: Needed) -> None:
    if len(need.shape) != value.dim() or any(n not in (None, m) for n, m in zip(need.shape, value.shape, strict=True)):
        said = ", ".join("any" if n is None else str(n) for n in need.shape)
        reading.fail(f"has the field {name!r} of shape {list(value.shape)}, expected [{said}]")
    if value.dtype != torch.float64:
        reading.fail(f"has the field {name!r} of type {str(value.dtype).removeprefix('torch.')}, expected float64")
    if not bool(value.isfinite().all()):
        reading.fail(f"has the field {name!r} with a value that is not finite")
    if isinstance(need.within, Box | Within):
        outside = need.within.violation(value[..., : len(need.within.low)])
        if not outside <= _OUTSIDE:
            reading.fail(f"has the field {name!r} with points outside the domain of the PDE, by {outside:.2g} of its size")
