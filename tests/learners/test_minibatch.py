"""Adam on minibatches: without them it is Adam on the whole set, network by network."""

import pytest
import torch

from pinndd import Fixed, SyntheticData
from pinndd.held_out import HeldOutPrediction
from pinndd.learners import Adam, MinibatchAdam
from pinndd.learners.network import NetworkModel
from pinndd.vision.networks import MLP

MODEL = NetworkModel(MLP(3, 2, hidden=(5,)))
INPUTS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
TARGETS = torch.eye(2)[torch.arange(12) % 2]
DATA = SyntheticData({"inputs": INPUTS, "targets": TARGETS}, {"inputs": Fixed(), "targets": Fixed()})
EPISODES = HeldOutPrediction(INPUTS, TARGETS, 4).blocks(3)


def test_without_batches_it_is_adam():
    with torch.no_grad():
        one, other = (make(MODEL, 7, 0.05).fit(DATA, EPISODES) for make in (Adam, MinibatchAdam))
        torch.testing.assert_close(one.parameters, other.parameters)
        torch.testing.assert_close(one(EPISODES.inputs), other(EPISODES.inputs))


def test_a_network_does_not_depend_on_how_many_are_trained():
    learner = MinibatchAdam(MODEL, 7, 0.05, batch=5, augmentation=lambda inputs, seed: inputs * (1 + seed % 7 / 10))
    with torch.no_grad():
        together, last = learner.fit(DATA, EPISODES), learner.fit(DATA, EPISODES.part(2, 1))
    assert torch.equal(together.parameters[2:], last.parameters)
    assert len(torch.unique(together.parameters[:, 0])) == 3


def test_an_epoch_of_batches_sees_every_example_once():
    seen = []
    learner = MinibatchAdam(MODEL, 3, 0.05, batch=4, augmentation=lambda inputs, seed: seen.append(inputs) or inputs, networks=1)
    with torch.no_grad():
        learner.fit(DATA, EPISODES)
    together = torch.cat(seen)
    assert together[together[:, 0].argsort()].equal(INPUTS[INPUTS[:, 0].argsort()])


def test_few_networks_answer_all_episodes_in_turn():
    with torch.no_grad():
        fitted = MinibatchAdam(MODEL, 3, 0.05, networks=2).fit(DATA, EPISODES)
        assert len(fitted.parameters) == 2
        answers = fitted(EPISODES.inputs)
        torch.testing.assert_close(answers[2], MODEL.outputs(fitted.parameters[:1], EPISODES.inputs[2])[0])


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"networks": 0}, {"steps": 0}])
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=0"):
        MinibatchAdam(MODEL, **wrong)
