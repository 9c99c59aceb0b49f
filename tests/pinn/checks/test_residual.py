"""What ``pinndd check`` says of residuals that would train to something else, at whatever size."""

import re
from dataclasses import replace
from typing import Any

import deepxde as dde
import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d
from torch import Tensor

from pinndd import PDE, Dirichlet, Initial, Operator, families
from pinndd.pinn.checks.pde import Finding, check_pde
from pinndd.pinn.declare.pde import BoundaryValues, pointwise_residual
from pinndd.pinn.reference import solve_dirichlet

END = families.Fourier(modes=2, amplitude=0.5, constant=1.0, period=2.0)
START = families.Sine(modes=3)
CORNERS = [(np.cos(angle), np.sin(angle)) for angle in 2 * np.pi * np.arange(5) / 5]


def heat(x: Tensor, u: Tensor) -> Tensor:
    flow: Tensor = dde.grad.jacobian(u, x, i=0, j=1) - 0.05 * dde.grad.hessian(u, x, i=0, j=0)
    return flow


def rod(residual: Any, low: float = 0.0, high: float = 1.0, time: float = 1.0, size: float = 1.0, **changes: Any) -> PDE:
    """The heat equation, which the reference solves, on any rod, for any time, at any size."""

    def reference(values: BoundaryValues, points: Tensor) -> Tensor:
        unit = (points - points.new_tensor([low, 0.0])) / points.new_tensor([high - low, time])
        return solve_dirichlet(values["left"], values["right"], values["start"], unit, diffusivity=0.05)

    end, start = replace(END, amplitude=0.5 * size), replace(START, amplitude=size)
    settings: dict[str, Any] = {
        "reference": reference,
        "conditions": [
            Dirichlet("left", at={"x": low}, values=end),
            Dirichlet("right", at={"x": high}, values=end),
            Initial("start", values=start, joins=("left", "right")),
        ],
        "shifts": {"frequency": {"start": replace(start, weights=(0.2, 0.4, 1.0))}},
    }
    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(low, high), dde.geometry.TimeDomain(0, time))
    return PDE("rod", domain, residual, **{**settings, **changes})


def errors(pde: PDE) -> list[Finding]:
    return [f for f in check_pde(pde) if f.level == "error"]


def the_fault(residual: Any, **changes: Any) -> str:
    """The one error, which is one of the residual."""
    found = errors(rod(residual, **changes))
    assert [f.subject for f in found] == ["residual"], found
    return found[0].message


@pytest.mark.parametrize(
    ("derivative", "said"),
    [
        (lambda x, u: dde.grad.jacobian(u, x, i=1, j=1), "i=1.: expected a number from 0 to 0"),
        (lambda x, u: dde.grad.jacobian(u, x, i=-1, j=1), "i=-1.: expected a number from 0 to 0"),
        (lambda x, u: dde.grad.jacobian(u, x, i=0, j=2), "j=2.: expected a number from 0 to 1"),
        (lambda x, u: dde.grad.jacobian(u, x, i=0, j=-1), "j=-1.: expected a number from 0 to 1"),
        (lambda x, u: dde.grad.jacobian(u, x, i=0, j=1.0), "j=1.0.: expected a number from 0 to 1"),
        (lambda x, u: dde.grad.jacobian(u, x)[:, 1:2], "neither i nor j"),
        (lambda x, u: dde.grad.jacobian(u[:, 0], x, i=0, j=1), r"shape \(64,\).*u\[:, 0:1\]"),
        (lambda x, u: dde.grad.hessian(u, x, component=1, i=0, j=0), "component=1.: expected a number from 0 to 0"),
        (lambda x, u: dde.grad.hessian(u, x, component=-1, i=0, j=0), "component=-1.: expected a number from 0 to 0"),
        (lambda x, u: dde.grad.hessian(u, x, i=2, j=0), "i=2.: expected a number from 0 to 1"),
        (lambda x, u: dde.grad.hessian(u, x, i=0, j=-2), "j=-2.: expected a number from 0 to 1"),
        (lambda x, u: dde.grad.hessian(u, x, i=None, j=0), "i=None.: expected a number from 0 to 1"),
        (lambda x, u: dde.grad.jacobian(u * u, x, i=1, j=0), "i=1.: expected a number from 0 to 0"),
    ],
)
def test_indices_by_the_rules_of_deepxde(derivative: Any, said: str) -> None:
    message = the_fault(lambda x, u: heat(x, u) + derivative(x, u))
    assert re.search(said, message), message
    assert re.search(r"test_residual.py, line \d+", message)


