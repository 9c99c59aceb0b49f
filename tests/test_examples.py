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


def test_under_specification_keeps_its_promise():
    useless, useful = load("under_specification").main()
    assert useless.meets_criterion
    assert useless.vacuous
    assert useless.risk > 1
    assert not useful.vacuous
    assert useful.risk < 0.05
    assert useless.examples == useful.examples == 12


def test_task_matters_keeps_its_promise():
    risks = load("task_matters").main()
    assert risks.shape == (2, 2)
    assert risks[1, 0] > 5 * risks[0, 0]
    assert risks[0, 1] > 5 * risks[1, 1]


def test_faithfulness_keeps_its_promise():
    found = load("faithfulness").main()
    residuals, risks = found.pop("direct").unbind(-1)
    assert len(residuals) == 3
    assert float(residuals.max()) < 1e-3
    assert len(found) == 5
    for name, draws in found.items():
        assert float(draws[:, 0].min()) > 0.1, name
        assert bool((draws[:, 1] > 1.5 * risks).all()), name
        assert float(draws[:, 1].mean()) > 5 * float(risks.mean()), name
