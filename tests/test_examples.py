"""Every example is imported, and the number that its docstring promises is asserted."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
EXAMPLES = TESTS.parent / "examples"


def test_every_example_has_a_test():
    asked = {name for file in TESTS.rglob("test_*.py") for name in re.findall(r'\bexample\("(\w+)"\)', file.read_text())}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == asked


def test_heat_api_keeps_its_promise(example):
    assert example("heat_api").main() < 0.02


def test_deepxde_bridge_keeps_its_promise(example):
    assert abs(example("deepxde_bridge").main() - 0.08) < 0.02


def test_estimators_keeps_its_promise(example):
    lines = example("estimators").main()
    last = {x.estimator: x.risk for x in lines if x.problem == "continuous" and x.steps == 120}
    assert last.pop("exact") < 0.07 < 0.075 < min(last.values())
    hard = {x.estimator: x.risk for x in lines if x.problem == "categorical"}
    assert all(risk < hard[name.removesuffix(" + flips")] for name, risk in hard.items() if name.endswith("flips"))


def test_under_specification_keeps_its_promise(example):
    useless, useful = example("under_specification").main()
    assert useless.meets_criterion
    assert useless.vacuous
    assert useless.risk > 1
    assert not useful.vacuous
    assert useful.risk < 0.05
    assert useless.examples == useful.examples == 12


def test_task_matters_keeps_its_promise(example):
    risks = example("task_matters").main()
    assert risks.shape == (2, 2)
    assert risks[1, 0] > 5 * risks[0, 0]
    assert risks[0, 1] > 5 * risks[1, 1]


def test_faithfulness_keeps_its_promise(example):
    faithfulness = example("faithfulness")
    faithfulness.SEEDS = faithfulness.SEEDS[:2]
    found = faithfulness.main()
    residuals, risks = found.pop("direct").unbind(-1)
    assert len(residuals) == 2
    assert float(residuals.max()) < 1e-3
    assert len(found) == 5
    for name, draws in found.items():
        assert float(draws[:, 0].min()) > 0.1, name
        assert bool((draws[:, 1] > 1.5 * risks).all()), name
        assert float(draws[:, 1].mean()) > 5 * float(risks.mean()), name


def test_cavity_comsol_keeps_its_promise(example):
    cavity = example("cavity_comsol")
    assert cavity.solved(False, lids=(4.0,))[4.0] < 1e-2
    errors = cavity.distilled(steps=60)
    assert all(errors["distilled"][a] < errors[name][a] for a in (4.0, 16.0) for name in ("midpoint-grid", "sobol"))
