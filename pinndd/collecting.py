"""When Python looks for garbage: not while a command imports what it needs, and not among all of that when it ends.

Imports make hundreds of thousands of objects, nearly all of which stay. To look through them again and again takes a tenth of the
time of the imports, and to look through them once more at the end takes longer than a solution.
"""

from __future__ import annotations

import gc


def collect_later() -> None:
    """Look for no garbage until `collect_again`: what is made from now on stays."""
    gc.disable()


def collect_again() -> None:
    """Look for garbage again, but not among what there is; nothing where nobody has put it off."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def collect_no_more() -> None:
    """Look for no garbage in what there is: the process ends."""
    gc.freeze()
