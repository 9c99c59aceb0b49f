"""Networks are checked at the door, and what is wrong is named."""

import pytest
import torch

from pinndd.bayesnet import BayesianNetwork, Structure, Variable, load_network

A, B, C = (Variable(name, ("no", "yes")) for name in "abc")
HALF = torch.full((2,), 0.5, dtype=torch.float64)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Variable("a", ("x", "y", "x")), "variable 'a' has the state 'x' more than once"),
        (lambda: Variable("a", ()), "variable 'a'.*at least one"),
        (lambda: Structure((), {}), "at least one variable"),
        (lambda: Structure((A, A), {}), "variable 'a' is declared more than once"),
        (lambda: Structure((A, B), {"a": ("z",)}), "variable 'a' has the unknown parent 'z'"),
        (lambda: Structure((A, B), {"z": ("a",)}), "unknown variable 'z'; expected one of a, b"),
        (lambda: Structure((A, B), {"a": ("b", "b")}), "variable 'a' names a parent twice"),
        (lambda: Structure((A, B), {"a": ("a",)}), "cycle: a -> a"),
        (lambda: Structure((A, B, C), {"a": ("b",), "b": ("c",), "c": ("a",)}), "cycle: a -> c -> b -> a"),
    ],
)
def test_a_bad_graph_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (HALF, r"table of 'b' has shape \(2,\), expected \(2, 2\) for a x b"),
        (torch.tensor([[0.5, 0.5], [0.6, 0.5]]), r"P\(b \| a=yes\) sums to 1.1"),
        (torch.tensor([[1.5, -0.5], [0.5, 0.5]]), r"P\(b \| a=no\) has -0.5 for state 'yes'"),
        (torch.tensor([[0.5, 0.5], [torch.nan, 0.5]]), r"P\(b \| a=yes\) has nan for state 'no'"),
    ],
)
def test_a_bad_table_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        BayesianNetwork(Structure((A, B), {"b": ("a",)}), {"a": HALF, "b": table})


def test_every_variable_has_one_table():
    structure = Structure((A, B), {})
    with pytest.raises(ValueError, match="variable 'b' has no table"):
        BayesianNetwork(structure, {"a": HALF})
    with pytest.raises(ValueError, match="unknown variable 'z'"):
        BayesianNetwork(structure, {"a": HALF, "b": HALF, "z": HALF})


@pytest.mark.parametrize(
    ("name", "variables", "arcs", "parameters"), [("asia", 8, 8, 18), ("child", 20, 25, 230), ("alarm", 37, 46, 509)]
)
def test_built_in_networks_have_their_published_size(name, variables, arcs, parameters):
    structure = load_network(name).structure
    assert (len(structure.variables), len(structure.arcs), structure.parameters) == (variables, arcs, parameters)


def test_an_unknown_network_is_named():
    with pytest.raises(ValueError, match="no built-in network 'asthma'; expected one of asia, child, alarm"):
        load_network("asthma")


def test_parents_come_before_children():
    structure = load_network("alarm").structure
    place = {name: k for k, name in enumerate(structure.order)}
    assert sorted(place) == sorted(structure.names)
    assert all(place[parent] < place[child] for parent, child in structure.arcs)


def test_ancestors_follow_the_arcs_back():
    structure = load_network("asia").structure
    assert structure.ancestors(["xray"]) == {"xray", "either", "lung", "tub", "smoke", "asia"}
