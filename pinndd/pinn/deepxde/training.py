"""Train DeepXDE's own ``Model`` on a set, quietly, leaving all global state as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.deepxde.exporting import loss_weights, make_network, term_names, to_deepxde
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.sets.collocation import INTERIOR_WEIGHT

_LBFGS_BLOCK = 500
"""Iterations of L-BFGS between two looks of the callback."""


class TrainingError(ArithmeticError):
    """DeepXDE's training yields a loss that is not finite."""


@dataclass(frozen=True)
class DeepXDETraining:
    """How DeepXDE trains: Adam, then L-BFGS, each on all points at every step.

    Attributes:
        hidden: widths of the hidden layers.
        adam_steps: steps of Adam.
        lbfgs_steps: largest number of iterations of L-BFGS.
        learning_rate: of Adam.
        precision: ``"float32"`` or ``"float64"``; L-BFGS stops early in float32, as DeepXDE itself warns.
    """

    hidden: tuple[int, ...] = (32, 32, 32)
    adam_steps: int = 2000
    lbfgs_steps: int = 2000
    learning_rate: float = 1e-3
    precision: str = "float64"

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "float64"):
            raise ValueError(f"precision {self.precision!r}: expected float32 or float64")
        for name in ("adam_steps", "lbfgs_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)}: expected 0 or more")


def train_deepxde(
    pde: PDE, data: SyntheticData, values: BoundaryValues | None, index: int, training: DeepXDETraining, seed: int
) -> Any:
    """Train one network with ``dde.Model``.

    The weights of the loss are divided by the interior weight: only their ratios count here, and the tolerances of L-BFGS are
    absolute.

    Args:
        pde, data, values, index: as for `pinndd.pinn.deepxde.exporting.to_deepxde`; training is on the CPU, wherever the set
            is.
        training: settings.
        seed: of the initial weights.

    Returns:
        The trained ``dde.nn.FNN``.

    Raises:
        TrainingError: the loss is not finite; the message names the terms.
    """
    dde = import_deepxde()
    with deepxde_state(training.precision, training.lbfgs_steps, seed):
        network = make_network(pde, data, training.hidden)
        model = dde.Model(to_deepxde(pde, data, values, index), network)
        weights = loss_weights(pde, data)
        inner = float(data[INTERIOR_WEIGHT]) if INTERIOR_WEIGHT in data else 1.0
        weights = [w / inner for w in weights]
        callback = _callback(dde)
        stages = [("adam", training.adam_steps, {"lr": training.learning_rate}), ("L-BFGS", training.lbfgs_steps, {})]
        for optimizer, steps, options in stages:
            if steps:
                model.compile(optimizer, loss_weights=weights, verbose=0, **options)
                model.train(iterations=steps, display_every=max(steps, 1), callbacks=[callback], verbose=0)
                _require_finite(pde, data, model, optimizer)
    return network


@contextmanager
def deepxde_state(precision: str, lbfgs_steps: int, seed: int) -> Iterator[None]:
    """Set DeepXDE's float type and L-BFGS options and torch's seed, and restore everything afterwards.

    Args:
        precision: ``"float32"`` or ``"float64"``.
        lbfgs_steps: largest number of iterations.
        seed: of torch's global generator, which draws DeepXDE's initial weights.
    """
    dde = import_deepxde()
    real, options = dde.config.real, dde.optimizers.LBFGS_options
    before = real.precision, torch.get_default_dtype(), dict(options)
    block = min(_LBFGS_BLOCK, max(lbfgs_steps, 1))
    # the printing setters of DeepXDE do the same; its block sizes are fixed when it is imported
    getattr(real, f"set_{precision}")()
    torch.set_default_dtype(getattr(torch, precision))
    options.update(maxiter=lbfgs_steps, maxfun=2 * lbfgs_steps, iter_per_step=block, fun_per_step=2 * block)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        getattr(real, f"set_float{before[0]}")()
        torch.set_default_dtype(before[1])
        options.clear()
        options.update(before[2])


def _callback(dde: Any) -> Any:
    class Moving(dde.callbacks.Callback):  # type: ignore[misc]
        """End an L-BFGS that no longer moves."""

        step = -1

        def on_epoch_end(self) -> None:
            # DeepXDE goes on for ever if the gradient is below the tolerance before the first iteration of a block
            step = self.model.train_state.step
            self.model.stop_training |= step == self.step
            self.step = step

    return Moving()


def _require_finite(pde: PDE, data: SyntheticData, model: Any, optimizer: str) -> None:
    losses: Sequence[float] = np.asarray(model.train_state.loss_train).tolist()
    bad = [name for name, loss in zip(term_names(pde), losses, strict=True) if not np.isfinite(loss)]
    if bad:
        raise TrainingError(
            f"PDE {pde.name!r}: DeepXDE's {optimizer} ended at step {model.train_state.step} with a loss that is not finite in "
            f"{', '.join(bad)}; run 'pinndd check' on the module, or use a smaller learning rate or float64"
        )
