"""Choose sensors out of many candidates by the exact error of the trained models, one removal or exchange at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Candidates:
    """Rows of a ridge fit ``min_φ Σ_s weight (row_s φ - g_s)² + ‖φ‖²`` of which few are to be kept.

    Attributes:
        rows: ``(C, P)``, one per candidate.
        targets: ``(E, C)``, what each would measure in every episode.
        questions: ``(Q, P)``, rows that the fit is asked for.
        truth: ``(E, Q)``, the right answers.
        norms: ``(E,)``, what the error of an episode is divided by.
        group: ``(C,)``, which condition a candidate belongs to; the last of a group is never removed.
        always: ``(C,)``, bool; rows that cost nothing and stay.
        weight: of a row in the fit, positive.
    """

    rows: Tensor
    targets: Tensor
    questions: Tensor
    truth: Tensor
    norms: Tensor
    group: Tensor
    always: Tensor
    weight: float

    def fit(self, kept: Sequence[int]) -> Fit:
        """Fit to the rows ``kept``."""
        return Fit(self, torch.tensor(sorted(kept), device=self.rows.device))

    def error(self, kept: Sequence[int]) -> float:
        """Return the mean relative error of the fit to ``kept``."""
        fit = self.fit(kept)
        return float((fit.misfit.norm(dim=-1) / self.norms).mean())


class Fit:
    """A fit to some of the candidates, and what one row more or less would do to its error, exactly.

    With ``K = rows rowsᵀ`` on the kept rows, ``S = (K + 1/weight)⁻¹`` and dual coefficients ``α = S g``, to drop row j changes
    the answers by ``-α_j / S_jj`` times column j of the map from measurements to answers (inverse of a partitioned matrix). To
    add row c changes them by ``(g_c - prediction_c) / (1/weight + ‖w_c‖²)`` times ``questions w_c``, where ``w_c`` is what is
    left of the row after the posterior projection. Both are computed from one QR of ``[rowsᵀ; weight^(-1/2)]``.
    """

    def __init__(self, candidates: Candidates, kept: Tensor) -> None:
        self.candidates, self.kept = candidates, kept
        rows = candidates.rows[kept]
        noise = candidates.weight**-0.5
        identity = torch.eye(len(kept), dtype=rows.dtype, device=rows.device)
        q, r = torch.linalg.qr(torch.cat((rows.T, noise * identity)))
        self.projector = q[: rows.shape[1]]
        self.inverse: Tensor = torch.linalg.solve_triangular(r, identity, upper=True)
        targets = candidates.targets[:, kept]
        self.parameters = targets @ self.inverse @ self.projector.T
        self.dual = targets @ self.inverse @ self.inverse.T
        self.misfit = candidates.truth - self.parameters @ candidates.questions.T

    @cached_property
    def removals(self) -> Tensor:
        """Mean relative error without each of the kept rows, ``(K,)``."""
        answers = self.candidates.questions @ (self.projector @ self.inverse.T)
        step = self.dual / self.inverse.square().sum(1)
        return self._errors(answers, step)

    def additions(self, others: Tensor) -> Tensor:
        """Mean relative error with each of the rows ``others`` added, ``(A,)``."""
        c = self.candidates
        rows = c.rows[others]
        left = rows - (rows @ self.projector) @ self.projector.T
        answers = c.questions @ left.T
        spread = 1 / c.weight + (left * rows).sum(-1)
        step = (c.targets[:, others] - self.parameters @ rows.T) / spread
        return self._errors(answers, -step)

    def _errors(self, answers: Tensor, step: Tensor) -> Tensor:
        """Mean over the episodes of ``‖misfit + step · answers‖``, for each column of ``answers``."""
        square = (
            self.misfit.square().sum(-1)[:, None]
            + 2 * step * (self.misfit @ answers)
            + step.square() * answers.square().sum(0)
        )
        errors: Tensor = (square.clamp_min(0).sqrt() / self.candidates.norms[:, None]).mean(0)
        return errors


def eliminate(candidates: Candidates, count: int) -> list[int]:
    """Drop candidates, the least missed first, until ``count`` remain beside those that cost nothing.

    While more than three times as many are left, a tenth of them goes at a time; then one by one.

    Args:
        candidates: the candidates.
        count: how many to keep, at least one per group.

    Returns:
        The rows that are kept, those that cost nothing among them, in order.
    """
    kept = list(range(len(candidates.group)))
    free = int(candidates.always.sum())
    while (left := len(kept) - free) > count:
        order = candidates.fit(kept).removals.argsort().tolist()
        batch = max(1, min(left // 10, left - 3 * count))
        dropped: set[int] = set()
        for place in order:
            if len(dropped) < batch and removable(candidates, [k for k in kept if k not in dropped], kept[place]):
                dropped.add(kept[place])
        kept = [k for k in kept if k not in dropped]
    return kept


def exchange(candidates: Candidates, kept: Sequence[int], rounds: int = 30) -> list[int]:
    """Add the candidate that helps most and drop the row that is missed least, until nothing is gained.

    Every exchange lowers the error (exchange algorithm of Fedorov 1972 for designs of experiments, on the error itself).

    Args:
        candidates: the candidates.
        kept: rows to start from.
        rounds: most exchanges.
    """
    kept = sorted(kept)
    error = candidates.error(kept)
    for _ in range(rounds):
        others = torch.tensor([k for k in range(len(candidates.group)) if k not in set(kept)], device=candidates.rows.device)
        if not len(others):
            return kept
        added = int(others[candidates.fit(kept).additions(others).argmin()])
        more = sorted([*kept, added])
        order = candidates.fit(more).removals.argsort().tolist()
        dropped = next(more[place] for place in order if removable(candidates, more, more[place]))
        fewer = [k for k in more if k != dropped]
        fewer_error = candidates.error(fewer)
        if dropped == added or not fewer_error < error:
            return kept
        kept, error = fewer, fewer_error
    return kept


def removable(candidates: Candidates, kept: Sequence[int], row: int) -> bool:
    """Whether ``row`` costs something and another of its group remains in ``kept``."""
    if bool(candidates.always[row]):
        return False
    return any(k != row and candidates.group[k] == candidates.group[row] for k in kept)
