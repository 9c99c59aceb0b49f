"""What a GPU does per second, beside one core of the processor of the same machine: in under eight minutes, by one command.

    python benchmarks/gpu.py                 # needs a CUDA device; without one it says so, writes nothing and ends with 1
    python benchmarks/gpu.py --data FOLDER   # with MNIST from a folder; otherwise images of its shape are drawn

Measured are steps of Adam and networks by Levenberg-Marquardt, ridge and Gauss-Newton fits, those by Levenberg-Marquardt and
Gauss-Newton with and without CUDA graphs, outer steps on heat and Burgers, and outer steps on one image per class of MNIST. Each
runs for some seconds on either device after one run that is not counted; the processor gets smaller batches where a large one would
take minutes, and rates are per network or per step. The result, with the name of the card, goes to benchmarks/results/gpu.json,
from which `python benchmarks/scaling.py page` prints it in docs/scaling.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import scaling  # before torch: one thread
import torch

from pinndd.hypergradients import fitting
from pinndd.learners.adam import Adam
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.storage.writing import write_json
from pinndd.study.classification.distilling import ClassificationSettings, distill_examples
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.results.run_config import hardware, versions
from pinndd.vision.datasets import Dataset, load_dataset

RESULT = Path(__file__).resolve().parent / "results" / "gpu.json"
POINTS = 64
ADAM_STEPS = 50
SECONDS = 12.0
"""That a measurement runs on either device, at least one round."""


@dataclass(frozen=True)
class Measurement:
    """Something that is done again and again.

    Attributes:
        unit: what is counted.
        batch: of the GPU.
        on_processor: batch of the processor.
        prepared: returns a function that does it once, for a device and a batch, and the units that it does.
    """

    unit: str
    batch: int
    on_processor: int
    prepared: Callable[[str, int], tuple[Callable[[], object], float]]


def fits(name: str, *, graphs: bool = False) -> Callable[[str, int], tuple[Callable[[], object], float]]:
    """Return what fits models on random features for a batch of conditions; on a GPU perhaps by CUDA graphs."""

    def prepared(device: str, batch: int) -> tuple[Callable[[], object], float]:
        problem, data, episodes = scaling.problem_of(name, POINTS, batch, 256)
        far, far_episodes = data.to(device), episodes.to(device)
        learner: Any = problem.learner
        if graphs and on_gpu(device):
            learner = replace(learner, cuda_graphs=True)
        return lambda: learner.fit(far, far_episodes), batch

    return prepared


def outer_steps(name: str) -> Callable[[str, int], tuple[Callable[[], object], float]]:
    """Return what takes a risk and its gradient, which is an outer step but for a sum of a few hundred numbers."""

    def prepared(device: str, batch: int) -> tuple[Callable[[], object], float]:
        problem, data, episodes = scaling.problem_of(name, POINTS, batch, 256)
        far, pool = data.to(device), episodes.to(device)
        task = BoundaryGeneralisation(pool, [0])
        estimator, here = fitting(problem.learner), replace(problem, task=task)
        return lambda: estimator(here, far, task.episodes(batch, torch.Generator().manual_seed(0))), 1

    return prepared


def networks(steps: int, *, graphs: bool = False) -> Callable[[str, int], tuple[Callable[[], object], float]]:
    """Return what trains networks on Burgers: so many steps of Adam, or until they are done where that is 0; perhaps by graphs."""

    def prepared(device: str, batch: int) -> tuple[Callable[[], object], float]:
        problem, data, episodes = scaling.problem_of("gauss-newton", POINTS, batch, 8)
        model = MLPModel(problem.learner.model.pde)
        learner: Any = Adam(model, steps=steps) if steps else LevenbergMarquardt(model, cuda_graphs=graphs and on_gpu(device))
        far, pool = data.to(device), episodes.to(device)

        def run() -> object:
            with torch.no_grad():
                return learner.fit(far, pool)

        return run, batch * (steps or 1)

    return prepared


def images(folder: Path | None) -> Callable[[str, int], tuple[Callable[[], object], float]]:
    """Return what distils one image per class; without a folder of MNIST, from drawn images of its shape."""

    def prepared(device: str, steps: int) -> tuple[Callable[[], object], float]:
        dataset = drawn_digits() if folder is None else load_dataset("mnist", folder=folder)
        protocol = EvaluationProtocol("ConvNet", {"width": 32}, steps=20)
        settings = ClassificationSettings(
            method="gradient-matching", start="random", steps=steps, episodes=1, batch=64,
            judges=1, judged_on=180, validate_every=steps,
        )  # fmt: skip
        return lambda: distill_examples(dataset, protocol, settings, device=device), steps

    return prepared


def drawn_digits() -> Dataset:
    """Draw images of the shape of MNIST: noise about a mean for each class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2000) % 10
    means = torch.randn((10, 1, 28, 28), generator=generator)
    scale = torch.zeros((1, 1, 1)), torch.ones((1, 1, 1))
    inputs = means[labels] + torch.randn((2000, 1, 28, 28), generator=generator)
    return Dataset("drawn", inputs[:1800], labels[:1800], inputs[1800:], labels[1800:], tuple("0123456789"), *scale)


