"""Bodies that are trained when they are first asked for, and found again on disk by all that they depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from pinndd.pinn.bodies.settings import BodySettings
from pinndd.pinn.bodies.training import BodyError, Progress, TrainedBody, network_of, train_body
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.jets.body import Body
from pinndd.pinn.sets.roughened import Roughening, roughened
from pinndd.pinn.solving.cache import Arrays, remembered
from pinndd.pinn.solving.keys import key_of

CONVERGED = 0.5
"""Relative residual above which a body has not converged: its features are worse than drawn ones."""

_TOLD_APART = 8


@dataclass(frozen=True, eq=False)
class Bodies(Sequence[Body]):
    """Bodies for one PDE and family, each trained when it is first asked for.

    Args:
        pde: the equation.
        settings: of every body.
        roughening: of the training family.
    """

    pde: PDE
    settings: Sequence[BodySettings]
    roughening: Roughening
    _trained: dict[int, TrainedBody] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.settings)

    def __getitem__(self, number: int) -> Body:  # type: ignore[override]
        return self.trained(number).body

    @property
    def seconds(self) -> list[float]:
        """Wall time of training each of those that were asked for, also where it was found on disk."""
        return [self._trained[number].seconds for number in sorted(self._trained)]

    def trained(self, number: int, progress: Progress | None = None) -> TrainedBody:
        """Return a body, from memory, from disk (`pinndd.pinn.solving.cache`), or newly trained.

        Args:
            number: which one.
            progress: called while it is trained.

        Raises:
            BodyError: it did not converge, or its training failed.
        """
        if number not in self._trained:
            settings = self.settings[number]
            found = trained_body(self.pde, settings, self.roughening, progress)
            if not found.residual <= CONVERGED:
                raise BodyError(
                    f"PDE {self.pde.name!r}: the body of seed {settings.seed} did not converge: the best heads leave a part "
                    f"{found.residual:.2g} of the equations and conditions, expected at most {CONVERGED:g}; train it for more than "
                    f"{settings.steps} steps"
                )
            self._trained[number] = found
        return self._trained[number]


def trained_body(pde: PDE, settings: BodySettings, roughening: Roughening, progress: Progress | None = None) -> TrainedBody:
    """Return a body as it was trained before, or train it and keep it on disk.

    Args:
        pde: the equation.
        settings: shape and training.
        roughening: of the training family.
        progress: called while it is trained.

    Raises:
        BodyError: the training failed.
    """

    def train() -> Arrays:
        found = train_body(pde, settings, roughening, progress)
        return {
            "parameters": found.body.parameters.numpy(),
            "residual": np.array(found.residual),
            "seconds": np.array(found.seconds),
        }

    network = network_of(pde, settings)
    shapes = {"parameters": (1, network.parameter_count), "residual": (), "seconds": ()}
    ensemble = roughened(pde, roughening)
    drawn = ensemble.sample(_TOLD_APART, torch.Generator().manual_seed(0))
    key = key_of(pde, f"body {settings} {roughening}", BoundaryValues(ensemble, drawn))
    arrays = train() if key is None else remembered(key, train, shapes, _possible)
    body = Body(network, torch.from_numpy(arrays["parameters"]))
    return TrainedBody(body, float(arrays["residual"]), float(arrays["seconds"]))


def _possible(arrays: Arrays) -> bool:
    """Whether training could have given these numbers."""
    finite = all(bool(np.isfinite(array).all()) for array in arrays.values())
    return finite and float(arrays["residual"]) >= 0 and float(arrays["seconds"]) >= 0
