"""Sets of a stated task that a distilled one has to beat: drawn, clustered and chosen examples of the training part."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.stated.parts import BALANCED, INPUTS, TARGETS, chosen, example_count
from pinndd.stated.task import Baseline, StatedTask
from pinndd.study.classification.baselines import covering, herded
from pinndd.study.protocols.parts import unknown
from pinndd.user_code import calling

MANY = 10_000
"""Examples of a group that are clustered; of more, so many are drawn."""

FEW = 2_000
"""The same for methods that look at all pairs."""


def named_baselines(task: StatedTask) -> Mapping[str, Baseline]:
    """Return the baselines of a task by name.

    Raises:
        UnknownNameError: there is none of a name.
    """
    if isinstance(task.baselines, Mapping):
        return task.baselines
    for name in task.baselines:
        if name not in BASELINES:
            raise unknown(f"task {task.name!r}: baseline", name, BASELINES)
    return {name: BASELINES[name] for name in task.baselines}


def make(
    task: StatedTask, name: str, baseline: Baseline, size: int, seed: int, train: SyntheticData | None = None
) -> SyntheticData:
    """Return the set of a baseline, on the device of the training part; clusters are sought on the processor.

    Args:
        task: of which it is.
        name: of the baseline.
        baseline: makes the set.
        size: examples of the set.
        seed: of what is drawn.
        train: to choose from (None: the training part).

    Raises:
        ValueError: it has another number of examples than was asked for, or is no set.
        UserCodeError: a user's function failed.
    """
    place = f"task {task.name!r}: baseline {name!r}"
    with calling(place, baseline, part=baseline):
        found = baseline((task.data.train if train is None else train).to("cpu"), size, seed)
    if not isinstance(found, SyntheticData) or set(found.fields) != set(task.data.train.fields):
        raise ValueError(f"{place} returned {type(found).__name__}: expected a set with the fields of the training part")
    if (count := example_count(found)) != size:
        raise ValueError(f"{place} has {count} examples, {size} wanted: a comparison is at equal size")
    device = next(iter(task.data.train.fields.values())).device
    return found.to(device).with_header(method=name)


def random_rows(train: SyntheticData, size: int, seed: int) -> SyntheticData:
    """Draw examples without repetition, whatever their classes; of images equally many of every class, as the field does."""
    if train.header.get(BALANCED):
        return stratified_rows(train, size, seed)
    generator = torch.Generator().manual_seed(seed)
    return chosen(train, torch.randperm(example_count(train), generator=generator)[:size])


def stratified_rows(train: SyntheticData, size: int, seed: int) -> SyntheticData:
    """Draw examples of every class in proportion, or of equal parts of the range of values."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [members[torch.randperm(len(members), generator=generator)[:k]] for members, k in _groups(train, size, cut=True)]
    return chosen(train, torch.cat(drawn))


