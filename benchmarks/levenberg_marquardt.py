"""Networks per second that Levenberg-Marquardt trains to the end, against an older tree of this package; what the gradient costs.

MLP 3x32 in float64, one thread, 64 + 30 points, every network with a condition and initial weights of its own. Both trees
train the same networks on the same points in turns, each in a process of its own, so that a busy machine slows both alike;
what is reported is the processor time per network, as the median over the rounds, the number of networks per second of it,
and the relative L2 error that the networks reach, so that nothing is gained by training worse. The target is three times as
many networks per second as at 41a804a, and a hypergradient (`MinimumNorm`) that takes at most 5 % of training.

    python benchmarks/levenberg_marquardt.py --against TREE           # a checkout of 41a804a; a few minutes
    python benchmarks/levenberg_marquardt.py --against TREE --quick   # one PDE, few networks; nothing is written

The results go to benchmarks/results/levenberg_marquardt.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve()
RESULT = HERE.parent / "results" / "levenberg_marquardt.json"
PDES = ("heat", "poisson", "burgers")
POINTS, BOUNDARY_POINTS, WEIGHT, SEED = 64, 30, 10.0, 3


def found(name: str, *modules: str) -> Any:
    """Return an object from the first module that has it: the trees differ in where things lie."""
    for module in modules:
        try:
            return getattr(importlib.import_module(f"pinndd.{module}"), name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"{name} is in none of {', '.join(modules)}")


def train(name: str, networks: int, gradient: bool) -> dict[str, Any]:
    """Train networks of one PDE in this tree; return processor time per network, final losses and errors."""
    torch.set_num_threads(1)
    pde = found("load_pde", "pinn.declare.loading", "pinn.loading")(name)
    sample = found("sample_points", "pinn.sets.samplers", "pinn.samplers")
    collocation = found("collocation_data", "pinn.sets.collocation", "pinn.collocation")
    values_of = found("BoundaryValues", "pinn.declare.pde", "pinn.pde")
    episodes_of = found("BoundaryEpisodes", "pinn.tasks.episodes", "pinn.episodes")
    model = found("MLPModel", "pinn.models.mlp", "pinn.mlp_model")(pde)
    learner = found("LevenbergMarquardt", "learners.levenberg_marquardt")(model)
    data = collocation(pde, *sample(pde, "hammersley", POINTS, BOUNDARY_POINTS, 0), WEIGHT)
    generator, ensemble = torch.Generator().manual_seed(SEED), pde.ensemble()
    values = values_of(ensemble, ensemble.sample(networks, generator))
    asked = pde.box.scale(torch.rand((300, pde.box.dimension), generator=generator, dtype=torch.float64))
    truth = pde.reference(values, asked)
    episodes = episodes_of(values, asked, truth.reshape(networks, len(asked), -1), seed=SEED)
    learner.fit(data, episodes[:2] if hasattr(episodes, "__getitem__") else episodes)  # what is made once is made before
    started = time.process_time()
    fitted = learner.fit(data, episodes)
    seconds = time.process_time() - started
    with torch.no_grad():
        miss = (fitted(asked) - episodes.truth).flatten(1).norm(dim=1) / episodes.truth.flatten(1).norm(dim=1)
        loss = model.loss(model.prepare(data, episodes), fitted.parameters)
    result = {"seconds": seconds / networks, "errors": miss.tolist(), "largest_loss": float(loss.max())}
    if gradient:
        result["gradient_seconds"] = gradient_cost(learner, data, episodes, fitted) / networks
    return result


def gradient_cost(learner: Any, data: Any, episodes: Any, fitted: Any) -> float:
    """Return the processor time of the hypergradient of all networks, training not counted."""
    from pinndd.distances import RelativeL2
    from pinndd.hypergradients import MinimumNorm
    from pinndd.problem import DistillationProblem
    from pinndd.risks import GeometricMean
    from pinndd.tasks import BoundaryGeneralisation

    problem = DistillationProblem(learner, BoundaryGeneralisation(episodes, (SEED,)), RelativeL2(), GeometricMean())
    started = time.process_time()
    MinimumNorm().after(problem, data, episodes, fitted)
    return time.process_time() - started


def in_tree(tree: Path, name: str, networks: int, gradient: bool) -> dict[str, Any]:
    """Train in a process that imports the package from ``tree``."""
    command = [sys.executable, str(HERE), "--worker", name, "--networks", str(networks), *(["--gradient"] if gradient else [])]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured(against: Path, name: str, networks: int, rounds: int) -> dict[str, Any]:
    """Return what both trees need for one PDE."""
    runs: dict[str, list[dict[str, Any]]] = {"before": [], "now": []}
    for _ in range(rounds):
        runs["before"].append(in_tree(against, name, networks, False))
        runs["now"].append(in_tree(HERE.parent.parent, name, networks, True))
    row: dict[str, Any] = {}
    for which, each in runs.items():
        seconds = statistics.median(r["seconds"] for r in each)
        errors = each[0]["errors"]
        row[which] = {
            "seconds_per_network": round(seconds, 4),
            "networks_per_second": round(1 / seconds, 2),
            "median_error": statistics.median(errors),
            "geometric_mean_error": statistics.geometric_mean(errors),
            "largest_loss": each[0]["largest_loss"],
        }
    row["ratio"] = round(row["before"]["seconds_per_network"] / row["now"]["seconds_per_network"], 2)
    share = statistics.median(r["gradient_seconds"] / r["seconds"] for r in runs["now"])
    row["gradient_as_part_of_training"] = round(share, 4)
    return row


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", type=Path, help="tree of the package to compare with")
    parser.add_argument("--commit", default="41a804a", help="its commit, for the results")
    parser.add_argument("--quick", action="store_true", help="one PDE, few networks; nothing is written")
    parser.add_argument("--networks", type=int, default=24, help="networks per PDE and round")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each tree")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--gradient", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(train(options.worker, options.networks, options.gradient)))
        return
    if options.against is None or not (options.against / "pinndd").is_dir():
        parser.error(f"--against {options.against}: expected a checkout of the package, such as one of 41a804a")
    pdes = PDES[:1] if options.quick else PDES
    networks, rounds = (8, 1) if options.quick else (options.networks, options.rounds)
    found_rows = {}
    for name in pdes:
        found_rows[name] = measured(options.against.resolve(), name, networks, rounds)
        print(name, json.dumps(found_rows[name], indent=1))
    if options.quick:
        return
    setting = {"points": POINTS, "boundary_points": BOUNDARY_POINTS, "weight": WEIGHT, "networks": networks, "rounds": rounds}
    versions = {"python": platform.python_version(), "torch": torch.__version__, "against": options.commit}
    RESULT.write_text(json.dumps({"setting": setting, "versions": versions, "rows": found_rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
