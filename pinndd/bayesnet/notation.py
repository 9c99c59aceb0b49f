"""Queries in the usual notation: ``P(lung | smoke=yes, xray)``, ``P(disease | *)``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from pinndd.bayesnet.hospital_csv import nearest, same_word, word_among
from pinndd.bayesnet.inference import Query
from pinndd.bayesnet.network import Structure

MOST_QUERIES = 500
"""Combinations of states that one question may stand for."""

WHATEVER = "*"
"""Stands for whatever a patient has recorded."""

_FORM = re.compile(r"\s*[Pp]r?\s*\((.*)\)\s*", re.DOTALL)
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,=|"']*))\s*""")


@dataclass(frozen=True)
class Question:
    """A question to a network as somebody wrote it.

    Attributes:
        text: it.
        target: the variable that is asked for.
        evidence: for each variable after the bar its state, or None for each of its states in turn.
        whatever: whether the evidence is whatever a patient has recorded of the other variables.
    """

    text: str
    target: str
    evidence: Mapping[str, str | None]
    whatever: bool = False

    def queries(self, structure: Structure) -> tuple[Query, ...]:
        """Return one query for each combination of the states that were left open; none where the evidence is whatever is recorded.

        Raises:
            ValueError: there are more than `MOST_QUERIES`.
        """
        if self.whatever:
            return ()
        states = {name: structure[name].states if state is None else (state,) for name, state in self.evidence.items()}
        count = 1
        for each in states.values():
            count *= len(each)
        if count > MOST_QUERIES:
            raise ValueError(
                f"{self.text} stands for {count} combinations of states, at most {MOST_QUERIES} are asked: say a state of some "
                f"variables, such as {next(iter(states))}={next(iter(states.values()))[0]}, or ask P({self.target} | *), whatever a "
                "patient has recorded"
            )
        return tuple(Query(self.target, dict(zip(states, chosen, strict=True))) for chosen in product(*states.values()))


def parse_question(text: str, structure: Structure) -> Question:
    """Read ``P(target | evidence)``: variables alone, with a state as ``smoke=yes``, or ``*`` for whatever a patient has recorded.

    A state of the target, as in ``P(disease=yes | age)``, is allowed and asks for all of its states. Names and states with commas,
    bars or equals signs stand in quotes. Other letter case counts as the same where only one name fits, and 1.0 as 1.

    Args:
        text: the question.
        structure: of the variables.

    Raises:
        ValueError: it is no such text, or names an unknown variable or state.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is no query: expected P(target | evidence), such as P({_example(structure)})")
    if re.search(r"\bdo\s*\(", form.group(1)):
        raise ValueError(f"{text!r} asks for an intervention; tables of patients tell associations alone: leave do() out")
    before, bar, after = _cut(form.group(1), "|")
    targets = [part for part in _split(before, text) if part[0]]
    if len(targets) != 1:
        raise ValueError(f"{text!r} has {len(targets)} variables before the bar, expected one: ask for each in a query of its own")
    target = variable_named(targets[0][0], structure, text)
    if targets[0][1] is not None:
        _state(target, targets[0][1], structure, text)
    evidence: dict[str, str | None] = {}
    parts = _split(after, text) if bar else []
    if bar and not after.strip():
        raise ValueError(f"{text!r} has nothing after the bar: name the evidence, or leave the bar out")
    if parts == [(WHATEVER, None)]:
        return Question(text, target, {}, whatever=True)
    for name, state in parts:
        if name == WHATEVER:
            raise ValueError(f"{text!r}: * means whatever a patient has recorded, and stands alone after the bar")
        known = variable_named(name, structure, text)
        if known == target or known in evidence:
            twice = "the target is among the evidence" if known == target else f"{known!r} stands twice"
            raise ValueError(f"{text!r}: {twice}; leave it out")
        evidence[known] = None if state is None else _state(known, state, structure, text)
    return Question(text, target, evidence)


def variable_named(name: str, structure: Structure, place: str) -> str:
    """Return the variable that is meant, in whatever letter case.

    Raises:
        ValueError: there is none; the nearest one is named.
    """
    if not name:
        raise ValueError(f"{place}: a name is missing between two commas, or before an equals sign")
    found = same_word(name, structure.names)
    if found is None:
        raise ValueError(f"{place}: unknown variable {name!r}; {nearest(name, structure.names)}")
    return found


def _state(name: str, word: str, structure: Structure, text: str) -> str:
    states = structure[name].states
    found = word_among(word, states)
    if found is None:
        raise ValueError(f"{text}: variable {name!r} has no state {word!r}; expected one of {', '.join(states)}")
    return found


def _split(text: str, whole: str) -> list[tuple[str, str | None]]:
    """Return names with their states."""
    found = []
    while True:
        part, comma, text = _cut(text, ",")
        name, equals, state = _cut(part, "=")
        found.append((_bare(name, whole), _bare(state, whole) if equals else None))
        if not comma:
            return found


def _bare(word: str, whole: str) -> str:
    match = _PART.fullmatch(word)
    if match is None:
        raise ValueError(f"{whole!r}: {word.strip()!r} is neither a name nor a state; put it into quotes")
    return next((each for each in match.groups()[:2] if each is not None), (match.group(3) or "").strip())


def _cut(text: str, mark: str) -> tuple[str, str, str]:
    """Cut at the first mark that stands outside of quotes, as `str.partition` does."""
    quote = ""
    for k, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == mark:
            return text[:k], mark, text[k + 1 :]
    return text, "", ""


def _example(structure: Structure) -> str:
    names = structure.names
    return names[-1] if len(names) == 1 else f"{names[-1]} | {', '.join(names[:2][: len(names) - 1])}"
