"""The module that docs/pde-modules.md writes is fit for use, with each of its variations."""

import re
from pathlib import Path

import pytest

from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.deepxde.training import deepxde_state
from pinndd.pinn.files.scripts import FRAMEWORKS, write_script
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points

pytestmark = pytest.mark.usefixtures("unrendered")

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "pde-modules.md"


def variations():
    """Texts of the module: as it stands, and as section 5 changes it."""
    script, module, solver, own_families = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
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


def test_the_exported_scripts_of_the_guide_run_with_the_values_of_the_guide(tmp_path):
    """Every line of values that the guide shows takes the place of one in the scripts."""
    (tmp_path / "fin.py").write_text(variations()["building block"])
    pde = load_pde(tmp_path / "fin.py")
    data = collocation_data(pde, *sample_points(pde, "sobol", 32, 15, 1), 5.0)
    (lines,) = [text for text in re.findall(r"```py\n(.*?)```", GUIDE.read_text(), re.DOTALL) if "len(x)" in text]
    for name in FRAMEWORKS:
        script, _ = write_script(pde, data, tmp_path / f"fin-{name}.py", name)
        text = script.read_text()
        for line in lines.splitlines():
            condition = line.partition(":")[0]
            text, count = re.subn(rf"^{condition}: lambda x: draw.*$", line, text, flags=re.MULTILINE)
            assert count == 1
        text = re.sub(r"^drawn = .*$", "drawn = {}", text, flags=re.MULTILINE).replace("5000", "3")
        found = {"__name__": "__main__", "__file__": str(script)}
        with deepxde_state("float64", 1, 0):
            exec(compile(text, str(script), "exec"), found)
        place = found["place"]
        assert (found["VALUES"]["root"](place("root")) == 1.5).all()
        assert found["VALUES"]["tip"](place("tip")).shape == (len(place("tip")), 1)
        assert len(place("interior")) == 32
