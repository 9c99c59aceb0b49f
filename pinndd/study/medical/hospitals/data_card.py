"""Write a distilled table as CSV, and the card that says what it is, what it is for and what it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from pinndd.bayesnet.counting import WEIGHTS
from pinndd.bayesnet.identification import Identification, IdentifiedQuery
from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.rows import check_rows, check_weights, decode
from pinndd.data import SyntheticData
from pinndd.storage.writing import write_atomically
from pinndd.study.results.writing import markdown_table

LIMITS = (
    "No privacy is claimed: the rows were fitted to patients' data without differential privacy, and may tell of single patients.",
    "Conditional probabilities are associations. They do not say what an intervention would change.",
    "The table is made for its queries. Other questions may be answered badly, and its rows are no patients.",
    "It was fitted to what the hospitals recorded, as if cells were missing at random and all patients came from one population.",
)
BASIS = {
    "together": "some patients have target and findings recorded together",
    "d-separation": "as together, after findings that add nothing by the graph are left out",
    "conditional independence": "nobody has them all recorded; the answer rests on the graph",
    "not identified": "a table that the answer needs has no patients; it may rest on the prior",
}
"""What it means that an answer rests on something."""


@dataclass(frozen=True)
class DataCard:
    """What belongs with a table.

    Attributes:
        title: of the card.
        purpose: what the table is for, one sentence.
        rows: what the rows are: how many, hard, soft, weighted, censored.
        made_from: lines on the data, such as rows and cells used of each hospital.
        training: how to train on the table so that the numbers hold: graph, prior, weights.
        identification: what the queries rest on; None where there is no list of queries.
        imitation: total variation from the believed network, one per query, ``(Q,)``; None where there is no list of
            queries.
        numbers: further results, by name.
        seeds: of all draws, by name.
        versions: of the programs.
        limits: lines; added to those that hold for every table.

    Raises:
        ValueError: there is not one number per query.
    """

    title: str
    purpose: str
    rows: str
    made_from: Sequence[str]
    training: str
    seeds: Mapping[str, int]
    versions: Mapping[str, str]
    identification: Identification | None = None
    imitation: Tensor | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[str] = ()

    def __post_init__(self) -> None:
        queries = 0 if self.identification is None else len(self.identification.queries)
        given = 0 if self.imitation is None else len(self.imitation)
        if queries != given:
            raise ValueError(f"DataCard: imitation has {given} numbers for {queries} queries, expected one per query")

    def __str__(self) -> str:
        parts = [
            f"# {self.title}",
            self.purpose,
            _section("The rows", [self.rows, self.training]),
            _section("Made from", self.made_from),
        ]
        if self.numbers:
            parts.append(_section("Numbers", [f"{name}: {value}" for name, value in self.numbers.items()]))
        parts.append(_section("Limits", [*LIMITS, *self.limits]))
        if self.identification is not None and self.imitation is not None:
            parts.append(_queries(self.identification, self.imitation))
        parts.append(
            _section(
                "Seeds and versions",
                [", ".join(f"{name} {value}" for name, value in each.items()) for each in (self.seeds, self.versions)],
            )
        )
        return "\n\n".join(parts) + "\n"


def write_card(path: Path, card: DataCard) -> None:
    """Write the card as Markdown, atomically."""
    with write_atomically(path) as file:
        file.write(str(card).encode())


def write_table(path: Path, structure: Structure, table: Tensor | SyntheticData, weights: Tensor | None = None) -> None:
    """Write a table as CSV, atomically, with a last column `WEIGHTS` where rows have weights.

    Hard rows have one column per variable, with the names of states, and nothing in a censored cell. Soft rows have one
    column ``variable=state`` per state, with its probability.

    Args:
        path: of the file.
        structure: of the variables.
        table: codes ``(N, V)``, or soft rows with one field per variable, ``(N, K)``, and perhaps their weights.
        weights: of hard rows, ``(N,)``; None: none.

    Raises:
        ValueError: the rows or the weights do not fit, or soft rows come with separate weights.
    """
    if isinstance(table, Tensor):
        columns = _hard(structure, table)
        weights = check_weights(weights, len(table), leading=False)
    else:
        if weights is not None:
            raise ValueError(f"write_table: the weights of soft rows belong into their field {WEIGHTS!r}")
        columns = _soft(structure, table)
        weights = table.fields.get(WEIGHTS)
    if weights is not None:
        columns[WEIGHTS] = [_written(value) for value in weights.detach().tolist()]
    with write_atomically(path) as file:
        file.write(pd.DataFrame(columns).to_csv(index=False, lineterminator="\n").encode())


def _hard(structure: Structure, rows: Tensor) -> dict[str, list[str]]:
    words = decode(structure, check_rows(structure, rows))
    return {name: [cell or "" for cell in cells] for name, cells in words.items()}


def _soft(structure: Structure, table: SyntheticData) -> dict[str, list[str]]:
    missing = [name for name in structure.names if name not in table.fields]
    if missing:
        raise ValueError(f"write_table: the table has no field {missing[0]!r}, expected one for each variable")
    columns = {}
    for variable in structure.variables:
        cells = table[variable.name].detach()
        if cells.ndim != 2 or cells.shape[1] != len(variable):
            raise ValueError(
                f"write_table: field {variable.name!r} has shape {tuple(cells.shape)}, expected (N, {len(variable)})"
            )
        for k, state in enumerate(variable.states):
            columns[f"{variable.name}={state}"] = [_written(value) for value in cells[:, k].tolist()]
    return columns


def _written(value: float) -> str:
    return f"{value:.6g}"


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {line}" for line in lines)])


def _queries(identification: Identification, imitation: Tensor) -> str:
    counts = identification.counts
    explained = [f"- {counts[status]} *{status}*: {BASIS[status]}" for status in sorted(counts)]
    table = pd.DataFrame(
        {
            "query": [str(entry.query) for entry in identification.queries],
            "total variation": imitation.tolist(),
            "rests on": [_basis(entry) for entry in identification.queries],
        }
    )
    mean = float(imitation.mean()) if len(imitation) else 0.0
    return "\n".join(
        [
            f"## The {len(table)} queries that the table is made for",
            "",
            f"Total variation is between the answer of the table and that of the network fitted to all hospitals, {mean:.4f} on",
            "average; how far that network is from the patients is not in it. What the answers rest on:",
            "",
            *explained,
            "",
            markdown_table(table, {"total variation": ".4f"}),
        ]
    )


def _basis(entry: IdentifiedQuery) -> str:
    if entry.rows:
        return f"{entry.status}: {entry.rows} patients of {', '.join(entry.hospitals)}"
    return f"{entry.status}: never together {'; '.join(' and '.join(pair) for pair in entry.apart) or 'all at once'}"


def imitation(answers: Tensor, believed: Tensor) -> Tensor:
    """Return the total variation of each answer ``(Q, K)`` from the believed one, ``(Q,)``."""
    return torch.as_tensor((answers - believed).abs().sum(-1) / 2)
