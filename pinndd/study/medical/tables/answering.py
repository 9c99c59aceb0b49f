"""Regressions that answer queries: one per target and evidence, on indicators of states, a missing finding being all zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.bayesnet import MISSING, Query, QueryBatch, Structure

Matrix = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Regressions:
    """Answer queries by models that scikit-learn trains on the patients whose target is recorded.

    Attributes:
        structure: of the variables; its graph is not used.
        rows: codes of the patients, ``(N, V)``, `MISSING` where nothing was recorded.
        make: makes an untrained model with ``fit`` and ``predict_proba``.
        whatever: targets that are asked given whatever is recorded: their models see all other variables.
    """

    structure: Structure
    rows: Tensor
    make: Callable[[], Any]
    whatever: frozenset[str] = frozenset()
    _models: dict[tuple[str, tuple[str, ...]], Any] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, batch: QueryBatch) -> Tensor:
        """Return the answers, ``(Q, states)``.

        Raises:
            ValueError: no patient has a target recorded.
        """
        answers = torch.zeros((len(batch.queries), batch.states), dtype=torch.float64)
        groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for k, query in enumerate(batch.queries):
            groups.setdefault((query.target, self._evidence(query)), []).append(k)
        for (target, evidence), positions in groups.items():
            codes = torch.stack([self._codes(batch.queries[k]) for k in positions])
            answers[positions, : len(self.structure[target])] = self._predicted(target, evidence, codes)
        return answers

    def trained(self, queries: Sequence[Query]) -> Regressions:
        """Return these regressions with the models trained that such queries ask."""
        for target, evidence in dict.fromkeys((query.target, self._evidence(query)) for query in queries):
            self._model(target, evidence)
        return self

    def _evidence(self, query: Query) -> tuple[str, ...]:
        if query.target in self.whatever:
            return tuple(name for name in self.structure.names if name != query.target)
        return tuple(name for name in self.structure.names if name in query.evidence)

    def _codes(self, query: Query) -> Tensor:
        row = torch.full((len(self.structure.names),), MISSING)
        for name, state in query.evidence.items():
            if not isinstance(state, str):
                raise ValueError(f"{query}: regressions take states as evidence, not likelihoods")
            row[self.structure.index(name)] = self.structure[name].code(state)
        return row

    def _predicted(self, target: str, evidence: tuple[str, ...], codes: Tensor) -> Tensor:
        """Return probabilities ``(n, K)``."""
        outcomes = self.rows[:, self.structure.index(target)]
        known = outcomes[outcomes != MISSING]
        if not len(known):
            raise ValueError(f"no patient to learn from has {target!r} recorded")
        found = torch.zeros((len(codes), len(self.structure[target])), dtype=torch.float64)
        if (model := self._model(target, evidence)) is None:
            shares = torch.bincount(known, minlength=found.shape[1]).double()
            return (shares / shares.sum()).expand(len(codes), -1)
        found[:, torch.unique(known)] = torch.from_numpy(model.predict_proba(self._indicators(codes, evidence)))
        return found

    def _model(self, target: str, evidence: tuple[str, ...]) -> Any:
        """Return the model of a target, None where its outcome or its evidence leaves nothing to learn."""
        outcomes = self.rows[:, self.structure.index(target)]
        known = outcomes != MISSING
        if len(torch.unique(outcomes[known])) < 2 or not evidence:
            return None
        key = target, evidence
        if key not in self._models:
            self._models[key] = self.make().fit(self._indicators(self.rows[known], evidence), outcomes[known].numpy())
        return self._models[key]

    def _indicators(self, rows: Tensor, evidence: Sequence[str]) -> Matrix:
        columns = [
            (rows[:, self.structure.index(name), None] == torch.arange(len(self.structure[name]))).double() for name in evidence
        ]
        return torch.cat(columns, -1).numpy()
