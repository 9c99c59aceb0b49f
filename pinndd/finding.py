"""What a check reports, of a PDE module or of a stated task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        level: ``"error"``: the module does not work, or its numbers would be wrong; ``"warning"``: look at it; ``"ok"``.
        subject: what was looked at, such as ``"residual"`` or ``"shift 'sparse'"``.
        message: what was found, and for an error or a warning what to do.
    """

    level: Literal["error", "warning", "ok"]
    subject: str
    message: str