def k_means_rows(train: SyntheticData, size: int, seed: int) -> SyntheticData:
    """Return the centres of clusters of every class (Lloyd 1982, started by k-means++), with the mean of their targets.

    Where fewer rows of a class differ than it has examples, centres stand there more than once.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    inputs, targets = [], []
    for members, k in _groups(train, size):
        members = _drawn(members, MANY, seed)
        rows = train[INPUTS][members].flatten(1).double()
        labels = torch.zeros(len(rows), dtype=torch.int64)
        centres = rows.mean(0, keepdim=True)
        if k > 1:
            with warnings.catch_warnings():
                # it says that fewer rows differ than there are clusters
                warnings.simplefilter("ignore", ConvergenceWarning)
                found = KMeans(k, n_init=3, random_state=seed).fit(rows.numpy())
            labels, centres = torch.from_numpy(np.asarray(found.labels_)).long(), torch.from_numpy(found.cluster_centers_)
        if len(torch.unique(labels)) < k:
            # of equal centres the labels of scikit-learn may name another one
            labels = torch.cdist(rows, centres).argmin(1)
        used = torch.unique(labels)
        taken = used[torch.arange(k) % len(used)]
        own = train[TARGETS][members]
        inputs.append(centres[taken].reshape(k, *train[INPUTS].shape[1:]).to(train[INPUTS]))
        targets.append(torch.stack([own[labels == c].mean(0) for c in taken]))
    return train.with_fields({INPUTS: torch.cat(inputs), TARGETS: torch.cat(targets)})


def k_medoids_rows(train: SyntheticData, size: int, seed: int) -> SyntheticData:
    """Return examples in the middle of clusters of every class (Park & Jun 2009, doi 10.1016/j.eswa.2008.01.039)."""
    return _of_groups(train, size, seed, lambda rows, k: k_medoids(rows, k, seed))


def herding_rows(train: SyntheticData, size: int, seed: int) -> SyntheticData:
    """Return examples of every class whose mean stays nearest to that of the class (Welling 2009)."""
    return _of_groups(train, size, seed, herded)


def k_center_rows(train: SyntheticData, size: int, seed: int) -> SyntheticData:
    """Return examples of every class from which no other is far (Gonzalez 1985)."""
    return _of_groups(train, size, seed, covering)


BASELINES: Mapping[str, Baseline] = {
    "random": random_rows,
    "stratified": stratified_rows,
    "k-means": k_means_rows,
    "k-medoids": k_medoids_rows,
    "herding": herding_rows,
    "k-center": k_center_rows,
}
"""Baselines by name. All but ``random`` need the fields ``inputs`` and ``targets``, and take every class in proportion."""


def k_medoids(rows: Tensor, k: int, seed: int, rounds: int = 50) -> Tensor:
    """Return the positions of k of the rows ``(n, F)`` that are in the middle of clusters, by iteration from random ones."""
    distance = torch.cdist(rows, rows)
    # k-means++: every next one far from those before
    generator = torch.Generator().manual_seed(seed)
    medoids = torch.randint(len(rows), (1,), generator=generator)
    nearest = distance[:, medoids[0]].square()
    while len(medoids) < k:
        nearest[medoids] = 0
        weights = nearest if bool((nearest > 0).any()) else torch.ones_like(nearest).index_fill(0, medoids, 0)
        medoids = torch.cat((medoids, torch.multinomial(weights, 1, generator=generator)))
        nearest = torch.minimum(nearest, distance[:, medoids[-1]].square())
    for _ in range(rounds):
        owner = distance[:, medoids].argmin(1)
        owner[medoids] = torch.arange(k)
        clusters = [(owner == c).nonzero()[:, 0] for c in range(k)]
        better = torch.stack([of[distance[of[:, None], of].sum(1).argmin()] for of in clusters])
        if bool((better == medoids).all()):
            break
        medoids = better
    return medoids


def _of_groups(train: SyntheticData, size: int, seed: int, choose: Callable[[Tensor, int], Tensor]) -> SyntheticData:
    positions = []
    for members, k in _groups(train, size):
        members = _drawn(members, max(FEW, k), seed)
        positions.append(members[choose(train[INPUTS][members].flatten(1).double(), k)])
    return chosen(train, torch.cat(positions))


def _groups(train: SyntheticData, size: int, *, cut: bool = False) -> Iterator[tuple[Tensor, int]]:
    """Yield the positions of the examples of every class, and how many of them a set of a size has; values are one class.

    With ``cut`` values are cut into as many parts of equal number as the set has examples.

    Raises:
        ValueError: the examples have no inputs and targets, or the set is smaller than the number of classes.
    """
    if missing := [name for name in (INPUTS, TARGETS) if name not in train]:
        raise ValueError(f"this baseline needs the field {missing[0]!r} of examples: leave it out, or write a function of your own")
    targets = train[TARGETS]
    if train.constraints[TARGETS].kind != "simplex":
        order = targets[:, 0].argsort(stable=True)
        parts = torch.tensor_split(order, size) if cut else [order]
        yield from ((part, size // len(parts)) for part in parts)
        return
    labels = targets.argmax(-1)
    counts = torch.bincount(labels, minlength=targets.shape[-1])
    wanted = torch.ones_like(counts) if train.header.get(BALANCED) else counts
    for label, share in enumerate(shares(counts, size, wanted)):
        if share:
            yield (labels == label).nonzero()[:, 0], share


def shares(counts: Tensor, size: int, wanted: Tensor | None = None) -> list[int]:
    """Divide a number among classes, one at least for each that has any examples, by the largest remainders.

    Args:
        counts: examples of the classes, ``(K,)``, of which never more are taken than there are.
        size: to divide.
        wanted: in proportion to what (None: to the examples), ``(K,)``.

    Raises:
        ValueError: there are more classes than that number.
    """
    classes = int((counts > 0).sum())
    if size < classes:
        raise ValueError(f"size={size} is less than the {classes} classes: a set of this baseline has one example of each at least")
    proportions = torch.where(counts > 0, counts if wanted is None else wanted, 0).double()
    exact = proportions * (size / float(proportions.sum()))
    given = torch.minimum(exact.floor().clamp_min(1), counts.double()) * (counts > 0)
    while int(given.sum()) != size:
        short = int(given.sum()) < size
        gap = exact - given if short else given - exact
        possible = (given < counts) if short else (given > 1)
        given[int(torch.where(possible, gap, -torch.inf).argmax())] += 1 if short else -1
    return [int(each) for each in given]


def _drawn(members: Tensor, most: int, seed: int) -> Tensor:
    return members[torch.randperm(len(members), generator=torch.Generator().manual_seed(seed))[:most]]
