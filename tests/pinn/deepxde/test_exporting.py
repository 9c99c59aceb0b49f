"""A distilled set for DeepXDE."""

import numpy as np
import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.deepxde.exporting import feature_transform, loss_weights, make_network, term_names, to_deepxde
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import INTERIOR, row_scales
from pinndd.pinn.tasks.episodes import BoundaryEpisodes


@pytest.fixture
def double():
    """DeepXDE in double precision."""
    dde = import_deepxde()
    precision, dtype = dde.config.real.precision, torch.get_default_dtype()
    dde.config.real.set_float64()
    torch.set_default_dtype(torch.float64)
    yield dde
    getattr(dde.config.real, f"set_float{precision}")()
    torch.set_default_dtype(dtype)


def losses(dde, pde, data, problem, network):
    model = dde.Model(problem, network)
    model.compile("adam", lr=1e-3, loss_weights=loss_weights(pde, data), verbose=0)
    return model.outputs_losses_train(problem.train_x, None, None)[1]


@pytest.mark.parametrize("name", ["heat", "burgers", "allen_cahn", "poisson", "advection"])
def test_loss_of_deepxde_is_our_loss(retrain_set, double, name):
    pde, data, values = retrain_set(name)
    model = MLPModel(pde, (8, 8))
    episodes = BoundaryEpisodes(values, torch.zeros(1, pde.box.dimension), torch.zeros(3, 1, pde.output_count), seed=2)
    parameters = model.initial(episodes, data[INTERIOR])
    ours = model.loss(model.prepare(data, episodes), parameters)
    network = make_network(pde, data, (8, 8))
    for index in range(3):
        with torch.no_grad():
            for layer, (weight, bias) in zip(network.linears, model.network.unpack(parameters), strict=True):
                layer.weight.copy_(weight[index].T)
                layer.bias.copy_(bias[index, 0])
        theirs = losses(double, pde, data, to_deepxde(pde, data, values, index), network)
        assert len(theirs) == len(term_names(pde))
        assert theirs.sum().item() == pytest.approx(ours[index].item(), rel=1e-10)


def test_points_of_conditions_come_first_and_their_residual_does_not_count(retrain_set, double):
    pde, data, values = retrain_set("heat")
    problem = to_deepxde(pde, data, values)
    count = sum(len(data[c.name]) for c in pde.valued)
    assert problem.train_x.shape == (count + len(data[INTERIOR]), 2)
    np.testing.assert_array_equal(problem.train_x[count:], data[INTERIOR].numpy())
    network = make_network(pde, data)
    before = losses(double, pde, data, problem, network)
    pushed = pde.residual
    problem.pde = lambda x, u: pushed(x, u) + 1e3 * (torch.arange(len(x))[:, None] < count)
    after = losses(double, pde, data, problem, network)
    torch.testing.assert_close(before, after)


@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_tuples_become_points_of_a_hypercube(amortised_set, double, name):
    pde, data = amortised_set(name)
    problem, network = to_deepxde(pde, data), make_network(pde, data)
    d, size = pde.box.dimension, pde.ensemble().size
    assert problem.train_x.shape[1] == d + size == problem.geom.dim
    x = torch.as_tensor(problem.train_x[-len(data[INTERIOR]) :]).requires_grad_()
    double.gradients.clear()
    expected = [row_scales(pde, data)[INTERIOR][:, 0].square() @ pde.residual(x, network(x)).square()]
    for condition in pde.valued:
        k = pde.patches[condition.name].dimension
        s, codes = data[condition.name][:, :k], data[condition.name][:, k:]
        place = torch.cat((pde.patches[condition.name].points(s), codes), -1)
        for row in range(len(s)):  # one condition at a time
            g = BoundaryValues(pde.ensemble(), codes[row : row + 1])[condition.name](s[row : row + 1])
            weight = row_scales(pde, data)[condition.name][row].square()
            expected.append(weight * (network(place[row : row + 1]) - g)[0].square())
    double.gradients.clear()
    assert losses(double, pde, data, problem, network).sum().item() == pytest.approx(sum(expected).item(), rel=1e-10)


def test_a_periodic_axis_is_in_the_inputs():
    pde = load_pde("advection")
    transform, size = feature_transform(pde)
    low, high = pde.box.low, pde.box.high
    assert size == 3
    ends = torch.tensor([[low[0], 0.3], [high[0], 0.3]], dtype=torch.float64)
    torch.testing.assert_close(transform(ends)[0], transform(ends)[1])


def test_values_belong_to_the_retrain_protocol_only(retrain_set, amortised_set):
    pde, data, values = retrain_set("heat")
    with pytest.raises(ValueError, match="give the boundary values"):
        to_deepxde(pde, data)
    pde, data = amortised_set("heat")
    with pytest.raises(ValueError, match="leave values out"):
        to_deepxde(pde, data, values)
