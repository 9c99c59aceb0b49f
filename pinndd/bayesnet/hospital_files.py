"""Read the tables of several hospitals, with different columns, into one coded table; nothing is dropped without being counted."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path

import torch

from pinndd.bayesnet.hospital_csv import (
    csv_lines,
    file_text,
    nearest,
    number_of,
    same_word,
    separator_of,
    thousands_among,
    word_among,
)
from pinndd.bayesnet.hospitals import Hospitals
from pinndd.bayesnet.network import Structure, Variable
from pinndd.bayesnet.rows import MISSING

MARKS = ("", "?", ".", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null", "None")
"""Cells that mean: not recorded, as people, R, pandas and databases write it."""


class HospitalFileError(ValueError):
    """A table of a hospital that cannot be used as it is; the message names file, column and value."""


@dataclass(frozen=True)
class HospitalFile:
    """A CSV file.

    Attributes:
        path: of it, with commas, semicolons, tabs or bars between its cells.
        codebook: states that this hospital declares for columns of its own, in any order; checked against the common ones.
        recode: for a column, the state that each of the file's own words stands for, or a mark of missing cells; other words
            are taken as they are.
        ignore: columns that are not to be used, for example a patient number; the report lists them.
        rename: for columns that the file calls otherwise the name of the variable; other letter case needs none.
        columns: names of the columns of a file without a header line (None: its first line has them).
        encoding: of its text.
    """

    path: Path
    codebook: Mapping[str, Sequence[str]] = field(default_factory=dict)
    recode: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignore: Sequence[str] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[str] | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True)
class FileReport:
    """What was used of one file.

    Attributes:
        hospital: its name.
        path: of the file.
        rows_read: rows of the file.
        rows_used: rows with at least one recorded cell.
        cells_used: recorded cells.
        cells_missing: missing cells of the columns that the hospital has, in the rows that are used.
        columns: variables that the file has.
        absent: variables that it does not have.
        ignored: columns that were left out on request.
        taken: for columns that the file calls otherwise the name of the variable.
        recoded: for variables the words of a recoding that a cell holds.
        idle: for variables the words of the file's own recoding that no cell holds.
    """

    hospital: str
    path: Path
    rows_read: int
    rows_used: int
    cells_used: int
    cells_missing: int
    columns: tuple[str, ...]
    absent: tuple[str, ...]
    ignored: tuple[str, ...]
    taken: Mapping[str, str] = field(default_factory=dict)
    recoded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    idle: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [
            f"{self.hospital} ({self.path.name}): {self.rows_used} of {self.rows_read} rows used",
            f"{self.cells_used} cells used, {self.cells_missing} missing in {len(self.columns)} columns",
            f"not recorded: {', '.join(self.absent) or 'nothing'}",
        ]
        parts += [f"ignored: {', '.join(self.ignored)}"] * bool(self.ignored)
        parts += [f"column {name} is {variable}" for name, variable in self.taken.items()]
        parts += [idle_recoding(name, words) for name, words in self.idle.items()]
        return "; ".join(parts)


def idle_recoding(variable: str, words: Collection[str]) -> str:
    """Say that a recoding names words that no cell holds."""
    return f"recode of {variable} names {', '.join(map(repr, words))}, which no cell holds: correct or take out what is misspelt"


@dataclass(frozen=True)
class _Coding:
    """What the words of a column stand for: states, or numbers where cuts lie between the states; some after a recoding."""

    variable: Variable
    cuts: Sequence[float] | None
    recode: Mapping[str, str]


def read_hospitals(
    files: Mapping[str, HospitalFile | Path | str],
    variables: Sequence[Variable],
    *,
    missing: Collection[str] | None = None,
    disjoint: Collection[str] = (),
    cuts: Mapping[str, Sequence[float]] | None = None,
    recode: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Hospitals, tuple[FileReport, ...]]:
    """Read one CSV file per hospital, or a single one; blanks around a cell do not count.

    A cell that is the same number as one declared state alone is that state, since programs turn a column of whole numbers with
    gaps into 1.0 and 2.0, or 1,0 and 2,0; so is one that differs from one state alone in letter case, and names of columns likewise.

    Args:
        files: for each hospital its file.
        variables: with all states that any hospital may use.
        missing: cells that mean: not recorded; None: those that programs write for it (empty, ?, ., NA, NaN, NULL, None and the
            like), but for columns with such a state.
        disjoint: columns in which hospitals may have no state in common. Elsewhere, two hospitals that each use two states or
            more, none of them in common, are taken to code the column differently.
        cuts: for variables whose cells are numbers where the range is cut, ascending, one less than it has states; a number at a
            cut belongs to the state above it.
        recode: for a variable the state that words stand for in all files; what a file says itself comes first.

    Returns:
        The table, rows without a recorded cell left out, and for each file what was used.

    Raises:
        HospitalFileError: a file cannot be read or is empty, a column is unknown or repeated, a line has too few or too many
            cells, a state is not declared, a number may be thousands or thousandths, two hospitals code a column differently, a
            codebook differs from the states, or see `Hospitals`: no shared column.
        ValueError: the variables do not fit together, ``disjoint`` or ``cuts`` names an unknown one, cuts do not fit the states, or
            ``missing`` names a declared state.
    """
    structure = Structure(tuple(variables), {})
    cuts = dict(cuts or {})
    for name, between in cuts.items():
        if len(between) != len(structure[name]) - 1 or list(between) != sorted(set(between)):
            raise ValueError(
                f"cuts of {name!r} are {', '.join(f'{cut:g}' for cut in between) or 'none'}: expected {len(structure[name]) - 1} "
                f"ascending numbers between its {len(structure[name])} states"
            )
    for word, variable in product(missing or (), structure.variables):
        if variable.name in cuts:
            continue
        if word_among(word, variable.states) is not None:
            raise ValueError(
                f"missing names {word!r}, which is a state of {variable.name!r}: recode the cells that mean that nothing was recorded"
            )
    tables: list[list[list[int]]] = []
    reports: list[FileReport] = []
    for hospital, file in files.items():
        given = file if isinstance(file, HospitalFile) else HospitalFile(Path(file))
        coding = {
            v.name: _Coding(v, cuts.get(v.name), {**(recode or {}).get(v.name, {}), **given.recode.get(v.name, {})})
            for v in structure.variables
        }
        codes, report = _read(hospital, given, structure, coding, frozenset(MARKS if missing is None else missing))
        tables.append(codes)
        reports.append(report)
    _check_same_coding(structure, tables, reports, {*disjoint, *cuts})
    rows = torch.tensor([row for table in tables for row in table], dtype=torch.int64).reshape(-1, len(structure.names))
    membership = torch.tensor([k for k, table in enumerate(tables) for _ in table], dtype=torch.int64)
    try:
        return Hospitals(structure.variables, tuple(files), rows, membership), tuple(reports)
    except ValueError as error:
        places = ", ".join(f"{report.hospital} = {report.path}" for report in reports)
        raise HospitalFileError(f"{error} (files: {places})") from error


def _read(
    hospital: str, file: HospitalFile, structure: Structure, coding: Mapping[str, _Coding], missing: frozenset[str]
) -> tuple[list[list[int]], FileReport]:
    """Return the codes of the rows with a recorded cell, and the report."""
    lines, separator = _lines(file, (*structure.names, *file.ignore, *file.rename))
    written = lines.pop(0)[1] if file.columns is None else list(file.columns)
    header = [_meant(name, file, structure) for name in written]
    for name in file.rename:
        if name not in written:
            raise HospitalFileError(f"{file.path}: rename names the column {name!r}, which it does not have; {nearest(name, written)}")
    _check_header(file, header, structure)
    used = [k for k, name in enumerate(header) if name not in file.ignore]
    rows: list[list[int]] = []
    seen: dict[tuple[int, str], int] = {}
    for number, cells in lines:
        if len(cells) != len(header):
            names = "columns are named" if file.columns is not None else "are in the header"
            raise HospitalFileError(f"{file.path}, line {number}: {len(cells)} cells, expected {len(header)}, as many as {names}")
        row = [MISSING] * len(structure.names)
        for k in used:
            if (k, cells[k]) not in seen:
                seen[k, cells[k]] = _code(file.path, coding[header[k]], cells[k], number, missing)
            row[structure.index(header[k])] = seen[k, cells[k]]
        rows.append(row)
    for k in used if separator == "," else ():
        own = coding[header[k]]
        plain = (cell for j, cell in seen if j == k and word_among(cell, own.recode) is None)
        if own.cuts is not None and (unclear := thousands_among(plain)):
            number = next(number for number, cells in lines if cells[k] == unclear)
            raise HospitalFileError(
                f"{file.path}, line {number}, column {header[k]!r}: value {unclear!r} may be {unclear.replace(',', '')} or "
                f"{unclear.replace(',', '.')}, since commas separate the cells of the file: write such numbers without commas, "
                "or recode them"
            )
    kept = [row for row in rows if any(code != MISSING for code in row)]
    if not kept:
        raise HospitalFileError(f"{file.path}: hospital {hospital!r} is empty, no row has a recorded cell; leave it out")
    columns = tuple(header[k] for k in used)
    recoded = {
        name: frozenset(said for j, cell in seen if j == k and (said := word_among(cell, coding[name].recode)) is not None)
        for k, name in enumerate(header)
        if k in used
    }
    idle = {name: tuple(word for word in own if word not in recoded.get(name, ())) for name, own in file.recode.items()}
    recorded = sum(code != MISSING for row in kept for code in row)
    return kept, FileReport(
        hospital=hospital,
        path=file.path,
        rows_read=len(rows),
        rows_used=len(kept),
        cells_used=recorded,
        cells_missing=len(kept) * len(columns) - recorded,
        columns=columns,
        absent=tuple(name for name in structure.names if name not in columns),
        ignored=tuple(name for name in header if name in file.ignore),
        taken={name: variable for name, variable in zip(written, header, strict=True) if name != variable},
        recoded=recoded,
        idle={name: words for name, words in idle.items() if words},
    )


def _meant(name: str, file: HospitalFile, structure: Structure) -> str:
    """Return the variable, or the column to ignore, that the name of a column stands for."""
    if name in file.ignore or name in file.rename:
        return file.rename.get(name, name)
    return same_word(name, structure.names) or same_word(name, file.ignore) or name


def _lines(file: HospitalFile, known: Collection[str]) -> tuple[list[tuple[int, list[str]]], str]:
    """Return the lines that are not blank, with their numbers, and what separates their cells."""
    path, width = file.path, None if file.columns is None else len(file.columns)
    try:
        text = file_text(path, file.encoding)
        lines = csv_lines(text, known, width)
    except FileNotFoundError as error:
        raise HospitalFileError(f"{path}: there is no such file; correct its name") from error
    except UnicodeDecodeError as error:
        raise HospitalFileError(
            f"{path}: byte {error.start} is no text in {file.encoding}; save it as UTF-8, or say its encoding: programs of Windows "
            "write cp1252"
        ) from error
    except (OSError, LookupError, ValueError, csv.Error) as error:
        raise HospitalFileError(f"{path}: cannot be read as CSV in {file.encoding} ({error})") from error
    if not lines:
        raise HospitalFileError(f"{path}: the file is empty, expected a header line with the names of the columns")
    return lines, separator_of(text, known, width)


def _check_header(file: HospitalFile, header: list[str], structure: Structure) -> None:
    for name in header:
        if header.count(name) > 1:
            raise HospitalFileError(f"{file.path}: column {name!r} is in the header more than once")
        if name not in structure.names and name not in file.ignore:
            raise HospitalFileError(
                f"{file.path}: unknown column {name!r}; "
                f"expected some of {', '.join(structure.names)}. Declare it as a variable, or name it in ignore"
            )
    if not set(header) & set(structure.names):
        raise HospitalFileError(f"{file.path}: it has none of the variables {', '.join(structure.names)}: leave the file out")
    for name in (*file.codebook, *file.recode, *file.ignore):
        if name not in header:
            raise HospitalFileError(
                f"{file.path}: codebook, recode or ignore names the column {name!r}, which it does not have"
            )
    for name, states in file.codebook.items():
        recoded = {file.recode.get(name, {}).get(state, state) for state in states}
        odd = sorted(recoded ^ set(structure[name].states))
        if odd:
            raise HospitalFileError(
                f"{file.path}, column {name!r}: its codebook has the states {', '.join(states)}, the declared ones are "
                f"{', '.join(structure[name].states)}; {odd[0]!r} is in only one of them: recode the column, or declare the state"
            )


def _code(path: Path, coding: _Coding, word: str, number: int, missing: frozenset[str]) -> int:
    variable, cuts, recode = coding.variable, coding.cuts, coding.recode
    said = word_among(word, recode)
    meant = word if said is None else recode[said]
    state = word_among(meant, variable.states)
    if state is not None and cuts is None:
        return variable.code(state)
    if word_among(meant, missing) is not None:
        return MISSING
    value = None if cuts is None else number_of(meant)
    if cuts is not None and value is not None:
        return bisect_right(cuts, value)
    became = "" if meant == word else f", recoded to {meant!r},"
    expected = "not a number" if cuts else f"not a declared state, expected one of {', '.join(variable.states)}"
    raise HospitalFileError(
        f"{path}, line {number}, column {variable.name!r}: value {word!r}{became} is {expected}; "
        f"{'' if cuts else 'declare it, '}recode it, or name it in missing"
    )


def _check_same_coding(
    structure: Structure, tables: list[list[list[int]]], reports: list[FileReport], disjoint: Collection[str]
) -> None:
    """Refuse a column in which two hospitals use several states each, and none in common."""
    for name in disjoint:
        structure.index(name)
    for column, variable in enumerate(structure.variables):
        seen = [{row[column] for row in table} - {MISSING} for table in tables]
        for (one, first), (other, second) in combinations(zip(seen, reports, strict=True), 2):
            if min(len(one), len(other)) > 1 and not one & other and variable.name not in disjoint:
                words, others = (", ".join(variable.states[k] for k in sorted(codes)) for codes in (one, other))
                raise HospitalFileError(
                    f"column {variable.name!r} is coded differently: {first.path} has {words}, {second.path} has {others}; give "
                    f"one of them a recode, or name the column in disjoint if the patients do differ so much"
                )
