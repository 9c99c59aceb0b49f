"""What runs on a GPU gives what it gives on a CPU, up to rounding."""

from dataclasses import replace

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.study.classification import evaluate
from pinndd.study.classification.baselines import k_means
from pinndd.study.classification.distilling import ClassificationSettings, distill_examples
from pinndd.study.classification.experiment import compare
from pinndd.study.classification.labels import TeacherLabels
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.vision.augmentation import DIGIT_STRATEGIES, DifferentiableAugmentation
from pinndd.vision.datasets import load_dataset

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


def test_a_stream_of_classes(example):
    runs = example("continual").main(seeds=1, device="cuda")
    assert all(run.accuracy[-1] > 0.7 for run in runs)
