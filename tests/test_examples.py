"""Every example is imported, and the number that its docstring promises is asserted."""

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


def test_every_example_has_a_test():
    assert {p.stem for p in EXAMPLES.glob("*.py")} == {"heat_api", "deepxde_bridge"}


def test_heat_api_keeps_its_promise():
    assert load("heat_api").main() < 0.02


def test_deepxde_bridge_keeps_its_promise():
    assert abs(load("deepxde_bridge").main() - 0.08) < 0.02
