"""Learn ten digits two at a time, keeping ten images of each, and compare what is kept.

    python examples/continual.py
    python examples/continual.py --dataset mnist --seeds 3

Classes come in five steps, in an order drawn for each seed. A memory sees the training images of the two new classes, keeps ten of
each, and never sees an older image again. After each step three MLPs of 128 hidden units are trained from scratch on the
memory alone (--replay: on the new images as well), and tested on all classes seen so far. Random, herded and clustered memories
stand beside a distilled one, whose images move until random networks see the mean of all images of their class.

On scikit-learn's digits the distilled memory is above each of the others after the last step, and at least 3 points above herding.
Prints the table, and writes it with versions and seeds to --results and the plot to --out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pinndd.devices import require_device
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.storage.writing import write_json
from pinndd.study.classification.continual import ContinualProtocol, Trace, run_memories, table
from pinndd.study.classification.devices import settled
from pinndd.study.classification.memories import MEMORIES, DistilledMemory
from pinndd.study.plots.continual import draw_continual
from pinndd.study.plots.style import save_figure
from pinndd.study.results.run_config import versions
from pinndd.vision.datasets import load_dataset
from pinndd.vision.networks import MLP

RATES = {"digits": 0.01}
"""Learning rates of the training, chosen on k-means among training images; 0.003 for larger images."""


def main(
    dataset: str = "digits",
    seeds: int = 5,
    *,
    k: int = 10,
    replay: bool = False,
    device: str = "auto",
    after_seed: Callable[[list[Trace]], None] | None = None,
) -> list[Trace]:
    """Run every memory on as many streams as there are seeds; ``after_seed`` is given all runs so far."""
    traces: list[Trace] = []
    for seed in range(seeds):
        # the digits are split anew for each seed; published sets have a test part of their own
        data = load_dataset(dataset, seed=seed)
        model = NetworkModel(MLP(data.train_inputs[0].numel(), len(data.classes)))
        data = data.to(settled(device, model, networks=1, examples=k * len(data.classes)))
        learner = Adam(model, steps=100, learning_rate=RATES.get(dataset, 0.003))
        protocol = ContinualProtocol(learner, k=k, replay=replay)
        traces += run_memories(data, {**MEMORIES, "distilled": DistilledMemory()}, protocol, seed=seed)
        print(f"seed {seed}: " + ", ".join(f"{t.memory} {100 * t.accuracy[-1]:.1f}" for t in traces[-4:]), flush=True)
        if after_seed:
            after_seed(traces)
    return traces


def keep(path: Path, name: str, traces: list[Trace]) -> None:
    """Add the runs of one setting to a file of results, in place of earlier ones."""
    found = json.loads(path.read_text()) if path.exists() else {}
    found[name] = {"versions": versions(), "runs": [asdict(trace) for trace in traces]}
    write_json(path, found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="digits", help="digits, mnist, fashion-mnist, ...")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to this number less one")
    parser.add_argument("--per-class", type=int, default=10, help="images that are kept of a class")
    parser.add_argument("--replay", action="store_true", help="train on the new images and the memory of the older ones")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1; auto: a GPU where it is faster")
    parser.add_argument("--results", type=Path, help="file to add the runs to")
    parser.add_argument("--out", type=Path, default=Path("runs/continual"), help="folder of the plot")
    asked = parser.parse_args()
    try:
        require_device(asked.device, double=False)
    except ValueError as error:
        parser.error(str(error))
    setting = f"{asked.dataset}, {asked.per_class} a class, {'new data and memory' if asked.replay else 'memory alone'}"
    # a long run that is cut short leaves the seeds that it finished
    store = partial(keep, asked.results, setting) if asked.results else None
    runs = main(asked.dataset, asked.seeds, k=asked.per_class, replay=asked.replay, device=asked.device, after_seed=store)
    print(f"\naccuracy and forgetting in per cent, with the 95 % interval over {asked.seeds} seeds\n\n{table(runs)}")
    save_figure(draw_continual(runs, f"What a memory is worth: {setting}"), asked.out / f"{asked.dataset}.png")
