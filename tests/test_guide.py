"""The module that docs/pde-modules.md writes is fit for use, with each of its variations."""

import re
from pathlib import Path

import pytest

from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.loading import load_pde

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "pde-modules.md"


def variations():
    """Texts of the module: as it stands, and as section 5 changes it."""
    script, module, solver, _, own_families = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert "model.train" in script
    before, after = module.index("def cool"), module.index("ROOT =")
    nonlinear, count = re.subn(r"LOSS \* u$", "LOSS * u**3", module, flags=re.MULTILINE)
    assert count == 2
    own_solver = f"{module[:before]}{solver}\n\n{module[after:]}"
    shift, count = re.subn(r'"steps": .*', '"heated": {"root": Cooling(mean=1.0)}, "ramps": {"root": Ramps(mean=1.0)},', module)
    assert count == 1
    before = shift.index("ROOT =")
    ours = f"{shift[:before]}{own_families}\n\n{shift[before:]}"
    trained = ours.replace('"root", at={"x": 0}, values=ROOT', '"root", at={"x": 0}, values=Ramps(mean=1.0)')
    assert trained != ours
    return {
        "building block": module,
        "own solver": own_solver,
        "nonlinear": nonlinear,
        "own families": ours,
        "trained on an own family": trained.replace(', "ramps": {"root": Ramps(mean=1.0)}', ""),
    }


@pytest.mark.parametrize(
    "name", ["building block", "own solver", "nonlinear", "own families", "trained on an own family"]
)
def test_module_of_the_guide_is_fit_for_use(tmp_path, name):
    (tmp_path / "fin.py").write_text(variations()[name])
    findings = check_pde(load_pde(tmp_path / "fin.py"))
    assert {f.level for f in findings} == {"ok"}
    assert (f"{'nonlinear' if name == 'nonlinear' else 'linear'}, 1 equation") in findings[0].message
