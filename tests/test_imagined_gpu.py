"""The hot paths on a device that is not there, as a GPU is where these tests usually run.

Tensors on torch's device ``meta`` have a shape and no values. Here what takes tensors of two devices ends in an error, and what asks
for a value is counted: so a path that is traced leaves nothing behind on the processor, and waits for a GPU as often as is said.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.held_out import HeldOutPrediction
from pinndd.hypergradients import fitting
from pinndd.learners import adam, cuda_graphs
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt, _Batch
from pinndd.learners.minibatch import MinibatchAdam
from pinndd.learners.network import NetworkModel
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import DistillationProblem
from pinndd.risks import GeometricMean
from pinndd.vision.augmentation import DIGIT_STRATEGIES, DifferentiableAugmentation
from pinndd.vision.networks import MLP, ConvNet

THERE = torch.device("meta")
LINEAR, NONLINEAR = ["heat", "beam", "elasticity", "laplace_disk"], ["burgers", "kdv", "cavity"]
COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}


class MixedDevicesError(RuntimeError):
    """An operation has met tensors of two devices."""


class OneDevice(TorchDispatchMode):
    """Refuse operations on tensors of two devices, but for copies and single numbers, and count how often a value is asked for.

    The answer is always no, or zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        devices = {tensor.device.type for tensor in tensors if tensor.ndim or tensor.device == THERE}
        if len(devices) > 1 and func not in COPIES:
            raise MixedDevicesError(f"{func} of {', '.join(f'{tuple(t.shape)} on {t.device}' for t in tensors)}")
        if func is torch.ops.aten._local_scalar_dense.default and devices == {THERE.type}:
            self.asked += 1
            return tensors[0].dtype.is_floating_point * 0.0 if tensors[0].dtype != torch.bool else False
        return func(*args, **(kwargs or {}))


class Setting(NamedTuple):
    """A PDE, a design and four conditions."""

    pde: PDE
    data: SyntheticData
    episodes: BoundaryEpisodes
    watched: OneDevice


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[OneDevice]:
    """Watch the devices; sets are not checked, which asks for values once per step of an outer loop."""
    monkeypatch.setattr(SyntheticData, "__post_init__", lambda self: None)
    # which the other imagined device, of the same name, may have left in this process
    adam._rates.cache_clear()
    with OneDevice() as watched:
        yield watched
    adam._rates.cache_clear()


@pytest.fixture
def there(watched: OneDevice) -> Callable[[str], Setting]:
    """Build a setting on the device by the name of its PDE."""

    def build(name: str) -> Setting:
        pde = load_pde(name)
        data = collocation_data(pde, *sample_points(pde, "sobol", 12, 12, 0))
        values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(4, torch.Generator().manual_seed(0)))
        asked = pde.box.scale(torch.full((10, pde.box.dimension), 0.5, dtype=torch.float64))
        truth = torch.ones((4, 10, pde.output_count), dtype=torch.float64)
        return Setting(pde, data.to(THERE), BoundaryEpisodes(values, asked, truth, 0).to(THERE), watched)

    return build


def asked_by_the_gradient(learner: Any, setting: Setting) -> int:
    """Return how many values the hypergradient asks for."""
    problem = DistillationProblem(learner, BoundaryGeneralisation(setting.episodes, [0]), RelativeL2(), GeometricMean())
    before = setting.watched.asked
    _, gradient = fitting(learner)(problem, setting.data, setting.episodes)
    assert {each.device for each in gradient.values()} == {THERE}
    return setting.watched.asked - before


@pytest.mark.parametrize("name", LINEAR)
def test_ridge_and_its_gradient(name: str, there: Callable[[str], Setting]) -> None:
    setting = there(name)
    learner = Ridge(FeatureModel(setting.pde, width=12, scale=1.0), 1e-4)
    assert learner.fit(setting.data, setting.episodes).weights.device == THERE
    assert setting.watched.asked == 0
    assert asked_by_the_gradient(learner, setting) == 1  # whether the truth is zero


