"""Steps of training that CUDA graphs take: what can be known of them without a GPU.

In place of a CUDA graph stands a recording of the operations, which as a graph does neither asks for values nor looks again at what
the function would do: what it gives for other tensors is what a graph would give.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from pinndd.learners import cuda_graphs
from pinndd.learners.cuda_graphs import CaptureError, capture_function
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt, NotFiniteError
from pinndd.pinn.jets.rows import RowsJacobian
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Size, ...]]:
    """Let operations be recorded in place of graphs; return the shapes for which that was done."""
    shapes = []

    def record(function: Any, tensors: tuple[Tensor, ...]) -> Any:
        shapes.append(tuple(t.shape for t in tensors))
        return make_fx(function)(*tensors)

    monkeypatch.setattr(cuda_graphs, "capture_function", record)
    # what rows feel is asked for on a processor alone
    monkeypatch.setattr(
        RowsJacobian,
        "_felt",
        property(lambda self: [[[True] * len(terms) for _ in range(self.slopes.shape[2])] for terms, _ in self.of.terms_of]),
    )
    return shapes


@pytest.mark.parametrize(("width", "decrease"), [(12, 0.0), (60, 1e-3)], ids=["primal", "dual"])
def test_gauss_newton_ends_where_it_does_without(
    width: int, decrease: float, setting: Callable[..., Any], recordings: list[Any]
) -> None:
    pde, data, episodes = setting("burgers", 6, 12, 8)
    model = FeatureModel(pde, width=width, scale=1.0)
    plain, graphed = (
        GaussNewton(model, 1e-4, iterations=40, decrease=decrease, promise=0.5, cuda_graphs=flag) for flag in (False, True)
    )
    expected = plain.fit(data, episodes).weights
    torch.testing.assert_close(graphed.fit(data, episodes).weights, expected, rtol=1e-7, atol=1e-9)
    # other points and values are not recorded again
    moved = data.with_fields({"interior": data["interior"] * 0.9})
    torch.testing.assert_close(graphed.fit(moved, episodes).weights, plain.fit(moved, episodes).weights, rtol=1e-7, atol=1e-9)
    assert len(recordings) == len(set(recordings)) <= 2


@pytest.mark.parametrize("halvings", [1, 10])
def test_steps_are_halved_as_without(
    halvings: int, setting: Callable[..., Any], recordings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pde, data, episodes = setting("burgers", 6, 12, 8)
    model = FeatureModel(pde, width=60, scale=1.0)
    plain, graphed = (GaussNewton(model, 1e-4, iterations=6, halvings=halvings, cuda_graphs=flag) for flag in (False, True))
    start = model.resting(plain.prepare(data, episodes)) + 3.0
    expected = plain.fit(data, episodes, start).weights
    monkeypatch.setattr(GaussNewton, "_step", lambda *given: pytest.fail("a step was taken without"))
    torch.testing.assert_close(graphed.fit(data, episodes, start).weights, expected, rtol=1e-7, atol=1e-9)
    assert len(recordings) == 2


def test_a_matrix_that_is_not_positive_is_solved_as_without(
    setting: Callable[..., Any], recordings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pde, data, episodes = setting("burgers", 6, 12, 8)
    plain, graphed = (
        GaussNewton(FeatureModel(pde, width=60, scale=1.0), 1e-4, iterations=4, cuda_graphs=flag) for flag in (False, True)
    )
    usual = torch.linalg.cholesky_ex

    def failing(matrix: Tensor) -> tuple[Tensor, Tensor]:
        factor, info = usual(matrix)
        return factor, info + 1

    monkeypatch.setattr(torch.linalg, "cholesky_ex", failing)
    assert graphed.fit(data, episodes).weights.equal(plain.fit(data, episodes).weights)
    assert len(recordings) == 1


def test_levenberg_marquardt_ends_where_it_does_without(setting: Callable[..., Any], recordings: list[Any]) -> None:
    pde, data, episodes = setting("burgers", 6, 12, 8)
    plain, graphed = (LevenbergMarquardt(MLPModel(pde, (8, 8)), cuda_graphs=flag) for flag in (False, True))
    found, expected = graphed.fit(data, episodes), plain.fit(data, episodes)
    torch.testing.assert_close(found.parameters, expected.parameters, rtol=1e-6, atol=1e-7)
    # once with all networks, then each time half of them are done
    assert 1 < len(recordings) <= 3
    assert sorted((shapes[0][0] for shapes in recordings), reverse=True) == [shapes[0][0] for shapes in recordings]


def test_a_row_that_is_not_finite_is_told_as_without(setting: Callable[..., Any], recordings: list[Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 12, 8)

    class Breaking(MLPModel):
        """Whose derivatives are not finite once the rows are small."""

        def linearise(self, prepared: Any, parameters: Tensor) -> Any:
            rows, jacobian = super().linearise(prepared, parameters)
            small = (rows.norm(dim=-1) < 0.1)[:, None, None]
            layers = tuple(replace(each, slopes=torch.where(small, torch.inf, each.slopes)) for each in jacobian.layers)
            return rows, replace(jacobian, layers=layers)

    model = Breaking(pde, (8, 8))
    messages = []
    for flag in (False, True):
        with pytest.raises(NotFiniteError, match=r"condition \d, step \d+: a derivative of its rows is not finite") as caught:
            LevenbergMarquardt(model, cuda_graphs=flag).fit(data, episodes)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert recordings


@pytest.mark.parametrize("kind", ["Gauss-Newton", "Levenberg-Marquardt"])
def test_data_on_a_processor_are_refused(kind: str, setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 8, 6)
    learner: Any = (
        GaussNewton(FeatureModel(pde, width=60, scale=1.0), cuda_graphs=True)
        if kind == "Gauss-Newton"
        else LevenbergMarquardt(MLPModel(pde, (8, 8)), cuda_graphs=True)
    )
    with pytest.raises(ValueError, match="cuda_graphs=True: the data are on cpu, and a CUDA graph needs them on a CUDA device"):
        learner.fit(data, episodes)


def test_what_would_have_no_effect_or_cannot_be_recorded_is_refused() -> None:
    with pytest.raises(ValueError, match="with fresh=True every step has points of its own, and cuda_graphs=True would have no"):
        LevenbergMarquardt(SimpleNamespace(), fresh=True, cuda_graphs=True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs a model with tensors and with_tensors, and SimpleNamespace has none"):
        GaussNewton(SimpleNamespace(), cuda_graphs=True)  # type: ignore[arg-type]
    with pytest.raises(CaptureError, match="gives something else than the step itself"):
        cuda_graphs._require_same((torch.ones(2),), (torch.zeros(2),))
    cuda_graphs._require_same((torch.tensor([torch.nan]),), (torch.tensor([torch.nan]),))
    with pytest.raises(ValueError, match="on cpu, meta"):
        capture_function(lambda *_: (), (torch.ones(2), torch.ones(2, device="meta")))
