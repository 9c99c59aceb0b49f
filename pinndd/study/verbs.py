"""The verbs of the public interface: distill one set, evaluate one, run a study. Each takes a protocol by name or as an object."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from pandas import DataFrame

from pinndd.data import SyntheticData
from pinndd.devices import AUTO
from pinndd.outer_loop import Distillation, divergence
from pinndd.pinn.declare.loading import difference, edited, load_pde, load_remembered
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import older_weights
from pinndd.pinn.solving.telling import Progress, quiet, telling
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.amortised import AmortisedSettings
from pinndd.study.protocols.engine import distill_best, going_on
from pinndd.study.protocols.engine import evaluate as judge
from pinndd.study.protocols.protocol import Protocol
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.sensors.settings import SensorSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.solved import SolvedSettings
from pinndd.study.protocols.stored import require_fits
from pinndd.study.protocols.work import counts_of
from pinndd.study.run import run_study

__all__ = ["distill_set", "evaluate", "run_study"]

S = TypeVar("S")


class Running(TypedDict, total=False):
    """How a distillation runs, see `distill_set`."""

    settings: StudySettings | None
    progress: Progress
    checkpoint: Path | None
    resume: bool


@overload
def distill_set(
    pde: PDE | str, protocol: Literal["retrain"] = "retrain", size: RetrainSettings | None = None, **running: Unpack[Running]
) -> Distillation: ...


@overload
def distill_set(
    pde: PDE | str, protocol: Literal["amortised"], size: AmortisedSettings | None = None, **running: Unpack[Running]
) -> Distillation: ...


@overload
def distill_set(
    pde: PDE | str, protocol: Literal["solved"], size: SolvedSettings | None = None, **running: Unpack[Running]
) -> Distillation: ...


@overload
def distill_set(
    pde: PDE | str, protocol: Literal["sensors"], size: SensorSettings | None = None, **running: Unpack[Running]
) -> Distillation: ...


@overload
def distill_set(
    pde: PDE | str, protocol: Protocol[S], size: S | None = None, **running: Unpack[Running]
) -> Distillation: ...


def distill_set(
    pde: PDE | str,
    protocol: str | Protocol[Any] = "retrain",
    size: Any = None,
    *,
    settings: StudySettings | None = None,
    progress: Progress = quiet,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Distillation:
    """Distill one set for a PDE.

    Args:
        pde: the equation; the name of a packaged one or the path of a module is loaded. The set remembers the module, also that of
            a PDE which `load_pde` returned.
        protocol: how a PINN meets a new boundary condition, by name or as an object.
        size: the protocol's own settings, such as `RetrainSettings` (None: as usual for the PDE).
        settings: those that all protocols have; ``settings.seed`` is the seed of the distillation.
        progress: called often.
        checkpoint: file to keep the state in.
        resume: continue from ``checkpoint`` if it exists.

    Returns:
        The set with its validation risk and the history of the outer loop; ``.data.save(path)`` writes it.

    Raises:
        UnknownNameError: there is no such protocol, learner, distance or risk.
        TypeError: ``size`` belongs to another protocol.
        ValueError: the protocol makes no sense for the PDE.
        CheckpointError: the checkpoint is damaged, or belongs to other settings.
        DivergedError: the outer loop diverged; its best set is on the exception.

    Warns:
        UserWarning: ``settings.seconds`` did not suffice, and something was left out.

    Examples:
        >>> import pinndd
        >>> size = pinndd.RetrainSettings(points=12, boundary_points=9)
        >>> found = pinndd.distill_set("heat", "retrain", size, settings=pinndd.StudySettings(effort=0.03))
        >>> found.data["interior"].shape
        torch.Size([12, 2])
    """
    chosen = protocol_named(protocol) if isinstance(protocol, str) else protocol
    equation = load_pde(pde) if isinstance(pde, str) else pde
    settings = settings or StudySettings()
    with telling(progress):
        study = going_on(chosen.open(equation, size, settings, progress), checkpoint, resume)
        found = distill_best(study.benches(settings.seed)[0], checkpoint, resume).found
    for said in study.allowance.said("distillation"):
        warnings.warn(said, stacklevel=2)
    return found


def evaluate(
    data: SyntheticData | Path | str,
    pde: PDE | str | None = None,
    *,
    protocol: str | Protocol[Any] | None = None,
    learner: str | None = None,
    settings: StudySettings | None = None,
    progress: Progress = quiet,
) -> DataFrame:
    """Train on a distilled set for boundary conditions that were never seen.

    Args:
        data: the set, or the file that holds it.
        pde: the equation that it was distilled for, or its name or module, which is executed (None: the module that the set
            remembers, if it lies there unchanged; a packaged one with a warning where an older version wrote no checksum).
        protocol: by name or as an object (None: what the set says).
        learner: any learner of the protocol (None: the one that it was distilled with).
        settings: number of test conditions, shifts, distance and device.
        progress: called often.

    Returns:
        A table of results, one row per boundary condition, see `pinndd.study.results.table.COLUMNS`.

    Raises:
        DataFileError: the file is damaged, or the set is not what the protocol needs.
        UnknownNameError: there is no such protocol or learner.
        PDEModuleError: the set does not say which module, or that has moved or was edited.
        ValueError: the set was distilled for another PDE.

    Warns:
        UserWarning: the module that is given is another text than the set was made with.

    Examples:
        >>> import pinndd
        >>> size = pinndd.RetrainSettings(points=12, boundary_points=9)
        >>> found = pinndd.distill_set("heat", "retrain", size, settings=pinndd.StudySettings(effort=0.03))
        >>> table = pinndd.evaluate(found.data, settings=pinndd.StudySettings(test_conditions=2, shifts=("none",)))
        >>> len(table), float(table["error"].mean()) < 3
        (2, True)
    """
    file = Path(data) if isinstance(data, Path | str) else None
    data = SyntheticData.load(Path(data)) if isinstance(data, Path | str) else data
    named = str(data.header.get("pde", ""))
    equation = load_remembered(data.header, file, "pde=") if pde is None else load_pde(pde) if isinstance(pde, str) else pde
    if named and equation.name != named:
        raise ValueError(f"the set was distilled for the PDE {named!r}, not for {equation.name!r}: pass the module of {named!r}")
    another = difference(equation, data.header, file, given=False) if pde is None else edited(equation, data.header, file)
    for said in filter(None, (another, divergence(data), older_weights(data))):
        warnings.warn(said, stacklevel=2)
    protocol = str(data.header.get("protocol", "retrain")) if protocol is None else protocol
    chosen = protocol_named(protocol) if isinstance(protocol, str) else protocol
    require_fits(chosen, equation, data, file)
    settings = evaluation_settings(chosen, equation, settings or StudySettings(), data, learner)[0]
    with telling(progress):
        return judge(chosen.open(equation, None, settings, progress), chosen, data, learner)


def evaluation_settings(
    protocol: Protocol[Any], pde: PDE, settings: StudySettings, data: SyntheticData, learner: str | None
) -> tuple[StudySettings, str]:
    """Return the settings with the device on which a set is judged, and a sentence on it, see `pinndd.devices.Choice`.

    Args:
        protocol: of the set.
        pde: its equation.
        settings: of the evaluation.
        data: the set.
        learner: that judges (None: the one that it was distilled with).
    """
    if settings.device != AUTO:
        return settings, ""
    made_with = data.header.get("learner")
    choice = protocol.choice(pde, counts_of(data), settings, learner or (made_with if made_with in protocol.recipes else None))
    return replace(settings, device=choice.device), choice.why
