"""Any scikit-learn estimator on rows of numbers, as a black box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import Episodes


@dataclass(frozen=True)
class ScikitEstimator:
    """Train a scikit-learn classifier or regressor on the fields ``inputs`` ``(n, *shape)`` and ``targets`` ``(n, K)``.

    The answers of a classifier are probabilities (its predictions, where it has none). A soft label becomes one copy of the row per
    class, weighted by its probability, where the estimator takes ``sample_weight``, and its most likely class otherwise. With a single
    class in the rows the answer is that class.

    Args:
        estimator: with ``fit`` and ``predict``; it is cloned for every training, and should have a ``random_state`` if it draws.

    Raises:
        TypeError: the estimator lacks a method.
        ValueError: at fitting, a classifier gets values that are no probabilities of classes.
    """

    estimator: Any
    ignores_questions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for method in ("fit", "predict"):
            if not callable(getattr(self.estimator, method, None)):
                raise TypeError(f"ScikitEstimator: {type(self.estimator).__name__} has no method {method}")

    @property
    def differentiation(self) -> str:
        """Nothing differentiates the training."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Callable[[Tensor], Tensor]:
        """Train on the rows; the episodes do not matter."""
        from sklearn.base import clone, is_classifier

        rows, targets = data["inputs"].detach().flatten(1).double().cpu().numpy(), data["targets"].detach().cpu()
        model = clone(self.estimator)
        if is_classifier(model):
            if targets.shape[-1] < 2 or bool((targets < 0).any()) or not bool(((targets.sum(-1) - 1).abs() < 1e-3).all()):
                raise ValueError(
                    f"{type(self.estimator).__name__} is a classifier, and the targets are values, no probabilities of classes: "
                    "give a regressor, or, where they are classes, labels that are whole numbers or words"
                )
            return self._classifier(model, rows, targets)
        model.fit(rows, targets.double().numpy().squeeze(-1) if targets.shape[-1] == 1 else targets.double().numpy())

        def predict(inputs: Tensor) -> Tensor:
            found = model.predict(_flat(inputs, rows.shape[1]))
            return torch.from_numpy(np.asarray(found)).to(inputs).reshape(*_questions(inputs), targets.shape[-1])

        return predict

    def _classifier(self, model: Any, rows: Any, targets: Tensor) -> Callable[[Tensor], Tensor]:
        from sklearn.utils.validation import has_fit_parameter

        classes = targets.shape[-1]
        row, label = torch.arange(len(targets)), targets.argmax(-1)
        weights = {}
        if has_fit_parameter(self.estimator, "sample_weight"):
            row, label = torch.nonzero(targets > 0, as_tuple=True)
            weights = {"sample_weight": targets[row, label].double().numpy()}
        present = torch.unique(label)
        if len(present) > 1:
            model.fit(rows[row.numpy()], label.numpy(), **weights)

        def predict(inputs: Tensor) -> Tensor:
            answer = inputs.new_zeros((*_questions(inputs), classes)).reshape(-1, classes)
            if len(present) == 1:
                answer[:, present] = 1
            elif hasattr(model, "predict_proba"):
                answer[:, present] = torch.from_numpy(np.asarray(model.predict_proba(_flat(inputs, rows.shape[1])))).to(answer)
            else:
                answer[torch.arange(len(answer)), torch.from_numpy(np.asarray(model.predict(_flat(inputs, rows.shape[1]))))] = 1
            return answer.reshape(*_questions(inputs), classes)

        return predict


def _questions(inputs: Tensor) -> tuple[int, int]:
    return inputs.shape[0], inputs.shape[1]


def _flat(inputs: Tensor, width: int) -> Any:
    return inputs.detach().reshape(-1, width).double().cpu().numpy()
