"""What holds for every protocol: options do something, wrong ones are refused, conditions are solved once, times mean one thing."""

import re
import time
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.parts import processor_seconds
from pinndd.study.protocols import NAMES, engine, protocol_named
from pinndd.study.protocols.allowance import Allowance
from pinndd.study.protocols.bench import Method
from pinndd.study.protocols.engine import distill_on
from pinndd.study.protocols.parts import UnknownNameError
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import DISTILLED, NO_SHIFT
from pinndd.terminal.settings import Options, protocol_settings

VALUES = {
    "retrain": {"points": (9, 16), "boundary_points": (6, 12)},
    "amortised": {"tuples": (12, 24), "boundary_tuples": (9, 12)},
    "solved": {"conditions": (3, 5)},
    "sensors": {"sensors": ((6,), (7,)), "points": (30, 40)},
}
"""Two values of every option of every protocol."""

EQUATIONS = {"retrain": "heat", "amortised": "heat", "solved": "allen_cahn", "sensors": "heat"}
OPTIONS = [(name, option) for name in NAMES for option in protocol_named(name).options]
FOREIGN = [
    (name, option) for name in NAMES for option in sorted({o for _, o in OPTIONS}) if option not in protocol_named(name).options
]


@dataclass(frozen=True)
class Slow:
    """A learner that takes its time."""

    learner: Any
    seconds: float

    @property
    def differentiation(self):
        return self.learner.differentiation

    def fit(self, data, episodes):
        time.sleep(self.seconds)
        return self.learner.fit(data, episodes)


def counting(pde):
    """Return the PDE with a reference that keeps a record of what it solves, and that record."""
    solved = []

    def reference(values, points):
        solved.append((values.coefficients, points))
        return pde.reference(values, points)

    return replace(pde, reference=reference), solved


def points_of(study, **header):
    """A usual set of points, as if it had been distilled; nothing is solved for it."""
    return collocation_data(study.pde, *sample_points(study.pde, "sobol", 16, 9, 1)).with_header(**header)


def shapes(bench):
    """Return the sizes of the sets that the outer loop may start from, field by field, and as they stand in the rows."""
    (first, *_) = bench.starts()
    return {name: tuple(first[name].shape) for name in first.fields}, bench.counts(first)


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_changes_the_size_of_the_sets(opened, shrink, few_designs, monkeypatch, name, option):
    shrink(monkeypatch)
    found = []
    for value in VALUES[name][option]:
        usual = {other: values[0] for other, values in VALUES[name].items()}
        found.append(shapes(opened(name, EQUATIONS[name], size=usual | {option: value}).benches(0)[0]))
    (first, first_counts), (second, second_counts) = found
    assert first != second
    assert sum(first_counts) < sum(second_counts)


@pytest.mark.parametrize(("name", "option"), FOREIGN)
def test_an_option_of_another_protocol_is_refused_with_those_that_have_it(name, option):
    typed = Options(**{option: "9" if option == "sensors" else 9})
    with pytest.raises(ValueError, match=f"--{option.replace('_', '-')}: the protocol {name} has no such option; ") as error:
        protocol_settings(load_pde("heat"), [name], typed)
    for other in NAMES:
        assert (f" {other} " in str(error.value).partition(";")[2]) == (option in protocol_named(other).options)
    with pytest.raises(UnknownNameError, match=f"setting of the protocol {name}: '{option}': there is none of that name"):
        protocol_named(name).sized_for(load_pde("heat"), {option: 9})


@pytest.mark.parametrize("name", [name for name in NAMES if name != "retrain"])
def test_settings_of_another_protocol_are_refused(name):
    protocol = protocol_named(name)
    said = f"protocol {name!r}: its own settings are {protocol.size.__name__}, not RetrainSettings; pass {protocol.size.__name__}("
    with pytest.raises(TypeError, match=re.escape(said)):
        protocol.open(load_pde(EQUATIONS[name]), RetrainSettings())


