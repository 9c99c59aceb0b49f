"""The same data distilled for two tasks: each set serves its own.

One curve, measured at 400 places, and a learner that can only draw a parabola. One task asks for the curve on the left, the
other on the right; four examples are distilled for each.

Prints the 2 x 2 table of risks (relative errors on either side). Asked the other's question, either set errs more than five
times as much as the set that was distilled for it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact
from pinndd.learners.linear import LinearRidge
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.tasks import HeldOutPrediction


def parabola(inputs: Tensor) -> Tensor:
    return torch.cat((torch.ones_like(inputs), inputs, inputs.square()), -1)


def curve(x: Tensor) -> Tensor:
    return 1.5 + torch.sin(5 * x) + 0.5 * x


def main() -> Tensor:
    """Return the risks: a row for the task that a set was distilled for, a column for the task that it is asked."""
    x = torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None]
    measured = curve(x) + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sides = {"left": x[:, 0] < -0.2, "right": x[:, 0] > 0.2}
    learner = LinearRidge(1e-4, parabola)
    problems = {
        name: DistillationProblem(learner, HeldOutPrediction(x[side], measured[side]), RelativeL2(), Mean())
        for name, side in sides.items()
    }
    truths = {name: HeldOutPrediction(x[side], curve(x[side])).everything() for name, side in sides.items()}
    start = SyntheticData(
        {"inputs": x[50::100], "targets": measured[50::100]},
        {"inputs": Box((-1.0,), (1.0,)), "targets": Box((-1.0,), (4.0,))},
    )
    settings = OuterSettings(steps=300, batch=8, learning_rate=0.02)
    rows = []
    for name, problem in problems.items():
        looked = [HeldOutPrediction(x[sides[name]], measured[sides[name]]).everything()]
        found = distill(problem, start, hypergradient=Exact(), validation=looked, settings=settings)
        rows.append(torch.stack([problem.evaluate(found.data, asked) for asked in truths.values()]))
    return torch.stack(rows)


if __name__ == "__main__":
    for name, row in zip(("left", "right"), main().tolist(), strict=True):
        print(f"distilled for the {name:5s}: asked on the left {row[0]:.3f}, on the right {row[1]:.3f}")
