"""The hypergradient of a bank of learners: that of the member of each batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, Hypergradient, require
from pinndd.learners.bank import Bank
from pinndd.problem import DistillationProblem, Episodes, Learner
from pinndd.risks import OverParts


@dataclass(frozen=True)
class ByMember:
    """Differentiate a `Bank`: every batch by the estimator that fits its member.

    Episodes with an attribute ``parts`` are several batches, one for each member; their risk is `OverParts`, whose gradient is
    that of the risks of the parts, weighted by the derivative of the risk over them. Otherwise the batch is that of one member.

    Args:
        fitting: returns the estimator for a learner.

    Raises:
        TypeError: when called: the learner is no bank, there are parts and the risk is not over parts, or a member is not
            differentiated.
    """

    fitting: Callable[[Learner], Hypergradient]

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        require(problem, "by member", "ByMember")
        parts = getattr(episodes, "parts", None)
        if parts is None:
            return self._of_one(problem, data, episodes)
        over = problem.risk
        if not isinstance(over, OverParts):
            raise TypeError(
                f"ByMember: the episodes are those of {len(parts)} members and the risk is {type(over).__name__}; wrap it in "
                "OverParts, which says what is within a member and what is over them"
            )
        found = [self._of_one(replace(problem, risk=over.within), data, part) for part in parts]
        with torch.enable_grad():
            risks = torch.stack([risk for risk, _ in found]).requires_grad_()
            total = over.over(risks)
            (shares,) = torch.autograd.grad(total, risks)
        sums = {name: sum(share * own[name] for share, (_, own) in zip(shares, found, strict=True)) for name in found[0][1]}
        return total.detach(), cast(Gradient, sums)

    def _of_one(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner, own = cast(Bank, problem.learner).member(episodes)
        return self.fitting(learner)(replace(problem, learner=learner), data, own)
