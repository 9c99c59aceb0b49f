"""Several learners as one: the seed says which trains; bad seeds and an empty bank are refused."""

from dataclasses import dataclass, replace

import pytest
import torch

from pinndd import Fixed, SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import ByMember, Exact, fitting
from pinndd.learners import Bank
from pinndd.learners.bank import DRAWS
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean, OverParts, WorstCase

DATA = SyntheticData({"x": torch.tensor([1.0])}, {"x": Fixed()})


@dataclass(frozen=True)
class Batch:
    seed: int

    def with_seed(self, seed):
        return replace(self, seed=seed)


@dataclass(frozen=True)
class Parts:
    parts: tuple


@dataclass(frozen=True)
class Times:
    factor: float
    differentiation: str = "closed form"

    def fit(self, data, episodes):
        return self.factor * data["x"].sum() + episodes.seed


def test_the_seed_says_which_member_trains_and_with_which_draw():
    bank = Bank((Times(2.0), Times(3.0)))
    assert bank.differentiation == "by member"
    assert bank.seed(0, 7) == 7
    assert float(bank.fit(DATA, Batch(bank.seed(0, 7)))) == 9
    assert float(bank.fit(DATA, Batch(bank.seed(1, 7)))) == 10
    learner, own = bank.member(Batch(bank.seed(1, DRAWS - 1)))
    assert (learner, own.seed) == (Times(3.0), DRAWS - 1)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"Bank: members=\(\) is empty; expected one learner at least"):
        Bank(())
    bank = Bank((Times(2.0),))
    with pytest.raises(ValueError, match=r"Bank: member 1 of 1; they are counted from 0 on"):
        bank.seed(1, 0)
    with pytest.raises(ValueError, match=r"Bank: draw -1; expected a whole number from 0 to 9999999"):
        bank.seed(0, -1)
    with pytest.raises(ValueError, match=r"Bank: seed 20000001 belongs to member 2 of 1; take one that Bank.seed returns"):
        bank.fit(DATA, Batch(2 * DRAWS + 1))


def test_parts_need_a_risk_over_parts_and_members_that_are_differentiated():
    def problem(learner, risk):
        return DistillationProblem(learner, None, RelativeL2(), risk)

    bank = Bank((Times(2.0), Times(3.0, "none")))
    parts = Parts((Batch(0), Batch(DRAWS)))
    with pytest.raises(TypeError, match=r"the episodes are those of 2 members and the risk is Mean; wrap it in OverParts"):
        fitting(bank)(problem(bank, Mean()), DATA, parts)
    with pytest.raises(TypeError, match=r"Times offers 'none': no estimator differentiates its training"):
        fitting(bank)(problem(bank, Mean()), DATA, Batch(DRAWS))
    with pytest.raises(TypeError, match=r"ByMember needs a learner with a by member gradient; Times offers 'closed form'"):
        ByMember(fitting)(problem(Times(1.0), Mean()), DATA, Batch(0))
    with pytest.raises(TypeError, match=r"use hypergradients.ByMember"):
        Exact()(problem(bank, Mean()), DATA, Batch(0))


def test_a_risk_over_parts_is_relative_to_levels_and_its_limits_are_known():
    losses = torch.tensor([1.0, 3.0, 4.0, 8.0])
    assert float(OverParts(Mean(), Mean(), (1.0, 1.0))(losses)) == float(losses.mean())
    assert float(OverParts(Mean(), WorstCase(), (2.0, 3.0))(losses)) == 2
    assert float(OverParts(Mean(), Mean(), (2.0, 3.0)).over(torch.tensor([2.0, 6.0]))) == 1.5
    with pytest.raises(ValueError, match=r"OverParts: levels=\(1.0, 0.0\); expected a positive number for each part"):
        OverParts(Mean(), Mean(), (1.0, 0.0))
    with pytest.raises(ValueError, match=r"OverParts: 4 losses for 3 parts; expected as many for each"):
        OverParts(Mean(), Mean(), (1.0, 1.0, 1.0))(losses)
