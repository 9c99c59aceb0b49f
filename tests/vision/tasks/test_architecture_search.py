"""Architecture search as a task: scores, rankings, what is refused, and a set that is distilled for a ranking."""

import math

import pytest
import torch
from torch import nn

from pinndd.constraints import Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import Kendall
from pinndd.held_out import HeldOutPrediction, one_hot
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.learners.portfolio import Portfolio
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.vision.search_space import Candidate, small_networks
from pinndd.vision.tasks.architecture_search import (
    ArchitectureSearch,
    SoftAccuracy,
    accuracy,
    log_likelihood,
    score_candidates,
)

INPUTS = torch.tensor([[1.0], [-1.0], [2.0], [-2.0]], dtype=torch.float64)
TARGETS = one_hot(torch.tensor([1, 0, 1, 0]), 2, torch.float64)


def answers(*slopes):
    """Candidates that score the second class with a slope times the input; a negative slope is always wrong."""
    return tuple(lambda x, s=s: torch.cat((torch.zeros_like(x), s * x), -1) for s in slopes)


def test_scores_have_their_closed_forms():
    outputs = torch.tensor([[[0.0, math.log(3)], [0.0, math.log(3)]]], dtype=torch.float64)
    targets = one_hot(torch.tensor([1, 0]), 2, torch.float64)[None]
    assert accuracy(outputs, targets).tolist() == [0.5]
    assert float(log_likelihood(outputs, targets)) == pytest.approx((math.log(0.75) + math.log(0.25)) / 2)
    assert float(SoftAccuracy(1.0)(outputs, targets)) == pytest.approx(0.5)
    # three to the power of two: 9 / 10 for the first question
    assert float(SoftAccuracy(2.0)(outputs[:, :1], targets[:, :1])) == pytest.approx(0.9)


def test_soft_accuracy_becomes_the_accuracy():
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn((3, 40, 5), generator=generator, dtype=torch.float64)
    targets = one_hot(torch.randint(5, (120,), generator=generator), 5, torch.float64).reshape(3, 40, 5)
    torch.testing.assert_close(SoftAccuracy(1e5)(outputs, targets), accuracy(outputs, targets))
    assert not torch.allclose(SoftAccuracy(1.0)(outputs, targets), accuracy(outputs, targets))


def test_a_right_ranking_has_distance_zero_and_a_reversed_one_has_one():
    task = ArchitectureSearch(INPUTS, TARGETS, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), queries=4)
    asked = task.everything(2)
    truth = task.truth(asked, 0)
    assert truth.shape == (2, 3, 1)
    right, reverse = (task.answer(answers(*slopes), asked, 0) for slopes in ((-1, 0.5, 2), (2, 0.5, -1)))
    assert right.shape == truth.shape
    assert Kendall(temperature=0)(right, truth).tolist() == [0, 0]
    assert Kendall(temperature=0)(reverse, truth).tolist() == [1, 1]
    one_pair = task.answer(answers(0.5, -1, 2), asked, 0)
    torch.testing.assert_close(Kendall(temperature=0)(one_pair, truth), torch.full((2,), 1 / 3, dtype=torch.float64))


def test_episodes_draw_questions_without_repetition_and_weights_anew():
    task = ArchitectureSearch(INPUTS, TARGETS, torch.tensor([0.1, 0.5]), queries=3)
    generator = torch.Generator().manual_seed(0)
    first, second = task.episodes(5, generator), task.episodes(5, generator)
    assert first.inputs.shape == (5, 3, 1)
    assert all(len(set(row.tolist())) == 3 for row in first.inputs[..., 0])
    assert first.seed != second.seed


def test_scores_of_candidates_are_a_column_each():
    asked = HeldOutPrediction(INPUTS, TARGETS, 4).everything(2)
    assert score_candidates(answers(1, -1, 1), asked, accuracy).tolist() == [[1, 0, 1], [1, 0, 1]]


def test_learned_labels_bring_the_ranking_closer_to_that_of_full_training():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn((60, 2), generator=generator, dtype=torch.float64)
    targets = one_hot((inputs.prod(-1) > 0).long(), 2, torch.float64)
    models = [NetworkModel(lambda w=w: nn.Sequential(nn.Linear(2, w), nn.Tanh(), nn.Linear(w, 2))) for w in (1, 3, 8)]
    everything = SyntheticData({"inputs": inputs, "targets": targets}, {"inputs": Fixed(), "targets": Fixed()})
    asked = HeldOutPrediction(inputs, targets, 30).everything(4, seed=3)
    full = Adam(Portfolio(models), steps=150, learning_rate=0.05, dtype=torch.float64).fit(everything, asked)
    task = ArchitectureSearch(inputs, targets, score_candidates(full, asked, accuracy).mean(0), queries=30)
    learner = Adam(Portfolio(models), steps=25, learning_rate=0.1, dtype=torch.float64)
    problem = DistillationProblem(learner, task, Kendall(temperature=0.2), Mean())
    # labels that say nothing: all candidates score alike
    unlabelled = {"inputs": inputs[:12], "targets": torch.full((12, 2), 0.5, dtype=torch.float64)}
    start = SyntheticData(unlabelled, {"inputs": Fixed(), "targets": Simplex()})
    validation = [task.everything(4, seed=9)]
    settings = OuterSettings(steps=20, batch=4, learning_rate=0.3, validate_every=5)
    found = distill(problem, start, hypergradient=UnrolledAdjoint(), validation=validation, settings=settings)
    assert found.risk < found.history[0]["validation"] * 2 / 3


