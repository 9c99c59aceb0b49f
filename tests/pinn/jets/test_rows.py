"""Rows of models that are linear in their weights: their Jacobian has no entries, and yet is that of autograd."""

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.jets import rows as module
from pinndd.pinn.jets.rows import Rows
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.episodes import Trainings

CASES = ["burgers", "schrodinger", "cavity", "heat"]
"""One component, two, three of which one has fewer derivatives; and a linear equation."""


def rows_of(name: str, models: int) -> tuple[Rows, torch.Tensor]:
    """Return rows on seven and nine points or a few more, and random weights."""
    pde, generator = load_pde(name), torch.Generator().manual_seed(0)
    data = collocation_data(pde, *sample_points(pde, "sobol", 7, 9, seed=3), 3.0, interior_weight=0.5)
    ensemble = pde.ensemble()
    model = FeatureModel(pde, width=12, scale=1.0)
    rows = model.prepare(data, Trainings(BoundaryValues(ensemble, ensemble.sample(models, generator)), 5))
    return rows, torch.randn((models, model.parameter_count), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("models", [2, 37], ids=["few models", "many, in several parts"])
@pytest.mark.parametrize("name", CASES)
def test_the_jacobian_is_that_of_autograd(name: str, models: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, weights = rows_of(name, models)
    monkeypatch.setattr(module, "_CACHED", 8 * 8 * len(rows.linearise(weights)[0][0]) ** 2)  # eight models
    values, jacobian = rows.linearise(weights)
    # rows of a model depend on its own weights alone
    leaf = weights.clone().requires_grad_()
    found = rows.residuals(leaf)
    slopes = [torch.autograd.grad(found[:, r].sum(), leaf, retain_graph=True)[0] for r in range(found.shape[1])]
    expected = torch.stack(slopes, 1)
    close = {"rtol": 1e-10, "atol": 1e-11 * float(expected.abs().max()) ** 2}
    torch.testing.assert_close(values, found.detach(), **close)
    assert (jacobian.rows, jacobian.columns) == tuple(expected.shape[1:])
    torch.testing.assert_close(jacobian.dense(), expected, **close)
    torch.testing.assert_close(jacobian.gram(), expected @ expected.mT, **close)
    torch.testing.assert_close(jacobian.normal(), expected.mT @ expected, **close)
    right = torch.randn_like(weights)
    left = torch.randn_like(values)
    torch.testing.assert_close(jacobian.times(right), (expected @ right[..., None])[..., 0], **close)
    torch.testing.assert_close(jacobian.transposed_times(left), (left[:, None] @ expected)[:, 0], **close)


def test_many_models_need_no_entries_of_the_jacobian(monkeypatch: pytest.MonkeyPatch) -> None:
    enough = len(rows_of("burgers", 1)[0].jets) ** 2 // module._ASKED
    (rows, weights), (fewer, some) = rows_of("burgers", enough), rows_of("burgers", enough - 1)
    monkeypatch.setattr(module.RowsJacobian, "dense", lambda self: pytest.fail("the entries were asked for"))
    rows.linearise(weights)[1].gram()
    with pytest.raises(pytest.fail.Exception, match="asked for"):
        fewer.linearise(some)[1].gram()


@pytest.mark.parametrize("name", CASES)
def test_the_curvature_is_that_of_autograd(name: str) -> None:
    rows, weights = rows_of(name, 3)
    curvature, square = rows.curvature(weights), rows.linearise(weights)[1].normal()
    # rows of a model depend on its own weights alone
    whole = torch.autograd.functional.hessian(lambda each: 0.5 * rows.residuals(each).square().sum(), weights)
    expected = torch.stack([whole[k, :, k] for k in range(len(weights))]) - square
    close = {"rtol": 1e-10, "atol": 1e-13 * float(square.abs().max())}
    torch.testing.assert_close(curvature.dense(), expected, **close)
    assert bool(curvature.dense().any()) == (name != "heat")
    vectors = torch.randn_like(weights)
    torch.testing.assert_close(curvature.times(vectors), (expected @ vectors[..., None])[..., 0], **close)
