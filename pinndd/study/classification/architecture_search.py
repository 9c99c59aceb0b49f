"""Architecture search on digits: does the ranking on ten distilled images per class agree with that on all images?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from pinndd.constraints import Box, Simplex
from pinndd.data import SyntheticData
from pinndd.devices import AUTO, Work, chosen_device
from pinndd.distances import Kendall
from pinndd.held_out import HeldOutPrediction, one_hot
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.learners.portfolio import Portfolio
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.classification.baselines import all_training_data, k_means, random_samples
from pinndd.study.classification.dataset import without_test
from pinndd.vision.datasets import Dataset, load_dataset
from pinndd.vision.search_space import Candidate
from pinndd.vision.tasks.architecture_search import ArchitectureSearch, accuracy, score_candidates

METHODS = ("distilled", "random", "k-means", "early stopping")
"""Ways to search, the first against the others."""

PER_CLASS = 10
"""Images of the sets that candidates are ranked on."""


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """Settings of the experiment, all chosen on parts of the training images.

    Attributes:
        full_steps: of Adam in a full training.
        full_rate: its learning rate.
        full_weights: initial weights that the ranking of a full training averages over.
        steps: of Adam in a search on ten images per class.
        rate: its learning rate, and that of early stopping.
        weights: initial weights that the ranking of a search averages over.
        members: candidates that the set is distilled with.
        outer_steps: of the outer loop.
        outer_weights: initial weights of every member in one of them.
        outer_rate: learning rate for the images there.
        label_rate: factor on it for the labels.
        queries: validation images that the members are asked about.
        temperature: of Kendall's distance, in units of accuracy.
    """

    full_steps: int = 200
    full_rate: float = 0.01
    full_weights: int = 2
    steps: int = 20
    rate: float = 0.03
    weights: int = 4
    members: int = 8
    outer_steps: int = 8
    outer_weights: int = 4
    outer_rate: float = 0.005
    label_rate: float = 20.0
    queries: int = 128
    temperature: float = 0.1


COLUMNS = ("seed", "method", "tau", "held_out", "picked", "accuracy", "regret", "seconds", "preparing")
"""Of a frame with one row per search.

Which seed and method; Kendall's τ with the truth over all candidates, and over those that no set was distilled with; the
architecture with the highest score, its accuracy on the test images after full training, and how much better the best one is
(regret); seconds of training and ranking all candidates and, in ``preparing``, of making the set: processor time, on an
accelerator wall time."""


@dataclass(frozen=True, eq=False)
class Searches:
    """All searches, the τ of two independent full trainings, and the processor time of one of them.

    Attributes:
        rows: one per seed and method, with `COLUMNS`.
        ceiling, full_seconds: see above.
    """

    rows: pd.DataFrame
    ceiling: float
    full_seconds: float

    def mean(self, method: str, column: str) -> float:
        """Return the mean of a column over the seeds."""
        return float(self.rows.loc[self.rows["method"] == method, column].mean())


def tau(scores: Tensor, truth: Tensor) -> float:
    """Return ``1 - 2 d`` with Kendall's exact distance d: his τ, where no pair is tied in one ranking only."""
    return 1 - 2 * float(Kendall(temperature=0)(scores[None, :, None], truth[None, :, None]))


def portfolio(space: Sequence[Candidate], steps: int, rate: float) -> Adam:
    """Return the learner that trains all candidates of a space."""
    return Adam(Portfolio([NetworkModel(candidate) for candidate in space]), steps=steps, learning_rate=rate)


