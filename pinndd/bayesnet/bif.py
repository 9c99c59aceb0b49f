"""Read and write networks in the Bayesian Interchange Format (BIF 0.15, Cozman 1998)."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from pinndd.bayesnet.bif_text import BIFError, BIFWarning, Scanner, Token, file_text
from pinndd.bayesnet.network import TOLERANCE, BayesianNetwork, Structure, Variable, check_table, describe
from pinndd.storage.writing import write_atomically

_WORD = re.compile(r"""(?:(?!//|/\*)[^\s{}()\[\];,|"])+""")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,5})?", re.ASCII)
_KEYWORDS = {"network", "variable", "probability", "property", "type", "table", "default"}

_MOST_ROUNDING = 0.05
"""How far a row of rounded probabilities may be from summing to one, however few digits and many states it has."""


@dataclass
class _Parser:
    """Recursive descent over the tokens of one file."""

    scanner: Scanner
    variables: dict[str, Variable] = field(default_factory=dict)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tables: dict[str, Tensor] = field(default_factory=dict)

    def fail(self, token: Token, message: str) -> NoReturn:
        self.scanner.fail(token, message)

    @property
    def next(self) -> Token:
        return self.scanner.next

    def expect(self, text: str) -> Token:
        token = self.scanner.take()
        if token.text != text or token.kind == "quoted":
            self.fail(token, f"expected {text!r}, found {token}")
        return token

    def meets(self, *texts: str) -> bool:
        """Take the next token if it is one of ``texts``."""
        if self.next.text not in texts or self.next.kind in {"quoted", "end"}:
            return False
        self.scanner.take()
        return True

    def name(self) -> Token:
        token = self.scanner.take()
        if token.kind not in {"word", "quoted"}:
            self.fail(token, f"expected a name, found {token}")
        return token

    def names(self, end: str, blanks: str = ",|") -> list[Token]:
        """Take names and the mark that ends them; commas and bars are blanks, as in JavaBayes."""
        found = []
        while not self.meets(end):
            if not self.meets(*blanks):
                found.append(self.name())
        return found

    def numbers(self) -> list[str]:
        """Take numbers between commas, bars or blanks, and the semicolon that ends them."""
        found = self.names(";")
        for token in found:
            if not _NUMBER.fullmatch(token.text):
                self.fail(token, f"expected a number, found {token}")
        return [token.text for token in found]

    def file(self) -> BayesianNetwork:
        network: Token | None = None
        while self.next.kind != "end":
            token = self.next
            if self.meets("network"):
                if network is not None:
                    self.fail(token, f"a second network; the first one is {network}: keep one in a file")
                network = self.name()
                self.expect("{")
                while not self.meets("}"):
                    if not self.scanner.skip_property():
                        self.fail(self.next, f"expected 'property' or '}}', found {self.next}")
            elif self.meets("variable"):
                self.variable()
            elif self.meets("probability"):
                self.probability(token)
            else:
                hint = "; XML and HTML are not BIF" if token.text.startswith("<") else ""
                self.fail(token, f"expected 'network', 'variable' or 'probability', found {token}{hint}")
        try:
            structure = Structure(tuple(self.variables.values()), self.parents)
            return BayesianNetwork(structure, self.tables)
        except ValueError as error:
            raise BIFError(f"{self.scanner.source}: {error}") from error

    def variable(self) -> None:
        name = self.name()
        if name.text in self.variables:
            self.fail(name, f"variable {name} is declared more than once")
        states: list[str] = []
        self.expect("{")
        while not self.meets("}"):
            if self.scanner.skip_property():
                continue
            start = self.expect("type")
            if states:
                self.fail(start, f"variable {name} has a second type")
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

    def declared(self, token: Token) -> Variable:
        if token.text not in self.variables:
            known = ", ".join(self.variables) or "none"
            self.fail(token, f"unknown variable {token}; declared are {known} (variables come before their tables)")
        return self.variables[token.text]

    def probability(self, start: Token) -> None:
        self.expect("(")
        child = self.declared(self.name())
        # a bar or none, but no bar after a second name: P(a, b | c) is no table of one variable
        self.meets("|")
        parents = [self.declared(token) for token in self.names(")", blanks=",")]
        if child.name in self.tables:
            self.fail(start, f"variable {child.name!r} has a second table")
        family = [variable.name for variable in (*parents, child)]
        if len(set(family)) < len(family):
            self.fail(start, f"the table of {child.name!r} names a variable twice: {', '.join(family)}")
        self.parents[child.name] = tuple(family[:-1])
        self.tables[child.name] = self.table(start, child, parents)

    def table(self, start: Token, child: Variable, parents: list[Variable]) -> Tensor:
        """Return the probabilities of a variable, ``(*parents, child)``, each row rounded numbers or a distribution."""
        shape = (*map(len, parents), len(child))
        rows, unit = torch.full(shape, torch.nan, dtype=torch.float64), torch.zeros(shape[:-1], dtype=torch.float64)
        default: tuple[Tensor, float] | None = None
        self.expect("{")
        while not self.meets("}"):
            token = self.next
            if self.scanner.skip_property():
                continue
            if self.meets("table"):
                if not bool(rows.isnan().all()):
                    self.fail(token, f"the table of {child.name!r} gives rows more than once")
                # the child's own axis comes first in a table, and the last parent runs fastest
                values, unit[...] = self.sized(token, child, rows.numel())
                rows = values.reshape(len(child), *shape[:-1]).movedim(0, -1).clone()
            elif self.meets("default"):
                if default is not None:
                    self.fail(token, f"the table of {child.name!r} has a second default")
                default = self.sized(token, child, len(child))
            else:
                place = self.row(child, parents, rows)
                rows[place], unit[place] = self.sized(token, child, len(child))
        missing = rows[..., 0].isnan()
        if default is not None:
            rows[missing], unit[missing] = default
        elif bool(missing.any()):
            states = [parent.states[k] for parent, k in zip(parents, missing.nonzero()[0].tolist(), strict=True)]
            self.fail(start, f"the table of {child.name!r} has no row ({', '.join(states)})")
        family = Structure((*parents, child), {child.name: tuple(parent.name for parent in parents)})
        rows = self.unrounded(start, family, child.name, rows, unit)
        try:
            check_table(family, child.name, rows)
        except ValueError as error:
            self.fail(start, str(error))
        return rows

    def unrounded(self, start: Token, family: Structure, name: str, rows: Tensor, unit: Tensor) -> Tensor:
        """Divide rows by their sum that are off one by no more than their last digits explain, and say so."""
        total = rows.sum(-1)
        gap = (total - 1).abs()
        explained = (unit * rows.shape[-1] / 2).clamp(max=_MOST_ROUNDING) + TOLERANCE
        rounded = (gap > TOLERANCE) & (gap <= explained)
        if bool(rounded.any()):
            place = rounded.nonzero()[0].tolist()
            others = f", and so do {int(rounded.sum()) - 1} more rows" if int(rounded.sum()) > 1 else ""
            warnings.warn(
                f"{self.scanner.source}, line {start.line}: {describe(family, name, place)} sums to "
                f"{float(total[tuple(place)]):.9g}{others}: rounded numbers, divided by their sum",
                BIFWarning,
                stacklevel=2,
            )
        return torch.where(rounded[..., None], rows / total[..., None], rows)

    def row(self, child: Variable, parents: list[Variable], rows: Tensor) -> tuple[int, ...]:
        """Take the states of the parents; return the place of the row, which nothing has filled yet."""
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
        return place

    def sized(self, token: Token, child: Variable, size: int) -> tuple[Tensor, float]:
        """Take so many numbers; return them and the unit of the last digit that any of them has."""
        texts = self.numbers()
        if len(texts) != size:
            self.fail(token, f"the table of {child.name!r} has {len(texts)} numbers here, expected {size}")
        return torch.tensor([float(text) for text in texts], dtype=torch.float64), 10.0 ** min(0, *map(_exponent, texts))


def _exponent(number: str) -> int:
    """Return the power of ten of the last digit of a number as it is written: -4 for 0.3333."""
    mantissa, _, power = number.lower().partition("e")
    return int(power or 0) - len(mantissa.partition(".")[2])


def parse_bif(text: str, source: str = "<text>") -> BayesianNetwork:
    """Read a network from text in BIF, 0.15 as JavaBayes writes it included: commas and bars are blanks.

    Properties are skipped. A ``table`` with parents lists the child's own states slowest and the last parent fastest, as BIF
    0.15 has it; ``default`` fills the rows that are not given. Rows of rounded numbers, such as three times 0.3333, are divided by
    their sum.

    Args:
        text: the whole file.
        source: its name in messages.

    Raises:
        BIFError: the text is not BIF, or is no valid network.

    Warns:
        BIFWarning: rows were divided by their sum.
    """
    return _Parser(Scanner(text, source)).file()


def read_bif(path: Path | str) -> BayesianNetwork:
    """Read a network from a BIF file in UTF-8, with or without a byte order mark; see `parse_bif`.

    Raises:
        FileNotFoundError: there is no such file.
        BIFError: the file is packed, in another encoding or not BIF, or is no valid network.
    """
    return parse_bif(file_text(Path(path)), str(path))


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
