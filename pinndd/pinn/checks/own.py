"""What the fast solver says of the truth of a PDE: of its own solutions where no reference is declared, and of a reference."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from pinndd.finding import Finding
from pinndd.pinn.declare.in_words import where
from pinndd.pinn.declare.pde import PDE, BoundaryValues, pointwise_residual
from pinndd.pinn.solving.dense import DenseSettings, solve_densely
from pinndd.pinn.solving.solver import WIDTHS, estimated_error, probes
from pinndd.pinn.solving.truth import answer_scale, own_settings, reference_of, truth_errors

TOLERABLE = 0.03
"""Estimated error above which the fast solver is a poor truth."""

_DRAWS = {True: 4, False: 2}
"""Conditions of every family, for linear equations and for others, where each costs a solution."""

APART = 10.0
"""How many times the estimated error of our own solution a reference may differ from it: 4.6 at most on 25 families, packaged and of
users (median over conditions)."""

NOTICEABLE, WRONG = 1e-3, 1e-2
"""Relative difference from our own solution that is told, and that makes a reference of a linear PDE a wrong one."""

_MOST_WEIGHTS = 600
"""Output weights of our own solution: more take longer than a check may, and are less exact for it."""

_COMPARED = {True: 4, False: 1}


def compare_with_own(pde: PDE, generator: torch.Generator) -> Iterator[Finding]:
    """Solve a few conditions of the training family by two dense fits, and say where the reference is much further off than they are.

    That shows what is too small for the residual of the reference, such as a coefficient that is wrong by one per cent. An equation
    with so many weights that it takes long is left out.
    """
    linear = pointwise_residual(pde).is_linear()
    width = WIDTHS[pde.box.dimension][0]
    if width * pde.output_count > _MOST_WEIGHTS:
        return
    ensemble, settings, where_asked = pde.ensemble(), DenseSettings(width, seed=0), probes(pde)
    values = BoundaryValues(ensemble, ensemble.sample(_COMPARED[linear], generator))
    ours, second = (solve_densely(pde, values, each) for each in (settings, settings.second))
    estimate = float(estimated_error(pde, values, ours, second).median())
    truth = reference_of(pde)(values, where_asked).reshape(len(values), len(where_asked), pde.output_count)
    u, scale = ours(where_asked), answer_scale(pde, where_asked)
    if scale is not None:
        truth, u = scale.of(truth), scale.of(u)
    distance = float(((truth - u).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1).clamp_min(1e-300)).median())
    if distance > max(NOTICEABLE, APART * estimate):
        several = "" if linear else "; or the equation has several solutions"
        yield Finding(
            "error" if linear and distance > WRONG else "warning",
            "reference",
            f"differs by {distance:.1e} from our own solution of `residual` and the conditions, whose estimated error is "
            f"{estimate:.1e}: compare constants and signs, and refine its grid{several}. "
            f"Errors below {distance:.1e} say nothing when they are judged by it",
        )


def check_own_reference(pde: PDE, generator: torch.Generator) -> Iterator[Finding]:
    """Solve a few conditions of every family by the fast solver, and say how far off the solutions are by its own estimate."""
    own_settings(pde)
    draws = _DRAWS[pointwise_residual(pde).is_linear()]
    started, errors, broken = time.perf_counter(), {}, []
    for shift in ("none", *pde.shifts):
        ensemble = pde.ensemble(shift)
        found = truth_errors(pde, BoundaryValues(ensemble, ensemble.sample(draws, generator)))
        assert found is not None
        if bool(found.isfinite().all()):
            errors[where(shift)] = float(found.median())
        else:
            broken.append(where(shift))
    if broken:
        yield Finding(
            "error",
            "reference",
            f"none is declared, and the fast solver breaks down in {', '.join(broken)}: declare a reference, or narrow these families",
        )
        return
    seconds = (time.perf_counter() - started) / (2 * draws * len(errors))
    worst = max(errors, key=lambda name: errors[name])
    said = (
        f"none is declared: the truth is our own dense solution, estimated error {errors['training family']:.1e} in the training "
        f"family, at most {errors[worst]:.1e} ({worst}); {seconds:.2g} s per condition"
    )
    if errors[worst] > TOLERABLE:
        yield Finding("warning", "reference", f"{said}; that is too much to judge small errors by: declare a reference")
    else:
        yield Finding("ok", "reference", said)
