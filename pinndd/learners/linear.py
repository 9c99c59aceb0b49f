"""Linear models of given features: ridge and softmax regression on examples that the data set holds itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.ridge import ridge_solve
from pinndd.problem import Episodes, place_in_batch

Features = Callable[[Tensor], Tensor]
"""Maps inputs ``(..., d)`` to features ``(..., F)``, differentiably."""


def affine(inputs: Tensor) -> Tensor:
    """Return the inputs and a constant: ``(..., d)`` gives ``(..., d + 1)``."""
    return torch.cat((inputs, torch.ones_like(inputs[..., :1])), -1)


def as_matrices(parameters: Tensor, outputs: int) -> Tensor:
    """Return flat parameters ``(E, F · K)`` as matrices ``(E, F, K)``."""
    return parameters.reshape(len(parameters), -1, outputs)


Examples = tuple[Tensor, Tensor, Tensor]
"""Features ``(n, F)``, targets ``(n, K)``, and the share of each example in the loss, ``(n,)``."""


@dataclass(frozen=True)
class LinearModels:
    """E fitted models ``φ(x)ᵀ Θ``.

    Attributes:
        parameters: the matrices Θ, flattened, ``(E, F · K)``.
        features: φ.
        outputs: K.
        probabilities: whether a softmax follows.
    """

    parameters: Tensor
    features: Features
    outputs: int
    probabilities: bool = False

    def __call__(self, inputs: Tensor) -> Tensor:
        """Predict at ``(E, Q, d)``: ``(E, Q, K)``."""
        scores = self.features(inputs) @ as_matrices(self.parameters, self.outputs)
        return scores.softmax(-1) if self.probabilities else scores


@dataclass(frozen=True)
class LinearLearner(ABC):
    """What ridge and softmax regression share: the examples, their weights, and the parameters.

    The data hold ``inputs`` ``(n, d)``, ``targets`` ``(n, K)`` and, if examples count differently, ``weights`` ``(n,)``. The
    training loss is the weighted sum of the losses of the examples over n, plus ``½ penalty ‖Θ‖²``: sets of any size are
    comparable at the same penalty.
    """

    penalty: float = 1e-3
    features: Features = affine
    ignores_questions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise ValueError(f"{type(self).__name__}: penalty={self.penalty} must be positive")

    @abstractmethod
    def training_loss(self, parameters: Tensor, prepared: Examples) -> Tensor:
        """Return the training loss of every model, ``(E,)``, at parameters ``(E, P)``."""

    @abstractmethod
    def solve_hessian(self, parameters: Tensor, prepared: Examples, right: Tensor) -> Tensor:
        """Solve ``∂²L/∂θ² v = right`` for every model, ``(E, P)``."""

    def initial(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Draw parameters of standard normal entries, ``(E, P)``, from ``episodes.seed``."""
        matrix, targets, _ = self.prepare(data, episodes)
        generator = torch.Generator().manual_seed(episodes.seed)
        place, drawn = place_in_batch(episodes)
        whole = torch.randn((drawn, matrix.shape[1] * targets.shape[1]), generator=generator, dtype=torch.float64)
        return whole[place : place + len(episodes)].to(matrix)

    def parameters(self, fitted: LinearModels) -> Tensor:
        """Return the trained parameters ``(E, P)``."""
        return fitted.parameters

    def with_parameters(self, fitted: LinearModels, parameters: Tensor) -> LinearModels:
        """Return the trained models with other parameters ``(E, P)``."""
        return LinearModels(parameters, fitted.features, fitted.outputs, fitted.probabilities)

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Examples:
        """Return features ``(n, F)``, targets ``(n, K)``, and the share of each example in the loss, ``(n,)``.

        Raises:
            ValueError: the shapes do not fit.
        """
        inputs, targets = data["inputs"], data["targets"]
        weights = data["weights"] if "weights" in data else torch.ones_like(targets[:, 0])
        if inputs.ndim != 2 or targets.ndim != 2 or not len(inputs) == len(targets) == len(weights):
            raise ValueError(
                f"{type(self).__name__}: inputs {tuple(inputs.shape)}, targets {tuple(targets.shape)} and weights "
                f"{tuple(weights.shape)} must be (n, d), (n, K) and (n,)"
            )
        return self.features(inputs), targets, weights / len(inputs)


