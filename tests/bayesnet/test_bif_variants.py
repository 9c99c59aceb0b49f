"""BIF as programs and people write it: the same network in every style, and what is no BIF is refused with its place."""

import gzip

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.bayesnet import BIFError, BIFWarning, Structure, Variable, format_bif, load_network, parse_bif, read_bif
from pinndd.bayesnet.network import BayesianNetwork

A = "variable A {\n  type discrete [ 2 ] { yes, no };\n}\n"
HEAD = "network unknown {\n}\n" + A + A.replace("A", "B")
PA = "probability ( A ) {\n  table 0.2, 0.8;\n}\n"
PB = "probability ( B | A ) {\n  (yes) 0.1, 0.9;\n  (no) 0.6, 0.4;\n}\n"
PLAIN = HEAD + PA + PB
WORDS = ("a", "b-1", "<5", "n/a", "0", "O'Brien", "5%", "state_2", "http:")

BLANK = st.sampled_from((" ", "\n", "\t", "\r\n", "\r", " // a comment; (yes) 1 }\n", " /* 0.5, \n } */ ", " , ", " | "))
PROPERTY = st.sampled_from(
    (
        "",
        "property source = http://example.org/b ;",
        'property "credal-set: http://example.org; 1.1" ;',
        "property author = O'Brien /* and others ;",
        'property tube = 5" ;',
        'property tube = 5" ; property other = 6" ;',
        'property "position = (73, 165) {" \n ;',
        "property weight = None ;\n property }{ ;",
    )
)


@st.composite
def written(draw):
    """A network and its text in a random style."""
    names = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True))
    variables = [Variable(n, tuple(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True)))) for n in names]
    structure = Structure(tuple(variables), {n: tuple(names[:k]) for k, n in enumerate(names)})
    seed = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    tables = {n: torch.rand(structure.shape(n), generator=seed, dtype=torch.float64) + 0.1 for n in names}
    network = BayesianNetwork(structure, {n: t / t.sum(-1, keepdim=True) for n, t in tables.items()})

    def spaced(words, blank=BLANK):
        return "".join(f'{word if draw(st.booleans()) else chr(34) + word + chr(34)}{draw(blank)}' for word in words)

    plain = st.sampled_from((" ", "\n", "\t", " // p\n", " /*|*/ "))
    text = draw(st.sampled_from(("\ufeff", ""))) + f"network {spaced(['n'], plain)}{{{draw(PROPERTY)} }}"
    for v in variables:
        body = f"type discrete[{len(v)}]{{ {spaced(v.states)} }};"
        text += f" variable {spaced([v.name], plain)}{{ {draw(PROPERTY)} {body} {draw(PROPERTY)}\n }}"
    for n in names:
        bar = draw(st.sampled_from(("|", " ", ",")))
        text += f" probability ( {n} {bar} {spaced(structure.parents[n], plain)}) {{ {draw(PROPERTY)} "
        if draw(st.booleans()):
            text += f"table {''.join(f'{x!r}{draw(BLANK)}' for x in network[n].movedim(-1, 0).flatten().tolist())};"
        else:
            rows = torch.cartesian_prod(*(torch.arange(len(structure[p])) for p in structure.parents[n])) if n != names[0] else None
            for place in [] if rows is None else rows.reshape(len(rows), -1).tolist():
                states = spaced([structure[p].states[k] for p, k in zip(structure.parents[n], place, strict=True)])
                text += f"( {states}) {''.join(f'{x!r}{draw(BLANK)}' for x in network[n][tuple(place)].tolist())};{draw(PROPERTY)}\n"
            if rows is None:
                text += f"default {', '.join(map(repr, network[n].tolist()))};"
        text += "} "
    return network, text


@settings(max_examples=40, deadline=None)
@given(written())
def test_every_style_says_the_same_network(case):
    network, text = case
    found = parse_bif(text)
    assert found.structure == network.structure
    assert all(torch.equal(found[n], network[n]) for n in network.structure.names)


@pytest.mark.parametrize("name", ["asia", "alarm"])
def test_commas_and_bars_are_blanks_in_whole_networks(name):
    network = load_network(name)
    found = parse_bif(format_bif(network).replace(",", " ").replace("|", " "))
    assert found.structure == network.structure
    assert all(torch.equal(found[n], network[n]) for n in network.structure.names)


@pytest.mark.parametrize(
    "row",
    [
        "property source = http://example.org/b ;",
        "property source = ftp://example.org/b; property again = //x ;",
        'property "see http://example.org/b ; twice" ;',
        "property /* ;",
    ],
)
def test_a_property_knows_no_comments(row):
    text = HEAD + PA + f"probability ( B | A ) {{\n  {row}\n  (no) 0.6, 0.4;\n  default 0.5, 0.5;\n}}\n"
    assert parse_bif(text)["B"].tolist() == [[0.5, 0.5], [0.6, 0.4]]


