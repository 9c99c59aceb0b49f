"""Made-up outcomes of a study, for tests of tables, pictures and the report."""

import math
from dataclasses import dataclass, replace
from itertools import product

import pandas
import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.results.outcome import FieldExample, Outcome
from pinndd.study.results.run_config import RunConfig
from pinndd.study.results.table import as_table

METHODS = {"uniform": 0.4, "sobol": 0.08, "midpoint-grid": 0.065, "dense": 0.01, "distilled": 0.017}
SHIFTS = {"none": 1.0, "frequency": 6.0, "steps": 9.0}
LEARNERS = {"ridge": (1.0, 0.004), "mlp-lm": (1.6, 4.0)}


@dataclass(frozen=True)
class FakeSettings:
    """Settings of a study, of which results know nothing but that they are plain values."""

    points: int = 64
    seeds: int = 2
    test_conditions: int = 40
    seed: int = 0
    learner: str | None = None
    shifts: tuple[str, ...] = ()


def fake_results(protocol="retrain", seeds=2, episodes=5, points=64, scale=1.0):
    """Errors that factor into method, shift, learner, seed and episode; with the MLP the distilled set loses."""
    results = []
    for learner, shift, method, seed, episode in product(LEARNERS, SHIFTS, METHODS, range(seeds), range(episodes)):
        distilled, dense = method == "distilled", method == "dense"
        harder, seconds = LEARNERS[learner]
        error = scale * METHODS[method] * math.sqrt(SHIFTS[shift]) * harder * (1 + 0.2 * math.sin(3 * episode + seed))
        results.append(
            dict(
                pde="heat",
                protocol=protocol,
                method=method,
                learner=learner,
                points=points * (8 if dense else 1),
                boundary_points=30,
                shift=shift,
                seed=seed,
                episode=episode,
                error=error * (6 if distilled and learner == "mlp-lm" else 1),
                seconds=seconds * (5 if dense else 1),
                distilled_with="ridge" if distilled else "",
                ceiling=dense,
            )
        )
    return as_table(results)


def fake_outcome(pde, protocol="retrain", seeds=2):
    """An outcome of the retrain protocol on a PDE over two coordinates."""
    data = []
    for seed in range(seeds):
        interior, boundary = sample_points(pde, "sobol", 64, 30, seed + 1)
        data.append(collocation_data(pde, interior, boundary, 3.0).with_header(pde=pde.name, protocol=protocol))
    interior, boundary = sample_points(pde, "midpoint-grid", 64, 30, 0)
    history = [
        {"step": 25 * k, "risk": 0.5 * 0.9**k, "validation": 0.55 * 0.91**k + 0.02, "seconds": 0.4 * k} for k in range(20)
    ]
    history[0]["risk"] = math.nan
    x, t = torch.meshgrid(torch.linspace(0, 1, 33), torch.linspace(0, 1, 25), indexing="ij")
    truth = (math.pi * x).sin() * (-t).exp()
    examples = [
        FieldExample(
            shift,
            factor * truth,
            {"distilled": factor * truth + 0.01 * (9 * x).sin(), "midpoint-grid": factor * truth + 0.05 * x * t},
        )
        for shift, factor in SHIFTS.items()
    ]
    return Outcome(
        protocol=protocol,
        results=fake_results(protocol, seeds),
        data=data,
        best_baseline="midpoint-grid",
        baseline_data=collocation_data(pde, interior, boundary, 10.0),
        histories=[history, [{**row, "validation": row["validation"] * 1.1} for row in history]][:seeds],
        distill_seconds=[18.2, 19.0][:seeds],
        examples=examples,
        curve=as_table(
            pandas.concat([fake_results(protocol, seeds, 3, n, s) for n, s in ((32, 2.5), (64, 1.0), (128, 0.4))])
        ),
        settings={"scale": 2.5, "weights": {"sobol": 10.0, "midpoint-grid": 3.0}},
        notes=["A note."],
    )


@pytest.fixture(scope="session")
def heat():
    return load_pde("heat")


@pytest.fixture(scope="session")
def make_outcome(heat):
    """Make an outcome on the heat equation: ``make_outcome(protocol, seeds)``."""

    def make(protocol="retrain", seeds=2):
        return fake_outcome(heat, protocol, seeds)

    return make


@pytest.fixture(scope="session")
def outcome(make_outcome):
    return make_outcome()


@pytest.fixture(scope="session")
def make_config():
    """Describe a run: ``make_config(pde, protocols, command, skipped, **settings)``."""

    def make(pde="heat", protocols=("retrain",), command=None, skipped=None, **settings):
        typed = command or f"pinndd study {pde} --seeds 2 --out /home/somebody/runs/{pde}"
        return RunConfig.of(pde, list(protocols), FakeSettings(**settings), typed, pde, "abc", skipped)

    return make


@pytest.fixture(scope="session")
def change():
    """Change results where a mask holds: ``change(results, mask, error=2.0)``."""

    def changed(results, mask, **values):
        return results.assign(**{name: results[name].mask(mask(results), value) for name, value in values.items()})

    return changed


@pytest.fixture(scope="session")
def of_a_system(outcome):
    """The outcome as that of components u and p: p is three times as far off as u, and zero in one condition."""
    results = outcome.results
    p = (3 * results["error"]).mask(results["episode"] == 4)
    measured = "The error is that of all components together, each divided by its typical size: u 2 m/s, p 3 Pa."
    return replace(outcome, results=as_table(results.assign(error_u=results["error"], error_p=p)), measured=measured)
