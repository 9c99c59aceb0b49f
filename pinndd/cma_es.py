"""CMA-ES: an outer optimiser that only compares risks."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Mapping
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation, DivergedError
from pinndd.problem import DistillationProblem, Episodes


def cma_es(
    problem: DistillationProblem,
    data: SyntheticData,
    episodes: Episodes,
    *,
    generations: int,
    population: int | None = None,
    sigma: float = 0.1,
    seed: int = 0,
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
        population: candidates a generation; None takes ``4 + 3 log(entries)``, rounded down.
        sigma: standard deviation of the first generation, in the free parameters.
        seed: of the candidates.

    Returns:
        The best set that was evaluated, the start among them; its history holds one row a generation, with the lowest risk of
        that generation as ``risk`` and the lowest so far as ``validation``.

    Raises:
        ImportError: the package cmaes is not installed.
        ValueError: a setting is out of its range, or the data have no learnable field.
        DivergedError: no candidate of a generation has a finite risk.
    """
    if generations < 1 or sigma <= 0 or (population is not None and population < 2):
        raise ValueError(
            f"cma_es: generations={generations} must be at least 1, sigma={sigma} positive, and population={population} at "
            "least 2"
        )
    free = {n: data.constraints[n].to_free(data[n].detach()) for n in data.learnable}
    if not free:
        raise ValueError("cma_es: the data has no learnable field: nothing to distil")
    started = time.perf_counter()
    strategy = _cmaes().CMA(mean=_flat(free), sigma=sigma, seed=seed, population_size=population)
    best, history = data, list[dict[str, float]]()
    with torch.no_grad():
        lowest = _risk(problem, data, episodes)
        for generation in range(1, generations + 1):
            told = []
            for _ in range(strategy.population_size):
                candidate = {n: data.constraints[n].project(value) for n, value in _fields(strategy.ask(), free).items()}
                trial = data.with_fields({n: data.constraints[n].from_free(value) for n, value in candidate.items()})
                risk = _risk(problem, trial, episodes)
                told.append((_flat(candidate), risk))
                if risk < lowest:
                    best, lowest = trial, risk
            least = min(risk for _, risk in told)
            if not math.isfinite(least):
                raise DivergedError(f"cma_es: no candidate of generation {generation} has a finite risk: lower sigma", best)
            strategy.tell(told)
            seconds = time.perf_counter() - started
            history.append({"step": generation, "risk": least, "validation": lowest, "seconds": seconds})
            if strategy.should_stop():
                break
    return Distillation(best, lowest, history, time.perf_counter() - started)


def _cmaes() -> ModuleType:
    try:
        return importlib.import_module("cmaes")
    except ImportError as error:
        raise ImportError("cma_es needs the package cmaes: pip install 'pinndd[cma]'") from error


def _risk(problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> float:
    """Return the risk, infinite where it is not a number, so that it ranks last."""
    risk = float(problem.evaluate(data, episodes))
    return math.inf if math.isnan(risk) else risk


def _flat(free: Mapping[str, Tensor]) -> NDArray[np.float64]:
    return np.concatenate([value.detach().cpu().double().flatten().numpy() for value in free.values()])


def _fields(flat: NDArray[np.float64], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the free parameters of each field, of the shape, dtype and device of those in ``like``."""
    parts = torch.split(torch.from_numpy(flat), [value.numel() for value in like.values()])
    return {n: part.view(value.shape).to(value) for (n, value), part in zip(like.items(), parts, strict=True)}
