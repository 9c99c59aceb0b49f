"""``pinndd`` with first looks so small that hundreds of them can be killed: smaller pools, grids and designs, and no clock."""

from __future__ import annotations

import os
from dataclasses import replace

QUICK = {"seeds": 1, "test_conditions": 2, "effort": 0.02, "seconds": None, "judges": ()}


def make_small() -> None:
    """Change this process, those that are forked from it, and the workers that they start."""
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

    # workers of a cluster execute this file before they compute
    os.environ["DASK_DISTRIBUTED__WORKER__PRELOAD"] = repr([__file__])


def dask_setup(worker: object) -> None:
    """Make studies small in a worker of a cluster."""
    make_small()


if __name__ == "__main__":
    make_small()
    from pinndd.start import main

    main()
