"""Inference tasks of every domain: what is asked of a trained model, in which episodes, and what the true answer is."""

from typing import TYPE_CHECKING

from pinndd.lazy import importer

if TYPE_CHECKING:
    from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
    from pinndd.bayesnet.tasks.diagnosis import Diagnosis
    from pinndd.held_out import HeldOutPrediction
    from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
    from pinndd.pinn.tasks.zero_shot import ZeroShot
    from pinndd.vision.tasks.architecture_search import ArchitectureSearch
    from pinndd.vision.tasks.continual import ClassIncremental

__all__ = [
    "ArchitectureSearch",
    "BoundaryGeneralisation",
    "ClassIncremental",
    "ConditionalMarginals",
    "Diagnosis",
    "HeldOutPrediction",
    "ZeroShot",
]

__getattr__ = importer(
    __name__,
    {
        "ArchitectureSearch": "pinndd.vision.tasks.architecture_search",
        "BoundaryGeneralisation": "pinndd.pinn.tasks.boundary",
        "ClassIncremental": "pinndd.vision.tasks.continual",
        "ConditionalMarginals": "pinndd.bayesnet.tasks.conditional_marginals",
        "Diagnosis": "pinndd.bayesnet.tasks.diagnosis",
        "HeldOutPrediction": "pinndd.held_out",
        "ZeroShot": "pinndd.pinn.tasks.zero_shot",
    },
)
