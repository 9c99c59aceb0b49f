"""What a study runs: the protocols that make sense for a PDE, their settings, the device, and the shares that processes can take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pinndd.devices import AUTO, PROCESSOR, Choice
from pinndd.module_source import ModuleSource
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.solving.telling import Progress, quiet
from pinndd.study.protocols import NAMES, protocol_named
from pinndd.study.protocols.allowance import Allowance
from pinndd.study.protocols.bench import Study
from pinndd.study.protocols.engine import further_seeds
from pinndd.study.protocols.learners import require_fit
from pinndd.study.protocols.parts import require_each_once, unknown
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.work import counts_asked
from pinndd.study.results.run_config import RunConfig


def usual_protocols() -> list[str]:
    """Return the protocols that a study runs where none is named."""
    return [name for name in NAMES if protocol_named(name).usual]


def choose_protocols(
    pde: PDE,
    asked: Sequence[str] | None = None,
    settings: StudySettings | None = None,
    sizes: Mapping[str, Any] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Return the protocols that make sense for a PDE, and why the others do not.

    Args:
        pde: the PDE.
        asked: protocols to choose from (None: those that a study runs by itself).
        settings: of the study; in a first look a nonlinear equation of several outputs, each of whose fits is slow, gets the first
            protocol only.
        sizes: settings of single protocols, by name.

    Raises:
        UnknownNameError: there is no such protocol.
        UnknownNameError: a learner that none of them has.
        ValueError: a judge that none of the protocols has, or that fits the PDE in none; or a protocol is named twice.
    """
    asked, settings = usual_protocols() if asked is None else asked, settings or StudySettings()
    require_each_once(f"protocols {', '.join(asked)}", asked)
    _require_learners(asked, settings)
    skipped: dict[str, str] = {}
    for name in asked:
        protocol = protocol_named(name)
        size = (sizes or {}).get(name) or protocol.default_size(pde)
        reason = protocol.refusal(pde, size, fitted_settings(pde, name, settings, asked))
        if reason:
            skipped[name] = reason
    chosen = [name for name in asked if name not in skipped]
    if settings.quick and pde.output_count > 1 and not pointwise_residual(pde).is_linear():
        for other in chosen[1:]:
            skipped[other] = (
                f"every fit of {pde.output_count} outputs is slow, and this is a first look: ask for it with --protocol {other}"
            )
    chosen = [name for name in chosen if name not in skipped]
    if chosen:
        _require_judging(pde, chosen, skipped, settings)
    return chosen, skipped


def fitted_settings(pde: PDE, name: str, settings: StudySettings, among: Sequence[str]) -> StudySettings:
    """Return the settings without the judges, and the repetition at other sizes, that only others of the protocols have.

    Args:
        pde: the PDE, which a judge must fit.
        name: of the protocol.
        settings: of the study.
        among: all protocols of the study.
    """
    protocol = protocol_named(name)
    if settings.judges is not None:
        settings = replace(settings, judges=[judge for judge in settings.judges if not _unfit(pde, judge, name)])
    if settings.curve and any(protocol_named(other).curve for other in among):
        settings = replace(settings, curve=protocol.curve)
    return settings


def study_device(pde: PDE, protocols: Sequence[str], settings: StudySettings, sizes: Mapping[str, Any]) -> Choice:
    """Choose the device of a study: a GPU where that is worth it for one of its protocols.

    Args:
        pde: the PDE.
        protocols: that make sense for it.
        settings: of the study.
        sizes: settings of single protocols, by name.
    """
    if settings.device != AUTO:
        return Choice(settings.device)
    found = []
    for name in protocols:
        protocol = protocol_named(name)
        if not protocol.processor:
            learner = settings.learner if settings.learner in protocol.recipes else None
            size = sizes.get(name) or protocol.default_size(pde)
            found.append(protocol.choice(pde, counts_asked(size), replace(settings, learner=learner)))
    return next((choice for choice in found if choice.device != PROCESSOR), found[0] if found else Choice(PROCESSOR))


