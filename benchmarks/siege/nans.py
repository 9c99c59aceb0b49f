"""What is not a number, born at every stage: in true solutions, equations, families, gradients, fits and answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
from torch import Tensor

from siege.bases import make_sets
from siege.calling import call, folder
from siege.kills import COMMANDS, preload
from siege.ledger import Row


def poisoned(function: Callable[..., Any], after: int = 0) -> Callable[..., Any]:
    """Return a function whose answers are not numbers any more after so many calls."""
    calls = 0

    def call_it(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        found = function(*given, **named)
        return spoiled(found) if calls > after else found

    return call_it


def spoiled(found: Any) -> Any:
    """Return something of the same kind that is not a number."""
    if isinstance(found, Tensor):
        return found * torch.nan
    if callable(found):
        return lambda *given: spoiled(found(*given))
    if isinstance(found, tuple):
        return tuple(spoiled(each) for each in found)
    if isinstance(found, dict):
        return {name: spoiled(each) for name, each in found.items()}
    return torch.nan if isinstance(found, float) else found


def places() -> dict[str, tuple[Any, str]]:
    """Return where numbers are made: the owner and the name of a function."""
    from pinndd.distances import RelativeL2
    from pinndd.hypergradients import Exact
    from pinndd.learners.ridge import Ridge
    from pinndd.pinn.families.base import LinearFamily
    from pinndd.pinn.solving import truth
    from pinndd.study.protocols.bench import Bench

    return {
        "true solutions": (truth, "reference_of"),
        "families": (LinearFamily, "evaluate"),
        "the gradient": (Exact, "__call__"),
        "a distance": (RelativeL2, "__call__"),
        "a fit": (Ridge, "fit"),
        "errors of designs": (Bench, "error"),
    }


def besiege_with_nans(where: Path) -> Row:
    """Run every protocol while one stage makes no numbers: it is said, or nothing that is printed or written comes from it."""
    row = Row("what is not a number, at every stage")
    preload()
    sets = make_sets(where)
    evaluate = ("evaluate", str(sets["retrain"]), "--test-conditions", "2", "--shift", "none")
    others = ("distill amortised", "distill sensors", "distill solved", "solve")
    each_after = {0: ("distill retrain", *others), 5: ("distill retrain",)}
    with folder(where / "nans"):
        for stage, (owner, name) in places().items():
            for after in (0, 5):
                for words in (evaluate, *(COMMANDS[each].words for each in each_after[after])):
                    with patch.object(owner, name, poisoned(getattr(owner, name), after)):
                        ending = call(*words, *(["--overwrite"] if words[0] != "evaluate" else []))
                    said = any(word in ending.out + ending.err for word in ("nan", "diverged", "not finite", "finite", "NaN"))
                    silent = ending.code == 0 and not said and not _same(words, where)
                    row.count(ending, f"{stage} after {after} calls: {words[:4]}", wrong="nothing is said" if silent else "")
    return row


def _same(words: tuple[str, ...], where: Path) -> bool:
    """Whether what was written is made of numbers, as when the stage was not asked any more."""
    from pinndd.data import SyntheticData

    if words[0] == "solve":
        return not pd.read_csv("u.csv").isna().any(axis=None)
    return words[0] != "distill" or all(v.isfinite().all() for v in SyntheticData.load("a.npz").fields.values())
