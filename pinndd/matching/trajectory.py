"""Trajectory matching: a few training steps on the synthetic data should lead where many on all data lead."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves
from pinndd.matching.minibatch import draw_batch
from pinndd.matching.protocol import matched_learner, training_slope
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class TrajectoryMatching:
    """Start a student on D̂ from the trajectory of an expert on all data, and compare where the two arrive.

    ``‖θ̂_N - θ*_{t+M}‖² / ‖θ*_t - θ*_{t+M}‖²``: the expert θ* takes gradient steps on all data from the initial parameters of the
    episode; the student starts at θ*_t, t drawn up to ``latest``, and takes N steps on D̂. The gradient goes through all N
    (Cazenavette et al. 2022, arXiv 2203.11932).

    The value is the criterion, averaged over episodes; task, distance and risk of the problem play no part.

    Args:
        full: all data, with the fields of D̂ that the learner reads.
        student_steps: N.
        expert_steps: M.
        latest: last step of the expert at which a student may start.
        learning_rate: of both.
        batch: examples of all data that a step of the expert takes, drawn from the seed of the episodes; None: all.

    Raises:
        ValueError: a setting is out of its range, or the expert does not move between t and t + M.
        TypeError: the learner has no training loss to differentiate.
    """

    full: SyntheticData
    student_steps: int = 5
    expert_steps: int = 10
    latest: int = 10
    learning_rate: float = 0.1
    batch: int | None = None

    def __post_init__(self) -> None:
        counts = (self.student_steps, self.expert_steps, 1 if self.batch is None else self.batch)
        if min(counts) < 1 or self.latest < 0 or self.learning_rate <= 0:
            raise ValueError(
                f"TrajectoryMatching: student_steps={self.student_steps}, expert_steps={self.expert_steps} and "
                f"batch={self.batch} must be at least 1, latest={self.latest} not negative and "
                f"learning_rate={self.learning_rate} positive"
            )

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner = matched_learner(problem, "TrajectoryMatching")
        generator = torch.Generator().manual_seed(episodes.seed)
        first = int(torch.randint(self.latest + 1, (1,), generator=generator))
        with torch.enable_grad():
            tracked, fields = leaves(data)
            student = expert = learner.initial(data, episodes).detach()
            for t in range(first + self.expert_steps):
                batch = draw_batch(self.full, self.batch, generator)
                expert = expert - self.learning_rate * training_slope(learner, expert, batch, episodes)
                student = expert if t < first else student
            distance = (student - expert).square().sum(-1)
            if not bool((distance > 0).all()):
                raise ValueError(
                    f"TrajectoryMatching: the expert does not move after step {first}: lower latest={self.latest} or change "
                    f"learning_rate={self.learning_rate}"
                )
            for _ in range(self.student_steps):
                student = student - self.learning_rate * training_slope(learner, student, tracked, episodes)
            return differentiate(((student - expert).square().sum(-1) / distance).mean(), fields)
