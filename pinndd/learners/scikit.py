"""A scikit-learn classifier on categorical rows, as a black box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import Episodes

Encoding = Literal["one-hot", "ordinal"]


@dataclass(frozen=True)
class ScikitClassifier:
    """Train a scikit-learn classifier of one categorical field from all others.

    Features become their most likely categories. A soft label becomes one copy of the row for every class, weighted by its
    probability, where the estimator takes ``sample_weight``, and its most likely class otherwise; rows of weight zero are left out.
    With a single class in the rows the answer is that class: most classifiers refuse to train then.

    Args:
        estimator: with ``fit`` and ``predict_proba``; it is cloned for every training, and should have a ``random_state`` if it
            draws.
        target: field of the classes, ``(N, K)``. All other fields but that of the weights are features, in their order.
        encoding: ``"one-hot"``, one column per category, or ``"ordinal"``, one column per feature, for trees and ordered
            categories.
        weights: field of the weights of the rows, ``(N,)``; the data may be without.

    Raises:
        TypeError: the estimator lacks a method.
        ValueError: the encoding is unknown; at fitting: a field is missing, has the wrong shape, all weights are zero, or there
            are weights that the estimator does not take.
    """

    estimator: Any
    target: str
    encoding: Encoding = "one-hot"
    weights: str = "weights"
    ignores_questions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for method in ("fit", "predict_proba"):
            if not callable(getattr(self.estimator, method, None)):
                raise TypeError(
                    f"ScikitClassifier: {type(self.estimator).__name__} has no method {method}: "
                    "choose a classifier that gives probabilities"
                )
        if self.encoding not in ("one-hot", "ordinal"):
            raise ValueError(f"ScikitClassifier: encoding={self.encoding!r} must be 'one-hot' or 'ordinal'")

    @property
    def differentiation(self) -> str:
        """Nothing differentiates the training."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> TrainedClassifier:
        """Train on the rows; the episodes do not matter."""
        from sklearn.base import clone
        from sklearn.utils.validation import has_fit_parameter

        features = self._features(data)
        sizes, labels = tuple(cells.shape[-1] for cells in features.values()), data[self.target].detach()
        codes = torch.stack([cells.argmax(-1) for cells in features.values()], -1)
        weighted = bool(has_fit_parameter(self.estimator, "sample_weight"))
        mass = self._mass(data, weighted)
        classes = labels.shape[-1]
        if not weighted:
            labels = torch.nn.functional.one_hot(labels.argmax(-1), classes).to(mass)
        row, label = torch.nonzero(mass[:, None] * labels > 0, as_tuple=True)
        if not len(row):
            raise ValueError(f"ScikitClassifier: the {len(mass)} rows have no weight: give at least one a positive weight")
        present = torch.unique(label)
        model = None
        if len(present) > 1:
            model = clone(self.estimator)
            share = (mass[:, None] * labels)[row, label].double().numpy()
            extra = {"sample_weight": share} if weighted else {}
            model.fit(_encoded(codes[row], sizes, self.encoding), label.numpy(), **extra)
        return TrainedClassifier(model, present, classes, sizes, self.encoding)

    def _features(self, data: SyntheticData) -> Mapping[str, Tensor]:
        if self.target not in data:
            raise ValueError(
                f"ScikitClassifier: no field {self.target!r} of the classes; the data hold {', '.join(data.fields)}"
            )
        found = {n: value.detach() for n, value in data.fields.items() if n not in (self.target, self.weights)}
        rows = len(data[self.target])
        for name, value in {**found, self.target: data[self.target]}.items():
            if value.ndim != 2 or len(value) != rows:
                raise ValueError(
                    f"ScikitClassifier: field {name!r} has shape {tuple(value.shape)}, expected ({rows}, categories): "
                    "one distribution per row"
                )
        if not found:
            raise ValueError(f"ScikitClassifier: the data hold no feature beside {self.target!r}")
        return found

    def _mass(self, data: SyntheticData, weighted: bool) -> Tensor:
        """Return the weight of every row, ``(N,)``."""
        rows = len(data[self.target])
        if self.weights not in data:
            return torch.ones(rows, dtype=torch.float64)
        mass = data[self.weights].detach()
        if not weighted:
            raise ValueError(
                f"ScikitClassifier: {type(self.estimator).__name__} takes no sample_weight, but the data hold {self.weights!r}: "
                "leave the weights out, or choose an estimator that takes them"
            )
        if mass.shape != (rows,) or bool((mass < 0).any()):
            raise ValueError(
                f"ScikitClassifier: field {self.weights!r} of shape {tuple(mass.shape)} must be ({rows},), not negative"
            )
        return mass


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained classifier, or the only class that it saw.

    Attributes:
        model: of scikit-learn; None with one class.
        present: the classes of its columns, ``(C,)``.
        classes: K.
        sizes: categories of each feature.
        encoding: of the features.
    """

    model: Any
    present: Tensor
    classes: int
    sizes: tuple[int, ...]
    encoding: Encoding

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return probabilities of the classes, ``(..., K)``, zero for one that no row had.

        Args:
            inputs: codes of the features, ``(..., F)``, in the order of the fields.

        Raises:
            ValueError: the codes do not fit the features.
        """
        wrong = inputs.shape[-1:] != (len(self.sizes),)
        if wrong or bool((inputs < 0).any()) or bool((inputs >= inputs.new_tensor(self.sizes)).any()):
            raise ValueError(
                f"TrainedClassifier: inputs of shape {tuple(inputs.shape)} must be codes of {len(self.sizes)} features, "
                f"from 0 to below {self.sizes}"
            )
        answer = torch.zeros((*inputs.shape[:-1], self.classes), dtype=torch.float64)
        if self.model is None:
            answer[..., self.present] = 1.0
        else:
            flat = _encoded(inputs.reshape(-1, len(self.sizes)).long(), self.sizes, self.encoding)
            answer[..., self.present] = torch.from_numpy(
                np.asarray(self.model.predict_proba(flat), dtype=np.float64)
            ).reshape(*inputs.shape[:-1], -1)
        return answer


def _encoded(codes: Tensor, sizes: tuple[int, ...], encoding: Encoding) -> Any:
    if encoding == "ordinal":
        return codes.double().numpy()
    columns = [torch.nn.functional.one_hot(codes[:, k], size) for k, size in enumerate(sizes)]
    return torch.cat(columns, -1).double().numpy()
