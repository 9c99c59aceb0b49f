"""Read and write networks in the Bayesian Interchange Format (BIF 0.15, Cozman 1998)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from pinndd.bayesnet.network import BayesianNetwork, Structure, Variable, check_table
from pinndd.checkpoint import write_atomically

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | "(?P<quoted>[^"\n]*)"
      | (?P<mark>[{}()\[\];,|])
      | (?P<word>(?:(?!//|/\*)[^\s{}()\[\];,|"])+)""",
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"""(?:(?!//|/\*)[^\s{}()\[\];,|"])+""")
_KEYWORDS = {"network", "variable", "probability", "property", "type", "table", "default"}


class BIFError(ValueError):
    """A text that is not a network in BIF; the message gives file and line."""


@dataclass(frozen=True)
class _Token:
    text: str
    line: int
    kind: str

    def __str__(self) -> str:
        return repr(self.text) if self.kind != "end" else "the end of the file"


def _tokens(text: str, source: str) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BIFError(f"{source}, line {line}: a quote or a comment is opened and not closed")
        kind = str(match.lastgroup)
        if kind != "space":
            yield _Token(match.group(kind), line, kind)
        position = match.end()
        line += match.group().count("\n")
    yield _Token("", line, "end")


@dataclass
class _Parser:
    """Recursive descent over the tokens of one file."""

    tokens: list[_Token]
    source: str
    at: int = 0
    variables: dict[str, Variable] = field(default_factory=dict)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tables: dict[str, Tensor] = field(default_factory=dict)

    def fail(self, token: _Token, message: str) -> NoReturn:
        raise BIFError(f"{self.source}, line {token.line}: {message}")

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def expect(self, text: str) -> _Token:
        token = self.take()
        if token.text != text or token.kind == "quoted":
            self.fail(token, f"expected {text!r}, found {token}")
        return token

    def meets(self, text: str) -> bool:
        """Take the next token if it is ``text``."""
        if self.next.text != text or self.next.kind == "quoted":
            return False
        self.take()
        return True

    def name(self) -> _Token:
        token = self.take()
        if token.kind not in {"word", "quoted"}:
            self.fail(token, f"expected a name, found {token}")
        return token

    def names(self, end: str) -> list[_Token]:
        """Take names between commas, and the mark that ends them."""
        found = [self.name()]
        while not self.meets(end):
            self.expect(",")
            found.append(self.name())
        return found

    def numbers(self) -> list[float]:
        """Take numbers between commas or blanks, and the semicolon that ends them."""
        found: list[float] = []
        while not self.meets(";"):
            token = self.name()
            try:
                found.append(float(token.text))
            except ValueError:
                self.fail(token, f"expected a number, found {token}")
            self.meets(",")
        return found

    def skip_property(self) -> bool:
        if not self.meets("property"):
            return False
        while not self.meets(";"):
            if self.take().kind == "end":
                self.fail(self.next, "a property has no ';'")
        return True

    def file(self) -> BayesianNetwork:
        while self.next.kind != "end":
            token = self.take()
            if token.text == "network":
                self.name()
                self.expect("{")
                while not self.meets("}"):
                    if not self.skip_property():
                        self.fail(self.next, f"expected 'property' or '}}', found {self.next}")
            elif token.text == "variable":
                self.variable()
            elif token.text == "probability":
                self.probability(token)
            else:
                self.fail(token, f"expected 'network', 'variable' or 'probability', found {token}")
        try:
            structure = Structure(tuple(self.variables.values()), self.parents)
            return BayesianNetwork(structure, self.tables)
        except ValueError as error:
            raise BIFError(f"{self.source}: {error}") from error

    def variable(self) -> None:
        name = self.name()
        if name.text in self.variables:
            self.fail(name, f"variable {name} is declared more than once")
        states: list[str] = []
        self.expect("{")
        while not self.meets("}"):
            if self.skip_property():
                continue
            self.expect("type")
            self.expect("discrete")
            self.expect("[")
            size = self.name()
            self.expect("]")
            self.expect("{")
            states = [token.text for token in self.names("}")]
            self.expect(";")
            if size.text != str(len(states)):
                self.fail(size, f"variable {name} announces {size.text} states and names {len(states)}: {', '.join(states)}")
        try:
            self.variables[name.text] = Variable(name.text, tuple(states))
        except ValueError as error:
            self.fail(name, str(error))

    def declared(self, token: _Token) -> Variable:
        if token.text not in self.variables:
            self.fail(token, f"unknown variable {token}; declared are {', '.join(self.variables) or 'none'}")
        return self.variables[token.text]

    def probability(self, start: _Token) -> None:
        self.expect("(")
        child = self.declared(self.name())
        parents: list[Variable] = []
        if not self.meets(")"):
            self.expect("|")
            parents = [self.declared(token) for token in self.names(")")]
        if child.name in self.tables:
            self.fail(start, f"variable {child.name!r} has a second table")
        family = [variable.name for variable in (*parents, child)]
        if len(set(family)) < len(family):
            self.fail(start, f"the table of {child.name!r} names a variable twice: {', '.join(family)}")
        rows = torch.full((*map(len, parents), len(child)), torch.nan, dtype=torch.float64)
        default: Tensor | None = None
        self.expect("{")
        while not self.meets("}"):
            token = self.next
            if self.skip_property():
                continue
            if self.meets("table"):
                # the child's own axis comes first in a table, and the last parent runs fastest
                values = self.sized(token, child, rows.numel())
                rows = values.reshape(len(child), *rows.shape[:-1]).movedim(0, -1).clone()
            elif self.meets("default"):
                default = self.sized(token, child, len(child))
            else:
                self.row(child, parents, rows)
        missing = rows[..., 0].isnan()
        if default is not None:
            rows[missing] = default
        elif bool(missing.any()):
            states = [parent.states[k] for parent, k in zip(parents, missing.nonzero()[0].tolist(), strict=True)]
            self.fail(start, f"the table of {child.name!r} has no row ({', '.join(states)})")
        self.parents[child.name] = tuple(family[:-1])
        self.tables[child.name] = rows
        try:
            check_table(Structure((*parents, child), {child.name: self.parents[child.name]}), child.name, rows)
        except ValueError as error:
            self.fail(start, str(error))

    def row(self, child: Variable, parents: list[Variable], rows: Tensor) -> None:
        start = self.expect("(")
        states = self.names(")")
        if len(states) != len(parents):
            self.fail(start, f"a row of {child.name!r} names {len(states)} states for {len(parents)} parents")
        try:
            place = tuple(parent.code(token.text) for parent, token in zip(parents, states, strict=True))
        except ValueError as error:
            self.fail(start, f"table of {child.name!r}: {error}")
        if not bool(rows[place].isnan().any()):
            self.fail(start, f"the table of {child.name!r} has the row ({', '.join(t.text for t in states)}) more than once")
        rows[place] = self.sized(start, child, len(child))

    def sized(self, token: _Token, child: Variable, size: int) -> Tensor:
        values = self.numbers()
        if len(values) != size or any(value != value for value in values):
            self.fail(token, f"the table of {child.name!r} has {len(values)} numbers here, expected {size}")
        return torch.tensor(values, dtype=torch.float64)


