"""Studies: run a protocol, compare with baselines, report and plot; and the sensitivity to the parts of a problem."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # torch takes more than a second to import: fetched when it is first used
    if name != "sensitivity":
        raise AttributeError(f"module 'pinndd.study' has no attribute {name!r}")
    from pinndd.study.cross_table import sensitivity

    return sensitivity
