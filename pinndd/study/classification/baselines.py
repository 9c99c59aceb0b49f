"""Sets that a distilled one has to beat: drawn, clustered and selected training examples, k of each class."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.minibatch import QUESTIONS
from pinndd.learners.network import FittedNetworks
from pinndd.study.classification.dataset import labelled, members
from pinndd.vision.datasets import Dataset

Embedding = Callable[[Tensor], Tensor]
"""Maps inputs ``(n, *shape)`` to features ``(n, F)``."""


def pixels(inputs: Tensor) -> Tensor:
    """Return the inputs as rows, ``(n, F)``: the embedding that does nothing."""
    return inputs.flatten(1)


def features_of(networks: FittedNetworks) -> Embedding:
    """Return an embedding: what the last layers of trained networks see, side by side."""

    def embed(inputs: Tensor) -> Tensor:
        parts = (inputs[first : first + QUESTIONS].to(networks.parameters) for first in range(0, len(inputs), QUESTIONS))
        single = torch.split(networks.parameters, 1)
        return torch.cat([torch.cat([networks.model.features(each, part)[0] for each in single], -1) for part in parts])

    return embed


def all_training_data(dataset: Dataset) -> SyntheticData:
    """Return the whole training part with its labels: the ceiling."""
    return labelled(dataset.train_inputs, dataset.train_labels, len(dataset.classes), method="all data")


def random_samples(dataset: Dataset, k: int, generator: torch.Generator) -> SyntheticData:
    """Draw k training examples of each class, without repetition.

    Args:
        dataset: of which the training part is used.
        k: examples per class.
        generator: of the draw.

    Returns:
        ``K k`` examples, class by class.

    Raises:
        ValueError: a class has fewer than k examples.
    """
    drawn = [of[torch.randperm(len(of), generator=generator).to(of.device)[:k]] for _, of in members(dataset, k)]
    return _chosen(dataset, drawn, "random")


def k_means(dataset: Dataset, k: int, *, seed: int = 0, restarts: int = 10) -> SyntheticData:
    """Cluster the training examples of each class, and return the centres of the clusters (Lloyd 1982, started by k-means++).

    Args:
        dataset: of which the training part is used.
        k: centres per class.
        seed: of the first centres.
        restarts: the best of so many is kept.

    Raises:
        ValueError: a class has fewer than k examples, or fewer than k that differ.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    centres, labels = [], []
    for number, of in members(dataset, k):
        rows = pixels(dataset.train_inputs[of]).double().cpu().numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                found = KMeans(k, n_init=restarts, random_state=seed).fit(rows)
            except ConvergenceWarning as warning:
                raise ValueError(
                    f"{dataset.name}: class {number} ({dataset.classes[number]}) has fewer than k={k} training examples that "
                    "differ: ask for fewer per class"
                ) from warning
        centres.append(torch.from_numpy(np.asarray(found.cluster_centers_)))
        labels.append(torch.full((k,), number))
    shape = dataset.train_inputs.shape[1:]
    inputs = torch.cat(centres).to(dataset.train_inputs).reshape(-1, *shape)
    return labelled(inputs, torch.cat(labels).to(inputs.device), len(dataset.classes), method="k-means")


def herding(dataset: Dataset, k: int, *, embedding: Embedding = pixels) -> SyntheticData:
    """Choose examples of each class, one by one, so that the mean of their features stays nearest to that of the class.

    Welling (2009, doi 10.1145/1553374.1553517); without repetition, as in Rebuffi et al. (2017, arXiv 1611.07725).

    Args:
        dataset: of which the training part is used.
        k: examples per class.
        embedding: gives the features.

    Raises:
        ValueError: a class has fewer than k examples.
    """
    chosen = [of[herded(_features(dataset, of, embedding), k)] for _, of in members(dataset, k)]
    return _chosen(dataset, chosen, "herding")


def herded(features: Tensor, k: int) -> Tensor:
    """Return the positions of k rows whose running means follow the mean of all rows ``(n, F)``, in the order of choice."""
    mean, total = features.mean(0), torch.zeros_like(features[0])
    free = torch.zeros(len(features), dtype=features.dtype, device=features.device)
    order = []
    for t in range(1, k + 1):
        distance = ((total + features) / t - mean).square().sum(-1) + free
        best = int(distance.argmin())
        order.append(best)
        total = total + features[best]
        free[best] = torch.inf
    return torch.tensor(order, device=features.device)


def k_center(dataset: Dataset, k: int, *, embedding: Embedding = pixels) -> SyntheticData:
    """Choose examples of each class, one by one, so that no other is far from the nearest chosen one.

    The greedy rule of Gonzalez (1985, doi 10.1016/0304-3975(85)90224-5), which is at most twice as far as the best choice; used
    for data by Sener & Savarese (2018, arXiv 1708.00489). The first is the example nearest to the mean of its class.

    Args:
        dataset: of which the training part is used.
        k: examples per class.
        embedding: gives the features.

    Raises:
        ValueError: a class has fewer than k examples.
    """
    chosen = [of[covering(_features(dataset, of, embedding), k)] for _, of in members(dataset, k)]
    return _chosen(dataset, chosen, "k-center")


def covering(features: Tensor, k: int) -> Tensor:
    """Return the positions of k rows of ``(n, F)``: the one nearest to the mean, then each time the one farthest from those."""
    order = [int((features - features.mean(0)).square().sum(-1).argmin())]
    distance = torch.full((len(features),), torch.inf, dtype=features.dtype, device=features.device)
    while len(order) < k:
        distance = torch.minimum(distance, (features - features[order[-1]]).square().sum(-1))
        # a row that was chosen is never farthest, even where all are alike
        distance[order] = -1
        order.append(int(distance.argmax()))
    return torch.tensor(order, device=features.device)


def _features(dataset: Dataset, of: Tensor, embedding: Embedding) -> Tensor:
    with torch.no_grad():
        found = embedding(dataset.train_inputs[of])
    if found.ndim != 2 or len(found) != len(of):
        raise ValueError(
            f"{dataset.name}: the embedding gave features of shape {tuple(found.shape)}, expected ({len(of)}, F): "
            "one row per example"
        )
    # where the positions are: the networks of an embedding may live on another device
    return found.to(of.device, torch.float64)


def _chosen(dataset: Dataset, positions: list[Tensor], method: str) -> SyntheticData:
    index = torch.cat(positions)
    return labelled(dataset.train_inputs[index], dataset.train_labels[index], len(dataset.classes), method=method)
