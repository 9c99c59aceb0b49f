"""What conditions say of u: by closed forms, by automatic differentiation, and in the rows of every model."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, Neumann, Operator, Robin, families
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.conditions import Condition
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import allocate, sample_points
from pinndd.pinn.tasks.episodes import BoundaryEpisodes

dde = import_deepxde()
DISK = dde.geometry.GeometryXTime(dde.geometry.Disk([0, 0], 2), dde.geometry.TimeDomain(0, 1))
BEAM = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))
FLAT = families.Constant()


def bending(x: Tensor, u: Tensor, normal: Tensor) -> Tensor:
    """(1 + t) u_xx + u."""
    return (1 + x[:, 1:2]) * dde.grad.hessian(u, x, i=0, j=0) + u


def traction(x: Tensor, u: Tensor, normal: Tensor) -> Tensor:
    """A stress that mixes both components, times the normal."""
    u_x, v_y = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=1, j=1)
    return (u_x + 3 * v_y) * normal[:, :1] + dde.grad.jacobian(u, x, i=0, j=1) * normal[:, 1:2]


def declare(geometry: Any, conditions: list[Condition], outputs: int = 1) -> PDE:
    return PDE("probe", geometry, lambda x, u: [u[:, :1]] * outputs, conditions, lambda v, p: p[None, :, 0], outputs=outputs)


ON_DISK: list[Condition] = [
    Dirichlet("value", at={"angle": (0, 2 * math.pi)}, values=FLAT),
    Neumann("flux", at={"angle": (0, 2 * math.pi)}, values=FLAT),
    Robin("mixed", at={"angle": (0, 2 * math.pi)}, values=FLAT, value=2.0, slope=-3.0),
    Initial("start", values=FLAT),
    Initial("velocity", values=FLAT, order=1),
]
DISK_PDE = declare(DISK, ON_DISK)


def field(p: Tensor) -> Tensor:
    x, y, t = p.unbind(-1)
    return x**2 * y + 3 * t * x + t**2


def gradient(p: Tensor) -> Tensor:
    x, y, t = p.unbind(-1)
    return torch.stack((2 * x * y + 3 * t, x**2, 3 * x + 2 * t), -1)


@pytest.mark.parametrize("name", DISK_PDE.patches)
def test_conditions_on_a_disk_in_closed_form(name: str) -> None:
    patch, operator = DISK_PDE.patches[name], DISK_PDE.operators[name]
    s = torch.rand((6, patch.dimension), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = patch.points(patch.from_unit(s))
    u, slopes = field(points), gradient(points)
    radial = (slopes[:, :2] * points[:, :2]).sum(-1) / 2
    expected = {"value": u, "start": u, "flux": radial, "mixed": 2 * u - 3 * radial, "velocity": slopes[:, 2]}[name]
    jets = [(u if not axes else slopes[:, axes[0]])[:, None] for axes in operator.axes]
    torch.testing.assert_close(operator.apply(points, jets), expected)
    leaf = points.clone().requires_grad_()
    torch.testing.assert_close(operator(leaf, field(leaf)[:, None])[:, 0], expected)
    dde.gradients.clear()


def test_an_operator_is_read_off_its_function() -> None:
    pde = declare(BEAM, [Operator("moment", at={"x": 1}, operator=bending, values=FLAT)])
    operator, points = pde.operators["moment"], torch.tensor([[1.0, 0.25], [1.0, 0.5]], dtype=torch.float64)
    assert operator.terms == ((0, ()), (0, (0, 0)))
    torch.testing.assert_close(operator.coefficients(points), torch.tensor([[1.0, 1.25], [1.0, 1.5]], dtype=torch.float64))
    leaf = points.clone().requires_grad_()
    u = leaf[:, :1] ** 3 * leaf[:, 1:2]
    torch.testing.assert_close(operator(leaf, u), bending(leaf, u, torch.zeros_like(leaf)))
    dde.gradients.clear()


def test_an_operator_may_mix_components_and_use_the_normal() -> None:
    square = dde.geometry.Rectangle([0, 0], [1, 1])
    pde = declare(square, [Operator("pull", at={"y": 1}, operator=traction, values=FLAT)], outputs=2)
    operator, points = pde.operators["pull"], torch.tensor([[0.5, 1.0]], dtype=torch.float64)
    factors = dict(zip(operator.terms, operator.coefficients(points)[0].tolist(), strict=True))
    assert factors == {(0, ()): 0, (1, ()): 0, (0, (0,)): 0, (1, (1,)): 0, (0, (1,)): 1}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Neumann("corner", at={"x": 0, "t": 0}, values=FLAT), None),
        (Neumann("start", at={"t": 0}, values=FLAT), "condition 'start': the patch at t = 0 has no normal: fix"),
        (Operator("square", at={"x": 0}, operator=lambda x, u, n: u**2, values=FLAT), "must be one expression, linear in u"),
        (Operator("shifted", at={"x": 0}, operator=lambda x, u, n: u + 1, values=FLAT), "that vanishes for u = 0"),
        (Operator("flat", at={"x": 0}, operator=lambda x, u, n: u[:, 0], values=FLAT), r"operator returned shape \(64,\), expected"),
        (Operator("bad", at={"x": 0}, operator=lambda x, u, n: u / None, values=FLAT), "condition 'bad': operator raised TypeError"),
        (Operator("two", at={"x": 0}, operator=lambda x, u, n: [u, u], values=FLAT), "another equation into another condition"),
    ],
)  # fmt: skip
def test_what_says_nothing(condition: Condition, message: str | None) -> None:
    pde = declare(BEAM, [condition])
    if message is None:
        assert pde.operators["corner"].terms == ((0, (0,)),)
        return
    with pytest.raises(ValueError, match=message):
        _ = pde.operators


def test_a_negative_order_is_refused() -> None:
    with pytest.raises(ValueError, match=r"condition 'start': order=-1; expected 0 \(the value\), 1 \(the velocity\)"):
        Initial("start", values=FLAT, order=-1)


def test_kinds_have_their_textbook_names() -> None:
    assert [c.kind for c in ON_DISK] == ["Dirichlet", "Neumann", "Robin", "Initial", "Initial velocity"]
    assert [c.gives_value for c in ON_DISK] == [True, False, False, True, False]


# u = a + b x + c t solves u_xt = 0; each condition sees its own part of it
PLANE = PDE(
    "plane",
    BEAM,
    lambda x, u: dde.grad.hessian(u, x, i=0, j=1),
    [
        Robin("left", at={"x": 0}, values=families.Chebyshev(degree=1), value=1.0, slope=2.0),
        Neumann("right", at={"x": 1}, values=FLAT),
        Initial("start", values=families.Chebyshev(degree=1)),
        Initial("velocity", values=FLAT, order=1),
        Dirichlet("pin", at={"x": 0, "t": 0}, values=FLAT),
    ],
    lambda values, points: points[None, :, 0],
)


def plane_coefficients(a: float, b: float, c: float) -> list[float]:
    """Coefficients of the conditions: T_0 and T_1 in 2 s - 1."""
    left = [a - 2 * b + c / 2, c / 2]
    return [*left, b, a + b / 2, b / 2, c, a]


def plane_episodes() -> BoundaryEpisodes:
    planes = torch.tensor([[1.0, 2.0, -1.0], [0.5, -1.0, 3.0]], dtype=torch.float64)
    codes = torch.tensor([plane_coefficients(*row) for row in planes.tolist()], dtype=torch.float64)
    asked = torch.rand((20, 2), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    truth = planes[:, :1] + planes[:, 1:] @ asked.T
    return BoundaryEpisodes(BoundaryValues(PLANE.ensemble(), codes), asked, truth[..., None], 0)


def plane_data() -> Any:
    return collocation_data(PLANE, *sample_points(PLANE, "sobol", 40, 33, 1), 100.0)


def test_a_single_point_takes_one_point() -> None:
    assert allocate(PLANE, 33) == {"left": 8, "right": 8, "start": 8, "velocity": 8, "pin": 1}
    assert plane_data()["pin"].shape == (1, 0)


def test_ridge_meets_all_kinds_of_conditions() -> None:
    episodes = plane_episodes()
    with torch.no_grad():
        fitted = Ridge(FeatureModel(PLANE, width=80, scale=0.5), 1e-12).fit(plane_data(), episodes)
    error = (fitted(episodes.points) - episodes.truth).norm() / episodes.truth.norm()
    assert float(error) < 1e-4


@pytest.mark.parametrize("outputs", [1, 2])
def test_rows_of_a_network_are_those_of_automatic_differentiation(outputs: int) -> None:
    pde = PLANE
    if outputs == 2:
        square = dde.geometry.Rectangle([0, 0], [1, 1])
        pde = PDE(
            "pair",
            square,
            lambda x, u: [dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=1, j=1) * u[:, :1]],
            [
                Operator("pull", at={"y": 1}, operator=traction, values=FLAT),
                Dirichlet("hold", at={"y": 0}, values=FLAT, component=1),
                Operator("mix", at={"x": 1}, operator=lambda x, u, n: 2 * u[:, 1:2] - u[:, :1], values=FLAT),
                Robin("spring", at={"x": 0}, values=FLAT, component=1),
            ],
            lambda values, points: torch.zeros((1, len(points), 2)),
            outputs=2,
        )
    model = MLPModel(pde, hidden=(7, 5))
    data = collocation_data(pde, *sample_points(pde, "sobol", 6, 13, 1), 3.0)
    codes = pde.ensemble().sample(2, torch.Generator().manual_seed(1))
    asked = torch.zeros((1, 2), dtype=torch.float64)
    values = BoundaryValues(pde.ensemble(), codes)
    episodes = BoundaryEpisodes(values, asked, torch.zeros((2, 1, outputs), dtype=torch.float64), 0)
    prepared = model.prepare(data, episodes)
    parameters = model.initial(episodes, data["interior"])
    rows = model.rows(prepared, parameters)
    wanted = []
    for e in range(2):

        def net(x: Tensor, e: int = e) -> Tensor:
            return pde.sizes.means + pde.sizes.values * model.network.jets(parameters[e : e + 1], x, [()])[0][0]

        x = data["interior"].clone().requires_grad_()
        found = pde.residual(x, net(x))
        found = torch.cat(found, -1) if isinstance(found, list) else found
        parts = [(found / pde.sizes.equations).flatten() / 6**0.5]
        dde.gradients.clear()
        for name in model.equations.order:
            place = pde.patches[name].points(data[name]).clone().requires_grad_()
            gap = pde.operators[name](place, net(place))[:, 0] - values[name](data[name])[e]
            dde.gradients.clear()
            parts.append((3.0 / 13) ** 0.5 * gap / pde.sizes.conditions[name])
        wanted.append(torch.cat(parts))
    torch.testing.assert_close(rows, torch.stack(wanted))
    # the Jacobian that Levenberg-Marquardt uses, against automatic differentiation
    _, jacobian = model.linearise(prepared, parameters)
    whole = jacobian.dense()
    for e in range(2):
        exact = torch.autograd.functional.jacobian(
            lambda p, e=e: model.rows({**prepared, "targets": prepared["targets"][e : e + 1]}, p[None])[0], parameters[e]
        )
        torch.testing.assert_close(whole[e], exact)