def _require_learners(asked: Sequence[str], settings: StudySettings) -> None:
    able_to_distill = dict.fromkeys(name for each in asked for name in protocol_named(each).recipes)
    if settings.learner is not None and settings.learner not in able_to_distill:
        raise unknown("learner", settings.learner, able_to_distill)
    having = {name: protocol_named(name).recipes for name in NAMES}
    for judge in settings.judges or ():
        able = [name for name, recipes in having.items() if judge in recipes]
        if not able:
            raise unknown("judge", judge, dict.fromkeys(r for recipes in having.values() for r in recipes))
        if not set(able) & set(asked):
            verb = "has" if len(able) == 1 else "have"
            raise ValueError(
                f"judge {judge!r}: the protocol {' or '.join(asked)} has none of that name; {' and '.join(able)} {verb} it"
            )


def _unfit(pde: PDE, judge: str, name: str) -> str:
    """Return why a learner does not judge in a protocol, or an empty text."""
    recipes = protocol_named(name).recipes
    if judge not in recipes:
        return f"the protocol {name} has no learner of that name"
    try:
        require_fit(pde, recipes[judge])
    except ValueError as error:
        return f"in the protocol {name}, {error}"
    return ""


def _require_judging(pde: PDE, chosen: Sequence[str], skipped: Mapping[str, str], settings: StudySettings) -> None:
    """Make sure that every judge that was named judges in one of the protocols that are run.

    Raises:
        ValueError: one does not; the message says why.
    """
    for judge in settings.judges or ():
        if all(_unfit(pde, judge, name) for name in chosen):
            having = [name for name in (*chosen, *skipped) if judge in protocol_named(name).recipes]
            reasons = [_unfit(pde, judge, name) or f"the protocol {name} is left out, since {skipped[name]}" for name in having]
            raise ValueError(f"judge {judge!r}: {'; '.join(reasons)}")


@dataclass(frozen=True)
class StudyPlan:
    """What a study runs, once everything that was left open is settled.

    Attributes:
        pde: the PDE.
        protocols: that make sense for it.
        skipped: those that do not, and why.
        sizes: settings of every protocol that is run, by name.
        settings: those that all protocols have, with the device.
        device: why it is that one.
    """

    pde: PDE
    protocols: Sequence[str]
    skipped: Mapping[str, str]
    sizes: Mapping[str, Any]
    settings: StudySettings
    device: Choice

    @classmethod
    def of(cls, pde: PDE, protocols: Sequence[str] | None, sizes: Mapping[str, Any], settings: StudySettings) -> StudyPlan:
        """Settle what was left open.

        Raises:
            ValueError: no protocol that was asked for makes sense for the PDE; see also `choose_protocols`.
        """
        chosen, skipped = choose_protocols(pde, protocols, settings, sizes)
        if not chosen:
            raise ValueError("; ".join(f"protocol {name}: {why}" for name, why in skipped.items()))
        sizes = {name: sizes.get(name) or protocol_named(name).default_size(pde) for name in chosen}
        device = study_device(pde, chosen, settings, sizes)
        return cls(pde, chosen, skipped, sizes, replace(settings, device=device.device), device)

    def config(self, command: str = "", who: str = "") -> RunConfig:
        """Return what is kept of it in the folder of the run.

        Args:
            command: how to repeat the run.
            who: asked for it, and when.
        """
        made_by = self.pde.source or ModuleSource("", "")
        return RunConfig.of(
            self.pde.name,
            self.protocols,
            self.settings,
            command,
            made_by.module,
            made_by.checksum,
            self.skipped,
            self.sizes,
            asked=who,
        )

    def fitted(self, name: str) -> StudySettings:
        """Return the settings of one of the protocols."""
        return fitted_settings(self.pde, name, self.settings, self.protocols)

    def opened(self, name: str, progress: Progress = quiet) -> Study[Any]:
        """Apply one of the protocols to the PDE."""
        return protocol_named(name).open(self.pde, self.sizes[name], self.fitted(name), progress)

    def shares(self) -> Iterator[tuple[str, str]]:
        """Yield protocol and name of every seed that another process can compute: all but the first of each protocol.

        A first look has none, since it stops by the clock of its own process.
        """
        if self.settings.seconds is None:
            for name in self.protocols:
                protocol = protocol_named(name)
                # as it is named here; whether it can be trained is looked at where it is
                study = protocol.study(self.pde, self.sizes[name], self.fitted(name), quiet, Allowance(), protocol.recipes)
                yield from ((name, seed.name) for seed in further_seeds(study))
