"""The conditioned PINN that the solved protocol corrects: trained on physics alone."""

from __future__ import annotations

import time
from dataclasses import dataclass

from torch import Tensor

from pinndd.learners.adam import Adam
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.conditioned_mlp import REACH, ConditionedMLP, FittedConditionedMLP
from pinndd.pinn.sets.tuples import FAMILY, sample_tuples, tuple_data
from pinndd.pinn.tasks.questions import Questions
from pinndd.study.protocols.settings import StudySettings

LABEL_FREE = "label-free"
STEPS = 6000
_TUPLES, _BOUNDARY_TUPLES = 256, 90
_BOUNDARY_WEIGHT = 30.0


@dataclass(frozen=True)
class LabelFree:
    """A conditioned PINN trained without labels.

    Attributes:
        network: the trained network.
        seconds: wall time of its training.
    """

    network: FittedConditionedMLP
    seconds: float

    def base(self, points: Tensor, codes: Tensor) -> Tensor:
        """Predict at ``(Q, d)`` for coefficients ``(B, C)``: ``(B, Q, outputs)``, differentiable in the coefficients."""
        return self.network(points, codes)


def train_label_free(pde: PDE, settings: StudySettings) -> LabelFree:
    """Train one network u(x; condition) by Adam on fresh tuples of position and condition at every step.

    Args:
        pde: the equation; its training family is linear in its coefficients.
        settings: seed, and the factor on the number of steps.
    """
    interior, boundary = sample_tuples(pde, FAMILY, _TUPLES, _BOUNDARY_TUPLES, settings.seed + 1, reach=1.0)
    data = tuple_data(pde, interior, boundary, _BOUNDARY_WEIGHT, reach=REACH)
    learner = Adam(ConditionedMLP(pde), steps=max(2, round(STEPS * settings.effort)), fresh=True)
    started = time.perf_counter()
    network: FittedConditionedMLP = learner.fit(data, Questions.none(pde.ensemble().size, pde.box.dimension, settings.seed))
    return LabelFree(network, time.perf_counter() - started)
