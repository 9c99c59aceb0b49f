"""The joint distance of several components: none swamps it, a mean and a constant are taken out, a single one is left alone."""

import math
from dataclasses import dataclass, replace

import deepxde as dde
import pytest
import torch

from pinndd import PDE, Dirichlet, families
from pinndd.distances import RelativeH1, RelativeL2, RelativeMaximum
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving.in_words import scale_in_words
from pinndd.pinn.solving.truth import answer_scale, boundary_episodes, typical_sizes
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.questions import Questions
from pinndd.pinn.tasks.scales import AnswerScale, component_errors
from pinndd.pinn.tasks.zero_shot import ZeroShot

DISTANCES = [RelativeL2(), RelativeH1(), RelativeMaximum()]
POINTS = torch.rand((50, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def declare(*factors, offset=0.0, mean=None, **changes):
    """A system whose components are multiples of ``left(y) (1 + x)``; the last one has an offset."""
    names = ("u", "v", "p")[: len(factors)]

    def residual(x, u):
        return [dde.grad.hessian(u, x, component=c, i=0, j=0) for c in range(len(factors))]

    def reference(values, points):
        field = values["left"](points[:, 1]) * (1 + points[:, 0])
        columns = [factor * field * (1 + 0.3 * k * points[:, 0]) for k, factor in enumerate(factors)]
        columns[-1] = columns[-1] + offset
        return torch.stack(columns, -1) if len(factors) > 1 else columns[0]

    settings = {
        "name": "stretched",
        "domain": dde.geometry.Rectangle([0, 0], [1, 1]),
        "residual": residual,
        "conditions": [Dirichlet("left", at={"x": 0}, values=families.Sine(modes=2, mean=mean))],
        "reference": reference,
        "outputs": names,
    }
    return PDE(**settings | changes)


def episodes_of(pde, count=4):
    ensemble = pde.ensemble()
    drawn = ensemble.sample(count, torch.Generator().manual_seed(0))
    return boundary_episodes(pde, ensemble, drawn, POINTS, derivatives=1)


@dataclass(frozen=True)
class Predicted:
    """A predictor that knows its answer."""

    fields: torch.Tensor

    def __call__(self, points, derivatives=0):
        return self.fields


def raw_truth(episodes):
    return torch.cat((episodes.truth, episodes.slope.transpose(-1, -2).flatten(-2)), -1)


def joint_error(episodes, prediction, distance):
    task = BoundaryGeneralisation(episodes, (0,))
    columns = prediction if distance.derivatives else prediction[..., : episodes.truth.shape[-1]]
    return distance(task.answer(Predicted(columns), episodes, distance.derivatives), task.truth(episodes, distance.derivatives))


def noisy(episodes, seed=3):
    """The truth with errors of a tenth of each column."""
    truth = raw_truth(episodes)
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return truth + 0.1 * noise * truth.abs().mean((0, 1))


def test_a_scalar_without_mean_is_compared_as_it_is():
    pde = load_pde("heat")
    assert answer_scale(pde, POINTS) is None
    assert scale_in_words(pde) == ""
    episodes = episodes_of(pde)
    task = BoundaryGeneralisation(episodes, (0,))
    assert task.truth(episodes, 0) is episodes.truth
    prediction = torch.ones_like(episodes.truth)
    assert task.answer(Predicted(prediction), episodes, 0) is prediction


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_unit_of_a_component_does_not_matter(distance):
    """A pressure in pascals, 1e5 times larger than in bars, gives the same joint error."""
    bar, pascal = declare(1.0, 0.3, 1.0), declare(1.0, 0.3, 1e5)
    episodes = episodes_of(bar)
    prediction = noisy(episodes)
    factors = torch.tensor([1.0, 1.0, 1e5], dtype=torch.float64).repeat(3)
    other = joint_error(episodes_of(pascal), prediction * factors, distance)
    torch.testing.assert_close(other, joint_error(episodes, prediction, distance), rtol=1e-9, atol=0)


def test_every_component_counts():
    """The joint error is that of the fields divided by their sizes, in closed form."""
    pde = declare(1.0, 1e-3)
    episodes = episodes_of(pde)
    sizes = typical_sizes(pde)
    error = joint_error(episodes, episodes.truth * torch.tensor([1.0, 1.1], dtype=torch.float64), RelativeL2())
    u, v = (episodes.truth / sizes).unbind(-1)
    expected = 0.1 * v.norm(dim=1) / torch.sqrt(u.norm(dim=1) ** 2 + v.norm(dim=1) ** 2)
    torch.testing.assert_close(error, expected)
    assert float(error.min()) > 0.03


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("names", [("p",), ("v", "p")])
def test_a_constant_changes_no_error_of_a_component_known_up_to_one(distance, names):
    pde = declare(1.0, 0.3, 2.0, offset=30.0, up_to_constant=names)
    episodes = episodes_of(pde)
    prediction = noisy(episodes)
    constants = torch.zeros(9, dtype=torch.float64)
    for k, name in enumerate(pde.components):
        constants[k] = 17.0 if name in names else 0.0
    moved = joint_error(episodes, prediction + constants, distance)
    torch.testing.assert_close(moved, joint_error(episodes, prediction, distance), rtol=1e-9, atol=0)
    # neither does one in the reference
    other = episodes_of(replace(declare(1.0, 0.3, 2.0), up_to_constant=names))
    torch.testing.assert_close(joint_error(other, prediction, distance), moved, rtol=1e-9, atol=0)
    elsewhere = torch.zeros(9, dtype=torch.float64)
    elsewhere[0] = 17.0
    assert float((joint_error(episodes, prediction + elsewhere, distance) - moved).abs().min()) > 1e-3


def test_a_single_component_may_be_known_up_to_a_constant():
    pde = declare(2.0, up_to_constant=("u",))
    episodes = episodes_of(pde)
    error = joint_error(episodes, 1.2 * episodes.truth + 5.0, RelativeL2())
    torch.testing.assert_close(error, torch.full_like(error, 0.2))


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("factors", [(1.0,), (1.0, 1e4)])
def test_with_a_mean_errors_are_relative_to_the_deviation_from_it(distance, factors):
    """Ten percent of the deviation from 300 are an error of ten percent, and not of a few in a thousand."""
    pde = declare(*factors, mean=300.0)
    episodes = episodes_of(pde)
    rest = answer_scale(pde, POINTS, 1).rest
    closed = torch.stack([300 * f * (1 + POINTS[:, 0]) * (1 + 0.3 * k * POINTS[:, 0]) for k, f in enumerate(factors)], -1)
    torch.testing.assert_close(rest[:, : len(factors)], closed)
    truth = raw_truth(episodes)
    error = joint_error(episodes, truth + 0.1 * (truth - rest), distance)
    torch.testing.assert_close(error, torch.full_like(error, 0.1), rtol=1e-6, atol=0)
    assert "relative to the deviation from the solution for the mean conditions" in scale_in_words(pde)


def test_gradients_flow_through_the_scale():
    pde = declare(1.0, 1e5, offset=3.0, mean=2.0, up_to_constant=("v",))
    episodes = episodes_of(pde, 2)
    prediction = noisy(episodes).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda fields: joint_error(episodes, fields * torch.tensor([1.0, 1e5], dtype=torch.float64).repeat(3), RelativeH1()),
        (prediction.detach() / torch.tensor([1.0, 1e5], dtype=torch.float64).repeat(3)).requires_grad_(),
    )


def test_typical_sizes_are_root_mean_squares_and_the_same_every_time():
    pde = declare(2.0, 2e-7)
    first = typical_sizes(pde)
    assert torch.equal(typical_sizes(declare(2.0, 2e-7)), first)
    ensemble = pde.ensemble()
    many = boundary_episodes(pde, ensemble, ensemble.sample(4000, torch.Generator().manual_seed(9)), POINTS).truth
    assert (first / many.square().mean((0, 1)).sqrt()).log().abs().max() < math.log(1.6)


def test_a_component_that_does_not_vary_has_the_size_of_the_largest():
    assert torch.equal(typical_sizes(declare(3.0, 0.0)), typical_sizes(declare(3.0, 0.0))[:1].expand(2))
    with pytest.raises(ValueError, match="PDE 'stretched': the true solution is the same for the whole training family"):
        typical_sizes(declare(0.0, 0.0))


def test_questions_are_compared_in_the_same_units():
    pde = declare(1.0, 50.0, mean=1.0)
    episodes = episodes_of(pde)
    questions = Questions(episodes.values.coefficients, POINTS, episodes.truth, 0, answer_scale(pde, POINTS))
    chosen = torch.tensor([4, 0, 31])
    few = questions.select(torch.tensor([2]), chosen)
    task = ZeroShot(few, (0,))
    whole = episodes.compared(episodes.truth)
    torch.testing.assert_close(task.truth(few, 0), whole[2:3, chosen])
    answer = task.answer(lambda points, codes, derivatives: few.truth, few, 0)
    torch.testing.assert_close(answer, task.truth(few, 0))
    single = questions.to("cpu", torch.float32)
    assert single.compared(single.truth).dtype == torch.float32


def test_errors_of_components_are_those_of_each_alone():
    pde = declare(1.0, 1e5)
    episodes = episodes_of(pde)
    truth = episodes.compared(raw_truth(episodes))
    factors = torch.tensor([1.1, 1.4], dtype=torch.float64).repeat(3)
    errors = component_errors(pde.components, RelativeH1(), truth * factors, truth)
    torch.testing.assert_close(errors["u"], torch.full((4,), 0.1, dtype=torch.float64))
    torch.testing.assert_close(errors["v"], torch.full((4,), 0.4, dtype=torch.float64))


def test_a_component_that_is_zero_has_no_relative_error():
    truth = torch.ones((2, 5, 2))
    truth[1, :, 1] = 1e-16
    errors = component_errors(("u", "v"), RelativeL2(), 2 * truth, truth)
    assert errors["u"].tolist() == [1.0, 1.0]
    assert errors["v"][0] == 1.0
    assert errors["v"][1].isnan()


def test_pictures_put_a_free_component_at_the_mean_of_the_truth():
    scale = AnswerScale(torch.ones(2, dtype=torch.float64), torch.tensor([False, True]))
    truth = torch.tensor([[1.0, 4.0], [3.0, 8.0]], dtype=torch.float64)
    aligned = scale.aligned(truth + 100.0, truth)
    assert torch.equal(aligned, truth + torch.tensor([100.0, 0.0], dtype=torch.float64))


def test_what_is_said_of_a_system():
    pde = declare(1.0, 3.0, up_to_constant=("v",), units={"v": "Pa"})
    u, v = typical_sizes(pde).tolist()
    assert scale_in_words(pde) == (
        "The error is that of all components together, each divided by its typical size in the training family: "
        f"u {u:.2g}, v {v:.2g} Pa. v is judged up to a constant."
    )
    assert scale_in_words(replace(pde, up_to_constant=("u", "v"))).endswith("u and v are judged up to a constant.")
