"""BIF: a network survives being written and read, and a bad file is refused with its line."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.bayesnet import (
    BayesianNetwork,
    BIFError,
    Structure,
    Variable,
    format_bif,
    load_network,
    parse_bif,
    read_bif,
    write_bif,
)

NAMES = st.text(st.characters(exclude_characters='"\n\r', exclude_categories=("Cs",)), min_size=1, max_size=8)


@st.composite
def networks(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    variables = [Variable(n, tuple(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)))) for n in names]
    parents = {n: tuple(draw(st.permutations(names[:k]))[: draw(st.integers(0, 2))]) for k, n in enumerate(names)}
    structure = Structure(tuple(draw(st.permutations(variables))), parents)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    tables = {n: torch.rand(structure.shape(n), generator=generator, dtype=torch.float64) + 1e-9 for n in names}
    return BayesianNetwork(structure, {n: t / t.sum(-1, keepdim=True) for n, t in tables.items()})


def assert_same(first, second):
    assert first.structure == second.structure
    assert all(torch.equal(first[name], second[name]) for name in first.structure.names)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_a_network_survives_writing_and_reading(network):
    assert_same(parse_bif(format_bif(network)), network)


@pytest.mark.parametrize("name", ["asia", "child", "alarm"])
def test_a_file_survives(name, tmp_path):
    network = load_network(name)
    write_bif(network, tmp_path / "copy.bif", name)
    assert_same(read_bif(tmp_path / "copy.bif"), network)


def test_probabilities_are_read_to_their_place():
    network = load_network("asia")
    dysp = network["dysp"][network.structure["bronc"].code("no"), network.structure["either"].code("yes")]
    assert network.structure.parents["dysp"] == ("bronc", "either")
    assert dysp.tolist() == [0.7, 0.3]


HEAD = "network n { property made by hand; }\nvariable a { type discrete [ 2 ] { x, y }; }\nvariable b { type discrete [2] {x, y}; }\n"
ROOT = "probability ( a ) { table 0.25 0.75; }\n"


def test_table_default_and_comments():
    rows = parse_bif(HEAD + ROOT + "probability (b | a) { default 0.5, 0.5; /* two\nlines */ (y) .1, .9; // last\n }")
    assert rows["b"].tolist() == [[0.5, 0.5], [0.1, 0.9]]
    table = parse_bif(HEAD + ROOT + "probability (b | a) { table 0.5, 0.1, 0.5, 0.9; }")
    assert torch.equal(table["b"], rows["b"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("netwrok x {}", "line 1: expected 'network', 'variable' or 'probability', found 'netwrok'"),
        (HEAD + 'variable "c', "line 4: a quote or a comment is opened"),
        (HEAD + "variable a { }", "line 4: variable 'a' is declared more than once"),
        (HEAD + "variable c { type discrete [ 3 ] { x, y }; }", "line 4: variable 'c' announces 3 states and names 2: x, y"),
        (HEAD + "variable c { type discrete [ 2 ] { x, x }; }", "line 4: variable 'c' has the state 'x' more than once"),
        (HEAD + "variable c { property p", "line 4: a property has no ';'"),
        (HEAD + ROOT, "variable 'b' has no table"),
        (HEAD + "\nprobability ( z ) { table 1; }", "line 5: unknown variable 'z'; declared are a, b"),
        (HEAD + ROOT + ROOT, "line 5: variable 'a' has a second table"),
        (HEAD + "probability ( a ) { table 0.25, o.75; }", "line 4: expected a number, found 'o.75'"),
        (HEAD + "probability ( a ) { table 0.25; }", "line 4: the table of 'a' has 1 numbers here, expected 2"),
        (HEAD + "probability ( a ) { table 0.25, 0.7; }", r"line 4: P\(a\) sums to 0.95, expected 1"),
        (HEAD + "probability ( a | a ) { }", "line 4: the table of 'a' names a variable twice"),
        (HEAD + "probability ( b | a ) {\n (x) 0.5, 0.5; }", r"line 4: the table of 'b' has no row \(y\)"),
        (
            HEAD + "probability ( b | a ) {\n (x) .5 .5;\n (x) .5 .5; }",
            r"line 6: the table of 'b' has the row \(x\) more than once",
        ),
        (HEAD + "probability ( b | a ) {\n (z) 0.5, 0.5; }", "line 5: table of 'b': variable 'a' has no state 'z'"),
        (HEAD + "probability ( b | a ) {\n (x, x) .5 .5; }", "line 5: a row of 'b' names 2 states for 1 parents"),
        (HEAD + "probability ( b | a ) {", "line 4: expected '\\('.*the end of the file"),
        (
            HEAD + "probability (a | b) { table .5 .5 .5 .5; }\nprobability (b | a) { table .5 .5 .5 .5; }",
            "cycle: a -> b -> a",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_line(text, message, tmp_path):
    path = tmp_path / "net.bif"
    path.write_text(text)
    with pytest.raises(BIFError, match=message) as caught:
        read_bif(path)
    assert str(path) in str(caught.value)


def test_a_name_that_bif_cannot_say_is_refused():
    network = BayesianNetwork(Structure((Variable('a"b', ("x",)),), {}), {'a"b': torch.ones(1)})
    with pytest.raises(ValueError, match="holds a quote"):
        format_bif(network)
