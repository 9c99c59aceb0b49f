"""Queries in the usual notation: what they mean, and what is refused."""

import pytest

from pinndd.bayesnet import Query, Structure, Variable
from pinndd.bayesnet.notation import parse_question

NAMES = Structure(
    (
        Variable("age", ("below 45", "45 and above")),
        Variable("cp", ("typical, mild", "none")),
        Variable("slope", ("1", "2", "3")),
        Variable("disease", ("no", "yes")),
        Variable("a|b", ("u", "v")),
    ),
    {},
)


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("P(disease)", [{}]),
        ("p( Disease | AGE = 'below 45' )", [{"age": "below 45"}]),
        ("Pr(disease=yes | slope=2.0, cp=\"typical, mild\")", [{"slope": "2", "cp": "typical, mild"}]),
        ("P(disease | cp=None, \"a|b\"=U)", [{"cp": "none", "a|b": "u"}]),
        ("P(disease | age, slope=3)", [{"age": "below 45", "slope": "3"}, {"age": "45 and above", "slope": "3"}]),
    ],
)
def test_a_question_stands_for_these_queries(text, queries):
    question = parse_question(text, NAMES)
    assert question.queries(NAMES) == tuple(Query("disease", evidence) for evidence in queries)
    assert not question.whatever


def test_a_star_is_whatever_is_recorded():
    question = parse_question("P(slope | *)", NAMES)
    assert (question.target, question.whatever, question.queries(NAMES)) == ("slope", True, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("disease given age", r"is no query: expected P\(target \| evidence\)"),
        ("P(disese | age)", r"unknown variable 'disese'; did you mean 'disease'\?"),
        ("P(disease | height)", r"unknown variable 'height'; expected one of age, cp"),
        ("P(disease | slope=4)", r"variable 'slope' has no state '4'; expected one of 1, 2, 3"),
        ("P(disease=maybe | age)", "variable 'disease' has no state 'maybe'"),
        ("P(disease, age | cp)", "has 2 variables before the bar, expected one"),
        ("P( | cp)", "has 0 variables before the bar"),
        ("P(disease | )", "has nothing after the bar"),
        ("P(disease | age,, cp)", "a name is missing between two commas"),
        ("P(disease | age, Age)", "'age' stands twice"),
        ("P(disease | disease=yes)", "the target is among the evidence"),
        ("P(disease | age, *)", "stands alone after the bar"),
        ("P(disease | do(age='below 45'))", "asks for an intervention"),
    ],
)
def test_what_is_no_question_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_question(text, NAMES)


def test_too_many_combinations_are_refused_with_a_way_out():
    many = Structure(tuple(Variable(f"v{k}", ("a", "b")) for k in range(11)), {})
    question = parse_question(f"P(v10 | {', '.join(f'v{k}' for k in range(10))})", many)
    with pytest.raises(ValueError, match=r"stands for 1024 combinations of states.*v0=a, or ask P\(v10 \| \*\)"):
        question.queries(many)
