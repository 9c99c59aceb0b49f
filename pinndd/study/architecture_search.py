"""Architecture search on digits: does the ranking on ten distilled images a class agree with that on all images?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from pinndd.constraints import Box, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import Kendall
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.learners.portfolio import Portfolio
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.classification.dataset import labelled
from pinndd.vision.datasets import take_per_class
from pinndd.vision.search_space import Candidate
from pinndd.vision.tasks.architecture_search import ArchitectureSearch, accuracy, score_candidates
from pinndd.vision.tasks.held_out import HeldOutClassification, one_hot

METHODS = ("distilled", "random", "k-means", "early stopping")
"""Ways to search, the first against the others."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the experiment, all chosen on parts of the training images.

    Attributes:
        full_steps: of Adam in a full training.
        full_rate: its learning rate.
        full_weights: initial weights that the ranking of a full training averages over.
        steps: of Adam in a search on ten images a class.
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


@dataclass(frozen=True)
class Row:
    """One search.

    Attributes:
        seed, method: which.
        tau, held_out: Kendall's τ with the truth over all candidates, and over those that no set was distilled with.
        picked: the architecture with the highest score.
        accuracy: of it after full training, on the test images.
        regret: accuracy of the best architecture less that.
        seconds: processor time of training and ranking all candidates.
        preparing: processor time of making the set.
    """

    seed: int
    method: str
    tau: float
    held_out: float
    picked: str
    accuracy: float
    regret: float
    seconds: float
    preparing: float


@dataclass(frozen=True)
class Outcome:
    """All searches, the τ of two independent full trainings, and the processor time of one of them."""

    rows: tuple[Row, ...]
    ceiling: float
    full_seconds: float

    def mean(self, method: str, column: str) -> float:
        """Return the mean of a column over the seeds."""
        return float(np.mean([getattr(row, column) for row in self.rows if row.method == method]))


@dataclass(frozen=True)
class Digits:
    """Images ``(N, 1, 8, 8)``, standardised with the training part, and labels ``(N,)`` of both parts."""

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor

    @classmethod
    def load(cls, device: torch.device | str = "cpu") -> Digits:
        """Load scikit-learn's digits to a device, 70 % to learn from."""
        images, labels = load_digits(return_X_y=True)
        learn, test = train_test_split(np.arange(len(labels)), test_size=0.3, stratify=labels, random_state=0)
        inputs, answers = torch.from_numpy(images).float().reshape(-1, 1, 8, 8), torch.from_numpy(labels)
        inputs = (inputs - inputs[learn].mean()) / inputs[learn].std()
        return cls(*(each.to(device) for each in (inputs[learn], answers[learn], inputs[test], answers[test])))


def tau(scores: Tensor, truth: Tensor) -> float:
    """Return ``1 - 2 d`` with Kendall's exact distance d: his τ, where no pair is tied in one ranking only."""
    return 1 - 2 * float(Kendall(temperature=0)(scores[None, :, None], truth[None, :, None]))


def portfolio(space: Sequence[Candidate], steps: int, rate: float) -> Adam:
    """Return the learner that trains all candidates of a space."""
    return Adam(Portfolio([NetworkModel(candidate) for candidate in space]), steps=steps, learning_rate=rate)


def random_images(inputs: Tensor, labels: Tensor, seed: int) -> SyntheticData:
    """Draw ten images a class."""
    index = take_per_class(labels, 10, torch.Generator().manual_seed(seed))
    return labelled(inputs[index], labels[index], 10)


def centres(inputs: Tensor, labels: Tensor, seed: int) -> SyntheticData:
    """Return ten centres of k-means a class."""
    found = [KMeans(10, n_init=3, random_state=seed).fit(inputs[labels == k].flatten(1).cpu().numpy()) for k in range(10)]
    stacked = torch.from_numpy(np.concatenate([each.cluster_centers_ for each in found])).to(inputs)
    return labelled(stacked.reshape(-1, *inputs.shape[1:]), torch.arange(10, device=inputs.device).repeat_interleave(10), 10)