class SearchStudy:
    """The digits, the candidates and their truth, which two independent full trainings give.

    Args:
        space: the candidates, builders of networks for images ``(1, 8, 8)`` and ten classes.
        settings: see `SearchSettings`.
        device: of everything, or ``auto``, see `pinndd.devices.chosen_device`.
            Times are processor times, on an accelerator wall times.

    Raises:
        ValueError: fewer than two candidates are left when the members are taken out.

    Attributes:
        digits: both parts.
        truth: accuracy of every candidate on the test images, ``(Q,)``, the mean of both trainings.
        ceiling: τ between the two trainings.
        full_seconds: processor time of one of them.
    """

    def __init__(self, space: Sequence[Candidate], settings: SearchSettings, device: torch.device | str = AUTO) -> None:
        if len(space) < settings.members + 2:
            raise ValueError(
                f"SearchStudy: {len(space)} candidates leave {len(space) - settings.members} beside "
                f"members={settings.members}, expected at least two to rank: lower members"
            )
        self.space, self.settings = tuple(space), settings
        self.digits = load_dataset("digits")
        learner = portfolio(space, settings.full_steps, settings.full_rate)
        together = Work(settings.full_weights, len(self.digits.train_labels), sum(NetworkModel(each).size for each in space))
        self.device = torch.device(chosen_device(str(device), lambda: together).device)
        test, everything = self._questions(self.digits), all_training_data(self.digits).to(self.device)
        started, rankings = self._now(), []
        for seed in (1001, 1002):
            asked = test.everything(settings.full_weights, seed)
            rankings.append(score_candidates(learner.fit(everything, asked), asked, accuracy).mean(0))
        self.full_seconds = (self._now() - started) / 2
        self.ceiling = tau(rankings[0], rankings[1])
        self.truth = torch.stack(rankings).mean(0)

    def _questions(self, dataset: Dataset) -> HeldOutPrediction:
        """Return the task on the test part of a data set."""
        return HeldOutPrediction(
            dataset.test_inputs.to(self.device), one_hot(dataset.test_labels.to(self.device), len(dataset.classes))
        )

    def _now(self) -> float:
        """Return processor seconds, on a GPU wall seconds after all that was asked of it."""
        if self.device.type != "cuda":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def rows(self, seed: int) -> pd.DataFrame:
        """Return the searches of one seed, which draws the validation images, the sets, the members and all initial weights."""
        settings = self.settings
        inner = without_test(self.digits, 0.35, seed)
        validation, everything = self._questions(inner), all_training_data(inner).to(self.device)
        generator = torch.Generator().manual_seed(seed)
        members = sorted(torch.randperm(len(self.space), generator=generator)[: settings.members].tolist())
        outside = [k for k in range(len(self.space)) if k not in members]

        def search(method: str, data: SyntheticData, steps: int, preparing: float) -> tuple[Any, ...]:
            started, asked = self._now(), validation.everything(settings.weights, seed=100 + seed)
            trained = portfolio(self.space, steps, settings.rate).fit(data, asked)
            scores = score_candidates(trained, asked, accuracy).mean(0)
            seconds, best = self._now() - started, int(scores.argmax())
            reached = float(self.truth[best])
            ranks = tau(scores, self.truth), tau(scores[outside], self.truth[outside])
            regret = float(self.truth.max()) - reached
            return seed, method, *ranks, self.space[best].name, reached, regret, seconds, preparing

        makers: dict[str, Callable[[], SyntheticData]] = {
            "distilled": lambda: self.distilled(inner, everything, validation, members, seed),
            "random": lambda: self.random_images(inner, seed),
            "k-means": lambda: k_means(inner, PER_CLASS, seed=seed, restarts=3).to(self.device),
        }
        rows = []
        for method, make in makers.items():
            started = self._now()
            data = make()
            rows.append(search(method, data, settings.steps, self._now() - started))
        found = pd.DataFrame(rows, columns=COLUMNS)
        affordable = self.affordable(everything, float(found["seconds"][0]))
        found.loc[len(found)] = search("early stopping", everything, affordable, 0.0)
        return found

    def random_images(self, dataset: Dataset, seed: int) -> SyntheticData:
        """Draw ten images per class."""
        return random_samples(dataset, PER_CLASS, torch.Generator().manual_seed(seed)).to(self.device)

    def distilled(
        self, dataset: Dataset, everything: SyntheticData, validation: HeldOutPrediction, members: Sequence[int], seed: int
    ) -> SyntheticData:
        """Distill random images and their labels so that the members rank as they do after full training.

        The scores of full training are measured on the validation images, from training on the others.
        """
        settings, space = self.settings, [self.space[k] for k in members]
        asked = validation.everything(settings.outer_weights, seed=200 + seed)
        full = portfolio(space, settings.full_steps, settings.full_rate).fit(everything, asked)
        scores = score_candidates(full, asked, accuracy).mean(0)
        task = ArchitectureSearch(validation.inputs, validation.targets, scores, queries=settings.queries)
        problem = DistillationProblem(
            portfolio(space, settings.steps, settings.rate), task, Kendall(temperature=settings.temperature), Mean()
        )
        drawn, inputs = self.random_images(dataset, seed), everything["inputs"]
        start = SyntheticData(
            {"inputs": drawn["inputs"], "targets": 0.9 * drawn["targets"] + 0.01},
            {"inputs": Box((float(inputs.min()),), (float(inputs.max()),)), "targets": Simplex()},
        )
        return distill(
            problem,
            start,
            hypergradient=UnrolledAdjoint(),
            validation=[task.everything(settings.outer_weights, seed=300 + seed)],
            settings=OuterSettings(
                steps=settings.outer_steps,
                batch=settings.outer_weights,
                learning_rate=settings.outer_rate,
                rates={"targets": settings.label_rate},
                validate_every=5,
                seed=seed,
            ),
        ).data

    def affordable(self, everything: SyntheticData, seconds: float) -> int:
        """Return the steps on all images that take as long as a search did, at least one."""
        few = HeldOutPrediction(everything["inputs"][:32], everything["targets"][:32]).everything(self.settings.weights)
        started = self._now()
        portfolio(self.space, 5, self.settings.rate).fit(everything, few)
        return max(1, round(5 * seconds / (self._now() - started)))