@pytest.mark.parametrize(
    ("table", "unit"), [("0.3333, 0.3333, 0.3333", 3), ("0.33 0.33 0.33", 3), ("1.67e-1 " * 6, 6), ("0.334 0.333 0.334", None)]
)
def test_rounded_rows_are_divided_by_their_sum_and_it_is_said(table, unit):
    count = len(table.split())
    states = " ".join(f"s{k}" for k in range(count))
    text = f"variable A {{ type discrete [{count}] {{ {states} }}; }}\nprobability ( A ) {{ table {table}; }}"
    with pytest.warns(BIFWarning, match=r"x.bif, line 2: P\(A\) sums to .*divided by their sum"):
        found = parse_bif(text, "x.bif")["A"]
    given = torch.tensor([float(x) for x in table.replace(",", " ").split()], dtype=torch.float64)
    assert torch.allclose(found, torch.full((count,), 1 / unit, dtype=torch.float64) if unit else given / given.sum(), atol=1e-15)


def test_other_rows_keep_their_bits_beside_rounded_ones():
    with pytest.warns(BIFWarning, match=r"P\(B \| A=yes\) sums to 0.9999: rounded"):
        rows = parse_bif(PLAIN.replace("0.1, 0.9", "0.1, 0.8999"))["B"]
    assert rows[1].tolist() == [0.6, 0.4]
    assert float(rows[0].sum()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN.replace("0.2, 0.8", "0.25, 0.7"), r"P\(A\) sums to 0.95"),
        (PLAIN.replace("0.2, 0.8", "0.2000, 0.7997"), r"P\(A\) sums to 0.9997"),
        (PLAIN.replace("0.2, 0.8", "20, 80"), "sums to 100"),
        (PLAIN.replace("0.2, 0.8", "0,2 0,8"), "has 4 numbers here, expected 2"),
        (PLAIN.replace("0.2, 0.8", "nan, nan"), "line 10: expected a number, found 'nan'"),
        (PLAIN.replace("0.2, 0.8", "1_0, 0.8"), "expected a number, found '1_0'"),
        (PLAIN.replace("0.2, 0.8", "1e400, 1e400"), "inf"),
        (PLAIN.replace("0.2, 0.8;", "0.2, 0.8; table 0.3 0.7;"), "line 10: the table of 'A' gives rows more than once"),
        (PLAIN.replace("(no)", "default 0.5 0.5; default 0.5 0.5; (no)"), "second default"),
        (PLAIN.replace("(no) 0.6, 0.4", "table 0.1, 0.6, 0.9, 0.4"), "gives rows more than once"),
        (PLAIN.replace("B | A", "B, A | A"), r"expected a name, found '\|'"),
        (PLAIN.replace("yes, no };", "yes, no }; type discrete [ 1 ] { a };", 1), "line 4: variable 'A' has a second type"),
        (PLAIN.replace("yes, no }", "n//a, no\n no }", 1), "line 4: a comment begins inside a word, after 'n'"),
        (PLAIN.replace("(yes)", "property x\n  (yes)"), "line 13: a property has no ';' on its line"),
        (PLAIN + "network again { }", "line 16: a second network; the first one is 'unknown'"),
        ('<?xml version="1.0"?>\n<BIF VERSION="0.3">', "line 1: .*XML and HTML are not BIF"),
    ],
)
def test_what_is_no_bif_is_refused_with_its_line(text, message):
    with pytest.raises(BIFError, match=message):
        parse_bif(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(PLAIN.encode()), "is packed by gzip: unpack it first"),
        (PLAIN.encode("utf-16"), "is in UTF-16: save it in UTF-8"),
        (PLAIN.replace("yes", "jä").encode("latin-1"), "line 4: byte 0xe4 is not UTF-8"),
        (b"\x00\x01\xff" * 9, "line 1: byte 0xff is not UTF-8"),
    ],
    ids=["gzip", "utf-16", "latin-1", "binary"],
)
def test_a_file_in_another_form_is_refused_by_name(content, message, tmp_path):
    (tmp_path / "net.bif").write_bytes(content)
    with pytest.raises(BIFError, match=f"net.bif.*{message}"):
        read_bif(tmp_path / "net.bif")


def test_a_folder_is_refused_and_a_byte_order_mark_is_none_of_the_text(tmp_path):
    with pytest.raises(BIFError, match="is a folder"):
        read_bif(tmp_path)
    (tmp_path / "net.bif").write_bytes(PLAIN.encode("utf-8-sig"))
    assert read_bif(tmp_path / "net.bif")["B"].tolist() == parse_bif(PLAIN)["B"].tolist()
