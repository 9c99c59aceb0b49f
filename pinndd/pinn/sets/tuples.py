"""Data of the amortised protocol: tuples (position, condition) in the interior and on every condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pinndd.constraints import Constraint, Positive
from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.sets.samplers import INTERIOR_SAMPLERS, allocate, sobol

FAMILY = "family"
"""Name of the design whose conditions are drawn from the training family itself."""


def tuple_data(
    pde: PDE, interior: Tensor, boundary: Mapping[str, Tensor], boundary_weight: float = 1.0, *, reach: float = 3.0
) -> SyntheticData:
    """Put tuples into a synthetic data set for the amortised protocol.

    The training loss is that of `pinndd.pinn.sets.collocation.collocation_data`, with every row taken for its own condition.

    Args:
        pde: gives the domain and the conditions.
        interior: collocation points and coefficients of their conditions, side by side, ``(N, d + C)``.
        boundary: for every condition, local coordinates and coefficients ``(n, k + C)``.
        boundary_weight: positive.
        reach: the box of each coefficient, in standard deviations of the training family.

    Raises:
        ValueError: a condition has no entry in ``boundary``, or an unknown one has.
    """
    names = [c.name for c in pde.valued]
    if set(names) != set(boundary):
        raise ValueError(f"PDE {pde.name!r}: boundary tuples for {sorted(boundary)}, expected {sorted(names)}")
    bound = tuple((reach * code_scales(pde.ensemble())).tolist())
    below = tuple(-b for b in bound)
    fields: dict[str, Tensor] = {INTERIOR: interior, BOUNDARY_WEIGHT: interior.new_tensor(boundary_weight)}
    constraints: dict[str, Constraint] = {
        INTERIOR: pde.box.constraint(below, bound),
        BOUNDARY_WEIGHT: Positive(),
    }
    for name in names:
        fields[name], constraints[name] = boundary[name], pde.patches[name].constraint(below, bound)
    return SyntheticData(fields, constraints)


def sample_tuples(
    pde: PDE,
    design: str,
    tuples: int,
    boundary_tuples: int,
    seed: int,
    *,
    reach: float,
    conditions: Callable[[int, torch.Generator], Tensor] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw interior and boundary tuples without distilling.

    Args:
        pde: gives the domain, the conditions and their families.
        design: a key of `pinndd.pinn.sets.samplers.INTERIOR_SAMPLERS`, which fills the joint cube of positions and
            coefficients; or ``family``: Sobol positions, with conditions drawn from the training family.
        tuples, boundary_tuples: how many; the latter are shared equally among the conditions.
        seed: of the draw.
        reach: half width of the cube in standard deviations of each coefficient; for ``family``, a factor on the coefficients,
            which are cut at three standard deviations times that factor.
        conditions: for ``family``, what draws that many conditions, as coefficients ``(n, C)`` of the training family (None: the
            training family itself).

    Returns:
        Interior tuples ``(N, d + C)`` and, for every condition, tuples ``(n, k + C)``, float64.
    """
    training = pde.ensemble()
    scales = code_scales(training)

    def draw(count: int, dimension: int, stream: int) -> Tensor:
        if design == FAMILY:
            generator = torch.Generator().manual_seed(stream)
            drawn = (conditions or training.sample)(count, generator)
            codes = reach * (drawn / scales).clamp(-3, 3) * scales
            return torch.cat((sobol(count, dimension, stream), codes), -1)
        unit = INTERIOR_SAMPLERS[design](count, dimension + scales.numel(), stream)
        return torch.cat((unit[:, :dimension], reach * (2 * unit[:, dimension:] - 1) * scales), -1)

    interior = draw(tuples, pde.box.dimension, seed)
    interior = torch.cat((pde.box.scale(interior[:, : pde.box.dimension]), interior[:, pde.box.dimension :]), -1)
    boundary: dict[str, Tensor] = {}
    for number, (name, count) in enumerate(allocate(pde, boundary_tuples).items()):
        patch = pde.patches[name]
        k = patch.dimension
        drawn = draw(count, k, seed * 1009 + number + 1)
        boundary[name] = torch.cat((patch.from_unit(drawn[:, :k]), drawn[:, k:]), -1)
    return interior, boundary
