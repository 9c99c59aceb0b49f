"""Time of one training step of ConvNet-3 on images of 28 x 28: in single precision, in mixed precision, and with channels last.

The variants take turns, so that a busy machine slows all of them alike; what is reported is the processor time of a step on one
thread, the median over the rounds, and how many times as fast as single precision it is.

    python benchmarks/network_step.py    # a minute; writes benchmarks/results/network_step.json
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pinndd.data import SyntheticData
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.storage.writing import write_json
from pinndd.study.classification.dataset import labelled
from pinndd.study.classification.training import Draw
from pinndd.study.results.run_config import hardware, versions
from pinndd.vision.networks import ConvNet

RESULT = Path(__file__).parent / "results" / "network_step.json"
WIDTHS, EXAMPLES, ROUNDS = (32, 128), (10, 256), 7
PLAIN, MIXED, LAST = "single precision", "mixed precision", "channels last"


def step(width: int, data: SyntheticData, *, mixed: bool = False, last: bool = False) -> Callable[[], object]:
    """Return what takes one step of Adam on all examples."""
    learner = Adam(NetworkModel(ConvNet((1, 28, 28), 10, width), mixed=mixed))
    prepared = learner.prepare(data, Draw(0))
    if last:
        prepared["inputs"] = prepared["inputs"].contiguous(memory_format=torch.channels_last)
    state = learner.start(prepared, Draw(0))

    @torch.no_grad()
    def take() -> object:
        return learner.advance(state, prepared, 0)

    return take


def seconds(take: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    started = time.process_time()
    take()
    return time.process_time() - started


def measure(width: int, examples: int) -> dict[str, float]:
    """Return the median milliseconds of a step, by variant."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((examples, 1, 28, 28), generator=generator)
    data = labelled(inputs, torch.arange(examples) % 10, 10)
    variants = {PLAIN: step(width, data), MIXED: step(width, data, mixed=True), LAST: step(width, data, last=True)}
    rounds = [{name: seconds(take) for name, take in variants.items()} for _ in range(ROUNDS + 1)]
    # the first round chooses the kernels
    return {name: 1e3 * statistics.median(each[name] for each in rounds[1:]) for name in variants}


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = []
    print(f"| width | examples | {PLAIN}, ms | {MIXED}, times as fast | {LAST}, times as fast |\n|---|---|---|---|---|")
    for width in WIDTHS:
        for examples in EXAMPLES:
            found = measure(width, examples)
            rows.append({"width": width, "examples": examples, **{name: round(value, 2) for name, value in found.items()}})
            ratios = " | ".join(f"{found[PLAIN] / found[name]:.2f}" for name in (MIXED, LAST))
            print(f"| {width} | {examples} | {found[PLAIN]:.1f} | {ratios} |", flush=True)
    write_json(RESULT, {"unit": "ms of processor time a step", "rows": rows, "versions": versions(), "hardware": hardware("cpu")})
