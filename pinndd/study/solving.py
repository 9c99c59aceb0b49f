"""The verb ``solve``: the solution for boundary values of one's own, by dense points or by those of a distilled set."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.devices import AUTO, Work, chosen_device, require_device
from pinndd.free_memory import available_memory
from pinndd.pinn.checks.residual import require_sound
from pinndd.pinn.declare.loading import edited, load_pde
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.given import Given, GivenValues, given_values
from pinndd.pinn.solving.reading import read_values
from pinndd.pinn.solving.solution import Solution
from pinndd.pinn.solving.solver import dense_work, require_tolerance, solve_given
from pinndd.pinn.solving.telling import Progress, quiet

Values = Mapping[str, Given] | Path | str | Sequence[Path | str]

def solve(
    pde: PDE | str,
    values: Values,
    *,
    data: SyntheticData | Path | str | None = None,
    tolerance: float | None = None,
    device: str = AUTO,
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
        device: where, or ``auto``, see `pinndd.devices.chosen_device`.
        progress: called for every size that is tried.

    Returns:
        The solution, for as many boundary conditions as there are rows of coefficients.

    Raises:
        ValueError: values or a set that cannot be used, a tolerance together with a set, or a device that does not exist.
        UserCodeError: the residual fails, or would train to something else than it says.
        FileNotFoundError: there is no such file.

    Warns:
        UserWarning: the PDE's module is another text than the one that the set was distilled with.

    Examples:
        >>> import numpy as np
        >>> import pinndd
        >>> found = pinndd.solve("heat", {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)})
        >>> float(found([[0.5, 0.5]])[0, 0, 0].round(3))
        0.781
        >>> bool(found.error[0] < 1e-3)
        True
    """
    return Problem.of(pde, values, data=data, tolerance=tolerance, device=device).solve(progress)


@dataclass(frozen=True)
class Problem:
    """Boundary values, and how they are solved for: all is checked, nothing is solved.

    Attributes:
        pde: the equation.
        values: of all its conditions.
        data: a distilled set to train on (None: as many points as needed).
        tolerance: estimated relative error that is to be reached.
        device: where.
        why: a sentence where a GPU was chosen, or is there and is not used.
    """

    pde: PDE
    values: GivenValues
    data: SyntheticData | None
    tolerance: float | None
    device: str
    why: str = ""

    @classmethod
    def of(
        cls,
        pde: PDE | str,
        values: Values,
        *,
        data: SyntheticData | Path | str | None = None,
        tolerance: float | None = None,
        device: str = AUTO,
    ) -> Problem:
        """Check all that `solve` is given; arguments and errors as there."""
        equation = load_pde(pde) if isinstance(pde, str) else pde
        require_device(device)
        require_sound(equation)
        if tolerance is not None:
            require_tolerance(tolerance)
        if data is not None and tolerance is not None:
            raise ValueError("a tolerance needs more points than a set has: leave out either the tolerance or the set")
        chosen = SyntheticData.load(data) if isinstance(data, Path | str) else data
        sensors = None if chosen is None else _sensors(equation, chosen)
        file = Path(data) if isinstance(data, Path | str) else None
        if chosen is not None and (said := edited(equation, chosen.header, file)):
            warnings.warn(said, stacklevel=2)
        given = values if isinstance(values, Mapping) else read_values(equation, _listed(values))
        found = given_values(equation, given, sensors)
        work = _work(equation, found, chosen, tolerance)
        choice = chosen_device(device, lambda: work)
        _require_memory(work, len(found), choice.device)
        return cls(equation, found, chosen, tolerance, choice.device, choice.why)

    def solve(self, progress: Progress | None = None) -> Solution:
        """Solve; ``progress`` is called for every size that is tried."""
        if self.data is not None:
            # knows all learners, which a dense solution can do without
            from pinndd.study.solving_on_set import solve_on_set

            return solve_on_set(self.pde, self.values, self.data, self.device, progress or quiet)
        return solve_given(self.pde, self.values, tolerance=self.tolerance, device=self.device, progress=progress)


def _listed(values: Path | str | Sequence[Path | str]) -> Sequence[Path | str]:
    return [values] if isinstance(values, Path | str) else values


def _work(pde: PDE, values: GivenValues, data: SyntheticData | None, tolerance: float | None) -> Work:
    """Return the work of a step."""
    if data is None:
        return dense_work(pde, tolerance)
    from pinndd.study.solving_on_set import work_on_set

    return work_on_set(pde, values, data)


def _require_memory(work: Work, conditions: int, device: str) -> None:
    """Make sure that a step fits into memory: Jacobians, once more with their weights, Gram matrices, and what all conditions need.

    Raises:
        ValueError: it does not.
    """
    smaller, free = min(work.rows, work.weights), available_memory(device)
    fits, asked = work.networks * (2 * work.rows * work.weights + smaller**2), conditions * (work.rows + work.weights)
    needed = 8 * (fits + asked)
    if free is not None and needed > free:
        raise ValueError(
            f"{conditions} conditions would need at least {needed / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free: solve "
            "for fewer at a time"
        )


def _sensors(pde: PDE, data: SyntheticData) -> dict[str, Tensor] | None:
    """Import `pinndd.study.solving_on_set.sensors_of` and call it."""
    from pinndd.study.solving_on_set import sensors_of

    return sensors_of(pde, data)