def test_one_of_several_components_must_be_named() -> None:
    pde = rod(lambda x, u: dde.grad.jacobian(u, x, j=1), outputs=2, equations=1, reference=None)
    with pytest.raises(ValueError, match="no i; DeepXDE needs it, since y has 2 components"):
        pointwise_residual(pde)


def test_what_deepxde_takes_is_taken() -> None:
    def residual(x: Tensor, u: Tensor) -> Tensor:
        slopes = dde.grad.jacobian(u, x, i=0)
        return slopes[:, 1:2] - 0.05 * dde.grad.jacobian(dde.grad.jacobian(u, x, j=0), x, i=np.int64(0), j=0)

    assert errors(rod(residual)) == []


WEIGHTS = torch.tensor([[1.0], [2.0]], dtype=torch.float32)


def changed(x: Tensor, u: Tensor) -> Tensor:
    u *= 2
    return heat(x, u)


@pytest.mark.parametrize(
    ("residual", "said"),
    [
        (lambda x, u: heat(x, u) + 0 * (x @ WEIGHTS), "dtype=x.dtype"),
        (changed, "in place"),
        (lambda x, u: heat(x, u) * (1 + x[:, :1].detach()), "cannot be differentiated in x:"),
        (lambda x, u: heat(x, u) + torch.as_tensor(np.sin(x[:, 1:].detach().numpy())) * u, "cannot be differentiated in t:"),
        (lambda x, u: heat(x, u) + u.detach() + u, "cannot be differentiated in u:"),
        (lambda x, u: heat(x, u) * (1 + len(x) / 1e9 * 1e3), "other points of the batch"),
        (lambda x, u: heat(x, u) + u - u.mean(0), "other points of the batch"),
        (lambda x, u: heat(x, u).cumsum(0), "other points of the batch"),
        (lambda x, u: heat(x, u) + torch.nn.functional.dropout(u, 0.5), "other values for the same points"),
    ],
)
@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_faults_are_seen_at_every_size_of_u(residual: Any, said: str, size: float) -> None:
    message = the_fault(residual, size=size)
    assert said in message
    assert "test_residual.py, line " in message


def test_what_helps_against_words_of_torch_is_said() -> None:
    matrix = torch.tensor([[1.0], [2.0]])
    said = the_fault(lambda x, u: heat(x, u) + 0 * (x @ matrix))
    assert "the same dtype" in said
    assert "make tensors of your own with dtype=x.dtype, or convert them by .to(x)" in said
    said = the_fault(lambda x, u: heat(x, u) + u * torch.from_numpy(np.sin(u.numpy())))
    assert "it must stay in torch to be differentiated in x" in said


def test_trainable_coefficients_are_refused() -> None:
    coefficient = dde.Variable(0.05)
    said = the_fault(lambda x, u: dde.grad.jacobian(u, x, i=0, j=1) - coefficient * dde.grad.hessian(u, x, i=0, j=0))
    assert "holds a number that is trainable" in said
    layer = torch.nn.Linear(1, 1, dtype=torch.float64)
    assert "a tensor of shape (1, 1)" in the_fault(lambda x, u: heat(x, u) + layer(x[:, :1]))


def test_a_coefficient_from_a_table_is_asked_in_the_domain_alone() -> None:
    """SciPy raises an error outside of the table; a constant table has no slope that could be missed."""
    table = interp1d(np.linspace(10, 20, 11), np.full(11, 5.0))

    def residual(x: Tensor, u: Tensor) -> Tensor:
        k = torch.as_tensor(table(x[:, :1].detach().numpy())).to(u)
        return dde.grad.jacobian(u, x, i=0, j=1) - k * dde.grad.hessian(u, x, i=0, j=0)

    pde = rod(residual, low=10.0, high=20.0)
    assert errors(pde) == []
    assert pointwise_residual(pde).is_linear()


