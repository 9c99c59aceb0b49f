"""How a learning rate falls."""

from __future__ import annotations

import math


def half_cosine(done: float, final: float) -> float:
    """Return the factor on a rate when a share ``done`` in [0, 1] of the steps is done: 1 at first, ``final`` at last.

    Source: Loshchilov and Hutter, 2017, arXiv 1608.03983, without restarts.
    """
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