def test_scores_without_ranking_are_refused():
    with pytest.raises(
        ValueError, match=r"scores have shape \(1,\), expected \(Q,\), one for each of two or more candidates"
    ):
        ArchitectureSearch(INPUTS, TARGETS, torch.ones(1), queries=2)
    with pytest.raises(ValueError, match=r"scores have shape \(2, 3\)"):
        ArchitectureSearch(INPUTS, TARGETS, torch.ones(2, 3), queries=2)
    with pytest.raises(ValueError, match=r"the score of candidate 1 is nan: leave out candidates whose training diverges"):
        ArchitectureSearch(INPUTS, TARGETS, torch.tensor([0.5, math.nan]), queries=2)


def test_held_out_examples_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 inputs have 4 targets, expected as many"):
        ArchitectureSearch(INPUTS[:3], TARGETS, torch.ones(2), queries=2)
    with pytest.raises(ValueError, match="queries=9 must lie between 1 and the 4 of the pool"):
        ArchitectureSearch(INPUTS, TARGETS, torch.ones(2), queries=9)


def test_another_number_of_candidates_is_refused():
    task = ArchitectureSearch(INPUTS, TARGETS, torch.ones(2), queries=2)
    with pytest.raises(ValueError, match="the learner trained 3 candidates, 2 have a true score"):
        task.answer(answers(1, 2, 3), task.everything(), 0)


def test_some_of_the_candidates_may_be_ranked():
    task = ArchitectureSearch(INPUTS, TARGETS, torch.tensor([0.1, 0.9]), queries=4, candidates=(2, 0))
    asked = task.everything()
    assert task.answer(answers(2, 9, -1), asked, 0)[0, :, 0].argsort().tolist() == [0, 1]
    # as many as have a score, and yet not those that are ranked
    with pytest.raises(ValueError, match=r"candidate 2 is among the 2 that are ranked, and the learner trained 2 models.*of all cand"):
        task.answer(answers(2, 1), asked, 0)


@pytest.mark.parametrize("candidates", [(0,), (0, 0), (0, 0, 1), (-1, 0)])
def test_candidates_that_are_no_positions_are_refused(candidates):
    with pytest.raises(ValueError, match=r"candidates=\[.*\] for 2 scores: expected as many positions of models, from 0 on"):
        ArchitectureSearch(INPUTS, TARGETS, torch.ones(2), queries=2, candidates=candidates)


def test_derivatives_of_a_ranking_are_refused():
    task = ArchitectureSearch(INPUTS, TARGETS, torch.ones(2), queries=2)
    with pytest.raises(ValueError, match="knows values only: use a distance without derivatives, such as Kendall"):
        task.truth(task.everything(), 1)


def test_sharpness_must_be_positive():
    with pytest.raises(ValueError, match=r"sharpness=0 must be positive"):
        SoftAccuracy(0)


def test_the_search_space_builds_networks_that_differ():
    space = small_networks((1, 8, 8), 10)
    assert len(space) >= 36
    assert len({candidate.name for candidate in space}) == len(space)
    images = torch.zeros((2, 1, 8, 8))
    assert all(candidate()(images).shape == (2, 10) for candidate in space)
    assert space[-1].name == "ConvNet 2 x 4 relu instance"
    # every one can be trained: none keeps running statistics
    assert len({NetworkModel(candidate).size for candidate in space}) > 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width=0 and depth=1 must be positive"),
        ({"kind": "RNN"}, "kind='RNN', expected one of MLP, ConvNet"),
        ({"activation": "cube"}, "activation='cube', expected one of relu, tanh, sigmoid"),
        ({"norm": "batch"}, "norm='batch', expected one of instance, group, layer, none"),
        ({"kind": "MLP", "norm": "layer"}, "norm='layer' has no meaning for an MLP"),
        ({"norm": "group"}, "width=2 must be divisible by the 4 groups"),
        ({"depth": 4}, "an image of 8 x 8 is too small for depth=4, expected at least 16 pixels per side"),
    ],
)
def test_candidates_that_make_no_network_are_refused(change, message):
    settings = {"shape": (1, 8, 8), "classes": 10, "kind": "ConvNet", "width": 2, "depth": 1, "activation": "relu", **change}
    with pytest.raises(ValueError, match=message):
        Candidate(**settings)
