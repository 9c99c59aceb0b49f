"""Distances and risks by name, and what is said where a name or a number is wrong."""

import re

import pytest

from pinndd.distances import RelativeH1, RelativeL2, RelativeMaximum
from pinndd.risks import CVaR, Entropic, GeometricMean, Mean, WorstCase
from pinndd.study.protocols.parts import DISTANCES, RISKS, UnknownNameError, name_of, named_distance, named_risk, unknown


@pytest.mark.parametrize(
    ("name", "distance"),
    [("relative-l2", RelativeL2()), ("relative-h1", RelativeH1()), ("relative-maximum", RelativeMaximum())],
)
def test_a_distance_has_a_name(name, distance):
    assert named_distance(name) == distance
    assert name_of(distance, DISTANCES) == name
    assert name_of(name, DISTANCES) == name


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


def test_a_part_without_a_name_is_called_what_it_prints_as():
    assert name_of(CVaR(0.2), RISKS) == "CVaR(alpha=0.2)"


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
