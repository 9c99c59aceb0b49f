"""A residual evaluated on a jet equals the same residual inside DeepXDE, on any network."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.jets.features import Encoding
from pinndd.pinn.jets.mlp import MLP
from pinndd.pinn.jets.residual import PointwiseResidual, ResidualError

dde = import_deepxde()
DOMAIN = Domain((0.0, 0.0), (1.0, 1.0), ("x", "t"), True, None)


def heat(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.jacobian(u, x, i=0, j=1) - 0.1 * dde.grad.hessian(u, x, i=0, j=0)


def burgers_with_source(x: Tensor, u: Tensor) -> Tensor:
    u_x = dde.grad.jacobian(u, x, j=0)
    return dde.grad.jacobian(u, x, j=1) + u * u_x - x[:, :1] * torch.sin(x[:, 1:])


def variable_conductivity(x: Tensor, u: Tensor) -> Tensor:
    flux = (1 + x[:, :1] ** 2) * (1 + u**2) * dde.grad.jacobian(u, x, i=0, j=0)
    return dde.grad.jacobian(flux, x, i=0, j=0) - dde.grad.jacobian(u, x, i=0, j=1)


def fourth_order(x: Tensor, u: Tensor) -> Tensor:
    u_xx = dde.grad.hessian(u, x, i=0, j=0)
    return dde.grad.hessian(u_xx, x, i=0, j=0) + dde.grad.hessian(u, x, i=0, j=1)


def system(x: Tensor, u: Tensor) -> list[Tensor]:
    first, second = u[:, :1], u[:, 1:]
    return [
        dde.grad.jacobian(u, x, i=0, j=1) - second * dde.grad.jacobian(u, x, i=1, j=0),
        dde.grad.hessian(u, x, component=1, i=0, j=1) + first * second,
    ]


RESIDUALS: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "heat": (heat, 1),
    "source": (burgers_with_source, 1),
    "flux": (variable_conductivity, 1),
    "fourth order": (fourth_order, 1),
    "system": (system, 2),
}


def sample(count: int) -> Tensor:
    return torch.rand((count, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def inside_deepxde(residual: Callable[[Any, Any], Any], net: MLP, parameters: Tensor, points: Tensor) -> Tensor:
    """Evaluate as DeepXDE does: by autograd through the network."""
    x = points.clone().requires_grad_()
    result = residual(x, net.jets(parameters, x, [()])[0][0])
    dde.gradients.clear()
    return torch.cat(result if isinstance(result, list) else [result], -1).detach()


def on_jets(residual: PointwiseResidual, net: MLP, parameters: Tensor, points: Tensor) -> Tensor:
    jets = dict(zip(residual.axes, net.jets(parameters, points, residual.axes), strict=True))
    columns = [jets[axes][..., component] for component, axes in residual.terms]
    return residual(points, torch.stack(columns, -1))


@pytest.mark.parametrize("name", list(RESIDUALS))
def test_it_agrees_with_deepxde(name: str) -> None:
    function, outputs = RESIDUALS[name]
    net, points = MLP(Encoding(DOMAIN), (5, 4), outputs), sample(6)
    parameters = net.initial([0, 1, 2]) + 0.1
    residual = PointwiseResidual(function, 2, outputs, name)
    values = on_jets(residual, net, parameters, points)
    assert values.shape == (3, 6, residual.equations)
    for e in range(3):
        expected = inside_deepxde(function, net, parameters[e : e + 1], points)
        torch.testing.assert_close(values[e], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", list(RESIDUALS))
def test_derivatives_in_jet_and_points(name: str) -> None:
    function, outputs = RESIDUALS[name]
    residual = PointwiseResidual(function, 2, outputs, name)
    generator = torch.Generator().manual_seed(0)
    jets = torch.randn((3, len(residual.terms)), generator=generator, dtype=torch.float64).requires_grad_()
    points = sample(3).requires_grad_()
    assert torch.autograd.gradcheck(residual, (points, jets))
    assert torch.autograd.gradgradcheck(residual, (points, jets))


def test_which_derivatives_are_needed() -> None:
    assert PointwiseResidual(heat, 2).terms == ((0, ()), (0, (1,)), (0, (0, 0)))
    assert PointwiseResidual(system, 2, 2).equations == 2
    assert PointwiseResidual(fourth_order, 2).order == 4


@pytest.mark.parametrize(("name", "linear"), [("heat", True), ("source", False), ("flux", False), ("system", False)])
def test_linearity_is_recognised(name: str, linear: bool) -> None:
    function, outputs = RESIDUALS[name]
    assert PointwiseResidual(function, 2, outputs).is_linear() is linear


@pytest.mark.parametrize("name", list(RESIDUALS))
def test_linearisation_and_curvature(name: str) -> None:
    function, outputs = RESIDUALS[name]
    residual, points = PointwiseResidual(function, 2, outputs), sample(4)
    jets = torch.randn((4, len(residual.terms)), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values, slopes = residual.linearise(points, jets)
    torch.testing.assert_close(values.detach(), residual(points, jets))
    curvature = residual.curvature(points, jets)
    step, direction = 1e-4, torch.randn_like(jets)
    up, down = (residual.linearise(points, jets + sign * step * direction) for sign in (1, -1))
    first = (slopes * direction[:, None]).sum(-1)
    second = (curvature * direction[:, None, None]).sum(-1)
    torch.testing.assert_close(first, (up[0] - down[0]).detach() / (2 * step), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(second, (up[1] - down[1]) / (2 * step), rtol=1e-6, atol=1e-6)


def test_deepxde_answers_as_before_afterwards() -> None:
    reverse = dde.gradients.gradients_reverse
    before = reverse.jacobian._Jacobians, reverse.hessian._Hessians
    PointwiseResidual(heat, 2)
    with pytest.raises(ResidualError):
        PointwiseResidual(lambda x, u: u.nothing, 2)
    assert (reverse.jacobian._Jacobians, reverse.hessian._Hessians) == before


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x, u: u[:, 0],
            r"PDE 'odd': residual returned shape \(64,\), expected \(64, 1\) for a network with 1 output",
        ),
        (lambda x, u: 1.0, "returned shape float"),
        (lambda x, u: [u, torch.cat((u, u), -1)], r"returned shape \(64, 2\)"),
        (lambda x, u: u @ torch.ones(3, 3), "PDE 'odd': residual raised RuntimeError"),
    ],
)
def test_wrong_results_are_named(function: Callable[[Any, Any], Any], message: str) -> None:
    with pytest.raises(ResidualError, match=message):
        PointwiseResidual(function, 2, name="odd")


def test_derivatives_asked_for_at_some_points_only_are_refused() -> None:
    def fickle(x: Tensor, u: Tensor) -> Tensor:
        return dde.grad.jacobian(u, x, j=0) if x.shape[0] != 64 else u

    residual = PointwiseResidual(fickle, 2, name="fickle")
    with pytest.raises(ResidualError, match="at some points only"):
        residual(sample(3), torch.zeros((3, 1), dtype=torch.float64))
