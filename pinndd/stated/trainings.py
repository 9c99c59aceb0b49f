"""Ways of training on a set: what suits one does not suit another, so each is trained in the way that suits it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from pinndd.data import SyntheticData
from pinndd.problem import Learner
from pinndd.storage.comparing import differences

Trainings = Mapping[str, Mapping[str, Any]]
"""Ways of training by name, each by the arguments of a learner that it changes: ``{"short": {"steps": 100}, "usual": {}}``."""

TRAININGS = "trainings"
"""Entry of the header of a set: by learner, the way that suits it (`KEPT`), what it errs in each (`ERRORS`), and what each means
(`SETTINGS`, see `settings_of`)."""

KEPT, ERRORS, SETTINGS = "kept", "errors", "settings"

AS_STATED = "as stated"
"""The one way of a task that names none: the learner as it is."""

_PLAIN = (bool, int, float, str, type(None))


def ways_of(place: str, learner: Learner, trainings: Trainings) -> dict[str, Learner]:
    """Return a learner in each of some ways of training, by name; as it is where there are none.

    Args:
        place: of the learner, which begins an error.
        learner: that is changed.
        trainings: the ways.

    Raises:
        TypeError: a way is no mapping, or names what the learner does not have.
        ValueError: the learner refuses a value.
    """
    if not trainings:
        return {AS_STATED: learner}
    known: list[str] = [each.name for each in fields(learner) if each.init] if is_dataclass(learner) else []
    found: dict[str, Learner] = {}
    for name, changed in trainings.items():
        if not isinstance(changed, Mapping):
            raise TypeError(
                f"trainings {name!r} is of type {type(changed).__name__}: expected arguments of the learners by name, such as "
                "{'steps': 100}, or none, {}, for the learners as they are"
            )
        odd = [argument for argument in changed if argument not in known]
        if odd or not known:
            asks = f"names {odd[0]!r}" if odd else "changes a learner"
            own = f"it has {', '.join(known)}" if known else "and no dataclass, so it has no arguments that could be changed"
            raise TypeError(
                f"trainings {name!r} {asks}, and {place} is of type {type(learner).__name__}, {own}: name arguments of every learner, "
                "or leave the trainings out"
            )
        try:
            # what a learner has compiled is kept by the one that nothing changes
            found[name] = replace(learner, **changed) if changed else learner  # type: ignore[type-var]
        except (TypeError, ValueError) as error:
            raise type(error)(f"trainings {name!r}, {place}: {error}") from error
    return found


def kept_training(data: SyntheticData, learner: str) -> Mapping[str, Any]:
    """Return what the header of a set says of its training by a learner, `KEPT` and `ERRORS` (empty: nothing).

    Args:
        data: the set.
        learner: its name.
    """
    stored = data.header.get(TRAININGS)
    own = stored.get(learner) if isinstance(stored, Mapping) else None
    known = isinstance(own, Mapping) and isinstance(own.get(ERRORS), Mapping) and own.get(KEPT) in own[ERRORS]
    return own if known and own is not None else {}


def settings_of(ways: Mapping[str, Learner], trainings: Trainings) -> dict[str, dict[str, Any]]:
    """Return how a learner trains in each way, by name, as the header of a set holds it.

    These are the arguments of the learner that are numbers, words or none, and all that some way changes: so ways of the same names
    that mean something else now are told apart.

    Args:
        ways: the learner in each, from `ways_of`.
        trainings: that they come from (empty: there are no settings, since nothing is chosen).

    Returns:
        JSON values; what is none stands as Python writes it, without its place in memory.
    """
    changed = {argument for way in trainings.values() for argument in way}
    settings: dict[str, dict[str, Any]] = {}
    for name, learner in ways.items() if trainings else ():
        assert is_dataclass(learner)
        own = {each.name: getattr(learner, each.name) for each in fields(learner) if each.init}
        said = {argument: value for argument, value in own.items() if argument in changed or isinstance(value, _PLAIN)}
        settings[name] = json.loads(json.dumps(said, default=_without_address))
    return settings


def _without_address(value: Any) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def why_chosen_again(known: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]]) -> str:
    """Say why what a set says of its training does not hold for the ways of today; empty where it does.

    Args:
        known: from `kept_training`, not empty.
        wanted: settings of the ways of today, from `settings_of`.
    """
    before = known[ERRORS]
    if set(before) != set(wanted):
        named = ", ".join(sorted(wanted)) or "none"
        return f"its training was chosen among {', '.join(sorted(before))}, and its task names {named} now"
    stored = known.get(SETTINGS)
    if not isinstance(stored, Mapping) or any(not isinstance(stored.get(name), Mapping) for name in wanted):
        return f"its training was chosen among {', '.join(sorted(before))}, and its file does not say what they meant then"
    changes = differences({TRAININGS: stored}, {TRAININGS: wanted})
    return changes and f"its training was chosen among ways that meant something else ({changes})"