@dataclass(frozen=True)
class LinearRidge(LinearLearner):
    """Fit ``min_Θ 1/(2n) Σ_i w_i ‖φ(x_i)ᵀ Θ - y_i‖² + ½ penalty ‖Θ‖²`` in closed form, by QR of the augmented rows.

    Args:
        penalty: positive, so that the solution is unique and smooth in the data.
        features: φ; by default the inputs and a constant.

    Raises:
        ValueError: the penalty is not positive; at fitting: the shapes of the data do not fit.

    Examples:
        >>> from pinndd import Fixed, SyntheticData
        >>> fields = {"inputs": torch.tensor([[0.0], [1.0]]), "targets": torch.tensor([[1.0], [3.0]])}
        >>> data = SyntheticData(fields, {name: Fixed() for name in fields})
        >>> models = LinearRidge(penalty=1e-6).fit(data, episodes=[None])
        >>> models(torch.tensor([[[2.0]]])).round(decimals=2)
        tensor([[[5.]]])
    """

    @property
    def differentiation(self) -> str:
        """Training has a closed form."""
        return "closed form"

    def fit(self, data: SyntheticData, episodes: Episodes) -> LinearModels:
        """Fit once, and return the model once per episode: nothing in the training varies."""
        matrix, targets, share = self.prepare(data, episodes)
        root = share.sqrt()[:, None]
        # scaled to rows of a mean square, the penalty is that of `ridge_solve`
        weights = ridge_solve(root * matrix, (root * targets).T, self.penalty).T
        return LinearModels(weights.reshape(1, -1).expand(len(episodes), -1), self.features, targets.shape[1])

    def training_loss(self, parameters: Tensor, prepared: Examples) -> Tensor:
        matrix, targets, share = prepared
        residual = matrix @ as_matrices(parameters, targets.shape[1]) - targets
        return 0.5 * (share * residual.square().sum(-1)).sum(-1) + 0.5 * self.penalty * parameters.square().sum(-1)

    def solve_hessian(self, parameters: Tensor, prepared: Examples, right: Tensor) -> Tensor:
        with torch.no_grad():
            matrix, targets, share = prepared
            gram = matrix.T @ (share[:, None] * matrix)
            gram.diagonal().add_(self.penalty)
            solved: Tensor = torch.linalg.solve(gram, as_matrices(right, targets.shape[1]))
        return solved.flatten(-2)


@dataclass(frozen=True)
class SoftmaxRegression(LinearLearner):
    """Fit ``min_Θ 1/n Σ_i w_i H(y_i, softmax(φ(x_i)ᵀ Θ)) + ½ penalty ‖Θ‖²`` by Newton's method, H the cross-entropy.

    The targets are probabilities or, in general, non-negative. Newton's method with step halving converges from anywhere, since
    the loss is strictly convex (Boyd & Vandenberghe 2004, section 9.5).

    Args:
        penalty: positive: separable classes have no optimum without it.
        features: φ; by default the inputs and a constant.
        iterations: most Newton steps.

    Raises:
        ValueError: the penalty or the number of iterations is not positive; at fitting: the shapes of the data do not fit, or a
            target is negative.
        RuntimeError: at fitting: the iterations did not suffice.
    """

    iterations: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations < 1:
            raise ValueError(f"SoftmaxRegression: iterations={self.iterations} must be at least 1")

    @property
    def differentiation(self) -> str:
        """Training ends where the gradient of its loss vanishes."""
        return "implicit"

    def fit(self, data: SyntheticData, episodes: Episodes) -> LinearModels:
        """Fit once, from zero, and return the model once per episode. The result is off the graph."""
        return self.fit_prepared(self.prepare(data, episodes), episodes)

    def fit_prepared(self, prepared: Examples, episodes: Episodes) -> LinearModels:
        """Fit on what `prepare` returned."""
        with torch.no_grad():
            matrix, targets, _ = prepared
            if bool((targets < 0).any()):
                raise ValueError(f"SoftmaxRegression: a target is {float(targets.min()):.3g}, expected probabilities")
            theta = self._newton(matrix.new_zeros((1, matrix.shape[1] * targets.shape[1])), prepared)
        return LinearModels(theta.expand(len(episodes), -1), self.features, targets.shape[1], probabilities=True)

    def training_loss(self, parameters: Tensor, prepared: Examples) -> Tensor:
        matrix, targets, share = prepared
        scores = matrix @ as_matrices(parameters, targets.shape[1])
        entropy = -(targets * scores.log_softmax(-1)).sum(-1)
        return (share * entropy).sum(-1) + 0.5 * self.penalty * parameters.square().sum(-1)

    def solve_hessian(self, parameters: Tensor, prepared: Examples, right: Tensor) -> Tensor:
        with torch.no_grad():
            matrix, targets, share = prepared
            p = (matrix @ as_matrices(parameters, targets.shape[1])).softmax(-1)
            scaled = ((share * targets.sum(-1))[:, None] * matrix)[:, None]
            # one class at a time: the products of all features of all examples are never in memory together
            blocks = []
            for c in range(p.shape[-1]):
                spread = (torch.eye(p.shape[-1]).to(p)[c] - p) * p[..., c, None]
                block = matrix.T @ (spread[..., None] * scaled).flatten(-2)
                blocks.append(block.reshape(*block.shape[:-1], p.shape[-1], -1))
            hessian = torch.stack(blocks, 2).transpose(-2, -1).flatten(3).flatten(1, 2)
            hessian.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
            solved: Tensor = torch.linalg.solve(hessian, right)
        return solved

    def _newton(self, theta: Tensor, prepared: Examples) -> Tensor:
        for _ in range(self.iterations):
            with torch.enable_grad():
                leaf = theta.detach().requires_grad_()
                loss = self.training_loss(leaf, prepared).sum()
                (slope,) = torch.autograd.grad(loss, leaf)
            loss = loss.detach()
            direction = self.solve_hessian(theta, prepared, slope)
            decrement = (slope * direction).sum()
            # the last step is a full one: near the optimum it squares the error
            if float(decrement) <= torch.finfo(theta.dtype).eps * (1 + float(loss)):
                return theta - direction
            size = 1.0
            while self.training_loss(theta - size * direction, prepared).sum() > loss - 0.25 * size * decrement:
                size /= 2
            theta = theta - size * direction
        raise RuntimeError(
            f"SoftmaxRegression: {self.iterations} Newton steps did not converge: raise iterations or penalty={self.penalty}"
        )
