"""What does not fit into memory is refused before it begins, or ends in one line with what was done kept."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.outer_loop import OuterSettings, TooLargeError, distill
from pinndd.pinn.declare.loading import load_pde
from pinndd.problem import DistillationProblem
from pinndd.risks import GeometricMean
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.amortised import AmortisedSettings
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.solving import Problem
from pinndd.terminal import distilling, solving
from pinndd.terminal.errors import in_words

SAID = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB of which 1 GiB is free."


class Batch:
    """Episodes that can be split: numbers from a first one on."""

    def __init__(self, count, first=0):
        self.count, self.first = count, first

    def __len__(self):
        return self.count

    def part(self, first, count):
        return Batch(count, self.first + first)


class Room:
    """A learner of one number that has memory for so many episodes at a time, and a task whose answer is that number."""

    differentiation = "closed form"

    def __init__(self, most, error=torch.OutOfMemoryError):
        self.most, self.error, self.asked = most, error, []

    def fit(self, data, episodes):
        self.asked.append(len(episodes))
        if len(episodes) > self.most:
            raise self.error(SAID if self.error is torch.OutOfMemoryError else "DefaultCPUAllocator: can't allocate memory")
        return data["x"].mean()

    def episodes(self, count, generator):
        return Batch(count, int(torch.randint(9, (), generator=generator)))

    def answer(self, fitted, episodes, derivatives):
        return fitted.expand(len(episodes), 1, 1)

    def truth(self, episodes, derivatives):
        return (1 + torch.arange(episodes.first, episodes.first + len(episodes)) % 7).double()[:, None, None]


def run(room, batch=8, validation=3, **given):
    data = SyntheticData({"x": torch.tensor([[1.0], [2.0]], dtype=torch.float64)}, {"x": Box((0,), (10,))})
    problem = DistillationProblem(room, room, RelativeL2(), GeometricMean())
    settings = OuterSettings(steps=3, batch=batch, validate_every=1)
    return distill(problem, data, hypergradient=Exact(), validation=[Batch(validation)], settings=settings, **given)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_the_batch_is_halved_once_and_said(error):
    room = Room(5, error)
    with pytest.warns(UserWarning, match="8 episodes per outer step do not fit into the memory of cpu: the outer loop goes on with 4"):
        found = run(room)
    assert room.asked == [3, 8, 4, 3, 4, 3, 4, 3]
    plain = run(Room(9), batch=4)
    assert torch.equal(found.data["x"], plain.data["x"])  # as if half had been asked for
    assert found.risk == plain.risk


def test_what_does_not_fit_after_that_ends_the_loop_with_its_state_kept(tmp_path):
    path = tmp_path / "state.npz"
    with pytest.warns(UserWarning, match="goes on with 4"), pytest.raises(TooLargeError, match="with 4 episodes does not fit"):
        run(Room(3), checkpoint=path)
    assert path.exists()
    assert run(Room(9), checkpoint=path, resume=True).risk == run(Room(9)).risk


def test_one_episode_has_no_half():
    with pytest.raises(TooLargeError, match="an outer step with 1 episodes does not fit"):
        run(Room(0), batch=1, validation=0)


def test_validation_is_done_in_halves_with_the_same_risk():
    room = Room(3)
    found, plain = (run(each, batch=2, validation=6).history for each in (room, Room(9)))
    assert room.asked[:3] == [6, 3, 3]
    assert [row["validation"] for row in found] == [row["validation"] for row in plain]
    with pytest.raises(TooLargeError, match="training for 8 validation episodes"):
        run(Room(3), batch=2, validation=8)


def test_another_error_is_left_as_it_is():
    with pytest.raises(KeyError):
        run(Room(2, lambda said: KeyError(said)))


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("distill heat", ["memory is too short (CUDA out of memory)", "lower --points or --boundary-points", "start again"]),
        ("distill heat --protocol amortised", ["lower --tuples or --boundary-tuples"]),
        ("solve heat --values left=0 --values right=0 --values start=1", ["give fewer conditions at a time, and no --tolerance"]),
    ],
)
def test_a_command_names_the_option_that_helps(words, parts, call, monkeypatch):
    def fail(*values):
        raise torch.OutOfMemoryError(SAID)

    monkeypatch.setattr(distilling, "distill_first", fail)
    monkeypatch.setattr(solving.Problem, "solve", fail)
    code, _, said = call(*words.split())
    assert (code, said.count("pinndd: "), "Traceback" in said) == (1, 1, False)
    assert [part for part in parts if part not in " ".join(said.split())] == []


def test_a_cell_says_it_too():
    assert "ask for fewer points" in in_words(torch.OutOfMemoryError(SAID))
    assert in_words(MemoryError("train with less")) == "train with less"


@pytest.mark.parametrize(
    ("protocol", "size", "learner", "named"),
    [
        ("retrain", RetrainSettings(30_000, 30), "mlp-lm", "points 30000"),  # three Gram matrices of the weights: 121 MB
        ("retrain", RetrainSettings(30, 9_000), "gauss-newton", "boundary points 9000"),
        ("amortised", AmortisedSettings(9_000, 70), "gauss-newton", "tuples 9000"),
        ("retrain", RetrainSettings(60, 30), "mlp-adam", "points 60"),  # the states of 200 steps: 86 MB
    ],
)
def test_what_a_learner_needs_is_refused_before_it_begins(protocol, size, learner, named, monkeypatch):
    monkeypatch.setattr("pinndd.study.protocols.memory.available_memory", lambda device: 80_000_000)
    pde, chosen = load_pde("burgers"), protocol_named(protocol)
    settings = StudySettings(learner=learner, test_conditions=2)
    refused = chosen.refusal(pde, size, settings)
    assert refused.startswith(f"{named} would need at least "), refused
    monkeypatch.setattr("pinndd.study.protocols.memory.available_memory", lambda device: 10**12)
    assert chosen.refusal(pde, size, settings) == ""


def test_the_memory_of_the_gpu_counts_where_that_computes(card, monkeypatch):
    asked = []
    monkeypatch.setattr("pinndd.study.protocols.memory.available_memory", lambda device: asked.append(device))
    for learner in ("ridge", "mlp-lm"):
        protocol_named("retrain").refusal(load_pde("heat"), RetrainSettings(), StudySettings(learner=learner))
    assert asked == ["cpu", "cuda"]


def test_too_many_conditions_to_solve_for_are_refused(monkeypatch):
    given = {"left": 0.0, "right": 0.0, "start": torch.zeros((4, 3), dtype=torch.float64)}
    monkeypatch.setattr("pinndd.study.solving.available_memory", lambda device: 10_000_000)
    with pytest.raises(ValueError, match=r"^4 conditions would need at least 0\.0181 GB of memory, and 0\.01 GB are free: solve"):
        Problem.of("heat", given)


def test_a_gpu_trains_more_networks_at_a_time(card):
    learner = LevenbergMarquardt(SimpleNamespace(training_bytes=lambda prepared: 2**20))
    assert learner.batch(None) == learner.memory // 2**20
    assert learner.batch(None, "cuda") == 2**12
    assert replace(learner, memory=2**34).batch(None, "cuda") == 2**14