def measurements(folder: Path | None) -> Mapping[str, Measurement]:
    """Return all of them by name."""
    pictures = f"one image per class, {'MNIST' if folder else 'drawn images of its shape'}"
    return {
        "MLP, Adam": Measurement("steps of a network", 512, 64, networks(ADAM_STEPS)),
        "mlp-lm": Measurement("networks", 512, 16, networks(0)),
        "mlp-lm, CUDA graphs": Measurement("networks", 512, 16, networks(0, graphs=True)),
        "ridge": Measurement("conditions", 4096, 4096, fits("ridge")),
        "Gauss-Newton": Measurement("conditions", 512, 64, fits("gauss-newton")),
        "Gauss-Newton, CUDA graphs": Measurement("conditions", 512, 64, fits("gauss-newton", graphs=True)),
        "distilling heat": Measurement("outer steps", 64, 64, outer_steps("ridge")),
        "distilling Burgers": Measurement("outer steps", 64, 64, outer_steps("gauss-newton")),
        pictures: Measurement("outer steps", 40, 5, images(folder)),
    }


def rate(measurement: Measurement, device: str, batch: int, seconds: float) -> float:
    """Return units per second."""
    run, units = measurement.prepared(device, batch)
    run()
    wait(device)
    began, rounds = time.perf_counter(), 0
    while not rounds or time.perf_counter() - began < seconds:
        run()
        wait(device)
        rounds += 1
    return rounds * units / (time.perf_counter() - began)


def wait(device: str) -> None:
    """Wait until the device has done all that it was asked for."""
    if on_gpu(device):
        torch.cuda.synchronize()


def on_gpu(device: str) -> bool:
    """Whether a device is one that CUDA graphs run on."""
    return device.startswith("cuda")


def measured(devices: tuple[str, str], folder: Path | None = None, seconds: float = SECONDS, most: int = 10**6) -> dict[str, Any]:
    """Measure everything.

    Args:
        devices: the GPU and the processor.
        folder: of MNIST.
        seconds: of each.
        most: networks, conditions and steps of a batch.
    """
    found = {}
    torch.set_num_threads(1)
    for name, each in measurements(folder).items():
        gpu, cpu = (
            rate(each, device, min(batch, most), seconds)
            for device, batch in zip(devices, (each.batch, each.on_processor), strict=True)
        )
        found[name] = {"unit": each.unit, "gpu": gpu, "cpu": cpu, "batch": min(each.batch, most)}
        print(f"{name}: {gpu:.3g} {each.unit} per second, {gpu / cpu:.3g} times one core", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with the four files of MNIST")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        print("benchmarks/gpu.py: there is no CUDA device here, so nothing is measured or written", file=sys.stderr)
        raise SystemExit(1)
    began = time.perf_counter()
    found = measured(("cuda", "cpu"), asked.data)
    took = time.perf_counter() - began
    write_json(RESULT, {"measured": found, "seconds": took, "hardware": hardware("cuda"), "versions": versions()})
    print(json.dumps(hardware("cuda")))


if __name__ == "__main__":
    main()
