"""Distances and risks by name, and what is said where a name or a number is wrong."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pytest

from pinndd import load_pde
from pinndd.distances import RelativeH1, RelativeL2, RelativeMaximum, TotalVariation
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.risks import CVaR, Entropic, GeometricMean, Mean, WorstCase
from pinndd.study.plan import choose_protocols
from pinndd.study.protocols import engine, protocol_named
from pinndd.study.protocols.parts import (
    DISTANCES,
    RISKS,
    UnknownNameError,
    distance_name,
    named_distance,
    named_risk,
    unknown,
)
from pinndd.study.protocols.sensors.settings import SensorSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.results.writing import write_csv


@pytest.mark.parametrize(
    ("name", "distance"),
    [("relative-l2", RelativeL2()), ("relative-h1", RelativeH1()), ("relative-maximum", RelativeMaximum())],
)
def test_a_distance_has_a_name(name, distance):
    assert named_distance(name) == distance
    assert distance_name(distance) == distance_name(name) == name


@pytest.mark.parametrize(
    ("name", "risk"),
    [
        ("mean", Mean()),
        ("geometric-mean", GeometricMean()),
        ("worst-case", WorstCase()),
        ("cvar:0.2", CVaR(0.2)),
        ("entropic:3", Entropic(3.0)),
    ],
)
def test_a_risk_has_a_name(name, risk):
    assert named_risk(name) == risk


@dataclass(frozen=True)
class L1Error:
    """The mean absolute error to some power."""

    power: float = 1.0
    of_values: bool = True
    derivatives: ClassVar[int] = 0

    def __call__(self, answer, truth):
        return (answer - truth).abs().flatten(1).mean(1) ** self.power


class Named(L1Error):
    name = "mean-absolute"


class Seconds(L1Error):
    pass


class Shadow(L1Error):
    name = "relative-l2"


@pytest.mark.parametrize(
    ("distance", "name"),
    [
        (L1Error(), "l1-error"),
        (L1Error(power=2.5), "l1-error-power-2.5"),
        (L1Error(of_values=False), "l1-error-of-values-False"),
        (Named(3.0), "mean-absolute"),
        (TotalVariation(), "total-variation"),
    ],
)
def test_a_distance_of_ones_own_has_the_name_of_its_class_and_settings(distance, name):
    assert distance_name(distance) == name


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (Seconds(), "its name 'seconds' is that of a column of the tables; give its class an attribute name, such as "),
        (Shadow(), "its name 'relative-l2' is that of another distance; give its class an attribute name, such as "),
    ],
)
def test_a_distance_with_the_name_of_something_else_is_refused_before_any_work(opened, distance, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        opened("retrain", "heat", distance=distance)


def test_the_errors_of_a_distance_of_ones_own_are_stored_under_its_name(opened, tmp_path):
    study = opened("retrain", "heat", test_conditions=2, shifts=("none",), distance=L1Error(power=2.0))
    points = sample_points(study.pde, "sobol", 16, 9, 1)
    data = collocation_data(study.pde, *points).with_header(protocol="retrain", learner="ridge")
    rows = engine.evaluate(study, protocol_named("retrain"), data)
    write_csv(rows, tmp_path / "rows.csv", distance_name(study.settings.distance))
    assert "l1_error_power_2.0" in (tmp_path / "rows.csv").read_text().splitlines()[0].split(",")


def test_an_unknown_name_lists_all_names_the_closest_first():
    error = unknown("thing", "bets", ["alpha", "best"])
    assert str(error) == "thing 'bets': there is none of that name; expected best, alpha"
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("look", "name", "said"),
    [
        (
            named_distance,
            "relative-max",
            "distance 'relative-max': there is none of that name; expected relative-maximum, relative-l2, relative-h1",
        ),
        (named_risk, "men", "risk 'men': there is none of that name; expected mean, geometric-mean, "),
        (named_risk, "worst:2", "risk 'worst:2': there is none of that name; expected worst-case, "),
        (named_risk, "", "risk '': there is none of that name; expected "),
    ],
)
def test_unknown_names_are_refused(look, name, said):
    with pytest.raises(UnknownNameError, match=re.escape(said)) as error:
        look(name)
    for known in DISTANCES if look is named_distance else (*RISKS, "cvar:0.1", "entropic:0.1"):
        assert known in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cvar", "risk 'cvar': its number is missing; write it as cvar:0.1"),
        ("cvar:", "risk 'cvar:': its number is missing; write it as cvar:0.1"),
        ("cvar:a", "risk 'cvar:a': could not convert string to float: 'a'; write it as cvar:0.1"),
        ("cvar:2", "risk 'cvar:2': CVaR: alpha=2.0 must lie in (0, 1]; 0.1 averages over the worst tenth; write it as cvar:0.1"),
        ("cvar:nan", "risk 'cvar:nan': CVaR: alpha=nan must lie in (0, 1]"),
        ("entropic:0", "risk 'entropic:0': Entropic: temperature=0.0 must be positive"),
        ("mean:0.1", "risk 'mean:0.1': mean takes no number; write it as mean"),
        ("mean:", "risk 'mean:': mean takes no number; write it as mean"),
    ],
)
def test_a_wrong_number_of_a_risk_is_refused(name, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        named_risk(name)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: StudySettings(judges=("ridge", "mlp-lm", "ridge")), "judges ridge, mlp-lm, ridge: ridge stands there more than once"),
        (lambda: StudySettings(shifts=("steps", "steps")), "shifts steps, steps: steps stands"),
        (lambda: SensorSettings((9, 18, 9)), "sensors 9, 18, 9: 9 stands"),
        (lambda: choose_protocols(load_pde("heat"), ["retrain", "retrain"]), "protocols retrain, retrain: retrain stands"),
    ],
)
def test_what_stands_twice_in_a_list_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
