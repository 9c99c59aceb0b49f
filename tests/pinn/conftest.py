"""Small sets. And one thread: it multiplies small matrices faster than several."""

import pytest
import torch

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.sets.samplers import sample_points

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def retrain_set():
    """Build ``(pde, data, values)`` of a named PDE: Sobol points, three conditions."""

    def build(name, points=12, boundary_points=10):
        pde = load_pde(name)
        interior, boundary = sample_points(pde, "sobol", points, boundary_points, seed=3)
        data = collocation_data(pde, interior, boundary, 7.0, interior_weight=3.0)
        values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(3, torch.Generator().manual_seed(0)))
        return pde, data, values

    return build


@pytest.fixture(scope="session")
def amortised_set(retrain_set):
    """Build ``(pde, data)``: the retrain set with another condition at every point."""

    def build(name, points=12, boundary_points=10):
        pde, data, _ = retrain_set(name, points, boundary_points)
        draw, bound = torch.Generator().manual_seed(1), (3 * code_scales(pde.ensemble())).tolist()
        fields, constraints = dict(data.fields), dict(data.constraints)
        for field in (INTERIOR, *(c.name for c in pde.valued)):
            codes = pde.ensemble().sample(len(fields[field]), draw).clamp(-torch.tensor(bound), torch.tensor(bound))
            fields[field] = torch.cat((fields[field], codes), -1)
            box = constraints[field]
            constraints[field] = Box((*box.low, *(-b for b in bound)), (*box.high, *bound))
        return pde, SyntheticData(fields, constraints)

    return build
