"""What an answer rests on: d-separation against moral graphs and against numbers, and the four kinds on a chain."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.bayesnet import Query, Structure, Variable, load_network, posterior
from pinndd.bayesnet.hospitals import Hospitals, split
from pinndd.bayesnet.identification import d_connected, identify


def separated_in_moral_graph(structure, one, other, given):
    """Lauritzen et al. (1990): no path in the moral graph of the ancestors that avoids what is given."""
    kept = structure.ancestors({one, other, *given})
    edges = {frozenset((p, name)) for name in kept for p in structure.parents[name]}
    edges |= {frozenset(pair) for name in kept for pair in combinations(structure.parents[name], 2)}
    reached, waiting = {one}, [one]
    while waiting:
        name = waiting.pop()
        for edge in edges:
            if name in edge:
                (neighbour,) = edge - {name}
                if neighbour not in reached and neighbour not in given:
                    reached.add(neighbour)
                    waiting.append(neighbour)
    return other not in reached


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(3, 8), data=st.data())
def test_d_connection_is_that_of_the_moral_graph(random_network, seed, size, data):
    structure = random_network(seed, size).structure
    source = data.draw(st.sampled_from(structure.names))
    others = [name for name in structure.names if name != source]
    known = data.draw(st.sets(st.sampled_from(others), max_size=len(others) - 1))
    reached = d_connected(structure.parents, source, known)
    assert source in reached
    for name in set(others) - known:
        assert (name in reached) is not separated_in_moral_graph(structure, source, name, known)
    assert not reached & known


def chain(*recorded, rows=1):
    """Return a -> b -> c -> d and hospitals that record the given letters."""
    variables = tuple(Variable(name, ("x", "y")) for name in "abcd")
    structure = Structure(variables, {"b": ("a",), "c": ("b",), "d": ("c",)})
    codes = torch.zeros((rows * len(recorded), 4), dtype=torch.int64)
    return structure, split(variables, codes, {f"h{k}": tuple(letters) for k, letters in enumerate(recorded)})


@pytest.mark.parametrize(
    ("recorded", "query", "status", "evidence", "hospitals"),
    [
        (("abc", "bcd"), Query("a", {"c": "x"}), "together", ("c",), ("h0",)),
        (("abc", "bcd"), Query("d"), "together", (), ("h1",)),
        (("abc", "bcd"), Query("a", {"b": "x", "d": "y"}), "d-separation", ("b",), ("h0",)),
        # a likelihood does not block: d still matters
        (("abc", "bcd"), Query("a", {"b": (0.2, 0.8), "d": "y"}), "conditional independence", ("b", "d"), ()),
        (("abc", "bcd"), Query("a", {"d": "y"}), "conditional independence", ("d",), ()),
        (("acd", "bd"), Query("a", {"b": "x"}), "not identified", ("b",), ()),
    ],
)
def test_the_four_kinds(recorded, query, status, evidence, hospitals):
    structure, data = chain(*recorded)
    (entry,) = identify(structure, data, [query]).queries
    assert (entry.status, entry.evidence, entry.hospitals) == (status, evidence, hospitals)
    assert bool(entry.rows) == (status in ("together", "d-separation"))


def test_report_names_pairs_tables_and_counts():
    structure, data = chain("acd", "bd", rows=3)
    report = identify(structure, data, [Query("a", {"b": "x"}), Query("c", {"d": "x"})])
    assert report.counts == {"not identified": 1, "together": 1}
    assert report.queries[0].apart == (("a", "b"),)
    # c and d are below: their tables sum to one
    assert report.queries[0].tables == ("b",)
    assert str(report).splitlines() == [
        "2 queries: 1 not identified, 1 together",
        "P(a | b=x): not identified, never together: a and b; no row has the family of b",
        "P(c | d=x): together, 3 rows of h0",
    ]
    (few,) = identify(structure, data, [Query("c", {"d": "x"})], least=4).queries
    assert few.status == "not identified"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_evidence_that_is_left_out_changes_no_answer(random_network, seed, data):
    network = random_network(seed, 7)
    structure = network.structure
    target, *evidence = data.draw(st.permutations(structure.names))[:5]
    values = {
        name: structure[name].states[0]
        if data.draw(st.booleans())
        else tuple(0.3 + 0.4 * k for k in range(len(structure[name])))
        for name in evidence
    }
    codes = torch.zeros((4, 7), dtype=torch.int64)
    table = Hospitals(structure.variables, ("n", "s"), codes, torch.tensor([0, 0, 1, 1]))
    (entry,) = identify(structure, table, [Query(target, values)]).queries
    reduced = Query(target, {name: values[name] for name in entry.evidence})
    whole, part = posterior(network, [Query(target, values), reduced])
    torch.testing.assert_close(whole, part)
    assert entry.status == "together"


def test_refused():
    structure, data = chain("abc", "bcd")
    with pytest.raises(ValueError, match="other variables"):
        identify(load_network("asia").structure, data, [Query("asia")])
    with pytest.raises(ValueError, match="least=0"):
        identify(structure, data, [Query("a")], least=0)
    with pytest.raises(ValueError, match="unknown variable 'e'"):
        identify(structure, data, [Query("e")])
    with pytest.raises(ValueError, match="no state 'z'"):
        identify(structure, data, [Query("a", {"b": "z"})])
