"""Solve for given boundary values on the points of a distilled set, or on the readings of its sensors."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.devices import Work
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import divergence
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.declare.posed import missing_conditions
from pinndd.pinn.models.features import FeatureModel, FittedFeatures, HeadModel
from pinndd.pinn.sets.collocation import point_counts
from pinndd.pinn.sets.points import measured_conditions
from pinndd.pinn.solving.given import GivenValues
from pinndd.pinn.solving.solution import Solution
from pinndd.pinn.solving.solver import (
    DRAWS,
    corner_notes,
    estimated_error,
    given_notes,
    not_found_notes,
    relative_residual,
    spread,
)
from pinndd.pinn.solving.telling import Progress
from pinndd.pinn.tasks.episodes import Trainings
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.learners import ON_POINTS, recipe_of, train_bodies
from pinndd.study.protocols.stored import require_fits
from pinndd.study.protocols.work import counts_of


def work_on_set(pde: PDE, values: GivenValues, data: SyntheticData) -> Work:
    """Return the work of a step of training on a set: one factorisation, or one fit per condition.

    Raises:
        ValueError: see `learners_of`.
    """
    learner, _ = learners_of(pde, data)
    assert isinstance(learner.model, HeadModel)
    inner, outer = counts_of(data)
    rows = inner * pde.equation_count + outer
    return Work(1 if isinstance(learner, Ridge) else len(values), rows, learner.model.parameter_count)


def sensors_of(pde: PDE, data: SyntheticData) -> dict[str, Tensor] | None:
    """Return where the sensors of a set stand on every condition, in local coordinates; None where it is a set of points.

    Raises:
        ValueError: see `learners_of`.
    """
    learners_of(pde, data)
    if data.header["protocol"] != "sensors":
        return None
    return {name: data[name].detach().cpu().double() for name in measured_conditions(pde, data)}


def solve_on_set(
    pde: PDE, values: GivenValues, data: SyntheticData, device: str, progress: Progress
) -> Solution:
    """Train the learner of a distilled set on its points; a second draw of the features estimates the error."""
    learner, other = learners_of(pde, data)
    seed = int(data.header.get("seed", 0))
    train_bodies(learner, progress, "solve", [seed, seed + 1])
    start = time.perf_counter()
    # readings are known at the sensors alone, not where conditions meet
    sensors = data.header["protocol"] == "sensors" and bool(values.measured)
    corners = [] if sensors else corner_notes(pde, values)
    data = data.to(device)
    with torch.no_grad():
        fits: list[FittedFeatures] = [
            learner.fit(data, Trainings(values, seed)),
            other.fit(data, Trainings(values, seed + 1)),
        ]
        uncertainty = None
        if values.uncertain:
            drawn = values.drawn(DRAWS, 0, {c.name: data[c.name] for c in pde.valued})
            uncertainty = spread(pde, learner.fit(data, Trainings(drawn, seed)), fits[0])
    places = {c.name: data[c.name] for c in pde.valued} if sensors else None
    error = estimated_error(pde, values, fits[0], fits[1], places, calibration=1.0)
    return Solution(
        pde,
        fits[0].__call__,
        error.numpy(),
        relative_residual(pde, fits[0]).numpy(),
        uncertainty,
        fits[0].weights.shape[1] // pde.output_count,
        point_counts(pde, data),
        time.perf_counter() - start,
        (*missing_conditions(pde), *corners, *given_notes(values), *not_found_notes(error), *filter(None, [divergence(data)])),
    )


def learners_of(pde: PDE, data: SyntheticData) -> tuple[Ridge | GaussNewton, Ridge | GaussNewton]:
    """Return the learner that a set of points was distilled with, and one whose fits of another draw are compared with its own.

    The other one has fewer features where they are random; bodies are others anyway.

    Raises:
        ValueError: the set is of another PDE, holds no points for a fresh training, or was distilled with another kind of learner.
    """
    protocol, name = data.header.get("protocol"), data.header.get("pde")
    if name != pde.name:
        raise ValueError(f"the set was distilled for the PDE {name!r}, not for {pde.name!r}: name the set of {pde.name!r}")
    if protocol not in ("retrain", "sensors"):
        raise ValueError(
            f"the set is of the protocol {protocol}, which holds no points to train on for given values; distill one with "
            "--protocol retrain or sensors, or leave the set out"
        )
    require_fits(protocol_named(protocol), pde, data)
    recipe = recipe_of(str(data.header.get("learner")), ON_POINTS)
    learner = recipe.build(pde, data.header.get("learner_settings", {}))
    if not isinstance(learner, Ridge | GaussNewton) or not isinstance(learner.model, HeadModel):
        raise ValueError(
            f"the set was distilled with {recipe.name}, whose training takes seconds for a condition: use 'pinndd evaluate', or a set "
            "distilled with body, ridge or gauss-newton"
        )
    if not isinstance(learner.model, FeatureModel):
        return learner, learner
    narrower = replace(learner.model, width=round(0.95 * learner.model.width))
    return learner, Ridge(narrower, learner.penalty) if isinstance(learner, Ridge) else replace(learner, model=narrower)
