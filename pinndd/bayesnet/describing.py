"""Write a first TOML file of hospitals from their CSV files; what is guessed is marked, for somebody to correct."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pinndd.bayesnet.hospital_csv import csv_lines, file_text, number_of, sense, separator_of, thousands_among, word_among
from pinndd.bayesnet.hospital_files import MARKS, HospitalFileError

MOST_STATES = 10
"""Different words of a column that are still taken for states."""

FEWEST_CUT = 8
"""Different numbers of a column from which on its range is cut."""

ROWS, SHARE = 50, 4
"""Rows of the table, and patients per row where these are fewer."""

OUTCOMES = ("disease", "outcome", "target", "diagnosis", "ill", "death", "died", "status", "class", "label", "y")
"""Names of columns that are asked for where there is one."""

_YES_NO = {"0": "no", "1": "yes", "no": "no", "yes": "yes", "n": "no", "y": "yes", "false": "no", "true": "yes"}
_IDENTITY = re.compile(r"(^|[_\W])(id|nr|no|number|patient|patientid|record|case|index|unnamed)([_\W]|$)|^$", re.IGNORECASE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass
class _Column:
    """What the files hold under one name.

    Attributes:
        name: as the first file writes it.
        words: for each hospital how often each word stands there, marks of missing cells left out.
        unclear: for hospitals whose cells are separated by commas a number that may be thousands or thousandths.
    """

    name: str
    words: dict[str, dict[str, int]] = field(default_factory=dict)
    unclear: dict[str, str] = field(default_factory=dict)

    @property
    def different(self) -> list[str]:
        """Words of all hospitals; of those that are the same number, or differ in letter case alone, the first."""
        found: dict[object, str] = {}
        for words in self.words.values():
            for word in words:
                found.setdefault(sense(word), word)
        return list(found.values())

    @property
    def rows(self) -> int:
        """Recorded cells."""
        return sum(count for words in self.words.values() for count in words.values())


def describe_tables(paths: Sequence[Path], *, relative_to: Path) -> str:
    """Return a TOML file of hospitals, one for each CSV file, with comments at whatever is guessed.

    Args:
        paths: of the files, each with a header line.
        relative_to: folder of the TOML file.

    Raises:
        HospitalFileError: a file cannot be read, has no header or no rows, or its lines differ in length.
        ValueError: two files would be hospitals of one name.
    """
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two files are called {twice!r}: hospitals are named after their files; rename one")
    columns: dict[str, _Column] = {}
    headers: dict[str, list[str]] = {}
    lines: list[str] = []
    patients = 0
    for name, path in zip(names, paths, strict=True):
        headers[name], rows = _read(name, path, columns)
        patients += rows
    left_out = {key: why for key, column in columns.items() if (why := _no_variable(column))}
    kept = [key for key in columns if key not in left_out]
    lines += _top(paths, [columns[key] for key in kept], patients)
    lines += ["", "[variables]"]
    for key in kept:
        lines += _variable(columns[key])
    if not kept:
        raise HospitalFileError(f"{paths[0]}: no column holds states or numbers that differ: nothing can be asked of it")
    for name, path in zip(names, paths, strict=True):
        lines += ["", f"[hospitals.{_key(name)}]", f"file = {_text(_relative(path, relative_to))}"]
        own = {word: left_out[word.casefold()] for word in headers[name] if word.casefold() in left_out}
        if own:
            said = "; ".join(f"{word}: {why}" for word, why in own.items())
            lines.append(f"ignore = [{', '.join(map(_text, own))}]  # guessed: {_one_line(said)}")
        lacking = [columns[key].name for key in kept if name not in columns[key].words]
        if lacking:
            lines.append(f"# not recorded here: {_one_line(', '.join(lacking))}")
    return "\n".join(lines) + "\n"


def _read(hospital: str, path: Path, columns: dict[str, _Column]) -> tuple[list[str], int]:
    """Put the words of a file into the columns, and return its header and the number of its rows."""
    try:
        try:
            text = file_text(path)
        except UnicodeDecodeError as error:
            raise HospitalFileError(f"{path}: byte {error.start} is no text in UTF-8; save it as UTF-8 first") from error
        lines = csv_lines(text, ())
    except (OSError, csv.Error) as error:
        raise HospitalFileError(f"{path}: cannot be read as CSV ({getattr(error, 'strerror', None) or error})") from error
    if len(lines) < 2:
        raise HospitalFileError(f"{path}: it has no row below a header line; leave it out")
    header = lines[0][1]
    if all(number_of(cell) is not None for cell in header):
        raise HospitalFileError(
            f"{path}: its first line holds numbers alone ({', '.join(header[:3])}, ...): put the names of the columns above it"
        )
    folded = [cell.casefold() for cell in header]
    if len(set(folded)) < len(folded):
        twice = next(cell for cell in header if folded.count(cell.casefold()) > 1)
        raise HospitalFileError(f"{path}: column {twice!r} is in the header more than once: rename one")
    for number, cells in lines[1:]:
        if len(cells) != len(header):
            raise HospitalFileError(f"{path}, line {number}: {len(cells)} cells, expected {len(header)} as in the header")
        for name, cell in zip(header, cells, strict=True):
            words = columns.setdefault(name.casefold(), _Column(name)).words.setdefault(hospital, {})
            if cell not in MARKS:
                words[cell] = words.get(cell, 0) + 1
    for name in header if separator_of(text, ()) == "," else ():
        if word := thousands_among(columns[name.casefold()].words[hospital]):
            columns[name.casefold()].unclear[hospital] = word
    return header, len(lines) - 1


def _no_variable(column: _Column) -> str:
    """Return why a column is no variable; empty if it may be one."""
    words = column.different
    numbers = [number_of(word) for word in words]
    if not column.name:
        return "has no name"
    if not words:
        return "nothing is recorded"
    if len(words) == 1:
        return f"always {words[0]}"
    many = len(words) > MOST_STATES
    if _IDENTITY.search(column.name) and many and len(words) > column.rows / (2 * len(column.words)):
        return "seems to number the patients"
    if many and any(number is None for number in numbers):
        return f"{len(words)} different words, such as {words[0]}"
    return ""


def _variable(column: _Column) -> Iterator[str]:
    """Yield the line of a variable."""
    name, words = _key(column.name), column.different
    numbers = [number_of(word) for word in words]
    whole = [number for number in numbers if number is not None]
    if len(whole) == len(words) and len(words) >= FEWEST_CUT:
        cuts = _cuts(column)
        unclear = "".join(
            f"; {word} OF {hospital} MAY BE {word.replace(',', '')} OR {word.replace(',', '.')}: write it without a comma"
            for hospital, word in column.unclear.items()
        )
        yield f"{name} = {{ cuts = [{', '.join(f'{cut:.15g}' for cut in cuts)}] }}  # guessed: numbers from {min(whole):g} to " + (
            f"{max(whole):g}, cut so that the parts have about as many patients{_one_line(unclear)}"
        )
        return
    coded = {hospital: sorted(own) for hospital, own in column.words.items() if own}
    meanings = {word: _YES_NO[_plain(word)] for word in words if _plain(word) in _YES_NO}
    if len(words) > 2 and len(meanings) == len(words) and _apart(column):
        recode = ", ".join(f"{_text(word)} = {_text(meant)}" for word, meant in meanings.items() if meant != word)
        yield f'{name} = {{ states = ["no", "yes"], recode = {{ {recode} }} }}  # guessed: the hospitals write it differently'
        return
    ordered = sorted(words, key=lambda word: (number_of(word) is None, number_of(word) or 0.0, word))
    plain = [_plain(word) if number_of(word) is not None else word for word in ordered]
    # codes such as 01, and numbers of more digits than are written, stand as they are
    found = all(word_among(word, plain) == short for word, short in zip(ordered, plain, strict=True))
    states = plain if found and len(set(plain)) == len(plain) else ordered
    said = "in the order of the alphabet" if not whole else "the codes as they stand"
    apart = "; HOSPITALS DIFFER: " + ", ".join(f"{h} has {', '.join(w)}" for h, w in coded.items()) if _apart(column) else ""
    yield f"{name} = [{', '.join(map(_text, states))}]  # guessed: {said}{_one_line(apart)}"


def _apart(column: _Column) -> bool:
    """Whether two hospitals have no word in common."""
    sets = [{_plain(word) for word in own} for own in column.words.values() if own]
    return any(not one & other for k, one in enumerate(sets) for other in sets[:k])


def _plain(word: str) -> str:
    """Return a number as a whole one where it is, and a word in small letters: ``1`` for ``1.0`` or ``1,0``."""
    number = number_of(word)
    return word.casefold() if number is None else f"{number:g}"


def _cuts(column: _Column) -> list[float]:
    """Return two or three round numbers that cut the recorded ones into parts of about as many patients."""
    values = np.array([
        number_of(word) for own in column.words.values() for word, count in own.items() for _ in range(count)
    ], dtype=float)
    low, high = np.quantile(values, [0.05, 0.95])
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-9) / 4)) if high > low else 1.0
    found = {float(f"{round(cut / step) * step:.15g}") for cut in np.quantile(values, [1 / 3, 2 / 3])}
    inside = sorted(cut for cut in found if values.min() < cut <= values.max())
    return inside or [float(np.median(values[values > values.min()]))]


def _top(paths: Sequence[Path], columns: Sequence[_Column], patients: int) -> Iterator[str]:
    files = _one_line(", ".join(path.name for path in paths))
    yield f"# Written by pinndd table describe from {files}. Correct whatever is marked as guessed."
    yield ""
    if columns:
        names = [column.name for column in columns]
        said = next((name for outcome in OUTCOMES for name in names if name.casefold() == outcome), None)
        most = max(len(column.words) for column in columns)
        shared = [column.name for column in columns if len(column.words) == most]
        last = "the last column" if names[-1] == shared[-1] else f"the last column that {most} of {len(paths)} files have"
        why = "by its name" if said else last
        target = said or shared[-1]
        yield f"queries = [{_text(f'P({_quoted(target)} | *)')}]  # guessed: {why}; * is whatever a patient has recorded"
        if len(names) > 1:
            other = _quoted(next(name for name in names if name != target))
            yield f"# or such as {_text(f'P({_quoted(target)} | {other})')}, or with a state, as {_one_line(other)}=..."
    yield 'graph = "learn"  # guessed: or "naive Bayes", "tree", a .bif file, or arcs such as ["smoke -> lung"]'
    yield 'rows = "hard"  # or "soft", "censored"'
    few = patients < SHARE * ROWS
    yield f"size = {max(1, patients // SHARE) if few else ROWS}  # {'guessed: ' * few}rows of the table"


def _relative(path: Path, folder: Path) -> str:
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _quoted(name: str) -> str:
    mark = '"' if "'" in name else "'"
    return f"{mark}{name}{mark}" if re.search(r"""[,=|"'()]""", name) else name


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(word: str) -> str:
    # a JSON string is a basic string of TOML, but for one control character
    return json.dumps(word, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """Return a word for a comment: TOML allows no control characters there but tabs."""
    return _CONTROL.sub(" ", text)


