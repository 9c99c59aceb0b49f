"""How good is the truth of a PDE without a reference?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from pinndd.pinn.declare.finding import Finding, where
from pinndd.pinn.declare.pde import PDE, BoundaryValues, pointwise_residual
from pinndd.pinn.solving.truth import own_settings, truth_errors

TOLERABLE = 0.03
"""Estimated error above which the fast solver is a poor truth."""

_DRAWS = {True: 4, False: 2}
"""Conditions of every family, for linear equations and for others, where each costs a solution."""


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
