"""Take the keys of a TOML file one by one; every error names file, line, key and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pinndd.bayesnet.hospital_csv import nearest
from pinndd.storage.reading import FileError

FINITE = 1e300
"""Greater numbers are refused as those that are not finite."""

MOST_DIGITS = 30
"""Of a number in a message."""

_WORDS = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


class DeclarationError(FileError):
    """A TOML file of hospitals that cannot be used; the message names file, line, key and remedy."""


@dataclass
class Keys:
    """The keys of one table of a TOML file.

    Attributes:
        path: of the file.
        text: of the file.
        values: of the table.
        where: name of the table, such as ``hospitals.north``; empty at the top.
    """

    path: Path
    text: str
    values: Mapping[str, Any]
    where: str = ""
    _taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, path: Path, content: bytes) -> Keys:
        """Parse a file.

        Raises:
            DeclarationError: it is no TOML.
        """
        try:
            text = content.decode("utf-8-sig")
            return cls(path, text, tomllib.loads(text.replace("\r\n", "\n")))
        except (ValueError, RecursionError) as error:
            raise DeclarationError(f"{path} is no TOML ({error or type(error).__name__}): correct it there") from error

    def text_of(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        found: str = self._typed(key, str, default)
        if not found.strip():
            self.fail(key, "is empty; say something, or leave it out")
        return found

    def whole(self, key: str, default: int, least: int, most: int | None = None) -> int:
        """Return a whole number that is neither below the least nor above the most."""
        found: int = self._typed(key, int, default)
        if most is not None and found > most:
            self.fail(key, f"is {_short(found)}, expected a whole number up to {most}")
        if found < least:
            self.fail(key, f"is {_short(found)}, expected a whole number from {least} on")
        return found

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a number in ``[low, high)``."""
        found: float = self._typed(key, float, default)
        if not low <= found < high:
            self.fail(key, f"is {_short(found)}, expected a number from {low:g} to below {high:g}")
        return float(found)

    def choice(self, key: str, known: Sequence[str], default: str) -> str:
        """Return one of the known words."""
        found = self.text_of(key, default)
        if found not in known:
            self.fail(key, f"is {found!r}; {nearest(found, known)}")
        return found

    def texts(self, key: str, default: Sequence[str] | None = None) -> list[str]:
        """Return a list of strings; numbers count as their text, one string as a list of one."""
        found: Any = self.values.get(key, default)
        self._taken.add(key)
        if isinstance(found, str):
            found = [found]
        if not isinstance(found, Sequence) or not all(isinstance(each, str | int | float) for each in found):
            self._refuse_kind(key, list, found)
        return [_word(each) for each in found]

    def numbers(self, key: str) -> list[float]:
        """Return a list of ascending numbers, each of them finite."""
        found = self._typed(key, list, None)
        if not found or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in found):
            self.fail(key, f"is {found!r}, expected numbers, such as [45, 55, 65]")
        if odd := next((each for each in found if not abs(each) < FINITE), None):
            self.fail(key, f"holds {_short(odd)}, expected finite numbers, such as [45, 55, 65]")
        if found != sorted(set(found)):
            self.fail(key, f"is {found!r}: the numbers must ascend")
        return [float(each) for each in found]

    def words(self, key: str) -> dict[str, str]:
        """Return a table from words to words; numbers count as their text."""
        found = self._typed(key, dict, {})
        for word, meant in found.items():
            if not isinstance(meant, str | int | float):
                self.fail(key, f"{word!r} stands for {meant!r}, expected a string")
        return {word: _word(meant) for word, meant in found.items()}

    def table(self, key: str) -> Keys:
        """Return a table inside this one; empty where there is none."""
        return Keys(self.path, self.text, self._typed(key, dict, {}), f"{self.where}.{key}".strip("."))

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def finish(self, known: Collection[str] = ()) -> None:
        """Make sure that every key was asked for, or is known.

        Raises:
            DeclarationError: one was not; the nearest known one is named.
        """
        for key in self.values:
            if key not in self._taken and key not in known:
                self.fail(key, f"is an unknown key; {nearest(key, sorted({*self._taken, *known}))}")

    def fail(self, key: str, what: str, *, word: str | None = None) -> NoReturn:
        """Raise an error about a key, at the line of a word in its value, or of the key."""
        raise DeclarationError(f"{self.place(key, word)} {what}")

    def place(self, key: str, word: str | None = None) -> str:
        """Return file, line where it can be told, table and key."""
        line = self._line(key, word)
        table = f"[{self.where}] " if self.where else ""
        return f"{self.path}{f', line {line}' if line else ''}: {table}{key}"

    def _line(self, key: str, word: str | None) -> int | None:
        """Return the line of a key, after the header of its table, or of a word; None where it cannot be told."""
        lines = self.text.splitlines()
        header = next((k for k, line in enumerate(lines) if line.strip().startswith(f"[{self.where}")), 0) if self.where else 0
        quoted = re.compile(rf"""(^|[\s{{,.\["'])["']?{re.escape(key)}["']?\s*[=\].]""")
        for number, line in enumerate(lines[header:], header + 1):
            bare = "" if line.lstrip().startswith("#") else line
            if (word is not None and word in bare) or (word is None and quoted.search(bare)):
                return number
        return None

    def _typed(self, key: str, kind: type, default: Any) -> Any:
        self._taken.add(key)
        if key not in self.values:
            if default is None:
                raise DeclarationError(f"{self.path}: {f'[{self.where}] ' if self.where else ''}{key} is missing: add {key} = ...")
            return default
        found = self.values[key]
        fits = isinstance(found, (int, float) if kind is float else kind) and (kind is bool or not isinstance(found, bool))
        if not fits:
            self._refuse_kind(key, kind, found)
        return found

    def _refuse_kind(self, key: str, kind: type, found: Any) -> NoReturn:
        self.fail(key, f"is {found!r}, expected {_WORDS[kind]}")


def _short(value: float) -> str:
    """Return a number for a message, of very many digits the first."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_DIGITS else f"{text[:MOST_DIGITS]}... of {len(text)} digits"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
