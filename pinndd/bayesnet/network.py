"""Discrete Bayesian networks: variables with named states, a directed acyclic graph, one table per variable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

TOLERANCE = 1e-6
"""How far a row of a table may be from summing to one: files give rounded probabilities."""


@dataclass(frozen=True)
class Variable:
    """A discrete variable.

    Attributes:
        name: of it.
        states: their names; a state is stored as its position among them.
    """

    name: str
    states: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", tuple(self.states))
        if not self.name:
            raise ValueError("a variable has an empty name")
        if not self.states or not all(self.states):
            raise ValueError(f"variable {self.name!r}: states {self.states} must be at least one non-empty name")
        repeated = sorted({s for s in self.states if self.states.count(s) > 1})
        if repeated:
            raise ValueError(f"variable {self.name!r} has the state {repeated[0]!r} more than once")

    def __len__(self) -> int:
        return len(self.states)

    def code(self, state: str) -> int:
        """Return the position of a state.

        Raises:
            ValueError: it is not one of the declared states.
        """
        if state not in self.states:
            raise ValueError(f"variable {self.name!r} has no state {state!r}; expected one of {', '.join(self.states)}")
        return self.states.index(state)


@dataclass(frozen=True)
class Structure:
    """The graph of a Bayesian network, without its probabilities.

    Attributes:
        variables: in the order of the columns of every table of rows.
        parents: of each variable, in the order of the axes of its table; a variable left out has none.

    Raises:
        ValueError: there is no variable, a name is repeated or unknown, a parent is named twice, or the graph has a cycle.
    """

    variables: tuple[Variable, ...]
    parents: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        if not self.variables:
            raise ValueError("a structure needs at least one variable")
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise ValueError(f"variable {repeated[0]!r} is declared more than once")
        for name in self.parents:
            self.index(name)
        object.__setattr__(self, "parents", {name: tuple(self.parents.get(name, ())) for name in self.names})
        for name, parents in self.parents.items():
            for parent in parents:
                if parent not in self._positions:
                    raise ValueError(f"variable {name!r} has the unknown parent {parent!r}")
            if len(set(parents)) < len(parents):
                raise ValueError(f"variable {name!r} names a parent twice: {', '.join(parents)}")
        _ = self.order

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables, in their order."""
        return tuple(variable.name for variable in self.variables)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {variable.name: k for k, variable in enumerate(self.variables)}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names of the variables, parents before children."""
        placed: list[str] = []
        waiting = list(self.names)
        while waiting:
            ready = [name for name in waiting if set(self.parents[name]) <= set(placed)]
            if not ready:
                raise ValueError(f"the graph has a cycle: {' -> '.join(_cycle(self.parents, waiting))}")
            placed += ready
            waiting = [name for name in waiting if name not in ready]
        return tuple(placed)

    @property
    def arcs(self) -> frozenset[tuple[str, str]]:
        """Pairs of a parent and a child."""
        return frozenset((parent, name) for name in self.names for parent in self.parents[name])

    @property
    def parameters(self) -> int:
        """Number of independent parameters."""
        return sum(torch.Size(self.shape(name)[:-1]).numel() * (len(self[name]) - 1) for name in self.names)

    def __getitem__(self, name: str) -> Variable:
        return self.variables[self.index(name)]

    def index(self, name: str) -> int:
        """Return the column of a variable.

        Raises:
            ValueError: there is no such variable.
        """
        if name not in self._positions:
            raise ValueError(f"unknown variable {name!r}; expected one of {', '.join(self.names)}")
        return self._positions[name]

    def family(self, name: str) -> tuple[str, ...]:
        """Return the parents of a variable and, last, itself: the axes of its table."""
        return (*self.parents[name], name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the table of a variable."""
        return tuple(len(self[member]) for member in self.family(name))

    def ancestors(self, names: Iterable[str]) -> frozenset[str]:
        """Return the named variables with everything that they descend from."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.parents[name]
        return frozenset(found)


def _cycle(parents: Mapping[str, tuple[str, ...]], waiting: list[str]) -> list[str]:
    """Return one cycle, along the arcs, among variables none of which can be placed."""
    path = [waiting[0]]
    while path.count(path[-1]) < 2:
        path.append(next(parent for parent in parents[path[-1]] if parent in waiting))
    return path[path.index(path[-1]) :][::-1]


@dataclass(frozen=True)
class BayesianNetwork:
    """``P(x) = Π_v P(x_v | x_parents(v))`` over discrete variables.

    Attributes:
        structure: variables and graph.
        tables: ``P(v | parents)`` of each variable, a float64 tensor with one axis per parent, in their order, and the
            variable's own axis last. They may require a gradient.

    Raises:
        ValueError: a table is missing or belongs to no variable, has the wrong shape, holds a negative number or one that is
            not finite, or has a row that does not sum to one.
    """

    structure: Structure
    tables: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        for name in self.tables:
            self.structure.index(name)
        missing = [name for name in self.structure.names if name not in self.tables]
        if missing:
            raise ValueError(f"variable {missing[0]!r} has no table of probabilities")
        tables = {name: torch.as_tensor(self.tables[name], dtype=torch.float64) for name in self.structure.names}
        for name, table in tables.items():
            check_table(self.structure, name, table.detach())
        object.__setattr__(self, "tables", tables)

    def __getitem__(self, name: str) -> Tensor:
        self.structure.index(name)
        return self.tables[name]


def check_table(structure: Structure, name: str, table: Tensor) -> None:
    """Check that a table is the conditional distribution of a variable.

    Raises:
        ValueError: its shape is wrong, a number is negative or not finite, or a row does not sum to one.
    """
    if tuple(table.shape) != structure.shape(name):
        family = " x ".join(structure.family(name))
        raise ValueError(f"table of {name!r} has shape {tuple(table.shape)}, expected {structure.shape(name)} for {family}")
    wrong = ~torch.isfinite(table) | (table < 0)
    if bool(wrong.any()):
        place = wrong.nonzero()[0].tolist()
        value, where = float(table[tuple(place)]), describe(structure, name, place[:-1])
        raise ValueError(f"{where} has {value:g} for state {structure[name].states[place[-1]]!r}: expected a probability")
    total = table.sum(-1)
    off = (total - 1).abs() > TOLERANCE
    if bool(off.any()):
        place = off.nonzero()[0].tolist()
        raise ValueError(f"{describe(structure, name, place)} sums to {float(total[tuple(place)]):.9g}, expected 1")


def describe(structure: Structure, name: str, configuration: Iterable[int]) -> str:
    """Name one row of a table: ``P(x | a=yes, b=no)``."""
    given = [
        f"{parent}={structure[parent].states[state]}"
        for parent, state in zip(structure.parents[name], configuration, strict=True)
    ]
    return f"P({name} | {', '.join(given)})" if given else f"P({name})"
