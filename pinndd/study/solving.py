"""The verb ``solve``: the solution for boundary values of one's own, by dense points or by those of a distilled set."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.features import FittedFeatures
from pinndd.pinn.sets.collocation import point_counts
from pinndd.pinn.solving.given import Given, GivenValueError, GivenValues, given_values
from pinndd.pinn.solving.measured import Samples
from pinndd.pinn.solving.reading import read_values
from pinndd.pinn.solving.solution import Solution
from pinndd.pinn.solving.solver import Progress, corner_notes, difference, relative_residual, sample_notes, solve_given, spread
from pinndd.pinn.tasks.episodes import Trainings

Values = Mapping[str, Given] | Path | str | Sequence[Path | str]

_DRAWS = 16


def solve(
    pde: PDE | str,
    values: Values,
    *,
    data: SyntheticData | Path | str | None = None,
    tolerance: float | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Solution:
    """Solve a PDE for boundary values of one's own, with an estimate of the error; no reference is needed.

    Args:
        pde: the equation; the name of a packaged one or the path of a module is loaded.
        values: for every condition a number, a function of coordinates by their names, coefficients of its family, or `Samples`
            (see `pinndd.pinn.solving.given.given_values`); or files of such values
            (see `pinndd.pinn.solving.reading.read_values`).
        data: a distilled set of points to train on (None: as many points as needed).
        tolerance: estimated relative error that is to be reached, by more features and points.
        device: where.
        progress: called for every size that is tried.

    Returns:
        The solution, for as many boundary conditions as there are rows of coefficients.

    Raises:
        ValueError: values or a set that cannot be used, or a tolerance together with a set.
        FileNotFoundError: there is no such file.

    Examples:
        >>> import numpy as np
        >>> import pinndd
        >>> found = pinndd.solve("heat", {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)})
        >>> float(found([[0.5, 0.5]])[0, 0, 0].round(3))
        0.781
        >>> bool(found.error[0] < 1e-3)
        True
    """
    equation = load_pde(pde) if isinstance(pde, str) else pde
    given = values if isinstance(values, Mapping) else read_values(equation, _listed(values))
    parsed = given_values(equation, given)
    if data is None:
        return solve_given(equation, parsed, tolerance=tolerance, device=device, progress=progress)
    if tolerance is not None:
        raise ValueError("a tolerance needs more points than a set has: leave out either the tolerance or the set")
    chosen = data if isinstance(data, SyntheticData) else SyntheticData.load(data)
    return _on_set(equation, parsed, given, chosen, device)
