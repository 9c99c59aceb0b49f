"""Names of stated tasks: files are called after them."""

from __future__ import annotations

import re

LARGEST_NAME = 60

TASK_NAMES = f"up to {LARGEST_NAME} letters, digits, dots, dashes and underscores, a letter or digit first"
"""What a name may be, in words."""


def is_task_name(text: str) -> bool:
    """Return whether a task can be called so."""
    return len(text) <= LARGEST_NAME and bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*", text))


def task_name(text: str, otherwise: str) -> str:
    """Return a name for a task after that of a file or folder, or another one where no letter of it can be used."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._")[:LARGEST_NAME] or otherwise
