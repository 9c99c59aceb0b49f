"""The score-function estimator with a leave-one-out baseline, for categorical fields and any learner."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.categorical import categorical_fields, draw_rows
from pinndd.data import SyntheticData
from pinndd.hypergradients.draws import generator_of
from pinndd.hypergradients.protocol import Gradient
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class LeaveOneOut:
    """RLOO: unbiased gradient of the expected risk of drawn rows in their probabilities (Kool et al. 2019, "Buy 4 REINFORCE
    samples, get a baseline for free").

    With S draws x_s of all rows, ``∂/∂π E[R] ≈ 1/(S-1) Σ_s (R(x_s) - mean R) x_s / π``: the mean of the others is the baseline of
    each. The learner is only trained, never differentiated. Since ``x / π`` is large where a drawn category is rare, the estimate
    is meant for the logits of `pinndd.constraints.Simplex`, in whose coordinates it is bounded.

    Args:
        samples: draws S, each of which costs one training.
        seed: of the draws, together with the data.

    Raises:
        ValueError: fewer than two samples; at a call: no categorical field, or another learnable one.
    """

    samples: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError(f"LeaveOneOut: samples={self.samples} must be at least 2: each needs another as its baseline")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        names = categorical_fields(data)
        others = sorted(set(data.learnable) - set(names))
        if others:
            raise ValueError(f"LeaveOneOut: field {others[0]!r} is not categorical; make it Fixed, or distill it in turn")
        generator = generator_of(data, self.seed)
        drawn = [draw_rows(data, generator) for _ in range(self.samples)]
        with torch.no_grad():
            risks = torch.stack([problem.evaluate(each, episodes) for each in drawn])
            advantages = (risks - risks.mean()) / (self.samples - 1)
            tiny = torch.finfo(risks.dtype).tiny
            gradient = {
                name: torch.einsum("s,s...->...", advantages, torch.stack([d[name] for d in drawn]))
                / data[name].clamp_min(tiny)
                for name in names
            }
        return risks.mean(), gradient