def parse_bif(text: str, source: str = "<text>") -> BayesianNetwork:
    """Read a network from text in BIF.

    Properties are skipped. A ``table`` with parents lists the child's own states slowest and the last parent fastest, as BIF
    0.15 has it; ``default`` fills the rows that are not given.

    Args:
        text: the whole file.
        source: its name in messages.

    Raises:
        BIFError: the text is not BIF, or is no valid network.
    """
    return _Parser(list(_tokens(text, source)), source).file()


def read_bif(path: Path | str) -> BayesianNetwork:
    """Read a network from a BIF file.

    Raises:
        FileNotFoundError: there is no such file.
        BIFError: the file is not BIF, or is no valid network.
    """
    return parse_bif(Path(path).read_text(encoding="utf-8"), str(path))


def format_bif(network: BayesianNetwork, name: str = "unknown") -> str:
    """Return the network as text in BIF; `parse_bif` gives back the same network, bit by bit.

    Raises:
        ValueError: a name holds a quote or a line break, which BIF cannot say.
    """
    structure, lines = network.structure, [f"network {_quoted(name)} {{", "}"]
    for variable in structure.variables:
        states = ", ".join(map(_quoted, variable.states))
        lines += [f"variable {_quoted(variable.name)} {{", f"  type discrete [ {len(variable)} ] {{ {states} }};", "}"]
    for child in structure.names:
        parents, table = structure.parents[child], network[child].detach()
        given = f" | {', '.join(map(_quoted, parents))}" if parents else ""
        lines.append(f"probability ( {_quoted(child)}{given} ) {{")
        for place in product(*(range(len(structure[parent])) for parent in parents)):
            states = ", ".join(_quoted(structure[p].states[k]) for p, k in zip(parents, place, strict=True))
            lines.append(f"  {f'({states})' if parents else 'table'} {', '.join(map(repr, table[place].tolist()))};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def write_bif(network: BayesianNetwork, path: Path | str, name: str = "unknown") -> None:
    """Write the network to a BIF file, atomically."""
    text = format_bif(network, name)
    with write_atomically(Path(path)) as file:
        file.write(text.encode())


def _quoted(name: str) -> str:
    """Return a name as BIF writes it: bare where that is unambiguous."""
    if '"' in name or "\n" in name or "\r" in name:
        raise ValueError(f"the name {name!r} holds a quote or a line break, which BIF cannot say: rename it")
    return name if _WORD.fullmatch(name) and name not in _KEYWORDS else f'"{name}"'
