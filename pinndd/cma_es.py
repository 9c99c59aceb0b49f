"""CMA-ES: an outer optimiser that only compares risks."""

from __future__ import annotations

import hashlib
import importlib
import math
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinndd.checkpoint import Checkpoint, CheckpointError, Layout
from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation, DivergedError
from pinndd.problem import DistillationProblem, Episodes
from pinndd.storage.locks import writing_alone

Floats = NDArray[np.float64]


def cma_es(
    problem: DistillationProblem,
    data: SyntheticData,
    episodes: Episodes,
    *,
    generations: int,
    population: int | None = None,
    sigma: float = 0.1,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    save_every: int = 10,
) -> Distillation:
    """Minimise the risk over the learnable fields by covariance matrix adaptation (Hansen 2016, arXiv 1604.00772).

    For learners without a gradient and up to a few hundred entries: the covariance matrix has the square of their number. The
    search runs in the free parameters of the constraints; every candidate is projected, evaluated, and told to the strategy
    where it was projected to, so that all of them are feasible. Candidates of one generation meet the same episodes, and all
    generations do: the risk of the result is that on the episodes it was chosen on.

    Args:
        problem: any; nothing is differentiated.
        data: where to start.
        episodes: one batch.
        generations: most generations; it stops before where the strategy has converged.
        population: candidates per generation; None takes ``4 + 3 log(entries)``, rounded down.
        sigma: standard deviation of the first generation, in the free parameters.
        seed: of the candidates.
        checkpoint: file to keep all candidates and their risks in, written every ``save_every`` generations, at the end, and
            whatever stops the search.
        resume: continue from ``checkpoint`` if it exists, by telling a new strategy what the old one was told: no candidate is
            evaluated twice, but for those of a generation that was cut short, and the result is bit for bit that of an
            uninterrupted run. ``generations`` may be another number than before.
        save_every: generations between two writes.

    Returns:
        The best set that was evaluated, the start among them; its history holds one row per generation, with the lowest risk
        of that generation as ``risk`` and the lowest so far as ``validation``.

    Raises:
        ImportError: the package cmaes is not installed.
        ValueError: a setting is out of its range, or the data have no learnable field.
        DivergedError: no candidate of a generation has a finite risk.
        CheckpointError: the checkpoint is damaged, or was written for another start or under other settings.
    """
    if generations < 1 or sigma <= 0 or (population is not None and population < 2) or save_every < 1:
        raise ValueError(
            f"cma_es: generations={generations} must be at least 1, sigma={sigma} positive, population={population} at "
            f"least 2, and save_every={save_every} at least 1"
        )
    search = _Search(problem, data, episodes, {"population": population, "sigma": sigma, "seed": seed})
    started = time.perf_counter()
    with torch.no_grad(), writing_alone("checkpoint", checkpoint):
        if resume and checkpoint is not None and checkpoint.exists():
            search.replay(checkpoint)
            started -= search.told[-1].seconds if search.told else 0.0
        try:
            while len(search.told) < generations and not search.converged:
                search.advance(started)
                if checkpoint is not None and len(search.told) % save_every == 0:
                    search.save(checkpoint)
        finally:
            # whatever stopped it, the last whole generation is kept
            if checkpoint is not None:
                search.save(checkpoint)
    return Distillation(search.best, search.lowest, search.history, time.perf_counter() - started)


class _Generation(NamedTuple):
    """Candidates ``(population, entries)`` in free parameters, their risks, and the seconds since the start of the search."""

    candidates: Floats
    risks: Floats
    seconds: float


class _Numbers(msgspec.Struct):
    """The numbers of a checkpoint: seconds of every generation since the start."""

    seconds: list[float]


