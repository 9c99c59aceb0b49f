"""Architecture search: which of several candidate networks is best, judged after training?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.held_out import HeldOutPrediction, Queries

Score = Callable[[Tensor, Tensor], Tensor]
"""Maps the outputs of E networks ``(E, Q, K)`` and true probabilities ``(E, Q, K)`` to a score of each, ``(E,)``, high if good."""


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the share of questions whose highest output is the true class, without a gradient."""
    return (outputs.argmax(-1) == targets.argmax(-1)).to(outputs.dtype).mean(-1)


def log_likelihood(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean logarithm of the probability of the true class, in nats."""
    return (targets * outputs.log_softmax(-1)).sum(-1).mean(-1)


@dataclass(frozen=True)
class SoftAccuracy:
    """Mean over the questions of the true class's share in ``softmax(sharpness · outputs)``: an accuracy with a gradient.

    At 1 it is the mean probability of the true class; as the sharpness grows it becomes the accuracy.

    Args:
        sharpness: factor on the outputs.

    Raises:
        ValueError: the sharpness is not positive.
    """

    sharpness: float = 4.0

    def __post_init__(self) -> None:
        if not self.sharpness > 0:
            raise ValueError(
                f"SoftAccuracy: sharpness={self.sharpness} must be positive; accuracy is the limit of large ones"
            )

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (targets * (self.sharpness * outputs).softmax(-1)).sum(-1).mean(-1)


@dataclass(frozen=True)
class ArchitectureSearch:
    """Rank Q candidates by their scores on held-out examples; the truth is their ranking after training on everything.

    An episode is a draw of initial weights of all candidates and of the held-out examples that they are asked about. Use it with
    `pinndd.distances.Kendall`, exact to judge and with a temperature in the units of the score for a gradient, and with a
    learner of all candidates, ``Adam(Portfolio(models))``.

    Args:
        inputs: held-out examples, ``(N, *shape)``.
        targets: their classes as probabilities, ``(N, K)``.
        scores: of the candidates after training on everything, ``(Q,)``, as `score_of` measures them.
        queries: examples that an episode asks about.
        score_of: of the answers of a network; `accuracy` has no gradient.
        candidates: positions of the Q that are ranked among those that the learner trains (None: all of them).

    Raises:
        ValueError: the examples do not fit one another (as `HeldOutPrediction`), the scores have more than one axis or
            are fewer than two, one is not finite, or the candidates are not as many positions from 0 on, all different; at asking:
            the learner trained other models than those.
    """

    inputs: Tensor
    targets: Tensor
    scores: Tensor
    queries: int = 32
    score_of: Score = SoftAccuracy()
    candidates: Sequence[int] | None = None

    def __post_init__(self) -> None:
        _ = self.pool
        if self.scores.ndim != 1 or len(self.scores) < 2:
            raise ValueError(
                f"ArchitectureSearch: scores have shape {tuple(self.scores.shape)}, expected (Q,), one for each of two or more "
                "candidates"
            )
        bad = (~self.scores.isfinite()).nonzero()
        if len(bad):
            raise ValueError(
                f"ArchitectureSearch: the score of candidate {int(bad[0])} is {float(self.scores[bad[0]])}: leave out candidates "
                "whose training diverges"
            )
        ranked = self.candidates
        if ranked is not None and (len(set(ranked)) != len(self.scores) or len(ranked) != len(self.scores) or min(ranked) < 0):
            raise ValueError(
                f"ArchitectureSearch: candidates={list(ranked)} for {len(self.scores)} scores: expected as many positions of models, "
                "from 0 on, all different"
            )

    @property
    def pool(self) -> HeldOutPrediction:
        """The same held-out examples as a task of classification."""
        return HeldOutPrediction(self.inputs, self.targets, self.queries)

    def episodes(self, count: int, generator: torch.Generator) -> Queries:
        """Draw ``count`` subsets of the held-out examples, and the seed of the initial weights."""
        return self.pool.episodes(count, generator)

    def everything(self, models: int = 1, seed: int = 0) -> Queries:
        """Return episodes that ask about all held-out examples, each with initial weights of its own."""
        return self.pool.everything(models, seed)

    def answer(self, fitted: Sequence[Callable[[Tensor], Tensor]], episodes: Queries, derivatives: int) -> Tensor:
        """Return the scores of the trained candidates, ``(E, Q, 1)``."""
        if self.candidates is not None:
            if max(self.candidates) >= len(fitted):
                raise ValueError(
                    f"ArchitectureSearch: candidate {max(self.candidates)} is among the {len(self.scores)} that are ranked, and the "
                    f"learner trained {len(fitted)} models, counted from 0: give a learner of all candidates, Adam(Portfolio(models))"
                )
            fitted = [fitted[k] for k in self.candidates]
        if len(fitted) != len(self.scores):
            raise ValueError(
                f"ArchitectureSearch: the learner trained {len(fitted)} candidates, {len(self.scores)} have a true score: give one "
                "score for each model of the portfolio"
            )
        return score_candidates(fitted, episodes, self.score_of)[..., None]

    def truth(self, episodes: Queries, derivatives: int) -> Tensor:
        """Return the scores after training on everything, ``(E, Q, 1)``.

        Raises:
            ValueError: derivatives are wanted; a ranking has none.
        """
        if derivatives:
            raise ValueError(
                "the task ArchitectureSearch knows values only: use a distance without derivatives, such as Kendall"
            )
        return self.scores.to(episodes.inputs)[None, :, None].expand(len(episodes), -1, 1)


def score_candidates(fitted: Sequence[Callable[[Tensor], Tensor]], episodes: Queries, score_of: Score) -> Tensor:
    """Return the score of each candidate in every episode, ``(E, Q)``.

    Args:
        fitted: trained candidates, each a map from inputs ``(E, n, *shape)`` to outputs ``(E, n, K)``.
        episodes: what they are asked.
        score_of: of the answers.
    """
    return torch.stack([score_of(candidate(episodes.inputs), episodes.targets) for candidate in fitted], -1)
