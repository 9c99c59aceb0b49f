"""``pinndd`` with first looks so small that hundreds of them can be killed: small pools, grids and designs, one picture, no clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

QUICK = {"seeds": 1, "test_conditions": 2, "effort": 0.02, "seconds": None, "judges": ()}


def make_small() -> None:
    """Change this process, those that are forked from it, and the workers that they start."""
    from pinndd.study.plots import gallery
    from pinndd.study.protocols import amortised, retrain
    from pinndd.study.protocols.sensors import baselines
    from pinndd.study.protocols.solved import label_free, stand_in, tuning
    from pinndd.study.results import intervals
    from pinndd.terminal import settings

    settings.QUICK = replace(settings.QUICK, **QUICK)  # type: ignore[arg-type]
    retrain.INTERIOR_SAMPLERS = ("uniform", "latin-hypercube", "sobol", "hammersley")  # type: ignore[assignment]
    retrain.tuned_adaptive = lambda bench: []  # type: ignore[assignment]
    retrain.RATIOS, retrain.LEVELS = (1.0,) * 6, (1.0, 1.0)  # type: ignore[assignment]
    retrain.scaled = lambda learner: [learner]  # type: ignore[assignment]
    retrain.STARTS = ("sobol",)  # type: ignore[assignment]
    amortised.WEIGHTS, amortised.DESIGNS, amortised.REACHES = (1.0,), ("sobol", amortised.FAMILY), (1.0,)  # type: ignore[assignment]
    baselines.LEVELS, baselines.RATIOS = (1.0,) * 5, (1.0,) * 9  # type: ignore[assignment]
    stand_in._POOL, stand_in._HELD_OUT, stand_in._POINTS = 160, 40, 64
    label_free.STEPS = 40
    intervals.REPLICATES = 50
    tuning.WIDTHS, tuning.LENGTHS, tuning.TRENDS = (0.5, 1.0), (2.0, 4.0), (0.3,)

    drawings = gallery._drawings
    if not hasattr(drawings, "small"):

        def first_drawing(*given: Any) -> Iterator[gallery.Drawing]:
            """Draw one picture instead of ten."""
            return islice(drawings(*given), 1)

        first_drawing.small = True  # type: ignore[attr-defined]
        gallery._drawings = first_drawing

    # workers of a cluster execute this file before they compute
    os.environ["DASK_DISTRIBUTED__WORKER__PRELOAD"] = repr([__file__])


def dask_setup(worker: object) -> None:
    """Make studies small in a worker of a cluster."""
    make_small()


if __name__ == "__main__":
    make_small()
    from pinndd.start import main

    main()
