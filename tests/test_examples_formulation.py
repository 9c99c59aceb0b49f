"""The examples of the formulation keep what their docstrings promise."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_under_specification_keeps_its_promise() -> None:
    useless, useful = load("under_specification").main()
    assert useless.meets_criterion
    assert useless.vacuous
    assert useless.risk > 1
    assert not useful.vacuous
    assert useful.risk < 0.05
    assert useless.examples == useful.examples == 12


def test_task_matters_keeps_its_promise() -> None:
    risks = load("task_matters").main()
    assert risks.shape == (2, 2)
    assert risks[1, 0] > 5 * risks[0, 0]
    assert risks[0, 1] > 5 * risks[1, 1]


def test_faithfulness_keeps_its_promise() -> None:
    found = load("faithfulness").main()
    residual, risk = found.pop("direct")
    assert residual < 1e-3
    assert len(found) == 5
    for name, (left, reached) in found.items():
        assert left > 0.1, name
        assert reached > 2 * risk, name
