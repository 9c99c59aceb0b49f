"""The cross table: what is varied, what is evaluated, and that a set serves best what it was distilled for."""

from __future__ import annotations

import pytest
import torch

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.held_out import HeldOutPrediction
from pinndd.hypergradients import Exact
from pinndd.learners.linear import LinearRidge
from pinndd.outer_loop import OuterSettings
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Mean
from pinndd.study import sensitivity
from pinndd.study.cross_table import START
from pinndd.study.plots.style import WIDTH


@pytest.fixture(scope="module")
def table():
    x = torch.linspace(-1, 1, 200, dtype=torch.float64)[:, None]
    truth = torch.sin(3 * x) + 2
    left, right = x[:, 0] < 0, x[:, 0] >= 0
    sides = {"left": left, "right": right}
    tasks = {name: HeldOutPrediction(x[side], truth[side], 16) for name, side in sides.items()}
    problem = DistillationProblem(LinearRidge(1e-6), tasks["left"], RelativeL2(), Mean())
    start = torch.tensor([[-0.5], [0.5]], dtype=torch.float64)
    data = SyntheticData(
        {"inputs": start, "targets": torch.full((2, 1), 2.0, dtype=torch.float64)},
        {"inputs": Box((-1.0,), (1.0,)), "targets": Box((-5.0,), (5.0,))},
    )
    return sensitivity(
        problem,
        data,
        hypergradient=Exact(),
        tasks=tasks,
        risks={"mean": Mean(), "worst tenth": CVaR(0.1)},
        settings=OuterSettings(steps=150, batch=8, learning_rate=0.02, seed=3),
        episodes=64,
    )


NAMES = ["left, mean", "left, worst tenth", "right, mean", "right, worst tenth"]


def test_every_combination_is_distilled_for_and_evaluated_under(table):
    assert table.risks.columns.tolist() == NAMES
    assert table.risks.index.tolist() == [*NAMES, START]
    assert list(table.data) == NAMES


def test_a_set_serves_the_task_that_it_was_distilled_for(table):
    regret = table.regret.to_numpy()
    assert regret.diagonal().tolist() == [1.0] * 4
    # a line fits half of a sine well, and no line fits both halves
    assert regret[:2, 2:].min() > 3
    assert regret[2:4, :2].min() > 3
    # the starting set is the worst for every task
    assert all(table.risks.loc[START, name] > table.risks.loc[name, name] for name in NAMES)


def test_the_table_prints_one_line_per_set_and_draws(table):
    lines = str(table).splitlines()
    assert [line.split("|")[1].strip() for line in lines if "---" not in line] == ["distilled for", *NAMES, START]
    figure = table.plot()
    assert figure.get_size_inches()[0] == WIDTH
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [*NAMES, START]


def test_nothing_varied_is_refused():
    with pytest.raises(ValueError, match="nothing is varied"):
        sensitivity(None, None, hypergradient=Exact())  # type: ignore[arg-type]
