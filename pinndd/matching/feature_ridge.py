"""Feature ridge: ridge regression on what the last layer of a trained network sees should predict all data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves
from pinndd.learners.adam import Adam
from pinndd.learners.kernel_ridge import fit_surrogate
from pinndd.learners.network import NetworkModel
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class FeatureRidge:
    """Train networks on D̂ for a random while, then fit their last layer to D̂ by ridge regression, and ask that.

    ``½ mean ‖y - ψ(x) ψ(x̂)ᵀ (ψ(x̂) ψ(x̂)ᵀ + λ I)⁻¹ ŷ‖²`` over the questions of the episodes (with ``inputs`` and
    ``targets``, as those of `pinndd.tasks.HeldOutPrediction`), ψ the features of a network after 0 to ``oldest``
    steps of training on D̂, which are held fixed: the gradient goes through the closed form and through ψ(x̂), not
    through the training (Zhou, Nezhadarya & Ba 2022, arXiv 2206.00719). They keep a pool of networks that grow older
    along with the outer loop; here every network starts anew, so that none has seen an earlier D̂, and a resumed run
    ends like an uninterrupted one.

    The value is the criterion, averaged over episodes; distance and risk of the problem play no part.

    Args:
        oldest: most steps of training before a network is asked; at most those of the learner.
        penalty: of the ridge, relative to the mean diagonal of the kernel; positive.

    Raises:
        ValueError: a setting is out of its range; at a call: the network has no linear last layer.
        TypeError: at a call: the learner is not `pinndd.learners.adam.Adam` on a `pinndd.learners.network.NetworkModel`.
    """

    oldest: int = 30
    penalty: float = 1e-3

    def __post_init__(self) -> None:
        if self.oldest < 0 or self.penalty <= 0:
            raise ValueError(f"FeatureRidge: oldest={self.oldest} must not be negative and penalty={self.penalty} positive")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner = problem.learner
        if not (isinstance(learner, Adam) and isinstance(learner.model, NetworkModel)):
            raise TypeError(
                f"FeatureRidge needs Adam on a NetworkModel, whose last layer it fits; {type(learner).__name__} is none: use "
                "KernelInducingPoints, which needs no learner"
            )
        parameters = self._trained(learner, data, episodes)
        with torch.enable_grad():
            tracked, fields = leaves(data)
            return differentiate(self._value(learner.model, parameters, tracked, episodes), fields)

    @torch.no_grad()
    def _trained(self, learner: Adam, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Return weights after a random number of steps, ``(E, P)``."""
        generator = torch.Generator().manual_seed(episodes.seed)
        steps = int(torch.randint(min(self.oldest, learner.steps) + 1, (), generator=generator))
        prepared = learner.prepare(data, episodes)
        state = learner.start(prepared, episodes)
        for t in range(steps):
            state = learner.advance(state, prepared, t)
        return state.parameters

    def _value(self, model: NetworkModel, parameters: Tensor, data: SyntheticData, episodes: Episodes) -> Tensor:
        values = []
        for k in range(len(parameters)):
            own = parameters[k : k + 1]
            with torch.no_grad():
                asked = _with_constant(model.features(own, episodes.inputs[k].to(own))[0])
            known = _with_constant(model.features(own, data["inputs"].to(own))[0])
            # the kernel of a few examples is close to singular in single precision
            asked, known = asked.double(), known.double()
            predicted = fit_surrogate(_linear, known, data["targets"].double(), self.penalty)(asked)
            values.append(0.5 * (predicted - episodes.targets[k].double()).square().sum(-1).mean())
        return torch.stack(values).mean()


def _linear(a: Tensor, b: Tensor) -> Tensor:
    """The kernel of ridge regression on the features themselves."""
    return a @ b.T


def _with_constant(features: Tensor) -> Tensor:
    return torch.cat((features, torch.ones_like(features[:, :1])), -1)
