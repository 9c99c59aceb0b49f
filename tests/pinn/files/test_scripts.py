"""Scripts that train on a distilled set: they run as they are, on the points of the set, and minimise its loss."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.files.scripts import FRAMEWORKS, write_script
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.sets.points import boundary_points
from pinndd.pinn.sets.samplers import sample_points

DRIVER = """
import json, re, sys
import numpy as np

def space(script, steps):
    found = {"__name__": "__main__", "__file__": script}
    text, count = re.subn(r"\\b5000\\b", str(steps), open(script).read())
    assert count == 1
    exec(compile(text, script, "exec"), found)
    return found

dx, loop = (space(script, steps) for script, steps in zip(sys.argv[1::2], sys.argv[2::2]))
net, last = dx["net"], float(np.sum(dx["history"].loss_train[-1]))
trained = list(loop["history"])
loop["net"] = lambda x: (net(x) - dx["pde"].sizes.means) / dx["pde"].sizes.values  # the network of DeepXDE in the other loop
loop["inputs"] = lambda x: x
rows = {name: dx["place"](name).tolist() for name in ("interior", *dx["VALUES"])}
values = {name: np.asarray(f(dx["place"](name))).tolist() for name, f in dx["VALUES"].items()}
other = {name: x.detach().tolist() for name, x in loop["X"].items()}
print("FOUND" + json.dumps({
    "deepxde": [float(np.sum(row)) for row in dx["history"].loss_train],
    "torch": trained, "last": last, "same": loop["loss"]().item(), "rows": rows, "values": values, "other": other,
    "anchors": dx["data"].anchors.tolist(), "coefficients": dx["drawn"].coefficients[0].tolist(),
    "conditions": [type(c).__name__ for c in dx["conditions"]],
}))
"""


def executed(folder, scripts, steps):
    (folder / "driver.py").write_text(DRIVER)
    words = [word for script in scripts for word in (str(script), str(steps))]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(folder / "driver.py"), *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("FOUND")[2].splitlines()[0])


def scripts_of(pde, folder):
    data = collocation_data(pde, *sample_points(pde, "sobol", 40, 24, 3), 7.0, interior_weight=3.0)
    return data, [write_script(pde, data, folder / f"{pde.name}-{name}.py", name)[0] for name in FRAMEWORKS]


# a value; a velocity; an operator of second order; a periodic axis and two equations; fluxes
@pytest.mark.parametrize("name", ["heat", "wave", "beam", "schrodinger", "own"])
def test_scripts_run_on_the_points_of_the_set_and_minimise_its_loss(name, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    pde = load_pde(tmp_path / "own.py" if name == "own" else name)
    data, scripts = scripts_of(pde, tmp_path / "scripts")
    found = executed(tmp_path, scripts, 40)
    expected = {INTERIOR: data[INTERIOR], **boundary_points(pde, data)}
    for rows in (found["rows"], found["other"]):
        assert set(rows) == set(expected)
        for condition, points in expected.items():
            np.testing.assert_allclose(rows[condition], points.numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found["anchors"], data[INTERIOR].numpy(), rtol=1e-12)
    for history in ("deepxde", "torch"):
        assert found[history][-1] < 0.9 * found[history][0]
    assert found["last"] == pytest.approx(found["same"], rel=1e-8), "the two losses are the same function"
    values = BoundaryValues(pde.ensemble(), torch.tensor([found["coefficients"]], dtype=torch.float64))
    for condition in pde.valued:
        wanted = values[condition.name](data[condition.name])[0].numpy()
        np.testing.assert_allclose(np.ravel(found["values"][condition.name]), wanted, rtol=1e-9, atol=1e-9)
    kinds = ["PointSetBC" if c.gives_value else "PointSetOperatorBC" for c in pde.valued]
    assert found["conditions"] == kinds


OWN = """
import deepxde as dde

from pinndd import PDE, Dirichlet, Neumann, Robin, families


def residual(x, u):
    return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1) - u


def reference(values, points):
    return points.new_zeros((len(values), len(points)))


pde = PDE(
    name="own",
    domain=dde.geometry.Rectangle([0, 0], [3, 1]),
    residual=residual,
    conditions=[
        Dirichlet("left-edge", at={"x": 0}, values=families.Sine(modes=2)),
        Neumann("right", at={"x": 3}, values=families.Sine(modes=2)),
        Robin("top", at={"y": 1}, values=families.Sine(modes=2), value=2.0, slope=0.5),
    ],
    reference=reference,
)
"""


def test_a_script_says_what_its_weights_and_operators_are(tmp_path):
    pde = load_pde("wave")
    _, (script, loop) = scripts_of(pde, tmp_path)
    text = script.read_text()
    assert "lambda x, u, _: dde.grad.jacobian(u, x, i=0, j=1)" in text
    assert "boundary_weight / 24" in text
    assert "interior_weight / 40" in text
    assert "sum over its rows" in text
    assert "# ∂u/∂t" in loop.read_text()
    (tmp_path / "own.py").write_text(OWN)
    _, (script, _) = scripts_of(load_pde(tmp_path / "own.py"), tmp_path / "deeper")
    assert "# 2 u + 0.5 ∂u/∂n" in script.read_text()
    assert 'load_pde(Path(__file__).parent / "../own.py")' in script.read_text()
    heat = load_pde("heat")
    assert load_pde("heat") is not heat  # loaded again
    _, (script, _) = scripts_of(heat, tmp_path)
    assert "The draws of start run into those" in script.read_text()


@pytest.mark.parametrize("name", ["heat", "wave", "schrodinger"])
def test_scripts_are_short(tmp_path, name):
    _, scripts = scripts_of(load_pde(name), tmp_path)
    for script, most in zip(scripts, (42, 54), strict=True):
        lines = [line for line in script.read_text().splitlines() if line.strip() and not line.strip().startswith("#")]
        assert len(lines) <= most


def test_values_are_replaced_by_editing_a_line(tmp_path):
    pde = load_pde("wave")
    data, scripts = scripts_of(pde, tmp_path)
    for script in scripts:
        text, count = re.subn(r'lambda x: draw\("start", x\)', "lambda x: np.sin(np.pi * x[:, :1])", script.read_text())
        assert count == 1
        script.write_text(text)
    found = executed(tmp_path, scripts, 2)
    x = boundary_points(pde, data)["start"][:, 0].numpy()
    np.testing.assert_allclose(np.ravel(found["values"]["start"]), np.sin(np.pi * x))


def test_what_no_script_is_written_for(retrain_set, amortised_set, tmp_path):
    pde, data, _ = retrain_set("heat")
    with pytest.raises(ValueError, match=r"framework 'jax'.*expected deepxde, torch"):
        write_script(pde, data, tmp_path / "a.py", "jax")
    with pytest.raises(ValueError, match="comes with a condition of its own"):
        write_script(*amortised_set("heat"), tmp_path / "a.py", "torch")
    with pytest.raises(ValueError, match="was not loaded from a module"):
        write_script(replace(pde, residual=lambda x, u: u), data, tmp_path / "a.py", "torch")
    assert list(tmp_path.iterdir()) == []
