"""A first look solves no more conditions than its time allows, in training, validation and test, and says so."""

from dataclasses import replace

import pytest
import torch

from pinndd import distill_set, load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.solving import parts, truth
from pinndd.pinn.solving.solver import DenseSolution
from pinndd.pinn.solving.truth import own_settings, seconds_per_condition
from pinndd.study import run
from pinndd.study.protocols import allowance as allowances
from pinndd.study.protocols import conditions
from pinndd.study.protocols.allowance import FIRST_LOOK, OUTER_STEPS, Allowance
from pinndd.study.protocols.conditions import BroadenedConditions, FreshConditions, asked_tests, fresh_tests
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.retrain import bench as retrain
from pinndd.study.protocols.settings import StudySettings


@pytest.fixture(scope="module")
def burgers():
    return replace(load_pde("burgers"), reference=None)


@pytest.fixture
def slow(monkeypatch):
    """Let every solution take so many seconds, and take none."""

    def say(seconds):
        monkeypatch.setattr(allowances, "seconds_per_condition", lambda pde: seconds)
        monkeypatch.setattr(run, "seconds_per_condition", lambda pde: seconds)

    monkeypatch.setattr(conditions, "boundary_episodes", lambda pde, ensemble, drawn, *_, **__: Solved(drawn))
    monkeypatch.setattr(conditions, "truth_errors", lambda *_: None)
    monkeypatch.setattr(conditions, "ask", lambda pde, ensemble, codes, *_: Solved(codes))
    monkeypatch.setattr(conditions, "replace", lambda solved, **_: solved)
    return say


class Solved(list):
    """Conditions that nobody solved."""

    values = None

    def __init__(self, drawn):
        super().__init__(range(len(drawn)))

    def to(self, device):
        return self


def counts_of(pde, allowance):
    fresh = FreshConditions(pde, 0, "cpu", 256, 32, None, 600, allowance=allowance)
    settings = StudySettings(test_conditions=12, shifts=("none",), device="cpu")
    tests = fresh_tests(pde, settings, allowance).episodes["none"]
    return len(fresh.training), len(fresh.validation), len(fresh.plain), len(tests)


def test_without_a_limit_and_where_solutions_take_no_time_all_conditions_are_solved(burgers, slow):
    slow(1000.0)
    assert counts_of(burgers, Allowance()) == (256, 32, 32, 12)
    slow(0.0)
    assert counts_of(burgers, unlimited := Allowance(100.0)) == (256, 32, 32, 12)
    assert unlimited.dropped == []


def test_solutions_that_take_long_leave_fewer_conditions_of_every_kind(burgers, slow):
    slow(0.7)
    limited = Allowance(100.0)
    # our own solution of a test condition takes two fits: 15 s / (2 x 0.7 s)
    assert counts_of(burgers, limited) == (21, 14, 14, 10)
    training, validation = "235 of 256 training conditions", "18 of 32 validation conditions"
    assert limited.dropped == ["2 of 12 test conditions of every family", training, validation]


def test_the_fewest_conditions_are_solved_however_long_they_take(burgers, slow):
    slow(1000.0)
    assert counts_of(burgers, Allowance(100.0)) == (16, 8, 8, 2)


def test_conditions_of_a_conditioned_network_are_limited_too(slow):
    slow(0.7)
    pde, limited = load_pde("burgers"), Allowance(100.0)
    settings = StudySettings(test_conditions=40, shifts=("none",), device="cpu")
    found = BroadenedConditions(pde, 0, "cpu", allowance=limited)
    assert (len(found.training), len(found.validation)) == (21, 14)
    assert len(asked_tests(pde, settings, limited).episodes["none"]) == 21  # a reference solves once
    assert limited.dropped[-1] == "19 of 40 test conditions"


def test_no_protocol_begins_whose_solutions_would_take_all_time(burgers, slow):
    slow(0.7)
    assert run._beyond(burgers, "solved", Allowance()) == ""
    assert "a true solution takes 0.7 s, too long for a first look at it" in run._beyond(burgers, "solved", Allowance(100.0))
    slow(0.1)
    assert run._beyond(burgers, "solved", Allowance(100.0)) == ""
    assert "time of a first look was spent" in run._beyond(burgers, "solved", Allowance(100.0, started=-1e6))


def test_how_long_a_solution_takes_is_measured_where_none_is_kept(burgers, monkeypatch):
    assert seconds_per_condition(load_pde("heat")) == 0.0  # linear
    monkeypatch.setattr(truth, "own_settings", lambda pde: truth.DenseSettings(40, 0))
    clock = iter(range(100))
    monkeypatch.setattr(truth, "processor_seconds", lambda: float(next(clock)))
    solved = []
    monkeypatch.setattr(truth, "solve_densely", lambda pde, values, *_, **__: solved.append(len(values)) or Weights())
    assert seconds_per_condition(replace(burgers)) == 1.0
    assert solved == [1]  # one second is no import
    monkeypatch.setattr(truth, "_BRIEF", 5.0)
    assert seconds_per_condition(replace(burgers)) == 1.0
    assert solved == [1, 1, 1]


class Weights:
    weights = torch.zeros(1)


def test_what_a_reference_takes_for_all_conditions_together_does_not_count(monkeypatch):
    spent = [0.0]
    monkeypatch.setattr(truth, "processor_seconds", lambda: spent[0])

    def reference(values, points):
        spent[0] += 10.0 + 0.5 * len(values)
        return points.new_zeros((len(values), len(points)))

    assert seconds_per_condition(replace(load_pde("burgers"), reference=reference)) == pytest.approx(0.5)