def test_linearity_is_that_of_values_of_the_size_of_u() -> None:
    """Auger recombination of 1e23 carriers per cubic metre: D n_xx is of the size of C n³, whose coefficient is 2e-39."""

    def residual(x: Tensor, n: Tensor) -> Tensor:
        return dde.grad.jacobian(n, x, i=0, j=1) - 2e-7 * dde.grad.hessian(n, x, i=0, j=0) + 2e-39 * n**3

    assert not pointwise_residual(rod(residual, high=5e-7, time=1e-7, size=1e23)).is_linear()
    assert pointwise_residual(rod(residual, high=5e-7, time=1e-7, size=1.0)).is_linear()
    found = check_pde(rod(lambda x, u: 1e-12 * heat(x, u), size=1e-9))
    assert next(f for f in found if f.subject == "residual").message.startswith("linear")


@pytest.mark.parametrize("power", [1e-30, 1e-6, 1.0])
def test_operators_must_be_linear_at_every_size(power: float) -> None:
    wall = Operator("right", {"x": 1}, lambda x, u, n: dde.grad.jacobian(u, x, i=0, j=0) + power * u**2, END)
    pde = rod(heat, conditions=[Dirichlet("left", at={"x": 0}, values=END), wall, Initial("start", values=START)], shifts={})
    assert "must be one expression, linear in u" in errors(pde)[0].message


def test_a_term_without_effect_is_told() -> None:
    found = check_pde(rod(lambda x, u: heat(x, u) + 0 * dde.grad.hessian(u, x, i=1, j=1)))
    warned = [f.message for f in found if f.level == "warning"]
    assert len(warned) == 1
    line = test_a_term_without_effect_is_told.__code__.co_firstlineno + 1
    assert re.search(rf"asks for u_tt \(.*test_residual\.py, line {line}, in .*`\), which changes no equation", warned[0])


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e23])
def test_families_are_judged_at_their_size(size: float) -> None:
    assert errors(rod(heat, size=size)) == []


@pytest.mark.parametrize("mean", [1e5, 3e-9])
def test_references_are_judged_by_what_varies_about_a_known_mean(mean: float) -> None:
    """Half of what u varies by is half, whether it varies about 0 or about 1e5 kelvin."""
    size = 1e-5 * mean
    end, start = replace(END, amplitude=size, mean=mean), replace(START, amplitude=size)
    ends = [Dirichlet("left", at={"x": 0}, values=end), Dirichlet("right", at={"x": 1}, values=end)]
    warm = {"conditions": [*ends, Initial("start", values=start, joins=("left", "right"))], "shifts": {}}
    assert errors(rod(heat, **warm)) == []
    good = rod(heat, **warm).reference
    assert good is not None

    def halved(values: BoundaryValues, points: Tensor) -> Tensor:
        return mean + (good(values, points) - mean) / 2

    assert "violates the condition 'left' by " in errors(rod(heat, reference=halved, **warm))[0].message


def test_a_mean_that_vanishes_at_its_ends_but_for_rounding_can_join() -> None:
    """sin π is 1e-16, and 1e23 times that is no number close to zero; a mean of 1e-10 among 1e-10 is not zero either."""
    tall = replace(START, amplitude=1e23, mean=lambda s: 1e23 * np.sin(np.pi * s[..., 0]))
    end = replace(END, amplitude=1e23)

    def conditions(family: Any) -> list[Any]:
        ends = [Dirichlet("left", at={"x": 0}, values=end), Dirichlet("right", at={"x": 1}, values=end)]
        return [*ends, Initial("start", values=family, joins=("left", "right"))]

    assert rod(heat, conditions=conditions(tall), shifts={}).sizes.values > 1e22
    with pytest.raises(ValueError, match="its own mean is 1e-10"):
        rod(heat, conditions=conditions(replace(START, amplitude=1e-10, mean=1e-10)), shifts={})
