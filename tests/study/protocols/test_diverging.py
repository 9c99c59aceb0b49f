"""What a distillation says and keeps when outer loops diverge."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.outer_loop import DIVERGED, Distillation, DivergedError, OuterSettings, divergence
from pinndd.study.protocols import engine
from pinndd.study.protocols.allowance import Allowance

HEADER = {"pde": "heat", "protocol": "sensors", "module": "heat", "module_sha256": "0123"}


def start(x: float) -> SyntheticData:
    return SyntheticData({"x": torch.tensor([[x]])}, {"x": Box((0,), (1,))})


def bench(*starts: SyntheticData) -> Any:
    """Return a bench that races its starts, with next to nothing in it."""
    study = SimpleNamespace(progress=lambda *told: None, name="sensors", allowance=Allowance())
    found = SimpleNamespace(study=study, race=OuterSettings(steps=1), outer=OuterSettings(steps=2), validation=(), hypergradient=None)
    found.starts, found.header = lambda: starts, lambda: HEADER
    found.problem_for, found.finished = lambda data: None, lambda data: data
    return found


@pytest.fixture
def outer_loop(monkeypatch: pytest.MonkeyPatch) -> set[float]:
    """An outer loop that diverges from the starts that are in the set, at once, and finds the others as they are."""
    diverging: set[float] = set()

    def distill(problem: Any, data: SyntheticData, **options: Any) -> Distillation:
        if float(data["x"]) in diverging:
            raise DivergedError("the risk is not finite", data)
        return Distillation(data, float(data["x"]), [], 1.0)

    monkeypatch.setattr(engine, "distill", distill)
    return diverging


def test_a_start_that_diverges_loses_the_race(outer_loop: set[float]) -> None:
    outer_loop.add(0.25)
    assert float(engine.distill_on(bench(start(0.25), start(0.75), start(0.5))).data["x"]) == 0.5


def test_the_best_set_of_a_diverged_loop_knows_its_module_and_protocol_and_says_that_it_diverged(outer_loop: set[float]) -> None:
    outer_loop |= {0.25, 0.5}
    with pytest.raises(DivergedError, match="the risk is not finite") as error:
        engine.distill_on(bench(start(0.25), start(0.5)))
    assert error.value.best.header == {**HEADER, DIVERGED: "the risk is not finite"}
    assert "diverged" in divergence(error.value.best)
    assert not divergence(start(0.5))
