"""What runs on a GPU gives what it gives on a CPU, up to rounding."""

import warnings
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from pinndd.distances import RelativeL2
from pinndd.hypergradients import fitting
from pinndd.learners.adam import Adam
from pinndd.learners.cuda_graphs import CaptureError, capture_function
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.loading import load_pde, load_subject
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.problem import DistillationProblem
from pinndd.risks import GeometricMean
from pinndd.stated.teachers import TeacherLabels
from pinndd.study.classification import evaluate
from pinndd.study.classification.baselines import k_means
from pinndd.study.classification.distilling import ClassificationSettings, distill_examples
from pinndd.study.classification.experiment import compare
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.stated.engine import StatedSettings, run_stated
from pinndd.vision.augmentation import DIGIT_STRATEGIES, DifferentiableAugmentation
from pinndd.vision.datasets import from_arrays, load_dataset
from pinndd.vision.ranking import ranking_task
from pinndd.vision.search_space import small_networks
from pinndd.vision.stating import image_task

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DEVICES = ("cpu", "cuda")
MLP = EvaluationProtocol("MLP", {"hidden": (16,)}, steps=30, retrainings=2)


@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_networks_of_collocation_points(name):
    errors = []
    for device in DEVICES:
        settings = StudySettings(seeds=1, effort=0.05, device=device)
        bench = protocol_named("retrain").open(load_pde(name), RetrainSettings(25, 18), settings).benches(0)[0]
        errors.append(bench.error(bench.sampled("hammersley", RetrainSettings(25, 18), 0), bench.conditions.plain[:4]))
    assert errors[1] == pytest.approx(errors[0], rel=1e-4)


def test_networks_of_images():
    digits = load_dataset("digits")
    cpu, gpu = (
        evaluate(k_means(digits, 1), digits, protocol=MLP.on(digits), device=device)["accuracy"] for device in DEVICES
    )
    assert gpu.tolist() == pytest.approx(cpu.tolist(), abs=0.02)


@pytest.mark.parametrize("method", ["unrolled", "gradient-matching"])
def test_a_distilled_set(method):
    digits = load_dataset("digits")
    settings = ClassificationSettings(method=method, steps=3, episodes=2, batch=8, judges=2, validate_every=1)
    sets = [distill_examples(digits, MLP, settings, device=device).data["inputs"].cpu() for device in DEVICES]
    assert float((sets[1] - sets[0]).norm() / sets[0].norm()) < 0.01


def test_labels_of_teachers():
    digits = load_dataset("digits")
    settings = ClassificationSettings(
        method="distribution-matching", steps=2, batch=8, judges=1, validate_every=1, teacher_labels=TeacherLabels(2.0, 0.5)
    )
    found = compare(
        digits,
        MLP.on(digits),
        settings,
        baselines=("random + teacher labels",),
        ceiling=False,
        device="cuda",
    )
    assert found.mean("distilled") > found.mean("random + teacher labels")


@pytest.mark.parametrize("apply", ["one", "all"])
def test_augmentation(apply):
    digits = load_dataset("digits").test_inputs
    augment = DifferentiableAugmentation(DIGIT_STRATEGIES, apply=apply, fill=-1.0)
    for seed in range(8):
        for way in (augment, augment.each):
            torch.testing.assert_close(way(digits.to("cuda"), seed).cpu(), way(digits, seed), atol=1e-4, rtol=1e-4)


def test_mixed_precision_learns_as_well():
    digits = load_dataset("digits").to("cuda")
    plain, mixed = (
        evaluate(k_means(digits, 1), digits, protocol=replace(MLP, mixed=mixed).on(digits), device="cuda")["accuracy"]
        for mixed in (False, True)
    )
    assert abs((plain - mixed).mean()) < 0.03


