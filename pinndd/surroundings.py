"""What a process inherits and the command line must not depend on: the encoding of its output, the backend of a notebook."""

from __future__ import annotations

import codecs
import os
import sys
from unicodedata import combining, decomposition, name, normalize

_PLAIN = {
    "×": "x", "·": "*", "÷": "/", "±": "+/-", "–": "-", "—": "-", "−": "-", "⁻": "^-", "…": "...", "≤": "<=", "≥": ">=", "≈": "~",
    "→": "->", "∂": "d", "∇": "grad ", "∞": "inf", "√": "sqrt ", "∫": "int ", "∝": "~", "∘": "o", "⁄": "/",
    "⊗": "(x)", "⊙": "(.)", "‖": "||",
    "°": " deg ", "µ": "mu", "æ": "ae", "ß": "ss", "ø": "o", "✓": "ok", "✗": "no",
    "◆": "*", "•": "*", "‘": "'", "’": "'", "“": '"', "”": '"',
}  # fmt: skip


def settle() -> None:
    """Draw into files whatever ``MPLBACKEND`` says, and print in every encoding: what it lacks is spelled in ASCII, ψ as psi.

    A notebook hands its backend down to the commands that it starts, where it need not be installed.
    """
    os.environ["MPLBACKEND"] = "agg"
    codecs.register_error("pinndd", _spelled)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="pinndd")


def spelled(text: str) -> str:
    """Return a text in ASCII: letters by their names, powers with ^, and ``?`` for what has no other spelling."""
    written, power = "", False
    for character in text:
        raised = decomposition(character).startswith("<super>")
        plain = _plain(character)
        written += plain.removeprefix("^") if raised and power else f"^{plain.removeprefix('^')}" if raised else plain
        power = raised
    return written


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    # a byte of a file name that is no text is written as it is
    if all("\udc80" <= character <= "\udcff" for character in missing):
        return bytes(ord(character) - 0xDC00 for character in missing), error.end
    return spelled(missing), error.end


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    if combining(character):
        return ""
    full = name(character, "")
    if full.startswith("GREEK ") and " LETTER " in full:
        letter = full.split(" LETTER ")[1].split()[0]
        return letter.capitalize() if " CAPITAL " in full else letter.lower()
    simpler = normalize("NFKD", character)
    blank = " " if decomposition(character).startswith("<fraction>") else ""
    return blank + "".join(map(_plain, simpler)) if simpler != character else "?"
