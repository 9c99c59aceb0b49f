"""Every example is imported, and the number that its docstring promises is asserted."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_example_has_a_test():
    formulation = {"under_specification", "task_matters", "faithfulness"}
    assert {p.stem for p in EXAMPLES.glob("*.py")} == {"heat_api", "deepxde_bridge", "estimators", *formulation}


def test_heat_api_keeps_its_promise():
    assert load("heat_api").main() < 0.02


def test_deepxde_bridge_keeps_its_promise():
    assert abs(load("deepxde_bridge").main() - 0.08) < 0.02


def test_estimators_keeps_its_promise():
    lines = load("estimators").main()
    last = {x.estimator: x.risk for x in lines if x.problem == "continuous" and x.steps == 120}
    assert last.pop("exact") < 0.07 < 0.075 < min(last.values())
    hard = {x.estimator: x.risk for x in lines if x.problem == "categorical"}
    assert all(risk < hard[name.removesuffix(" + flips")] for name, risk in hard.items() if name.endswith("flips"))
