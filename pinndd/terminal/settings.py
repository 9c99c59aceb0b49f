"""From options of the command line to settings of a study, checked before any long work."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pinndd.devices import AUTO, PROCESSOR, require_device
from pinndd.pinn.declare.pde import PDE
from pinndd.study.protocols import NAMES, protocol_named
from pinndd.study.protocols.learners import drawn_learner
from pinndd.study.protocols.parts import require_each_once
from pinndd.study.protocols.settings import StudySettings

QUICK = StudySettings(seeds=1, test_conditions=12, effort=0.2, judges=(), judge_conditions=2, seconds=100.0)
FULL = StudySettings(seeds=5, test_conditions=40, judges=("mlp-adam", "mlp-lm", "deepxde"), judge_conditions=4)


@dataclass(frozen=True)
class Options:
    """Options as they were typed; None where nothing was said.

    The first ones are settings of single protocols, under the names that these have.
    """

    points: int | None = None
    boundary_points: int | None = None
    tuples: int | None = None
    boundary_tuples: int | None = None
    conditions: int | None = None
    sensors: str | None = None
    size: int | None = None
    per_class: int | None = None
    network: str | None = None
    seeds: int | None = None
    test_conditions: int | None = None
    seed: int | None = None
    device: str | None = None
    learner: str | None = None
    distance: str | None = None
    risk: str | None = None
    judges: Sequence[str] = ()
    no_judges: bool = False
    curve: bool = False
    quick: bool = False
    full: bool = False
    sensitivity: bool = False

    @property
    def own(self) -> dict[str, Any]:
        """The settings of single protocols that were given."""
        named = {name for protocol in NAMES for name in protocol_named(protocol).options}
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name in named}
        found = {name: value for name, value in given.items() if value is not None}
        return found | {"sensors": numbers(found["sensors"])} if "sensors" in found else found


def numbers(text: str) -> tuple[int, ...]:
    """Read numbers of sensors such as ``9,12,18``.

    Raises:
        ValueError: something else was given, or a number twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--sensors {text}: expected a number of sensors, or several with commas, such as 9,12,18")
    found = sorted(map(int, parts))
    require_each_once(f"--sensors {text}", found)
    return tuple(found)


def named_protocols(asked: str | None, options: Options, otherwise: Sequence[str]) -> list[str]:
    """Return the protocols that a command is about; ``--sensors`` alone means the protocol of that name.

    Args:
        asked: what was typed: a name, ``all``, or nothing.
        options: that were typed with it.
        otherwise: protocols where nothing was typed.

    Raises:
        UnknownNameError: there is no such protocol.
    """
    if asked is None:
        return ["sensors"] if options.sensors is not None else list(otherwise)
    if asked == "all":
        return list(otherwise)
    return [protocol_named(asked).name]


def protocol_settings(pde: PDE, protocols: Sequence[str], options: Options) -> dict[str, Any]:
    """Return each protocol's own settings.

    Raises:
        ValueError: an option that none of the protocols has; those that have it are named.
    """
    given: dict[str, dict[str, Any]] = {name: {} for name in protocols}
    for option, value in options.own.items():
        having = [name for name in NAMES if option in protocol_named(name).options]
        mine = [name for name in protocols if name in having]
        if not mine:
            raise ValueError(
                f"--{option.replace('_', '-')}: the protocol {' or '.join(protocols)} has no such option; "
                f"{' and '.join(having)} {'has' if len(having) == 1 else 'have'} it (--protocol {having[0]})"
            )
        for name in mine:
            given[name][option] = value
    return {name: protocol_named(name).sized_for(pde, values) for name, values in given.items()}


def require_effect(options: Options, chosen: Sequence[str], skipped: Mapping[str, str]) -> None:
    """Make sure that every option of single protocols belongs to one that is run.

    Raises:
        ValueError: one belongs to protocols that make no sense here; the message says why.
    """
    for option in options.own:
        if not any(option in protocol_named(name).options for name in chosen):
            reasons = [why for name, why in skipped.items() if option in protocol_named(name).options]
            raise ValueError(f"--{option.replace('_', '-')}: {'; '.join(reasons)}")


def require_use_of_device(options: Options, chosen: Sequence[str]) -> None:
    """Make sure that one of the protocols that are run works on the device.

    Raises:
        ValueError: they all work on the processor, and another device was named.
    """
    if options.device not in (None, AUTO, PROCESSOR) and all(protocol_named(name).processor for name in chosen):
        raise ValueError(
            f"--device {options.device}: the protocol {' or '.join(chosen)} works on the processor alone; leave --device out"
        )


def study_settings(pde: PDE, options: Options, *, here: bool = True) -> StudySettings:
    """Return the settings that all protocols have.

    Args:
        pde: the equation.
        options: that were typed.
        here: whether the study runs on this machine, which must have the device then.

    Raises:
        ValueError: options that exclude each other, or that do not fit this machine.
    """
    sized = next((f"--{n.replace('_', '-')} {v}" for n in ("size", "per_class") if (v := getattr(options, n)) is not None), None)
    if sized is not None or options.sensitivity:
        named = sized or "--sensitivity"
        raise ValueError(f"{named}: it is for stated tasks, and {pde.name!r} is a PDE; its options of size are those of its protocols")
    if options.quick and options.full:
        raise ValueError("--quick and --full exclude each other: choose one")
    if options.no_judges and (options.judges or options.full):
        raise ValueError("--no-judges excludes --judge and --full: choose one")
    _require_numbers(options)
    # a fit of several outputs takes several times as long, and a first look should not
    quick = replace(
        QUICK, effort=QUICK.effort / pde.output_count, test_conditions=max(4, QUICK.test_conditions // pde.output_count)
    )
    # random features are a judge of sets that were distilled with another learner
    full = replace(FULL, judges=(drawn_learner(pde), *(FULL.judges or ())))
    settings = quick if options.quick else full if options.full else StudySettings()
    names = ("seeds", "test_conditions", "seed", "device", "learner", "distance", "risk")
    said: Mapping[str, Any] = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    settings = replace(settings, curve=options.curve, **said)
    if options.judges or options.no_judges:
        require_each_once(f"--judge {' --judge '.join(options.judges)}", options.judges)
        settings = replace(settings, judges=tuple(options.judges))
    settings.measure, settings.risk_or(settings.measure)  # type: ignore[arg-type]
    if here:
        require_device(settings.device, called="--device")
    return settings


def _require_numbers(options: Options) -> None:
    largest, counted = 1_000_000, math.inf  # how much memory they take is looked at where all is known
    ranges = {"seeds": (1, largest), "seed": (0, largest), "test_conditions": (2, counted)}
    ranges |= dict.fromkeys(("points", "boundary_points", "tuples", "boundary_tuples", "conditions"), (1, counted))
    for name, (low, high) in ranges.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            top = "on" if high is counted else f"to {high}"
            raise ValueError(f"--{name.replace('_', '-')} {value}: expected a whole number from {low} {top}")