@contextmanager
def waiting():
    """Collect where the processor waits for the GPU."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield heard
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("kind", ["Adam", "Levenberg-Marquardt"])
def test_training_waits_for_the_gpu_as_often_as_it_must(kind, setting):
    pde, data, episodes = setting("burgers", 4, 16, 8)
    data, episodes = data.to("cuda"), episodes.to("cuda")

    def waits(steps):
        model = MLPModel(pde, hidden=(8,))
        marquardt = LevenbergMarquardt(model, iterations=steps, tolerance=0.0, attempts=1)
        learner = Adam(model, steps=steps) if kind == "Adam" else marquardt
        learner.fit(data, episodes)  # what is computed once is at hand
        with waiting() as heard:
            learner.fit(data, episodes)
        return len(heard)

    more = waits(6) - waits(2)
    assert more == 0 if kind == "Adam" else more <= 3 * 4


@pytest.mark.parametrize("kind", ["Gauss-Newton", "Levenberg-Marquardt"])
def test_cuda_graphs_train_as_steps_do_and_wait_no_oftener(kind, setting):
    pde, data, episodes = setting("burgers", 6, 16, 8)
    data, episodes = data.to("cuda"), episodes.to("cuda")

    def trained(graphs):
        if kind == "Gauss-Newton":
            learner = GaussNewton(FeatureModel(pde, width=60, scale=1.0), 1e-4, iterations=40, cuda_graphs=graphs)
        else:
            learner = LevenbergMarquardt(MLPModel(pde, hidden=(8, 8)), cuda_graphs=graphs)
        learner.fit(data, episodes)  # what is recorded once is at hand
        with waiting() as heard:
            fitted = learner.fit(data, episodes)
        return fitted.weights if kind == "Gauss-Newton" else fitted.parameters, len(heard)

    (expected, most), (found, waits) = trained(False), trained(True)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    assert waits <= most


def test_a_step_that_asks_for_a_value_is_no_cuda_graph():
    with pytest.raises(CaptureError, match="a step of training cannot be captured"):
        capture_function(lambda x: (x * float(x.sum()),), (torch.ones(3, device="cuda"),))


@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_gradients(name, setting):
    pde, data, episodes = setting(name, 4, 16, 8)
    features = FeatureModel(pde, width=24, scale=1.0)
    learner = Ridge(features, 1e-4) if name == "heat" else GaussNewton(features, 1e-3)
    found = []
    for device in DEVICES:
        task = BoundaryGeneralisation(episodes.to(device), [0])
        problem = DistillationProblem(learner, task, RelativeL2(), GeometricMean())
        drawn = task.episodes(4, torch.Generator().manual_seed(0))
        found.append(fitting(learner)(problem, data.to(device), drawn)[1])
    for field, slope in found[0].items():
        torch.testing.assert_close(found[1][field].cpu(), slope, rtol=1e-5, atol=1e-8)


def test_matrix_products_are_of_full_precision():
    a, b = (torch.randn((256, 256), generator=torch.Generator().manual_seed(k)) for k in range(2))
    exact = a.double() @ b.double()
    found = (a.to("cuda") @ b.to("cuda")).cpu().double()
    assert float((found - exact).norm() / exact.norm()) < 1e-6  # 5e-4 with TF32


@pytest.mark.parametrize(("network", "per_class"), [("mlp-16", 1), ("convnet-2x8", 1), ("convnet-2x8", 5)])
def test_a_study_of_images(network, per_class):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 2
    images = torch.rand((60, 1, 8, 8), generator=generator) / 2
    images[labels == 1, :, :4] += 0.5
    task = image_task(from_arrays(images, labels), "halves", per_class=per_class, network=network)
    short = replace(task.outer, steps=6, validate_every=3)
    outcome = run_stated(replace(task, outer=short), StatedSettings(seeds=1, device="cuda"))
    assert outcome.data[0]["inputs"].is_cuda
    assert set(outcome.results["method"]) == {"distilled", "dense", "random", "k-means", "k-medoids", "herding"}
    assert bool(outcome.results["error"].between(0, 1).all())


def test_a_stream_of_classes():
    found = run_stated(replace(load_subject("digits_continual"), subsets=1), StatedSettings(seeds=1, device="cuda"))
    distilled = found.results[found.results["method"] == "distilled"]
    assert distilled["error"].mean() < 0.1


def test_a_search_of_architectures():
    task = ranking_task(load_dataset("digits"), "few", small_networks((1, 8, 8), 10)[::12], full_steps=40, subsets=1)
    found = run_stated(task, StatedSettings(seeds=1, device="cuda"))
    assert bool(found.results["error"].between(0, 1).all())
