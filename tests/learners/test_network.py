"""Any torch module as a model: training against a loop with torch.optim, batches of networks, and what is refused."""

import pytest
import torch
from torch import nn

from pinndd.constraints import Box, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import CrossEntropy, RelativeL2, ZeroOne
from pinndd.held_out import HeldOutPrediction, Queries, one_hot
from pinndd.hypergradients import CentralDifferences, UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel, cross_entropy, squared_error
from pinndd.learners.side_by_side import are_perceptrons
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

GENERATOR = torch.Generator().manual_seed(2)
INPUTS = torch.randn((12, 3), generator=GENERATOR, dtype=torch.float64)
LABELS = one_hot(torch.arange(12) % 2, 2, torch.float64)
DATA = SyntheticData(
    {"inputs": INPUTS[:4], "targets": 0.8 * LABELS[:4] + 0.1}, {"inputs": Box((-5.0,), (5.0,)), "targets": Simplex()}
)
TASK = HeldOutPrediction(INPUTS, LABELS, queries=6)
EPISODES = TASK.episodes(3, torch.Generator().manual_seed(1))


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))


def test_training_equals_that_of_torch() -> None:
    model = NetworkModel(build, decay=0.1)
    fitted = Adam(model, steps=5, learning_rate=0.02, final=1.0, tiny=1e-30, dtype=torch.float64).fit(DATA, EPISODES)
    for k, weights in enumerate(model.draw(3, EPISODES.seed, INPUTS)):
        network = build().double()
        nn.utils.vector_to_parameters(weights, network.parameters())
        optimiser = torch.optim.Adam(network.parameters(), lr=0.02, eps=0.0)
        for _ in range(5):
            optimiser.zero_grad()
            squares = sum(p.square().sum() for p in network.parameters())
            loss = nn.functional.cross_entropy(network(DATA["inputs"]), DATA["targets"]) + 0.05 * squares
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            torch.testing.assert_close(fitted(EPISODES.inputs)[k], network(EPISODES.inputs[k]), rtol=1e-8, atol=1e-10)


def test_mixed_precision_rounds_the_layers_and_nothing_else() -> None:
    data, asked = DATA.to("cpu", torch.float32), EPISODES.inputs.float()
    exact, mixed = (Adam(NetworkModel(build, mixed=mixed), steps=5).fit(data, EPISODES) for mixed in (False, True))
    gap = (mixed(asked) - exact(asked)).abs().max() / exact(asked).abs().max()
    # bfloat16 keeps eight bits
    assert 1e-6 < float(gap) < 3e-2
    assert mixed(asked).dtype == mixed.parameters.dtype == torch.float32
    double = [Adam(NetworkModel(build, mixed=m), steps=5, dtype=torch.float64).fit(DATA, EPISODES) for m in (False, True)]
    assert torch.equal(double[0].parameters, double[1].parameters)


def test_the_hypergradient_goes_through_mixed_precision() -> None:
    gradients = []
    for mixed in (False, True):
        problem = DistillationProblem(Adam(NetworkModel(build, mixed=mixed), steps=5), TASK, CrossEntropy(), Mean())
        gradients.append(UnrolledAdjoint()(problem, DATA, EPISODES)[1])
    for name in ("inputs", "targets"):
        gap = (gradients[1][name] - gradients[0][name]).norm() / gradients[0][name].norm()
        assert 0 < float(gap) < 0.05


