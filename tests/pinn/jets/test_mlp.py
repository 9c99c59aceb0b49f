"""The batched MLP: derivatives against nested autograd, gradients of the hand-written backward pass, initial weights."""

import pytest
import torch
from torch import Tensor

from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.jets.features import Axes, Encoding
from pinndd.pinn.jets.mlp import MLP

DOMAIN = Domain((0.0, -1.0), (1.0, 2.0), ("x", "t"), True, None)
ORDER_TWO: list[Axes] = [(), (0,), (1,), (0, 0), (0, 1), (1, 1)]
ORDER_FOUR: list[Axes] = [*ORDER_TWO, (0, 0, 1), (0, 0, 0), (0, 0, 0, 0), (0, 0, 1, 1)]


def network(periodic: tuple[int, ...] = (), hidden: tuple[int, ...] = (5, 4), outputs: int = 2, extra: int = 0) -> MLP:
    return MLP(Encoding(DOMAIN, periodic), hidden, outputs, extra)


def points(count: int, seed: int = 0) -> Tensor:
    return DOMAIN.scale(torch.rand((count, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def nested_autograd(net: MLP, parameters: Tensor, x: Tensor, axes: Axes, extra: Tensor | None) -> Tensor:
    """Differentiate the values by autograd, point by point, output by output."""
    leaf = x.expand(parameters.shape[0], *x.shape[-2:]).clone().requires_grad_()
    columns = []
    for y in net.jets(parameters, leaf, [()], extra)[0].unbind(-1):
        for axis in axes:
            (gradient,) = torch.autograd.grad(y.sum(), leaf, create_graph=True)
            y = gradient[..., axis]
        columns.append(y)
    return torch.stack(columns, -1).detach()


@pytest.mark.parametrize("periodic", [(), (0,), (0, 1)])
@pytest.mark.parametrize("hidden", [(4,), (5, 4, 3)])
@pytest.mark.parametrize("wanted", [ORDER_TWO, ORDER_FOUR, [(0, 1)]], ids=["order 2", "order 4", "mixed"])
def test_jets_agree_with_nested_autograd(periodic: tuple[int, ...], hidden: tuple[int, ...], wanted: list[Axes]) -> None:
    net = network(periodic, hidden, extra=1)
    parameters, x = net.initial([1, 2, 3]) + 0.1, points(6)
    extra = points(6, seed=1)[:, :1]
    for axes, jet in zip(wanted, net.jets(parameters, x, wanted, extra), strict=True):
        torch.testing.assert_close(jet, nested_autograd(net, parameters, x, axes, extra), rtol=1e-11, atol=1e-11)


def test_points_and_further_inputs_of_each_network_are_its_own() -> None:
    net = network(extra=2)
    parameters = net.initial([1, 2])
    x, extra = torch.stack((points(5), points(5, seed=1))), torch.stack((points(5, seed=2), points(5, seed=3)))
    together = net.jets(parameters, x, ORDER_TWO, extra)
    for e in range(2):
        for jet, alone in zip(together, net.jets(parameters[e : e + 1], x[e], ORDER_TWO, extra[e]), strict=True):
            torch.testing.assert_close(jet[e], alone[0])
    shared_points = net.jets(parameters, x[0], [()], extra)[0]
    torch.testing.assert_close(shared_points[0], together[0][0])


@pytest.mark.parametrize("periodic", [(), (0,)])
@pytest.mark.parametrize("wanted", [ORDER_TWO, [(0, 0), (1,)], [(0, 1)], [(1,)], [()]])
def test_gradients_of_first_and_second_order(periodic: tuple[int, ...], wanted: list[Axes]) -> None:
    net = network(periodic, (4, 3))
    more = points(2, seed=1)

    def outputs(parameters: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        results = net.propagate(parameters, net.streams(x, wanted, values_at=more), wanted)
        return results.values, results.slopes

    inputs = (net.initial([1, 2]).requires_grad_(), points(3).requires_grad_())
    assert torch.autograd.gradcheck(outputs, inputs)
    assert torch.autograd.gradgradcheck(outputs, inputs)


def test_a_periodic_axis_is_periodic() -> None:
    net = network((0,), outputs=1)
    parameters, x = net.initial([4]), points(5)
    for here, there in zip(
        net.jets(parameters, x, ORDER_TWO), net.jets(parameters, x + torch.tensor([1.0, 0.0]), ORDER_TWO), strict=True
    ):
        torch.testing.assert_close(here, there)


def test_initial_weights_depend_on_the_seed_alone() -> None:
    net = network(hidden=(64, 64))
    first = net.initial([7, 8])
    torch.testing.assert_close(first[1], net.initial([8])[0], rtol=0, atol=0)
    torch.testing.assert_close(net.initial([7], dtype=torch.float32), first[:1].float(), rtol=0, atol=0)
    assert first.shape == (2, net.parameter_count)
    weight, bias = net.unpack(first)[1]
    assert float(bias.abs().max()) == 0
    assert float(weight.std()) == pytest.approx((2 / 128) ** 0.5, rel=0.05)


def test_gradients_reach_the_further_inputs() -> None:
    net = network(extra=1)
    extra = points(4)[:, :1].requires_grad_()
    (slope,) = torch.autograd.grad(net.jets(net.initial([0]), points(4), [(0, 0)], extra)[0].sum(), extra)
    assert float(slope.abs().min()) > 0


@pytest.mark.parametrize("settings", [{"hidden": ()}, {"hidden": (3, 0)}, {"outputs": 0}, {"extra": -1}])
def test_odd_shapes_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected at least one hidden layer"):
        network(**settings)  # type: ignore[arg-type]


def test_missing_further_inputs_are_refused() -> None:
    net = network(extra=2)
    with pytest.raises(ValueError, match="0 further inputs given, expected extra=2"):
        net.jets(net.initial([0]), points(3), [()])
