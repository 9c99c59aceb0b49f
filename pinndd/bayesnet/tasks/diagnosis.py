"""Diagnosis: what does the trained Bayesian network say of one variable, given whatever a patient has recorded?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.bayesnet.contraction import Labels, plan
from pinndd.bayesnet.incomplete import likelihoods
from pinndd.bayesnet.inference import ImpossibleEvidenceError
from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.rows import MISSING, check_rows

_PATIENT, _MODEL = " patient", " model"
"""Labels of the axes that are no variable; they begin with a blank, so that a variable's label cannot be one of them."""


@dataclass(frozen=True)
class Patients:
    """Patients whom a trained network is asked about, each an episode.

    Attributes:
        positions: of them among all patients of the task, ``(E,)``, int64.
    """

    positions: Tensor

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Diagnosis:
    """Ask a network for ``P(target | recorded cells)`` of patients; each patient is an episode, so that the risk runs over them.

    Missing cells are summed out: all patients, whatever they have recorded, share one contraction, in which a missing cell is a
    likelihood of ones. The target's own cell is never evidence. With the outcome as the truth, `pinndd.distances.KL` is the log
    loss and `pinndd.distances.Brier` the Brier score; a softer truth, such as the probabilities of a teacher, makes a
    distillation in the sense of Hinton et al. (2015, arXiv 1503.02531) of it. Give `pinndd.risks.Grouped` one label per patient
    (the hospital) for a risk over groups; the batch must then be all patients.

    Args:
        structure: of the networks that are asked.
        target: the variable that is asked for.
        rows: codes of the patients, ``(N, V)``, `MISSING` where nothing was recorded.
        truths: a distribution over the states of the target for each patient, ``(N, K)``, float64.

    Raises:
        ValueError: the rows do not fit, there is no patient, the target is unknown, or a truth is no distribution.
    """

    structure: Structure
    target: str
    rows: Tensor
    truths: Tensor

    def __post_init__(self) -> None:
        expected = (len(check_rows(self.structure, self.rows)), len(self.structure[self.target]))
        if not len(self.rows):
            raise ValueError("Diagnosis: there is no patient")
        if tuple(self.truths.shape) != expected:
            raise ValueError(f"Diagnosis: truths have shape {tuple(self.truths.shape)}, expected {expected}")
        wrong = ~(self.truths >= 0).all(-1) | ~((self.truths.sum(-1) - 1).abs() < 1e-6)
        if bool(wrong.any()):
            patient = int(wrong.nonzero()[0])
            raise ValueError(
                f"Diagnosis: the truth of patient {patient} is {self.truths[patient].tolist()}; expected a distribution over the "
                f"{expected[1]} states of {self.target!r}"
            )

    @classmethod
    def of(cls, structure: Structure, target: str, rows: Tensor) -> Diagnosis:
        """Take what the rows record of the target for the truth.

        Args:
            structure: of the networks that are asked.
            target: the variable that is asked for.
            rows: codes of the patients, ``(N, V)``; the target is recorded in each.

        Raises:
            ValueError: the rows do not fit, or the target of a patient is missing.
        """
        outcomes = check_rows(structure, rows)[:, structure.index(target)]
        if bool((outcomes == MISSING).any()):
            patient = int((outcomes == MISSING).nonzero()[0])
            raise ValueError(
                f"Diagnosis: {target!r} of patient {patient} is missing: leave the patient out, or give truths yourself"
            )
        return cls(structure, target, rows, torch.nn.functional.one_hot(outcomes, len(structure[target])).double())

    def episodes(self, count: int, generator: torch.Generator) -> Patients:
        """Draw ``count`` patients without repetition; all of them, in their order, where there are not more."""
        if count >= len(self.rows):
            return self.everyone()
        return Patients(torch.randperm(len(self.rows), generator=generator)[:count])

    def everyone(self) -> Patients:
        """Return all patients, in their order."""
        return Patients(torch.arange(len(self.rows)))

    @cached_property
    def _likelihoods(self) -> dict[str, Tensor]:
        """For each finding that someone has recorded one-hot rows, ``(N, K)``, float64, ones where it is missing."""
        recorded = (self.rows != MISSING).any(0).tolist()
        known = {name for name, some in zip(self.structure.names, recorded, strict=True) if some} - {self.target}
        return {name: cells for name, cells in likelihoods(self.structure, self.rows).items() if name in known}

    @cached_property
    def _tables(self) -> tuple[str, ...]:
        """Variables whose table matters; the others sum to one."""
        return tuple(sorted(self.structure.ancestors((self.target, *self._likelihoods))))

    def answer(self, fitted: Mapping[str, Tensor], episodes: Patients, derivatives: int) -> Tensor:
        """Return ``P(target | recorded cells)`` of every patient, ``(..., E, 1, K)``, differentiable in the tables.

        Args:
            fitted: conditional tables, with leading axes where there is a batch of networks.
            episodes: which patients.
            derivatives: of no meaning here.

        Raises:
            ImpossibleEvidenceError: what a patient has recorded has probability zero: give the learner a prior.
        """
        own = self.structure.shape(self.target)
        lead = fitted[self.target].shape[: fitted[self.target].ndim - len(own)]
        model: Labels = (_MODEL,) if lead else ()
        tables = [fitted[name].reshape(*([-1] if lead else []), *self.structure.shape(name)) for name in self._tables]
        evidence = [value.index_select(0, episodes.positions).to(tables[0]) for value in self._likelihoods.values()]
        labels = [model + self.structure.family(name) for name in self._tables]
        labels += [(_PATIENT, name) for name in self._likelihoods]
        sizes = {name: len(self.structure[name]) for name in self._tables} | {_PATIENT: len(episodes)}
        sizes |= {_MODEL: len(tables[0])} if lead else {}
        held = (_PATIENT,) if evidence else ()
        joint = plan(tuple(labels), (*model, *held, self.target), tuple(sizes.items()))([*tables, *evidence])
        joint = joint.reshape(*lead, len(episodes) if evidence else 1, own[-1])
        joint = joint.expand(*lead, len(episodes), own[-1])
        total = joint.sum(-1, keepdim=True)
        possible = (total.detach() > 0).reshape(-1, len(episodes)).all(0)
        if not bool(possible.all()):
            patient = int(episodes.positions[int((~possible).nonzero()[0])])
            raise ImpossibleEvidenceError(
                f"Diagnosis: what patient {patient} has recorded has probability zero in a trained network: give the learner a "
                "prior, such as BDeu"
            )
        return (joint / total)[..., None, :]

    def truth(self, episodes: Patients, derivatives: int) -> Tensor:
        """Return the true answers, ``(E, 1, K)``.

        Raises:
            ValueError: derivatives are wanted; probabilities of states have none.
        """
        if derivatives:
            raise ValueError("a diagnosis has no derivatives: use a distance without them, such as KL or Brier")
        return self.truths[episodes.positions][:, None]
