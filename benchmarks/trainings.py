"""What sets of images err on the validation part in several ways of training: those that suit some set are worth naming in a task.

    PINNDD_DATA=folder python benchmarks/trainings.py mnist.npz      # a set of `pinndd distill mnist`, beside baselines of its size
    PINNDD_DATA=folder python benchmarks/trainings.py mnist.npz --network convnet-3 --steps 300 --rates 0.003 0.001 --baselines

Steps, learning rates, with augmentation and without; every number is the mean of two networks, each asked about half of the
validation part. The test part is not looked at. Prints Markdown.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from pinndd.data import SyntheticData
from pinndd.learners.minibatch import MinibatchAdam
from pinndd.learners.network import NetworkModel
from pinndd.pinn.declare.loading import load_subject
from pinndd.stated.parts import INPUTS, TARGETS, example_count
from pinndd.stated.task import StatedTask
from pinndd.stated.trainings import ERRORS, kept_training
from pinndd.study.results.table import DISTILLED
from pinndd.study.results.writing import markdown_table
from pinndd.study.stated.baselines import BASELINES, make
from pinndd.study.stated.engine import StatedSettings
from pinndd.study.stated.judging import with_training
from pinndd.vision.stating import network_of

MODELS = 2


def errors(task: StatedTask, data: SyntheticData, seed: int) -> dict[str, float | None]:
    """Return what a set errs on the validation part, by way of training."""
    learner = task.learner_names[0]
    tried: dict[str, float | None] = kept_training(with_training(task, learner, data, seed), learner)[ERRORS]
    return tried


def main() -> None:
    """Run what the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="file of a distilled set")
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 300, 1000], help="of training")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.003], help="learning rates")
    parser.add_argument("--network", default="", help="that trains, such as convnet-3 (default: that of the task)")
    parser.add_argument("--baselines", nargs="*", default=["random", "k-means"], choices=list(BASELINES), help="beside the set")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = SyntheticData.load(asked.data)
    task = load_subject(data.header["task"])
    assert isinstance(task, StatedTask)
    ways = {
        f"{steps} steps at {rate:g}, {'plain' if plain else 'augmented'}": {
            "steps": steps, "learning_rate": rate, **({"augmentation": None} if plain else {})
        }
        for plain in (False, True)
        for steps in asked.steps
        for rate in asked.rates
    }
    task = StatedSettings(size=example_count(data)).applied_to(task)
    train = task.data.train
    learner = task.own_learner
    if asked.network:
        assert isinstance(learner, MinibatchAdam)
        network = network_of(asked.network, tuple(train[INPUTS].shape[1:]), train[TARGETS].shape[-1])
        learner = replace(learner, model=NetworkModel(network))
    task = task.restated(learner={asked.network or task.learner_names[0]: learner}, judges={}, trainings=ways, test_blocks=MODELS)
    seed = data.header["seed"]
    sets = {DISTILLED: data} | {name: make(task, name, BASELINES[name], task.size, seed) for name in asked.baselines}
    found = pd.DataFrame({name: errors(task, each, seed) for name, each in sets.items()}).loc[list(ways)]
    print(markdown_table(found.reset_index(names="training"), dict.fromkeys(sets, ".1%")))


if __name__ == "__main__":
    main()
