"""The words of a text in the Bayesian Interchange Format, and the text of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_TOKEN = re.compile(r"""
    "(?P<quoted>[^"\n]*)"
  | (?P<mark>[{}()\[\];,|])
  | (?P<word>(?:(?!//|/\*)[^\s{}()\[\];,|"])+)
""", re.VERBOSE)  # fmt: skip
# a quote opens after a blank or a sign and closes before one: 5" is five inches
_PROPERTY = re.compile(r"""
    \s*"[^"]*"\s*;
  | (?: (?<=[\s=:(\[,]) "[^"\n]*" (?=[\s;,)\]]) | [^;\n] )* (?:\n\s*)? ;
""", re.VERBOSE)  # fmt: skip

_OTHER_FILES = {
    b"\x1f\x8b": "is packed by gzip: unpack it first",
    b"PK\x03\x04": "is a zip archive: unpack it first",
    b"BZh": "is packed by bzip2: unpack it first",
    b"\xfd7zXZ": "is packed by xz: unpack it first",
    b"\xff\xfe": "is in UTF-16: save it in UTF-8",
    b"\xfe\xff": "is in UTF-16: save it in UTF-8",
}


class BIFError(ValueError):
    """A text that is not a network in BIF; the message gives file and line."""


class BIFWarning(UserWarning):
    """A text in BIF whose numbers were changed; the message gives file, line and what was done."""


@dataclass(frozen=True)
class Token:
    """A word, a quoted name or a mark.

    Attributes:
        text: of it, without quotes.
        line: on which it begins, from 1.
        kind: ``word``, ``quoted``, ``mark`` or ``end``.
        end: position of the first character after it.
    """

    text: str
    line: int
    kind: str
    end: int

    def __str__(self) -> str:
        return repr(self.text) if self.kind != "end" else "the end of the file"


def file_text(path: Path) -> str:
    """Return the text of a file, without its byte order mark.

    Raises:
        FileNotFoundError: there is no such file.
        BIFError: it is a folder, packed, or not in UTF-8.
    """
    if path.is_dir():
        raise BIFError(f"{path} is a folder, expected a file in BIF")
    content = path.read_bytes()
    for start, what in _OTHER_FILES.items():
        if content.startswith(start):
            raise BIFError(f"{path} {what}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BIFError(f"{path}, line {line}: byte {content[error.start]:#x} is not UTF-8: save the file in UTF-8") from error


class Scanner:
    """The tokens of a text, each looked for when it is asked for, since a property has rules of its own.

    Args:
        text: the whole file.
        source: its name in messages.
    """

    def __init__(self, text: str, source: str) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.source = source
        self._move(0, 1)

    def fail(self, token: Token, message: str) -> NoReturn:
        """Refuse the text because of a token."""
        raise BIFError(f"{self.source}, line {token.line}: {message}")

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self.next
        if token.kind != "end":
            self._move(token.end, token.line)
        return token

    def skip_property(self) -> bool:
        """Skip a whole property, if one is next. Its text ends with ``;`` and knows no comments."""
        word = self.next
        if word.text != "property" or word.kind != "word":
            return False
        match = _PROPERTY.match(self.text, word.end)
        if match is None:
            self.fail(word, "a property has no ';' on its line: end it with one, or put its text into quotes")
        self._move(match.end(), word.line + match.group().count("\n"))
        return True

    def _move(self, position: int, line: int) -> None:
        blank = _BLANK.match(self.text, position)
        begin = blank.end() if blank else position
        line += self.text.count("\n", position, begin)
        match = _TOKEN.match(self.text, begin)
        if match is not None:
            kind = str(match.lastgroup)
            self.next = Token(match.group(kind), line, kind, match.end())
            if kind == "word" and self.text.startswith(("//", "/*"), match.end()):
                self.fail(self.next, f"a comment begins inside a word, after {self.next}: quote the word, or put a blank after it")
        elif begin < len(self.text):
            raise BIFError(f"{self.source}, line {line}: a quote or a comment is opened and not closed")
        else:
            self.next = Token("", line, "end", begin)
