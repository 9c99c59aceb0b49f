"""What `pinndd list` says without loading a module is what the modules say."""

import json

import pytest

from pinndd.pinn.declare.modules import module_files
from pinndd.terminal.catalogue import FILE, line_of, loaded_line, write_index

MODULE = """
import deepxde as dde
import torch
from pinndd import PDE, Dirichlet, families

pde = PDE(
    name="mine",
    domain=dde.geometry.Rectangle([0, 0], [1, 1]),
    residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=0),
    conditions=[Dirichlet("left", at={"x": 0}, values=families.Sine())],
    reference=lambda values, points: torch.zeros((len(values), points.shape[0])),
)
"""


def test_the_file_is_up_to_date():
    for name, path in module_files().items():
        known = json.loads((path.parent / FILE).read_text())
        assert name in known, "write it anew: python -m pinndd.terminal.catalogue"
        assert line_of(path) == loaded_line(path), "write it anew: python -m pinndd.terminal.catalogue"
        assert line_of(path) == (known[name]["kind"], known[name]["conditions"])


def test_a_module_that_changed_is_loaded(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    write_index(tmp_path)
    known = json.loads((tmp_path / FILE).read_text())
    assert line_of(path) == ("linear, order 1, (x, y)", "Dirichlet")
    known["mine"]["kind"] = "of old"
    (tmp_path / FILE).write_text(json.dumps(known))
    assert line_of(path)[0] == "of old"
    path.write_text(MODULE.replace("\n", "\r\n"), newline="")
    assert line_of(path)[0] == "of old"
    path.write_text(MODULE + "\n")
    assert line_of(path)[0] == "linear, order 1, (x, y)"


@pytest.mark.parametrize("text", ["damaged", "[]", '{"mine": 1}', '{"mine": {"sha256": 3}}', "[" * 9999, "\xff"])
def test_a_damaged_file_says_nothing(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    (tmp_path / FILE).write_text(text, encoding="latin-1")
    assert line_of(path)[0] == "linear, order 1, (x, y)"
