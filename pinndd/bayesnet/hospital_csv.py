"""The cells of a CSV file as programs and people write it, and the declared word that a cell stands for."""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Collection, Iterable
from io import StringIO
from itertools import islice
from pathlib import Path

SEPARATORS = (",", ";", "\t", "|")

_LOOKED_AT = 100
"""Lines of a file without a header that show its separator."""

_SAID = re.compile(r"sep=(.)\r?\n")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(?:[.,](\d+))?")


def csv_lines(text: str, known: Collection[str], width: int | None = None) -> list[tuple[int, list[str]]]:
    """Return the lines that are not blank, with their numbers, their cells without blanks around them.

    They are separated as `separator_of` says.

    Args:
        text: of the file.
        known: names of columns.
        width: number of cells of a line, of a file without a header.

    Raises:
        csv.Error: a quote is not closed, or the like.
    """
    said = _SAID.match(text)
    skipped = 1 if said else 0
    separator = separator_of(text, known, width)
    text = text[said.end() :] if said else text
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    return [(reader.line_num + skipped, [cell.strip() for cell in cells]) for cells in reader if cells]


def separator_of(text: str, known: Collection[str], width: int | None = None) -> str:
    """Return what separates the cells of a file.

    That is what Excel's first line ``sep=;`` says, or what makes known names of all cells of the header, or in most lines as many
    cells as there are, or else what makes most cells of the first line.

    Args:
        text, known, width: as in `csv_lines`.
    """
    said = _SAID.match(text)
    return said.group(1) if said else max(SEPARATORS, key=lambda mark: _fits(text, mark, known, width))


def thousands_among(words: Iterable[str]) -> str:
    """Return a number of a column that may be thousands or thousandths, such as ``1,234`` in a file that separates cells by commas.

    Args:
        words: different cells of the column.

    Returns:
        The first; empty where there is none, or where another cell shows that commas stand before decimals, such as ``0,5``.
    """
    marked = [word for word in words if "," in word and number_of(word) is not None]
    return marked[0] if marked and all(_THOUSANDS.fullmatch(word) for word in marked) else ""


def word_among(word: str, known: Collection[str]) -> str | None:
    """Return the known word that a cell stands for: itself, the only one that is the same number, as 1 for 1.0 or 1,0, or the only
    one that differs in letter case alone."""
    if word in known:
        return word
    number = _number(word)
    same = [other for other in known if number is not None and _number(other) == number]
    return same[0] if len(same) == 1 else same_word(word, known)


def sense(word: str) -> tuple[bool, str, str] | str:
    """Return what two words have in common that are the same number, or differ in letter case alone."""
    return _number(word) or word.casefold()


def same_word(word: str, known: Collection[str]) -> str | None:
    """Return the known word itself, or the only one that differs in letter case alone."""
    if word in known:
        return word
    same = [other for other in known if other.casefold() == word.casefold()]
    return same[0] if len(same) == 1 else None


def nearest(word: str, known: Collection[str]) -> str:
    """Say which of the known words is meant, or all of them."""
    close = difflib.get_close_matches(word.casefold(), [other.casefold() for other in known], n=1, cutoff=0.6)
    if close:
        return f"did you mean {next(other for other in known if other.casefold() == close[0])!r}?"
    return f"expected one of {', '.join(known)}"


def number_of(word: str) -> float | None:
    """Return the number that a cell holds, with a point or a comma before its decimals; None if it holds none."""
    text = word.replace(",", ".") if word.count(",") == 1 and "." not in word else word
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def file_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the text of a file, without its byte order mark.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read.
        LookupError: there is no such encoding.
    """
    return path.read_bytes().decode("utf-8-sig" if encoding == "utf-8" else encoding).removeprefix("\ufeff")


def _fits(text: str, separator: str, known: Collection[str], width: int | None) -> tuple[int, int]:
    lines = csv.reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    if width is not None:
        return sum(len(cells) == width for cells in islice(lines, _LOOKED_AT)), 0
    header = next(lines, [])
    cells = [cell.strip().casefold() for cell in header]
    return bool(cells) and set(cells) <= {name.casefold() for name in known}, len(cells)


def _number(word: str) -> tuple[bool, str, str] | None:
    """Return sign, whole part and decimals of a number, without zeros at the end; numbers with zeros in front are codes."""
    match = _NUMBER.fullmatch(word)
    if match is None:
        return None
    whole, decimals = match.group(1), (match.group(2) or "").rstrip("0")
    return word.startswith("-") and (whole, decimals) != ("0", ""), whole, decimals