class Study:
    """The digits, the candidates and their truth, which two independent full trainings give.

    Args:
        space: the candidates, builders of networks for images ``(1, 8, 8)`` and ten classes.
        settings: see `Settings`.
        device: of everything. Times are processor times, on an accelerator wall times.

    Raises:
        ValueError: fewer than two candidates are left when the members are taken out.

    Attributes:
        truth: accuracy of every candidate on the test images, ``(Q,)``, the mean of both trainings.
        ceiling: τ between the two trainings.
        full_seconds: processor time of one of them.
    """

    def __init__(
        self, space: Sequence[Candidate], settings: Settings, device: torch.device | str = "cpu"
    ) -> None:
        if len(space) < settings.members + 2:
            raise ValueError(
                f"Study: {len(space)} candidates leave {len(space) - settings.members} beside members={settings.members}, expected "
                "at least two to rank: lower members"
            )
        self.space, self.settings, self.digits = tuple(space), settings, Digits.load(device)
        test = HeldOutClassification(self.digits.test_inputs, one_hot(self.digits.test_labels, 10))
        learner = portfolio(space, settings.full_steps, settings.full_rate)
        started, rankings = self._now(), []
        for seed in (1001, 1002):
            asked = test.everything(settings.full_weights, seed)
            trained = learner.fit(labelled(self.digits.inputs, self.digits.labels, 10), asked)
            rankings.append(score_candidates(trained, asked, accuracy).mean(0))
        self.full_seconds = (self._now() - started) / 2
        self.ceiling = tau(rankings[0], rankings[1])
        self.truth = torch.stack(rankings).mean(0)

    def _now(self) -> float:
        """Return processor seconds, on a GPU wall seconds after all that was asked of it."""
        device = self.digits.inputs.device
        if device.type != "cuda":
            return time.process_time()
        torch.cuda.synchronize(device)
        return time.perf_counter()

    def rows(self, seed: int) -> list[Row]:
        """Return the searches of one seed, which draws the validation images, the sets, the members and all initial weights."""
        settings, digits = self.settings, self.digits
        index = np.arange(len(digits.labels))
        fit, held = train_test_split(index, test_size=0.35, stratify=digits.labels.cpu().numpy(), random_state=seed)
        inputs, labels = digits.inputs[fit], digits.labels[fit]
        validation = HeldOutClassification(digits.inputs[held], one_hot(digits.labels[held], 10))
        generator = torch.Generator().manual_seed(seed)
        members = sorted(torch.randperm(len(self.space), generator=generator)[: settings.members].tolist())
        outside = [k for k in range(len(self.space)) if k not in members]

        def search(method: str, data: SyntheticData, steps: int, preparing: float) -> Row:
            started, asked = self._now(), validation.everything(settings.weights, seed=100 + seed)
            trained = portfolio(self.space, steps, settings.rate).fit(data, asked)
            scores = score_candidates(trained, asked, accuracy).mean(0)
            seconds, best = self._now() - started, int(scores.argmax())
            reached = float(self.truth[best])
            return Row(
                seed=seed,
                method=method,
                tau=tau(scores, self.truth),
                held_out=tau(scores[outside], self.truth[outside]),
                picked=self.space[best].name,
                accuracy=reached,
                regret=float(self.truth.max()) - reached,
                seconds=seconds,
                preparing=preparing,
            )

        rows = []
        for method, make in (("random", random_images), ("k-means", centres)):
            started = self._now()
            data = make(inputs, labels, seed)
            rows.append(search(method, data, settings.steps, self._now() - started))
        started = self._now()
        distilled = self.distilled(inputs, labels, validation, members, seed)
        rows.insert(0, search("distilled", distilled, settings.steps, self._now() - started))
        rows.append(
            search("early stopping", labelled(inputs, labels, 10), self.affordable(inputs, labels, rows[0].seconds), 0.0)
        )
        return rows

    def distilled(
        self, inputs: Tensor, labels: Tensor, validation: HeldOutClassification, members: Sequence[int], seed: int
    ) -> SyntheticData:
        """Distil random images and their labels so that the members rank as they do after full training.

        The scores of full training are measured on the validation images, from training on the others.
        """
        settings, space = self.settings, [self.space[k] for k in members]
        asked = validation.everything(settings.outer_weights, seed=200 + seed)
        full = portfolio(space, settings.full_steps, settings.full_rate).fit(labelled(inputs, labels, 10), asked)
        scores = score_candidates(full, asked, accuracy).mean(0)
        task = ArchitectureSearch(validation.inputs, validation.targets, scores, queries=settings.queries)
        problem = DistillationProblem(
            portfolio(space, settings.steps, settings.rate), task, Kendall(temperature=settings.temperature), Mean()
        )
        drawn = random_images(inputs, labels, seed)
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

    def affordable(self, inputs: Tensor, labels: Tensor, seconds: float) -> int:
        """Return the steps on all images that take as long as a search did, at least one."""
        asked = HeldOutClassification(inputs[:32], one_hot(labels[:32], 10)).everything(self.settings.weights)
        started = self._now()
        portfolio(self.space, 5, self.settings.rate).fit(labelled(inputs, labels, 10), asked)
        return max(1, round(5 * seconds / (self._now() - started)))