def test_an_unknown_protocol_is_refused():
    with pytest.raises(UnknownNameError, match="protocol 'retrian': there is none of that name; expected retrain, ") as error:
        protocol_named("retrian")
    assert all(name in str(error.value) for name in NAMES)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learner": "rigde"}, "learner 'rigde': there is none of that name; expected ridge, "),
        ({"judges": ("mlp-lma",)}, "learner 'mlp-lma': there is none of that name; expected mlp-lm, "),
        ({"distance": "l2"}, "distance 'l2': there is none of that name; expected relative-l2, "),
        ({"shifts": ("none", "stepz")}, "shift 'stepz': there is none of that name; expected steps, "),
        ({"risk": "avar:0.1"}, "risk 'avar:0.1': there is none of that name; expected cvar:0.1, "),
    ],
)
def test_unknown_names_are_refused_with_those_that_there_are(settings, said):
    protocol = protocol_named("retrain")
    with pytest.raises(UnknownNameError, match=said):
        protocol.open(load_pde("heat"), settings=StudySettings(**settings))
    assert said in protocol.refusal(load_pde("heat"), RetrainSettings(), StudySettings(**settings))


@pytest.mark.parametrize(
    ("name", "pde", "settings", "said"),
    [
        ("retrain", "burgers", {"learner": "ridge"}, "PDE 'burgers' is nonlinear; use gauss-newton"),
        ("retrain", "burgers", {"judges": ("ridge",)}, "learner 'ridge': PDE 'burgers' is nonlinear; use gauss-newton"),
        ("amortised", "heat", {"learner": "gauss-newton"}, "PDE 'heat' is linear, and this network begins with the solution of"),
        ("amortised", "heat", {"judges": ("gauss-newton",)}, "which here is the solution itself, whatever the tuples; use ridge"),
        ("retrain", "heat", {"learner": "deepxde"}, "expected ridge, gauss-newton, body, mlp-adam, mlp-lm"),
        ("sensors", "heat", {"learner": "mlp-adam"}, "nothing is distilled with it; expected ridge, gauss-newton"),
        ("sensors", "heat", {"learner": "mlp-lm"}, "nothing is distilled with it; expected ridge, gauss-newton"),
        ("amortised", "heat", {"curve": True}, "leave out --curve"),
        ("amortised", "heat", {"distance": "relative-h1"}, "values only; take a distance without derivatives"),
        ("solved", "allen_cahn", {"distance": "relative-h1"}, "values only; take a distance without derivatives"),
        ("retrain", "heat", {"risk": "cvar:2"}, "alpha=2.0 must lie in (0, 1]"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(name, pde, settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        protocol_named(name).open(load_pde(pde), settings=StudySettings(**settings))


def test_judging_a_finished_set_solves_the_test_conditions_once_and_none_for_training(opened):
    pde, solved = counting(load_pde("burgers"))
    study = opened("retrain", pde, test_conditions=2, shifts=("none", next(iter(pde.shifts))))
    data = points_of(study, learner="gauss-newton", protocol="retrain")
    assert not solved
    for seed in (0, 1):
        rows = engine.evaluate(study, protocol_named("retrain"), data.with_header(seed=seed))
        assert set(rows["seed"]) == {seed}
        assert len(rows) == 4
    assert sum(len(coefficients) for coefficients, _ in solved) == 4


def test_no_condition_is_solved_twice_in_a_study_of_two_seeds(opened, shrink, monkeypatch):
    shrink(monkeypatch)
    pde, solved = counting(load_pde("allen_cahn"))
    study = opened("solved", pde, learner="kernel-ridge", effort=0.02)
    outcome = engine.run(study, protocol_named("solved"))
    assert set(outcome.results["seed"]) == {0, 1}
    keys = [
        (row.numpy().tobytes(), points.numpy().tobytes()) for coefficients, points in solved for row in coefficients.detach()
    ]
    tests = {row.numpy().tobytes() for questions in study.tests.episodes.values() for row in questions.codes}
    asked = [key for key in keys if key[0] in tests]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(("protocol", "pde"), [("retrain", "burgers"), ("amortised", "burgers"), ("sensors", "burgers")])
def test_every_seed_and_size_sees_the_same_test_conditions(opened, protocol, pde):
    equation, solved = counting(load_pde(pde))
    study = opened(protocol, equation, shifts=("none",))
    tests = study.tests
    before = len(solved)
    other = study.resized(study.size)
    assert other.tests is tests
    assert len(solved) == before


def test_seconds_are_training_time_over_the_conditions_it_served(opened):
    nap = 0.3
    for name, trainings in (("retrain", 2), ("amortised", 1)):
        study = opened(name, "heat", shifts=("none", "sparse"))
        bench = study.benches(0)[0] if name == "amortised" else study.bench_for(points_of(study), None)
        data = bench.drawn("sobol", study.size, 1.0) if name == "amortised" else points_of(study)
        rows = bench.rows(Method("slow", data, learner=Slow(bench.learner, nap)), study.tests)
        assert trainings * nap <= rows["seconds"].sum() < trainings * (nap + 0.25)
        groups = rows.groupby("shift")["seconds"]
        assert (groups.nunique() == 1).all()
        if name == "amortised":
            assert rows["seconds"].nunique() == 1
        else:
            assert (groups.sum() >= nap).all()


@pytest.mark.parametrize(
    ("protocol", "pde"), [("retrain", "heat"), ("amortised", "heat"), ("solved", "allen_cahn"), ("sensors", "burgers")]
)
def test_the_pictured_baseline_is_the_best_of_the_table(outcome_of, protocol, pde):
    outcome = outcome_of(protocol, pde)
    summary = summarise(outcome.results)
    learner = outcome.data[0].header["learner"]
    mine = (summary["method"] == DISTILLED) & (summary["learner"] == learner) & (summary["distilled_with"] == learner)
    best = dict(zip(summary.loc[mine, "shift"], summary.loc[mine, "baseline"], strict=True))
    assert [example.shift for example in outcome.examples] == list(best)
    for example in outcome.examples:
        assert list(example.predictions) == [DISTILLED, best[example.shift]]
        assert re.match(r"number \d+ of \d+, whose ratio of errors, \S+, is nearest to that of the means, \S+$", example.why)
    assert outcome.best_baseline == best[NO_SHIFT]


def test_time_that_is_spent_drops_what_is_optional_and_says_so(ran):
    started = time.process_time()
    outcome = ran("retrain", "heat", seconds=0.0, judges=("mlp-lm",), allowance=Allowance(0.0), shifts=("none",))
    assert time.process_time() - started < 60
    assert set(outcome.results["learner"]) == {"ridge"}
    assert not {"best-of-k", "dense", "rad", "r3", "pacmann", "rar-d"} & set(outcome.results["method"])
    assert DISTILLED in set(outcome.results["method"])
    assert outcome.examples == []
    (note,) = [note for note in outcome.notes if note.startswith("Left out")]
    for part in ("0 seconds", "outer steps", "best-of-k", "the dense set", "adaptive methods", "the judge mlp-lm", "solution fields"):
        assert part in note


def test_a_share_of_the_time_can_be_spent_and_is_noted_once():
    allowance = Allowance(10.0, started=processor_seconds() - 6.0)
    assert allowance.left == pytest.approx(4.0, abs=0.5)
    assert allowance.affords("cheap", 0.9)
    assert not allowance.affords("dear", 0.5)
    assert not allowance.affords("dear", 0.5)
    assert allowance.dropped == ["dear"]
    assert Allowance().left == float("inf")
    assert Allowance(started=0.0).affords("anything", 0.0)


def test_another_distance_changes_the_errors_and_is_named(ran, outcome_of):
    usual, other = outcome_of("amortised", "heat"), ran("amortised", "heat", distance="relative-maximum")
    assert (usual.distance, other.distance) == ("relative-l2", "relative-maximum")
    key = ["method", "shift", "episode"]
    pairs = usual.results.merge(other.results, on=key, suffixes=("", "_other"))
    assert len(pairs) == len(usual.results)
    assert (pairs["error"] != pairs["error_other"]).all()


def test_another_risk_changes_the_distilled_set(opened):
    sets = [distill_on(opened("amortised", "heat", risk=risk).benches(0)[0]).data for risk in (None, "cvar:0.2")]
    assert not sets[0]["interior"].equal(sets[1]["interior"])


def test_derivatives_are_compared_where_models_know_them(ran, few_designs):
    outcome = ran("retrain", "heat", distance="relative-h1", shifts=("none",))
    assert outcome.distance == "relative-h1"
    assert (outcome.results["error"] > 0).all()
    assert outcome.results["error"].notna().all()
    assert [example.shift for example in outcome.examples] == ["none"]
