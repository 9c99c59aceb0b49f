"""Solution fields for the pictures of the retrain protocol."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pinndd.data import SyntheticData
from pinndd.pinn.episodes import BoundaryEpisodes
from pinndd.pinn.solutions import boundary_episodes
from pinndd.study.outcome import NO_SHIFT, FieldExample
from pinndd.study.retrain_setup import Setup, test_episodes

GRID = 64
"""Points a side of a picture."""


def field_examples(setup: Setup, sets: Mapping[str, SyntheticData]) -> list[FieldExample]:
    """Return truth and predictions on a grid, for the first test condition of every shift (two-dimensional domains)."""
    if setup.pde.box.dimension != 2 or setup.pde.outputs != 1:
        return []
    line = torch.linspace(0, 1, GRID, dtype=torch.float64)
    grid = setup.pde.box.scale(torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2))
    examples = []
    for shift in (NO_SHIFT, *setup.pde.shifts):
        drawn = test_episodes(setup.pde, shift, 1, setup.seed, "cpu").values
        episodes = boundary_episodes(setup.pde, drawn.ensemble, drawn.coefficients, grid, seed=setup.seed).to(setup.device)
        examples.append(
            FieldExample(
                shift,
                episodes.truth[0, :, 0].reshape(GRID, GRID).cpu(),
                {name: _predict(setup, data, episodes) for name, data in sets.items()},
            )
        )
    return examples


def _predict(setup: Setup, data: SyntheticData, episodes: BoundaryEpisodes) -> torch.Tensor:
    with torch.no_grad():
        fitted = setup.learner.fit(data, episodes)
        field: torch.Tensor = fitted(episodes.points)[0, :, 0]
    return field.reshape(GRID, GRID).cpu()
