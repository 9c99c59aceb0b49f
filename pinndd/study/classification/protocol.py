"""How a set is evaluated: which network is trained on it, how, how often; stored with the set, so that anybody gets the number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from pinndd.data import SyntheticData
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel, cross_entropy, squared_error
from pinndd.study.classification.dataset import is_whitened
from pinndd.vision.augmentation import DifferentiableAugmentation
from pinndd.vision.datasets import Dataset
from pinndd.vision.networks import MLP, ConvNet

BATCH, FEWEST_STEPS = 256, 500

HEADER = "evaluation"
"""Entry of the header of a set that holds its protocol."""

Architecture = Callable[..., Callable[[], nn.Module]]
"""Makes a builder of networks from the shape of an example, the number of classes, and options by name."""


def _convnet(shape: tuple[int, ...], classes: int, **options: Any) -> Callable[[], nn.Module]:
    if len(shape) != 3:
        raise ValueError(
            f"ConvNet: examples have shape {shape}, expected channels, height and width: take an MLP for a table"
        )
    return ConvNet((shape[0], shape[1], shape[2]), classes, **options)


def _mlp(shape: tuple[int, ...], classes: int, **options: Any) -> Callable[[], nn.Module]:
    return MLP(math.prod(shape), classes, **options)


ARCHITECTURES: Mapping[str, Architecture] = {"ConvNet": _convnet, "MLP": _mlp}
"""Builders by the name that a protocol holds. For networks of your own pass ``{**ARCHITECTURES, "mine": make}``."""

LOSSES = {"cross-entropy": cross_entropy, "squared-error": squared_error}
"""Training losses by the name that a protocol holds; with the squared error the outputs are still compared by the highest."""

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class EvaluationProtocol:
    """Train networks from scratch on a set, and ask them about the test part. JSON values only.

    Attributes:
        architecture: a name in the registry of builders.
        options: of the builder, such as ``width``, ``depth``, ``norm`` or ``hidden``.
        steps: of Adam.
        learning_rate: of the first step.
        final: learning rate of the last step as a part of that of the first.
        decay: of the weights.
        loss: a name in `LOSSES`.
        batch: examples per step; None: all.
        augmentation: options of `pinndd.vision.augmentation.DifferentiableAugmentation`, drawn for each example at every step;
            None: none.
        retrainings: networks, each from initial weights of its own.
        seed: of the first network; the next has the next seed.
        dtype: of the training, a name in `DTYPES`.
        mixed: mixed precision, as in `pinndd.learners.network.NetworkModel`.
        dataset: its name.
        mean, std: of each channel, which the inputs of the data set were standardised with.
        whitening: whether the set lies in a whitened space; it holds the whitening then.

    Raises:
        ValueError: a setting is out of its range.
    """

    architecture: str = "ConvNet"
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 1000
    learning_rate: float = 0.01
    final: float = 0.01
    decay: float = 0.0
    loss: str = "cross-entropy"
    batch: int | None = None
    augmentation: Mapping[str, Any] | None = None
    retrainings: int = 5
    seed: int = 0
    dtype: str = "float32"
    mixed: bool = False
    dataset: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    whitening: bool = False

    def __post_init__(self) -> None:
        if self.retrainings < 1 or self.seed < 0 or (self.batch is not None and self.batch < 1):
            raise ValueError(
                f"EvaluationProtocol: retrainings={self.retrainings} must be at least 1, seed={self.seed} not negative, and "
                f"batch={self.batch} None or at least 1"
            )
        for name, value, known in (("loss", self.loss, LOSSES), ("dtype", self.dtype, DTYPES)):
            if value not in known:
                raise ValueError(f"EvaluationProtocol: {name}={value!r}, expected one of {', '.join(known)}")
        if self.mixed and self.dtype != "float32":
            raise ValueError(f"EvaluationProtocol: mixed precision needs dtype='float32', got {self.dtype!r}")
        # JSON knows no tuples: lists become what the dataclass holds, so that a protocol equals the one that was stored
        for name in ("options", "augmentation"):
            object.__setattr__(self, name, _tupled(getattr(self, name)))
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def name(self) -> str:
        """Architecture and options, as in ``ConvNet(width=32)``."""
        return f"{self.architecture}({', '.join(f'{key}={value}' for key, value in self.options.items())})"

    @property
    def training(self) -> str:
        """How each network is trained, in words."""
        augmentation = "no augmentation" if self.augmentation is None else "augmentation"
        return f"{self.steps} steps of Adam, learning rate {self.learning_rate:g}, {augmentation}"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the networks."""
        return tuple(range(self.seed, self.seed + self.retrainings))

    def on(self, dataset: Dataset) -> EvaluationProtocol:
        """Return the protocol with name and standardisation of a data set."""
        return replace(self, dataset=dataset.name, mean=numbers(dataset.mean), std=numbers(dataset.std))

    def for_all_data(self) -> EvaluationProtocol:
        """Return how networks are trained on all data: in batches of `BATCH`, so at least `FEWEST_STEPS` steps, for probabilities."""
        return replace(self, batch=BATCH, steps=max(self.steps, FEWEST_STEPS), loss="cross-entropy")

    def with_network(self, architecture: str, **options: Any) -> EvaluationProtocol:
        """Return the protocol with another network, all else alike."""
        return replace(self, architecture=architecture, options=options)

    def model(
        self, shape: tuple[int, ...], classes: int, architectures: Mapping[str, Architecture] = ARCHITECTURES
    ) -> NetworkModel:
        """Return the networks.

        Args:
            shape: of an example.
            classes: outputs.
            architectures: the registry.

        Raises:
            ValueError: the architecture is unknown, or does not take the options.
        """
        if self.architecture not in architectures:
            raise ValueError(
                f"architecture {self.architecture!r} is unknown: expected one of {', '.join(architectures)}; pass the builder "
                "of your own as architectures={**ARCHITECTURES, name: builder}"
            )
        try:
            build = architectures[self.architecture](shape, classes, **self.options)
        except TypeError as error:
            raise ValueError(f"architecture {self.name} cannot be built: {error}; correct its options") from error
        return NetworkModel(build, LOSSES[self.loss], self.decay, self.mixed)

    def learner(self, model: NetworkModel) -> Adam:
        """Return what trains the networks."""
        return Adam(model, self.steps, self.learning_rate, self.final, dtype=DTYPES[self.dtype])

    def augment(self) -> DifferentiableAugmentation | None:
        """Return what changes the examples at every step.

        Raises:
            ValueError: the augmentation does not take the options.
        """
        return built_augmentation(self.augmentation)

    def store(self, data: SyntheticData) -> SyntheticData:
        """Return the set with this protocol in its header."""
        return data.with_header(**{HEADER: asdict(self)})

    @classmethod
    def stored(cls, data: SyntheticData) -> EvaluationProtocol:
        """Return the protocol in the header of a set.

        Raises:
            ValueError: there is none, or it has entries that this version does not know, or of another type, or out of range.
        """
        entries = data.header.get(HEADER)
        if not isinstance(entries, Mapping):
            raise ValueError(
                f"the header of the set has no {HEADER!r}: store one with EvaluationProtocol(...).store(data), or pass protocol="
            )
        strange = sorted(set(entries) - {each.name for each in fields(cls)})
        if strange:
            raise ValueError(
                f"the protocol of the set has the entry {strange[0]!r}, which this version does not know: update pinndd, "
                "or pass protocol="
            )
        try:
            return msgspec.convert(dict(entries), cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"the header of the set has a {HEADER!r} that is none ({error}): pass protocol=") from error

    def check(self, data: SyntheticData, dataset: Dataset) -> None:
        """Raise an error if the set cannot be evaluated on a data set.

        Raises:
            ValueError: the data set has another name or standardisation than the protocol, or examples of another shape or
                number of classes than the set, or only one of set and protocol is whitened.
        """
        if self.dataset and self.dataset != dataset.name:
            raise ValueError(
                f"the protocol is for the data set {self.dataset!r}, got {dataset.name!r}: load the former, "
                "or pass a protocol of your own"
            )
        units = numbers(dataset.std)
        for name, own, other in (("mean", self.mean, numbers(dataset.mean)), ("std", self.std, units)):
            near = (abs(a - b) <= 1e-4 * unit for a, b, unit in zip(own, other, units, strict=False))
            if own and not (len(own) == len(other) and all(near)):
                raise ValueError(
                    f"the set is for inputs standardised with {name} {own}, those of {dataset.name!r} were with {other}: load "
                    "the data set in the same way"
                )
        if self.whitening != is_whitened(data):
            raise ValueError(
                f"the protocol has whitening={self.whitening}, but the set holds {'a' if is_whitened(data) else 'no'} whitening: "
                "whiten every set that is compared with whitened(data, ZCA.fit(...)), or none"
            )
        wanted = (tuple(dataset.train_inputs.shape[1:]), (len(dataset.classes),))
        got = (tuple(data["inputs"].shape[1:]), tuple(data["targets"].shape[1:]))
        if wanted != got:
            raise ValueError(
                f"the set has inputs of shape {got[0]} and targets {got[1]}, {dataset.name!r} has {wanted[0]} and {wanted[1]}: "
                "evaluate it on the data set that it was distilled from"
            )


def built_augmentation(options: Mapping[str, Any] | None) -> DifferentiableAugmentation | None:
    """Return the augmentation of some options; None: none.

    Raises:
        ValueError: it does not take the options.
    """
    if options is None:
        return None
    try:
        return DifferentiableAugmentation(**options)
    except TypeError as error:
        raise ValueError(f"augmentation {dict(options)} cannot be built: {error}; correct its options") from error


def numbers(values: Tensor) -> tuple[float, ...]:
    """Return the entries as numbers, which JSON can hold."""
    return tuple(values.flatten().tolist())


def _tupled(value: Any) -> Any:
    # JSON knows no tuples: lists become what the builders hold, so that a protocol equals the one that was stored
    if isinstance(value, Mapping):
        return {key: _tupled(each) for key, each in value.items()}
    return tuple(_tupled(each) for each in value) if isinstance(value, list | tuple) else value
