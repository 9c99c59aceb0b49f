"""Sensors: error against their number, for the distilled placement and every baseline, on several PDEs.

python benchmarks/sensors.py                     # run the PDEs below, three seeds each, then print the table
python benchmarks/sensors.py heat poisson        # these only
python benchmarks/sensors.py --print             # print the table from what is committed

Results go to benchmarks/results/sensors/PDE.json, pictures of the first seed to the folder runs/PDE-sensors.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path

import deepxde
import torch

from pinndd import __version__
from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE
from pinndd.study.protocols.sensors.settings import SensorSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.report.sensor_table import load_sensors, sensor_table
from pinndd.study.results.summary import summary_to_json
from pinndd.study.run import run_study

RESULTS = Path(__file__).parent / "results" / "sensors"
PDES = ("heat", "poisson", "laplace_disk", "heat_switch")
SIZES = (9, 12, 18, 30)
SETTINGS = StudySettings(seeds=3, test_conditions=40)


def run(name: str) -> None:
    """Study one PDE and write its results."""
    pde = load_pde(name)
    started = time.perf_counter()
    folder = run_study(
        pde,
        Path("runs") / f"{name}-sensors",
        protocols=["sensors"],
        sizes={"sensors": SensorSettings(SIZES)},
        settings=SETTINGS,
        overwrite=True,
    )
    (outcome,) = folder.outcomes()
    placed = outcome.distill_seconds
    record = {
        "pde": name,
        "sizes": SIZES,
        "seeds": SETTINGS.seeds,
        "test_conditions": SETTINGS.test_conditions,
        "versions": {"pinndd": __version__, "torch": torch.__version__.split("+")[0], "deepxde": deepxde.__version__},
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "seconds": round(time.perf_counter() - started, 1),
        "seconds_of_one_placement": round(sum(placed) / len(placed), 1),
        "rows": summary_to_json(outcome.summary),
        "allocations": [
            {"sensors": data.header["sensors"], "seed": data.header["seed"], "allocation": allocation(pde, data)}
            for data in outcome.data
        ],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def allocation(pde: PDE, data: SyntheticData) -> dict[str, int]:
    """Return how many sensors a placement has on every condition that is measured."""
    return {c.name: data[c.name].shape[0] for c in pde.valued if c.name in data.learnable}


def main() -> None:
    """Run the PDEs named on the command line, or all, and print the table."""
    named = [a for a in sys.argv[1:] if not a.startswith("-")]
    if "--print" not in sys.argv:
        for name in named or PDES:
            run(name)
    print(sensor_table(load_sensors(RESULTS)), end="")


if __name__ == "__main__":
    main()
