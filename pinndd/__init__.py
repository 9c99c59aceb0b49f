"""Distil data for physics-informed neural networks, and for any other stated task."""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

# DeepXDE asks for its backend when it is imported; a user module may import it before any function of ours runs.
os.environ.setdefault("DDE_BACKEND", "pytorch")

_HOMES = {
    "PDE": "pinndd.pinn.declare.pde",
    "BoundaryValues": "pinndd.pinn.declare.pde",
    "Dirichlet": "pinndd.pinn.declare.conditions",
    "Initial": "pinndd.pinn.declare.conditions",
    "Neumann": "pinndd.pinn.declare.conditions",
    "Robin": "pinndd.pinn.declare.conditions",
    "Operator": "pinndd.pinn.declare.conditions",
    "Periodic": "pinndd.pinn.declare.conditions",
    "SyntheticData": "pinndd.data",
    "DistillationProblem": "pinndd.problem",
    "distill": "pinndd.outer_loop",
    "Distillation": "pinndd.outer_loop",
    "OuterSettings": "pinndd.outer_loop",
    "Box": "pinndd.constraints",
    "Fixed": "pinndd.constraints",
    "Positive": "pinndd.constraints",
    "Simplex": "pinndd.constraints",
    "vacuity": "pinndd.diagnostics",
    "optimality": "pinndd.diagnostics",
    "unrolled_norms": "pinndd.diagnostics",
    "families": "pinndd.pinn.families",
    "load_pde": "pinndd.pinn.declare.loading",
    "StudySettings": "pinndd.study.outcome",
    "distill_retrain": "pinndd.study.retrain",
    "evaluate_retrain": "pinndd.study.retrain",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # torch takes more than a second to import: names are fetched when they are first used
    if name not in _HOMES:
        raise AttributeError(f"module 'pinndd' has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    value = module if name == "families" else getattr(module, name)
    globals()[name] = value
    return value
