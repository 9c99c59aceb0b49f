"""From options of the command line to settings of a study, checked before any long work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.sets.samplers import allocate
from pinndd.study.outcome import StudySettings

DISTILLS = ("ridge", "gauss-newton", "mlp-adam")
"""Learners that a set can be distilled with."""

QUICK = StudySettings(seeds=1, test_conditions=12, budget=0.2, judges=(), judge_conditions=2)
FULL = StudySettings(seeds=5, test_conditions=40, judges=("mlp-adam", "mlp-lm", "deepxde"), judge_conditions=4)


@dataclass(frozen=True)
class Options:
    """Options of a study as they were typed; None where nothing was said."""

    points: int | None = None
    boundary_points: int | None = None
    seeds: int | None = None
    test_conditions: int | None = None
    conditions: int | None = None
    seed: int | None = None
    device: str | None = None
    learner: str | None = None
    judges: Sequence[str] = ()
    no_judges: bool = False
    curve: bool = False
    quick: bool = False
    full: bool = False


def study_settings(pde: PDE, options: Options) -> StudySettings:
    """Return the settings of a study.

    Raises:
        ValueError: options that exclude each other, or that do not fit the PDE or this machine.
    """
    if options.quick and options.full:
        raise ValueError("--quick and --full exclude each other: choose one")
    if options.no_judges and (options.judges or options.full):
        raise ValueError("--no-judges excludes --judge and --full: choose one")
    _require_numbers(options)
    # a fit of several outputs takes several times as long, and a first look should not
    quick = replace(
        QUICK, budget=QUICK.budget / pde.outputs, test_conditions=max(4, QUICK.test_conditions // pde.outputs)
    )
    settings = quick if options.quick else FULL if options.full else StudySettings()
    names = ("points", "boundary_points", "seeds", "test_conditions", "conditions", "seed", "device", "learner")
    said = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.judges or options.no_judges:
        said["judges"] = tuple(dict.fromkeys(options.judges))
    points, boundary_points = pde.budget
    settings = replace(settings, points=points, boundary_points=boundary_points, curve=options.curve)
    settings = replace(settings, **said)
    allocate(pde, settings.boundary_points)
    require_device(settings.device)
    if settings.learner is not None:
        require_learner(pde, settings.learner)
    return settings


def _require_numbers(options: Options) -> None:
    lowest = {"points": 1, "boundary_points": 1, "seeds": 1, "test_conditions": 2, "conditions": 1, "seed": 0}
    for name, low in lowest.items():
        value = getattr(options, name)
        if value is not None and value < low:
            raise ValueError(f"--{name.replace('_', '-')} {value}: expected a whole number from {low} on")


def require_device(name: str) -> None:
    """Make sure that a device exists.

    Raises:
        ValueError: it does not.
    """
    present = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        present.append("mps")
    if name not in present and not (name == "cuda" and len(present) > 1 and present[1].startswith("cuda")):
        raise ValueError(f"--device {name}: there is no such device here; expected one of {', '.join(present)}")


def require_learner(pde: PDE, name: str) -> None:
    """Make sure that a set can be distilled for ``pde`` with the learner ``name``.

    Raises:
        ValueError: it cannot.
    """
    if name not in DISTILLS:
        raise ValueError(
            f"--learner {name}: its training cannot be differentiated, so nothing can be distilled with it; expected one of "
            f"{', '.join(DISTILLS)} (--judge {name} trains it on the distilled set)"
        )
    if name == "ridge" and not pointwise_residual(pde).is_linear():
        raise ValueError(f"--learner ridge: PDE {pde.name!r} is nonlinear; use gauss-newton or mlp-adam")
