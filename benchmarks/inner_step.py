"""Time of one training step of a PINN: the batched MLP, eager and compiled, against DeepXDE's `Model.train`.

Heat equation, tanh MLP 3x32, 100 interior and 40 boundary points, Adam, float32, one thread, 16 boundary conditions at once. The
variants take turns, so that a busy machine slows all of them alike; what is reported is the processor time of the process, per
step and network, as the median over the rounds. The targets are six times as fast as DeepXDE eagerly, and twelve times compiled.

    python benchmarks/inner_step.py           # a few minutes; writes benchmarks/results/inner_step.json
    python benchmarks/inner_step.py --quick   # half a minute: without compiling, and nothing is written
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.tasks import BoundaryGeneralisation

RESULT = Path(__file__).parent / "results" / "inner_step.json"
POINTS, BOUNDARY_POINTS, BATCH, HIDDEN = 100, 40, 16, (32, 32, 32)
DEEPXDE, EAGER, COMPILED, ADJOINT = (
    "DeepXDE Model.train",
    "batched, eager",
    "batched, compiled",
    "batched, eager, with hypergradient",
)


@dataclass(frozen=True)
class Variant:
    """A way of training: ``run`` takes ``steps`` steps of ``networks`` networks."""

    run: Callable[[], object]
    steps: int
    networks: int

    def measure(self) -> float:
        """Return processor time per step and network, in µs."""
        start = time.process_time()
        self.run()
        return (time.process_time() - start) / (self.steps * self.networks) * 1e6


def setting() -> tuple[PDE, SyntheticData, BoundaryEpisodes]:
    """Return the heat equation, its points and a batch of boundary conditions with their solutions."""
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", POINTS, BOUNDARY_POINTS, seed=1))
    ensemble = pde.ensemble()
    values = BoundaryValues(ensemble, ensemble.sample(BATCH, torch.Generator().manual_seed(0)))
    asked = pde.box.scale(torch.rand((100, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    return pde, data, BoundaryEpisodes(values, asked, pde.reference(values, asked)[..., None], seed=0)


def deepxde_variant(pde: PDE, data: SyntheticData, episodes: BoundaryEpisodes, steps: int) -> Variant:
    """Train one network by DeepXDE on the same points, the way that it documents for points of one's own."""
    dde = import_deepxde()
    places = [pde.patches[c.name].points(data[c.name]) for c in pde.valued]
    values = [episodes.values[c.name](data[c.name])[0] for c in pde.valued]
    boundary = dde.icbc.PointSetBC(torch.cat(places).float().numpy(), torch.cat(values)[:, None].float().numpy())
    anchors = data[INTERIOR].float().numpy()
    collocation = dde.data.TimePDE(pde.domain, pde.residual, [boundary], num_domain=0, num_boundary=0, anchors=anchors)
    model = dde.Model(collocation, dde.nn.FNN([2, *HIDDEN, 1], "tanh", "Glorot normal"))
    model.compile("adam", lr=1e-3, verbose=0)

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            model.train(iterations=steps, display_every=10**9, verbose=0)

    return Variant(run, steps, 1)


def variants(*, compiled: bool) -> dict[str, Variant]:
    """Return what is compared, by name."""
    pde, data, episodes = setting()
    model, steps = MLPModel(pde, HIDDEN), 25
    eager = Adam(model, steps=steps)
    problem = DistillationProblem(eager, BoundaryGeneralisation(episodes, [0]), RelativeL2(), Mean())
    ways = {
        DEEPXDE: deepxde_variant(pde, data, episodes, 60),
        EAGER: Variant(lambda: eager.fit(data, episodes), steps, BATCH),
        ADJOINT: Variant(lambda: UnrolledAdjoint()(problem, data, episodes), steps, BATCH),
    }
    if compiled:
        fast = Adam(model, steps=steps, compile=True)
        ways[COMPILED] = Variant(lambda: fast.fit(data, episodes), steps, BATCH)
    return ways


def main() -> None:
    """Measure, print a table, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing compiled, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    ways = variants(compiled=not quick)
    started = time.perf_counter()
    for way in ways.values():
        way.run()
    print(f"first runs, compiling included: {time.perf_counter() - started:.0f} s")
    rounds = 5 if quick else 25
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(way.measure())
    rows = {name: summary(times[name], times[DEEPXDE]) for name in ways}
    print(f"{'variant':36} {'µs per step and network':>24} {'x DeepXDE':>10}")
    for name, row in rows.items():
        print(f"{name:36} {row['microseconds']:24.0f} {row['times_deepxde']:10.1f}")
    if not quick:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps({"setting": description(rounds), "variants": rows}, indent=2) + "\n")
        print(f"written to {RESULT}")


def summary(times: list[float], rival: list[float]) -> dict[str, float]:
    """Return median and quartiles of a variant, and the median over the rounds of how many times DeepXDE's speed it has."""
    low, middle, high = statistics.quantiles(times, n=4)
    ratios = [theirs / ours for ours, theirs in zip(times, rival, strict=True)]
    numbers = {
        "microseconds": middle,
        "lower_quartile": low,
        "upper_quartile": high,
        "times_deepxde": statistics.median(ratios),
    }
    return {name: round(number, 2) for name, number in numbers.items()}


def description(rounds: int) -> dict[str, object]:
    """Return what the numbers depend on."""
    return {
        "pde": "heat",
        "hidden": HIDDEN,
        "interior_points": POINTS,
        "boundary_points": BOUNDARY_POINTS,
        "batch": BATCH,
        "dtype": "float32",
        "threads": 1,
        "rounds": rounds,
        "clock": "processor time of the process",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "deepxde": import_deepxde().__version__,
        },
        "hardware": {"machine": platform.machine(), "vector_instructions": torch.backends.cpu.get_cpu_capability()},
    }


if __name__ == "__main__":
    main()