def test_the_clock_counts_what_other_processes_solved(monkeypatch):
    before = parts.processor_seconds()
    monkeypatch.setattr(parts, "_elsewhere_seconds", [7.0])
    assert parts.processor_seconds() - before == pytest.approx(7.0, abs=0.5)


def test_a_nonlinear_equation_with_many_weights_takes_the_fewest_features_that_meet_the_goal(monkeypatch):
    tried = []

    def widths_tried(name, enough):
        def solve(pde, drawn, width):
            tried.append(width)
            error = torch.full((2,), 0.5 * truth.GOAL if width >= enough else 2 * truth.GOAL)
            return DenseSolution(None, truth.DenseSettings(width, 0), error)

        tried.clear()
        monkeypatch.setattr(truth, "solve_with_estimate", solve)
        assert own_settings(replace(load_pde(name), reference=None)).width == tried[-1]
        return list(tried)

    assert widths_tried("schrodinger", 250) == [250]
    assert widths_tried("schrodinger", 500) == [250, 500]
    assert widths_tried("schrodinger", 1e9) == [250, 500]
    assert widths_tried("burgers", 1e9) == [500]  # one component


def test_two_species_are_solved_with_few_features_to_the_goal():
    pde = load_pde("examples/pdes/fitzhugh_nagumo.py")
    settings = own_settings(pde)
    assert settings.width == 250
    ensemble = pde.ensemble()
    values = BoundaryValues(ensemble, ensemble.sample(1, torch.Generator().manual_seed(2)))
    assert float(truth.own_errors(pde, values)[0]) < truth.GOAL


def test_steps_are_as_many_as_a_share_of_the_time_that_is_left_allows(monkeypatch):
    monkeypatch.setattr(allowances, "processor_seconds", lambda: 40.0)
    assert Allowance().steps(50, 5, 0.5, lambda: 1e9) == 50
    limited = Allowance(100.0, started=0.0)
    assert limited.steps(50, 5, 0.5, lambda: 0.1) == 50
    assert limited.dropped == []
    assert limited.steps(50, 5, 0.5, lambda: 2.0) == 15
    assert limited.steps(50, 5, 0.5, lambda: 1e9) == 5
    assert limited.steps(3, 5, 0.5, lambda: 1e9) == 3
    assert limited.dropped == ["35 of 50 outer steps", "45 of 50 outer steps"]
    assert limited.said("distillation") == [
        "Left out, since a first look takes at most 100 seconds of processor time: 35 of 50 outer steps, 45 of 50 outer steps. "
        "A distillation without --quick has them."
    ]
    assert Allowance(100.0).said("study") == []


def test_who_goes_on_takes_what_was_settled_however_fast_it_is(burgers, slow):
    slow(0.7)
    first = Allowance(100.0)
    assert counts_of(burgers, first) == (21, 14, 14, 10)
    assert first.distilling == {"training conditions": 21, "validation conditions": 14}
    slow(0.001)
    again = Allowance.going_on(100.0, {FIRST_LOOK: {**first.distilling, OUTER_STEPS: 7}})
    assert counts_of(burgers, again)[:2] == (21, 14)
    assert again.steps(50, 5, 0.5, lambda: 1e-9) == 7
    assert again.dropped == ["235 of 256 training conditions", "18 of 32 validation conditions", "43 of 50 outer steps"]
    assert Allowance.going_on(100.0, {}).seconds is None  # it was begun without a limit
    for odd in (3, {OUTER_STEPS: 0}, {OUTER_STEPS: "many"}):
        with pytest.raises(ValueError, match=f"^{FIRST_LOOK} "):
            Allowance.going_on(100.0, {FIRST_LOOK: odd})


class Stopped(Exception):
    """Somebody stops the outer loop."""


def test_a_first_look_that_was_stopped_ends_as_if_it_was_not(tmp_path, monkeypatch):
    """However much faster the second computer is: steps, conditions and so all numbers are those that were settled."""
    size = RetrainSettings(points=10, boundary_points=9)
    settings = StudySettings(effort=0.03, seconds=1e-9, learner="ridge", device="cpu")
    monkeypatch.setattr(retrain, "INTERIOR_SAMPLERS", ("sobol", "hammersley"))
    told = "at most 1e-09 seconds of processor time: .* validation conditions, .*, 7 of 12 outer steps"
    with pytest.warns(UserWarning, match=told):
        whole = distill_set("heat", "retrain", size, settings=settings)
    assert whole.data.header[FIRST_LOOK][OUTER_STEPS] == whole.data.header["outer"]["steps"] == whole.history[-1]["step"] == 5

    def stop(description, done, total, error):
        if description == "retrain: distilling":
            raise Stopped

    checkpoint = tmp_path / "heat.checkpoint.npz"
    with pytest.raises(Stopped):
        distill_set("heat", "retrain", size, settings=settings, checkpoint=checkpoint, progress=stop)
    faster = replace(settings, seconds=1e9)
    with pytest.warns(UserWarning, match="7 of 12 outer steps"):
        again = distill_set("heat", "retrain", size, settings=faster, checkpoint=checkpoint, resume=True)
    assert again.history[-1]["step"] == 5
    for name, value in whole.data.fields.items():
        assert torch.equal(value, again.data[name])
