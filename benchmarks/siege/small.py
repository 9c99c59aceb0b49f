"""``pinndd`` with first looks so small that hundreds of them can be killed: smaller pools, grids and designs, and no clock."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

QUICK = {"seeds": 1, "test_conditions": 2, "effort": 0.02, "seconds": None, "judges": ()}


def make_small() -> None:
    """Change this process, and those that are forked from it."""
    from pinndd.study import run_many
    from pinndd.study.protocols import amortised, retrain
    from pinndd.study.protocols.sensors import baselines
    from pinndd.study.protocols.solved import label_free, stand_in, tuning
    from pinndd.terminal import settings

    settings.QUICK = replace(settings.QUICK, **QUICK)  # type: ignore[arg-type]
    retrain.INTERIOR_SAMPLERS = ("uniform", "latin-hypercube", "sobol", "hammersley")  # type: ignore[assignment]
    retrain.tuned_adaptive = lambda bench: []  # type: ignore[assignment]
    retrain.RATIOS, retrain.LEVELS = (1.0,) * 6, (1.0, 1.0)  # type: ignore[assignment]
    retrain.STARTS = ("sobol",)  # type: ignore[assignment]
    amortised.WEIGHTS, amortised.DESIGNS, amortised.REACHES = (1.0,), ("sobol", amortised.FAMILY), (1.0,)  # type: ignore[assignment]
    baselines.LEVELS, baselines.RATIOS = (1.0,) * 5, (1.0,) * 9  # type: ignore[assignment]
    stand_in._POOL, stand_in._HELD_OUT, stand_in._POINTS = 160, 40, 64
    label_free.STEPS = 40
    tuning.WIDTHS, tuning.LENGTHS, tuning.TRENDS = (0.5, 1.0), (2.0, 4.0), (0.3,)

    started = run_many._start
    if not hasattr(started, "small"):

        def start(job: run_many.Job, at_once: int) -> Any:
            """Begin a study of several with this file in place of the package."""
            return started(replace(job, command=[sys.executable, __file__, *job.command[3:]]), at_once)

        start.small = True  # type: ignore[attr-defined]
        run_many._start = start


if __name__ == "__main__":
    make_small()
    from pinndd.start import main

    main()
