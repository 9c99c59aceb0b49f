"""Solution fields for the pictures of the retrain protocol."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pinndd.data import SyntheticData
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.solutions import boundary_episodes
from pinndd.study.outcome import NO_SHIFT, FieldExample
from pinndd.study.retrain_setup import Setup, test_episodes
from pinndd.study.sections import section_of


def field_examples(setup: Setup, sets: Mapping[str, SyntheticData]) -> list[FieldExample]:
    """Return truth and predictions on the section that pictures show, for the first test condition of every shift."""
    section = section_of(setup.pde)
    examples = []
    for shift in (NO_SHIFT, *setup.pde.shifts):
        drawn = test_episodes(setup.pde, shift, 1, setup.seed, "cpu").values
        episodes = boundary_episodes(setup.pde, drawn.ensemble, drawn.coefficients, section.points, seed=setup.seed).to(
            setup.device
        )
        predictions = {name: _predict(setup, data, episodes) for name, data in sets.items()}
        examples.append(section.example(shift, episodes.truth[0], predictions))
    return examples


def _predict(setup: Setup, data: SyntheticData, episodes: BoundaryEpisodes) -> torch.Tensor:
    with torch.no_grad():
        fitted = setup.learner.fit(data, episodes)
        field: torch.Tensor = fitted(episodes.points)[0]
    return field