class _Search:
    """A strategy, the generations it was told, and the best set among them. Only whole generations count."""

    def __init__(
        self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes, settings: Mapping[str, Any]
    ) -> None:
        self.problem, self.data, self.episodes = problem, data, episodes
        self.free = {n: data.constraints[n].to_free(data[n].detach()) for n in data.learnable}
        if not self.free:
            raise ValueError("cma_es: the data has no learnable field: nothing to distill")
        start = _flat(self.free)
        self.configuration = {**settings, "start": hashlib.sha256(start.tobytes()).hexdigest(), "header": dict(data.header)}
        self.strategy = _cmaes().CMA(
            mean=start, sigma=settings["sigma"], seed=settings["seed"], population_size=settings["population"]
        )
        with torch.no_grad():
            self.best, self.lowest = data, _risk(problem, data, episodes)
        self.told: list[_Generation] = []
        self.history: list[dict[str, float]] = []
        self.converged = False

    def advance(self, started: float) -> None:
        """Draw and evaluate a generation, and tell the strategy; seconds count from ``started``."""
        candidates = self._ask()
        risks = np.array([_risk(self.problem, self._set(candidate), self.episodes) for candidate in candidates])
        if not np.isfinite(risks.min()):
            generation = len(self.told) + 1
            raise DivergedError(f"cma_es: no candidate of generation {generation} has a finite risk: lower sigma", self.best)
        self._tell(_Generation(candidates, risks, time.perf_counter() - started))

    def save(self, path: Path) -> None:
        """Write what the strategy was told."""
        shape = (len(self.told), self.strategy.population_size, self.strategy.dim)
        tensors = {
            "candidates": torch.from_numpy(np.array([g.candidates for g in self.told]).reshape(shape)),
            "risks": torch.from_numpy(np.array([g.risks for g in self.told]).reshape(shape[:2])),
        }
        Checkpoint(self.configuration, _Numbers([g.seconds for g in self.told]), tensors).save(path)

    def replay(self, path: Path) -> None:
        """Tell the strategy what `save` wrote; it has to be asked as well, to draw later what it would have drawn."""
        population, dtype = self.strategy.population_size, torch.float64
        layouts: dict[str, Layout] = {
            "candidates": ((None, population, self.strategy.dim), dtype),
            "risks": ((None, population), dtype),
        }
        stored = Checkpoint.load(path, self.configuration, _Numbers, layouts)
        candidates, risks = (stored.tensors[name].numpy() for name in ("candidates", "risks"))
        if not len(candidates) == len(risks) == len(stored.state.seconds):
            raise CheckpointError(f"checkpoint {path} holds generations in part: delete it to start anew")
        for generation in zip(candidates, risks, stored.state.seconds, strict=True):
            self._ask()
            self._tell(_Generation(*generation))

    def _ask(self) -> Floats:
        """Draw a generation and project it: free parameters ``(population, entries)``."""
        drawn = (_fields(self.strategy.ask(), self.free) for _ in range(self.strategy.population_size))
        projected = ({n: self.data.constraints[n].project(value) for n, value in fields.items()} for fields in drawn)
        return np.stack([_flat(fields) for fields in projected])

    def _tell(self, generation: _Generation) -> None:
        candidates, risks, seconds = generation
        self.strategy.tell(list(zip(candidates, risks.tolist(), strict=True)))
        self.converged = self.strategy.should_stop()
        least = float(risks.min())
        if least < self.lowest:
            self.best, self.lowest = self._set(candidates[risks.argmin()]), least
        row = {"step": len(self.told) + 1, "risk": least, "validation": self.lowest, "seconds": seconds}
        self.history.append(row)
        self.told.append(generation)

    def _set(self, candidate: Floats) -> SyntheticData:
        fields = _fields(candidate, self.free)
        return self.data.with_fields({n: self.data.constraints[n].from_free(value) for n, value in fields.items()})


def _cmaes() -> ModuleType:
    try:
        return importlib.import_module("cmaes")
    except ImportError as error:
        raise ImportError("cma_es needs the package cmaes: pip install 'pinndd[cma]'") from error


def _risk(problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> float:
    """Return the risk, infinite where it is not a number, so that it ranks last."""
    risk = float(problem.evaluate(data, episodes))
    return math.inf if math.isnan(risk) else risk


def _flat(free: Mapping[str, Tensor]) -> Floats:
    return np.concatenate([value.detach().cpu().double().flatten().numpy() for value in free.values()])


def _fields(flat: Floats, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the free parameters of each field, of the shape, dtype and device of those in ``like``."""
    parts = torch.split(torch.from_numpy(flat), [value.numel() for value in like.values()])
    return {n: part.view(value.shape).to(value) for (n, value), part in zip(like.items(), parts, strict=True)}
