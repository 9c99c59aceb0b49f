"""CMA-ES on a learner without a gradient: it lowers the risk, obeys the constraints, and loses nothing when it is stopped."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from pinndd.checkpoint import CheckpointError
from pinndd.cma_es import cma_es
from pinndd.constraints import Box, Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.held_out import HeldOutPrediction
from pinndd.learners.linear import LinearModels, LinearRidge
from pinndd.outer_loop import Distillation, DivergedError, divergence
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean


@dataclass
class BlackBox:
    """Ridge without its gradient, which counts its trainings and is interrupted at one of them."""

    interrupted_at: int = 0
    trainings: int = 0
    differentiation: str = "none"

    def fit(self, data: SyntheticData, episodes: Any) -> LinearModels:
        self.trainings += 1
        if self.trainings == self.interrupted_at:
            raise KeyboardInterrupt
        return LinearRidge(1e-2).fit(data, episodes)


X = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
TASK = HeldOutPrediction(X, torch.sin(2 * X) + 1.5, 30)
ASKED = TASK.everything()
DATA = SyntheticData(
    {
        "inputs": torch.tensor([[-0.5], [0.1], [1.0]], dtype=torch.float64),
        "targets": torch.ones((3, 1), dtype=torch.float64),
        "kept": torch.ones(2),
    },
    {"inputs": Box((-1.0,), (1.0,)), "targets": Box((-4.0,), (4.0,)), "kept": Fixed()},
)


def problem(interrupted_at: int = 0) -> DistillationProblem:
    return DistillationProblem(BlackBox(interrupted_at), TASK, RelativeL2(), Mean())


def rows(found: Distillation) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found.history]


def assert_same(found: Distillation, expected: Distillation) -> None:
    assert found.risk == expected.risk
    assert rows(found) == rows(expected)
    for name in DATA.fields:
        assert torch.equal(found.data[name], expected.data[name]), name


def test_it_lowers_the_risk_of_a_black_box_within_the_constraints() -> None:
    before = float(problem().evaluate(DATA, ASKED))
    found, again = (cma_es(problem(), DATA, ASKED, generations=25, seed=1) for _ in range(2))
    assert found.risk < 0.5 * before
    assert float(problem().evaluate(found.data, ASKED)) == found.risk
    assert_same(again, found)
    assert torch.equal(found.data["kept"], DATA["kept"])
    assert [row["step"] for row in found.history] == list(range(1, 26))
    assert found.history[-1]["validation"] == found.risk <= found.history[0]["risk"]
    assert float(cma_es(problem(), DATA, ASKED, generations=1, sigma=1e-9).risk) <= before


def test_it_stops_when_it_has_converged() -> None:
    found = cma_es(problem(), DATA, ASKED, generations=5000, population=6, sigma=1e-3)
    assert len(found.history) < 5000


# of 6 candidates a generation: before the first, in the first, between two, in the middle of one, in the last
@pytest.mark.parametrize("training", [2, 4, 14, 59, 121])
@pytest.mark.parametrize("save_every", [1, 7, 1000])
def test_an_interrupted_search_resumes_bit_for_bit(training: int, save_every: int, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"generations": 20, "population": 6, "seed": 3}
    whole = cma_es(problem(), DATA, ASKED, **arguments)
    kept: dict[str, Any] = {"checkpoint": tmp_path / "search.npz", "save_every": save_every}
    with pytest.raises(KeyboardInterrupt):
        cma_es(problem(training), DATA, ASKED, **arguments, **kept)
    rest = problem()
    assert_same(cma_es(rest, DATA, ASKED, resume=True, **arguments, **kept), whole)
    # the start, the generation that was cut short, and those after it
    assert rest.learner.trainings == 1 + 6 * (20 - (training - 2) // 6)
    assert [p.name for p in tmp_path.iterdir()] == ["search.npz"]


def test_a_finished_search_goes_on_for_more_generations_and_repeats_none(tmp_path: Path) -> None:
    path = tmp_path / "search.npz"
    cma_es(problem(), DATA, ASKED, generations=4, checkpoint=path)
    more = cma_es(problem(), DATA, ASKED, generations=9, checkpoint=path, resume=True)
    assert_same(more, cma_es(problem(), DATA, ASKED, generations=9))
    done = problem()
    assert_same(cma_es(done, DATA, ASKED, generations=9, checkpoint=path, resume=True), more)
    assert done.learner.trainings == 1
    seconds = [row["seconds"] for row in more.history]
    assert seconds == sorted(seconds)


def test_a_converged_search_stays_converged(tmp_path: Path) -> None:
    kept: dict[str, Any] = {"population": 6, "sigma": 1e-3, "checkpoint": tmp_path / "search.npz"}
    found = cma_es(problem(), DATA, ASKED, generations=5000, **kept)
    again = problem()
    assert_same(cma_es(again, DATA, ASKED, generations=5000, resume=True, **kept), found)
    assert again.learner.trainings == 1


def test_a_checkpoint_of_another_search_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "search.npz"
    cma_es(problem(), DATA, ASKED, generations=2, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="other settings: seed was 0 and is now 1"):
        cma_es(problem(), DATA, ASKED, generations=2, seed=1, checkpoint=path, resume=True)
    moved = DATA.with_fields({"targets": 2 * DATA["targets"]})
    with pytest.raises(CheckpointError, match="other settings: start was"):
        cma_es(problem(), moved, ASKED, generations=2, checkpoint=path, resume=True)
    assert path.read_bytes() == before


def test_the_simplex_is_searched_in_its_logits() -> None:
    labels = torch.nn.functional.one_hot((X[:, 0] > 0.2).long(), 2).double()
    task = HeldOutPrediction(X, labels, 30)
    soft = SyntheticData(
        {"inputs": X[::10], "targets": torch.full((3, 2), 0.5, dtype=torch.float64)},
        {"inputs": Fixed(), "targets": Simplex()},
    )
    setting = DistillationProblem(BlackBox(), task, RelativeL2(), Mean())
    found = cma_es(setting, soft, task.everything(), generations=30, sigma=1.0)
    assert found.risk < 0.8 * float(setting.evaluate(soft, task.everything()))


def test_it_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"generations": 0}, {"sigma": 0.0}, {"population": 1}, {"save_every": 0}):
        with pytest.raises(ValueError, match="must be at least 1"):
            cma_es(problem(), DATA, ASKED, **{"generations": 1, **wrong})
    fixed = SyntheticData(DATA.fields, dict.fromkeys(DATA.fields, Fixed()))
    with pytest.raises(ValueError, match="no learnable field"):
        cma_es(problem(), fixed, ASKED, generations=1)
    hopeless = DistillationProblem(BlackBox(), TASK, RelativeL2(), lambda losses: losses.sum() * torch.nan)
    with pytest.raises(DivergedError, match="no candidate of generation 1 has a finite risk") as diverged:
        cma_es(hopeless, DATA, ASKED, generations=1, checkpoint=tmp_path / "search.npz")
    assert diverged.value.best.fields is DATA.fields
    assert divergence(diverged.value.best)
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ImportError, match=r"pip install 'pinndd\[cma\]'"):
        cma_es(problem(), DATA, ASKED, generations=1)
