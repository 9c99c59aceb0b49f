"""Distill data for physics-informed neural networks, and for any other stated task."""

from __future__ import annotations

import os

from pinndd.lazy import TYPE_CHECKING, importer

__version__ = "0.2.0"

# DeepXDE asks for its backend when it is imported; a user module may import it before any function of ours runs.
os.environ.setdefault("DDE_BACKEND", "pytorch")

if TYPE_CHECKING:
    from pinndd.constraints import Box, Fixed, Positive, Simplex
    from pinndd.data import SyntheticData
    from pinndd.diagnostics import optimality, unrolled_norms, vacuity
    from pinndd.outer_loop import Distillation, OuterSettings, distill
    from pinndd.pinn import families
    from pinndd.pinn.declare.conditions import Dirichlet, Initial, Neumann, Operator, Periodic, Robin
    from pinndd.pinn.declare.loading import load_pde
    from pinndd.pinn.declare.pde import PDE, BoundaryValues
    from pinndd.pinn.declare.recorded import solutions_from
    from pinndd.pinn.solving.measured import Samples
    from pinndd.pinn.solving.solution import Solution
    from pinndd.problem import DistillationProblem
    from pinndd.stated.parts import Parts
    from pinndd.stated.task import StatedTask
    from pinndd.study.protocols.amortised import AmortisedSettings
    from pinndd.study.protocols.retrain import RetrainSettings
    from pinndd.study.protocols.sensors.settings import SensorSettings
    from pinndd.study.protocols.settings import StudySettings
    from pinndd.study.protocols.solved import SolvedSettings
    from pinndd.study.results.summary import summarise
    from pinndd.study.run_task import run_task
    from pinndd.study.solving import solve
    from pinndd.study.stated.engine import StatedSettings, distill_task
    from pinndd.study.verbs import distill_set, evaluate, run_study

__all__ = [
    "PDE",
    "AmortisedSettings",
    "BoundaryValues",
    "Box",
    "Dirichlet",
    "Distillation",
    "DistillationProblem",
    "Fixed",
    "Initial",
    "Neumann",
    "Operator",
    "OuterSettings",
    "Parts",
    "Periodic",
    "Positive",
    "RetrainSettings",
    "Robin",
    "Samples",
    "SensorSettings",
    "Simplex",
    "Solution",
    "SolvedSettings",
    "StatedSettings",
    "StatedTask",
    "StudySettings",
    "SyntheticData",
    "distill",
    "distill_set",
    "distill_task",
    "evaluate",
    "families",
    "load_pde",
    "optimality",
    "run_study",
    "run_task",
    "solutions_from",
    "solve",
    "summarise",
    "unrolled_norms",
    "vacuity",
]

# torch takes more than a second to import: names are fetched when they are first used
__getattr__ = importer(
    __name__,
    {
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
        "families": "pinndd.pinn",
        "load_pde": "pinndd.pinn.declare.loading",
        "StudySettings": "pinndd.study.protocols.settings",
        "RetrainSettings": "pinndd.study.protocols.retrain",
        "AmortisedSettings": "pinndd.study.protocols.amortised",
        "SolvedSettings": "pinndd.study.protocols.solved",
        "SensorSettings": "pinndd.study.protocols.sensors.settings",
        "Parts": "pinndd.stated.parts",
        "StatedTask": "pinndd.stated.task",
        "StatedSettings": "pinndd.study.stated.engine",
        "distill_task": "pinndd.study.stated.engine",
        "run_task": "pinndd.study.run_task",
        "Samples": "pinndd.pinn.solving.measured",
        "Solution": "pinndd.pinn.solving.solution",
        "solutions_from": "pinndd.pinn.declare.recorded",
        "solve": "pinndd.study.solving",
        "distill_set": "pinndd.study.verbs",
        "evaluate": "pinndd.study.verbs",
        "run_study": "pinndd.study.verbs",
        "summarise": "pinndd.study.results.summary",
    },
)