@pytest.mark.parametrize("width", [4, 60], ids=["primal", "dual"])
@pytest.mark.parametrize("name", NONLINEAR)
def test_a_step_of_gauss_newton_and_its_halvings(
    name: str, width: int, there: Callable[[str], Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting, seen = there(name), []

    def record(function: Any, tensors: Any) -> Any:
        def run(*tensors: Tensor) -> tuple[Tensor, ...]:
            seen.append(function.__name__)
            return tuple(function(*tensors))

        return run

    monkeypatch.setattr(cuda_graphs, "capture_function", record)
    learner = GaussNewton(FeatureModel(setting.pde, width=width, scale=1.0), 1e-4, cuda_graphs=True)
    prepared = learner.prepare(setting.data, setting.episodes)
    here = learner._at(prepared, learner.model.resting(prepared))
    # what the loop asks after a step: whether the matrices were positive, and whether no step is to be halved
    monkeypatch.setattr(Tensor, "tolist", lambda self: [True, False])
    replayed = learner._replayed(prepared, here)
    assert replayed is not None
    point, moved, promised = replayed
    assert seen == ["whole", "halved"]
    assert {point.theta.device, point.loss.device, moved.device, promised().device} == {THERE}
    assert setting.watched.asked == 0


@pytest.mark.parametrize("name", [*LINEAR, *NONLINEAR])
def test_a_trial_of_levenberg_marquardt_and_the_gradient_after_it(
    name: str, there: Callable[[str], Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = there(name)
    learner = LevenbergMarquardt(MLPModel(setting.pde, (16, 16)))
    prepared, theta = learner.prepare(setting.data, setting.episodes), learner.initial(setting.data, setting.episodes)
    batch = _Batch(learner, prepared, theta, torch.arange(4, device=THERE))
    assert {batch.attempt().device, batch.finite().device, batch.theta.device} == {THERE}
    assert setting.watched.asked == 0
    monkeypatch.setattr(LevenbergMarquardt, "train", lambda self, prepared, theta, iterations=None: theta)
    assert asked_by_the_gradient(learner, setting) == 2  # and whether a matrix is positive


@pytest.mark.parametrize("name", [*LINEAR, *NONLINEAR])
def test_steps_of_adam_and_the_gradient_through_them(name: str, there: Callable[[str], Setting]) -> None:
    setting = there(name)
    learner = Adam(MLPModel(setting.pde, (8, 8)), steps=2)
    assert learner.fit(setting.data, setting.episodes).parameters.device == THERE
    assert setting.watched.asked == 0
    assert asked_by_the_gradient(learner, setting) == 1


def test_what_is_left_on_the_processor_and_what_asks_for_values_is_found() -> None:
    here, there = torch.ones((3, 3)), torch.ones((3, 3), device=THERE)
    with OneDevice() as watched:
        for operation in (torch.matmul, torch.add, torch.linalg.solve):
            with pytest.raises(MixedDevicesError, match=r"\(3, 3\) on cpu"):
                operation(there, here)
        assert not bool(there.any())
        assert watched.asked == 1
        assert (there * torch.tensor(2.0) + here.to(THERE)).device == THERE


@pytest.mark.parametrize("batch", [None, 4])
@pytest.mark.parametrize("network", [MLP(2, 3, hidden=(5,)), ConvNet((1, 8, 8), 3, width=4, depth=2)], ids=["MLP", "ConvNet"])
def test_networks_of_images_with_batches_and_augmentation(
    network: Any, batch: int | None, watched: OneDevice
) -> None:
    shape = (2,) if isinstance(network, MLP) else (1, 8, 8)
    inputs, targets = torch.ones((12, *shape)), torch.eye(3)[torch.arange(12) % 3]
    data = SyntheticData({"inputs": inputs, "targets": targets}, {"inputs": Fixed(), "targets": Fixed()}).to(THERE)
    episodes = HeldOutPrediction(data["inputs"], data["targets"], 4).blocks(2)
    augment = None if isinstance(network, MLP) else DifferentiableAugmentation(DIGIT_STRATEGIES, fill=-1.0).each
    with torch.no_grad():
        fitted = MinibatchAdam(NetworkModel(network), steps=5, batch=batch, augmentation=augment).fit(data, episodes)
    assert fitted(episodes.inputs).device == THERE
    assert watched.asked == 0