@pytest.mark.parametrize(
    ("layers", "shape", "side_by_side"),
    [
        ([nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)], (6,), True),
        ([nn.Flatten(), nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 2), nn.Sigmoid()], (1, 2, 3), True),
        # what is more than linear layers on vectors is left to torch
        ([nn.Linear(6, 2)], (4, 6), False),
        ([nn.Flatten(2), nn.Linear(6, 2)], (4, 2, 3), False),
        ([nn.Linear(6, 6), nn.Softmax(-1)], (6,), False),
        ([nn.Sequential(nn.Linear(6, 2))], (6,), False),
    ],
)
def test_perceptrons_side_by_side_answer_as_each_does_alone(
    layers: list[nn.Module], shape: tuple[int, ...], side_by_side: bool
) -> None:
    tied = nn.Linear(6, 6)
    assert not are_perceptrons(nn.Sequential(tied, tied), 1), "weights of a layer that comes twice are there once"
    network = nn.Sequential(*layers).double()
    assert are_perceptrons(network, len(shape)) == side_by_side
    model = NetworkModel(lambda: network)
    parameters = torch.randn((3, model.size), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inputs = torch.randn((3, 7, *shape), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for k, answer in enumerate(model.at(parameters, inputs)):
        nn.utils.vector_to_parameters(parameters[k], network.parameters())
        with torch.no_grad():
            torch.testing.assert_close(answer.detach(), network(inputs[k]))
            torch.testing.assert_close(model.outputs(parameters, inputs[0])[k], network(inputs[0]))


def test_networks_of_a_batch_do_not_mix() -> None:
    learner = Adam(NetworkModel(build), steps=4, dtype=torch.float64)
    three = learner.fit(DATA, EPISODES)(EPISODES.inputs)
    one = learner.fit(DATA, Queries(EPISODES.inputs[:1], EPISODES.targets[:1], EPISODES.seed))(EPISODES.inputs[:1])
    torch.testing.assert_close(three[:1], one)
    assert not torch.allclose(three[0], learner.fit(DATA, EPISODES)(EPISODES.inputs[[0, 0, 0]])[1])


def test_the_unrolled_gradient_equals_central_differences() -> None:
    problem = DistillationProblem(Adam(NetworkModel(build), steps=5, dtype=torch.float64), TASK, CrossEntropy(), Mean())
    (_, exact), (_, near) = (
        estimator(problem, DATA, EPISODES) for estimator in (UnrolledAdjoint(), CentralDifferences(1e-6))
    )
    for name in ("inputs", "targets"):
        torch.testing.assert_close(exact[name], near[name], rtol=1e-4, atol=1e-6)


def test_drawing_weights_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    model = NetworkModel(build)
    first, again, other = (model.draw(2, seed, INPUTS) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert model.size == first.shape[1] == 3 * 5 + 5 + 5 * 2 + 2


def test_weights_of_examples_count() -> None:
    model = NetworkModel(build)
    theta = model.draw(1, 0, INPUTS)
    weights = torch.tensor([2.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    doubled = {
        "inputs": INPUTS[[0, 0, 2, 3]],
        "targets": LABELS[[0, 0, 2, 3]],
        "weights": torch.ones(4, dtype=torch.float64),
    }
    weighted = {"inputs": INPUTS[:4], "targets": LABELS[:4], "weights": weights}
    torch.testing.assert_close(model.loss(doubled, theta), model.loss(weighted, theta))


def test_regression_learns_a_line() -> None:
    targets = INPUTS @ torch.tensor([[1.0], [2.0], [-1.0]], dtype=torch.float64)
    data = SyntheticData(
        {"inputs": INPUTS, "targets": targets}, {"inputs": Box((-5.0,), (5.0,)), "targets": Box((-9.0,), (9.0,))}
    )
    task = HeldOutPrediction(INPUTS, targets, queries=12)
    learner = Adam(NetworkModel(lambda: nn.Linear(3, 1), squared_error), steps=400, learning_rate=0.1, dtype=torch.float64)
    assert float(DistillationProblem(learner, task, RelativeL2(), Mean()).evaluate(data, task.everything(2))) < 1e-3


def test_losses_have_closed_forms() -> None:
    scores = torch.log(torch.tensor([[0.25, 0.75]], dtype=torch.float64))
    assert float(cross_entropy(scores, torch.tensor([[0.0, 1.0]]))) == pytest.approx(-torch.tensor(0.75).log().item())
    assert float(squared_error(torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 1.0]]))) == 2.0
    assert float(CrossEntropy()(scores[None], torch.tensor([[[0.0, 1.0]]]))) == pytest.approx(
        -torch.tensor(0.75).log().item()
    )
    assert float(ZeroOne()(torch.tensor([[[1.0, 2.0], [2.0, 1.0]]]), torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]))) == 0.5


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"BatchNorm1d keeps 'running_mean' beside its weights.*group, instance or layer"):
        NetworkModel(lambda: nn.BatchNorm1d(3))
    with pytest.raises(TypeError, match=r"build is a Linear, whose weights are drawn already: give a function that makes one"):
        NetworkModel(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="decay=-1 must not be negative"):
        NetworkModel(build, decay=-1)
    learner = Adam(NetworkModel(lambda: nn.Linear(3, 4)), steps=2)
    with pytest.raises(ValueError, match=r"Linear has outputs of shape \(4, 4\), expected \(4, 2\)"):
        learner.fit(DATA, EPISODES)
    short = DATA.with_fields({"targets": LABELS[:3]})
    with pytest.raises(ValueError, match=r"inputs \(4, 3\), targets \(3, 2\) and weights \(3,\) must be"):
        learner.fit(short, EPISODES)
    with pytest.raises(TypeError, match="labelled examples cannot be drawn anew"):
        Adam(NetworkModel(build), steps=1, fresh=True).fit(DATA, EPISODES)
    with pytest.raises(ValueError, match=r"the outputs of the model must be as many as the classes"):
        CrossEntropy()(torch.zeros(1, 2, 3), torch.zeros(1, 2, 2))


def test_labels_are_checked() -> None:
    with pytest.raises(
        ValueError, match=r"label 7 of example 1 is out of range: expected 0 to 2; number the classes from 0"
    ):
        one_hot(torch.tensor([0, 7]), 3)
    with pytest.raises(ValueError, match=r"expected integers \(N,\)"):
        one_hot(torch.zeros(3), 3)
    with pytest.raises(ValueError, match=r"targets have shape \(12,\), expected \(N, K\): turn labels"):
        HeldOutPrediction(INPUTS, torch.zeros(12))
