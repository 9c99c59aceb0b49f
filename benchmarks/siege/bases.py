"""What the siege damages: a small set of every protocol, and the folder of a run. Nothing is distilled for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

RIDGE = {"penalty": 1e-8, "scale": 0.5, "width": 64}
SOLVED = {"kernel": {"length": 12.0, "trend": 0.1}, "penalty": 1e-6}


def make_sets(where: Path) -> dict[str, Path]:
    """Write a set of every protocol, and return the files by protocol."""
    from pinndd.pinn.declare.loading import load_pde, remembered
    from pinndd.pinn.models.solved_conditions import condition_data
    from pinndd.pinn.sets.collocation import collocation_data
    from pinndd.pinn.sets.samplers import sample_points
    from pinndd.pinn.sets.tuples import FAMILY, sample_tuples, tuple_data

    heat, burgers = load_pde("heat"), load_pde("burgers")
    codes = burgers.ensemble().sample(3, torch.Generator().manual_seed(0))
    points = collocation_data(heat, *sample_points(heat, "sobol", 8, 6, 1))
    made: dict[str, tuple[Any, Any, str, dict[str, Any]]] = {
        "retrain": (heat, points, "ridge", RIDGE),
        "sensors": (heat, points, "ridge", RIDGE),
        "amortised": (heat, tuple_data(heat, *sample_tuples(heat, FAMILY, 8, 6, 1, reach=1.0)), "ridge", RIDGE),
        "solved": (burgers, condition_data(burgers, codes, torch.eye(codes.shape[1], dtype=codes.dtype)), "kernel-ridge", {}),
    }
    where.mkdir(parents=True, exist_ok=True)
    found = {}
    for protocol, (pde, data, learner, settings) in made.items():
        header = {"pde": pde.name, "protocol": protocol, "learner": learner, "learner_settings": settings, "seed": 0}
        found[protocol] = where / f"{protocol}.npz"
        data.with_header(**header, settings=SOLVED, sensors=6, reach=1.0, **remembered(pde)).save(found[protocol])
    return found


def make_run(where: Path) -> Path:
    """Write the folder of a run of one protocol, and return it."""
    from pinndd.data import SyntheticData
    from pinndd.pinn.declare.loading import load_pde
    from pinndd.study.results.outcome import FieldExample, Outcome
    from pinndd.study.results.table import as_table
    from pinndd.study.run import run_study

    path = where / "run"
    if path.exists():
        return path
    data = SyntheticData.load(make_sets(where)["retrain"])
    common = {"pde": "heat", "protocol": "retrain", "learner": "ridge", "points": 8, "boundary_points": 6, "seed": 0}
    rows = [
        {**common, "method": m, "shift": "none", "episode": k, "error": e + 0.01 * k, "seconds": 0.1, "distilled_with": own}
        for m, e, own in (("sobol", 0.2, ""), ("distilled", 0.1, "ridge"))
        for k in range(3)
    ]
    field = torch.linspace(0, 1, 64, dtype=torch.float64).reshape(8, 8)
    example = FieldExample("none", field, {"distilled": field + 0.1, "sobol": field + 0.2}, {}, "number 1 of 3")
    history = [{"step": 0, "risk": float("nan"), "validation": 0.5, "seconds": 0.1}]
    outcome = Outcome("retrain", as_table(rows), [data], "sobol", data, [history], [1.0], [example])
    run_study(load_pde("heat"), path, protocols=["retrain"], runners={"retrain": lambda *given: outcome})
    return path
