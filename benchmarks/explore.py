"""Time of one frame of `pinndd explore`: what Python does from a moved slider to the picture that is sent to the browser.

    OMP_NUM_THREADS=1 python benchmarks/explore.py   # a minute; prints a table, which docs/explore.md sums up
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

from pinndd.pinn.declare.loading import load_pde
from pinndd.study.exploring.frames import open_frames
from pinndd.study.exploring.page import Page

LINEAR = ("heat", "poisson", "laplace_disk", "beam", "elasticity", "heat_2d")
NONLINEAR = ("burgers", "cavity", "schrodinger")
FRAMES, SECTIONS = 12, 6

T = TypeVar("T")


class FramesOnly:
    """A schedule that finds out no errors after a frame."""

    def soon(self, call: Callable[[], None]) -> None:
        """Call."""
        call()

    def settled(self, call: Callable[[], None]) -> None:
        """Do nothing."""

    def apart(self, job: Callable[[], T], done: Callable[[T], None]) -> None:
        """Do nothing."""


def main() -> None:
    """Measure, and print a line for each PDE."""
    print(f"{'PDE':14}{'to open':>10}{'frame':>10}{'largest':>10}{'section':>10}")
    for name in LINEAR + NONLINEAR:
        start = time.perf_counter()
        page = Page(open_frames(load_pde(name)), FramesOnly())
        opened = time.perf_counter() - start
        slider = next(panel.sliders[0] for panel in page.panels.values() if panel.sliders)
        places = [slider.start + (slider.end - slider.start) * (0.3 + 0.02 * k) for k in range(FRAMES)]
        frames = [_seconds(slider, place) for place in places]
        sections = [_seconds(page.held[0], 0.1 * k) for k in range(SECTIONS)] if page.held else []
        section = f"{1e3 * statistics.median(sections):.0f} ms" if sections else ""
        print(f"{name:14}{opened:8.1f} s{1e3 * statistics.median(frames):7.0f} ms{1e3 * max(frames):7.0f} ms{section:>10}")


def _seconds(slider: object, value: float) -> float:
    """Move a slider, and return how long its frame took."""
    start = time.perf_counter()
    slider.value = value  # type: ignore[attr-defined]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
