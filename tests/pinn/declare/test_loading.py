"""Finding and loading PDE modules, and importing DeepXDE without side effects."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pinndd import PDE
from pinndd.pinn.declare import loading, modules
from pinndd.pinn.declare.loading import PDEModuleError, find_pde, list_pdes, load_pde
from pinndd.pinn.declare.modules import module_folders
from pinndd.pinn.jets import deepxde

GOOD = '''"""A decaying profile.

More about it.
"""
import deepxde as dde
from pinndd import PDE, Initial, families

pde = PDE(
    name="mine",
    domain=dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1)),
    residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=1) + u,
    conditions=[Initial("start", values=families.Sine())],
    reference=lambda values, points: values["start"](points[:, 0]) * (-points[:, 1]).exp(),
)
'''


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def run(code: str) -> str:
    """Run code in a fresh interpreter; return what it printed to either stream."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(loading.__file__).parents[3]
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", [name for name, _ in list_pdes()])
def test_packaged_pdes_load_by_name(name: str) -> None:
    pde = load_pde(name)
    assert isinstance(pde, PDE)
    assert pde.name == name
    assert len(pde.shifts) >= 3


def test_hyphens_are_underscores() -> None:
    assert find_pde("allen-cahn") == find_pde("allen_cahn")


def test_titles_are_first_lines_of_docstrings() -> None:
    titles = dict(list_pdes())
    assert {"advection", "allen_cahn", "burgers", "heat", "poisson"} <= set(titles)
    assert titles["heat"] == "Heat equation on a rod whose two ends follow a prescribed temperature"
    assert all(titles.values())


def test_listing_imports_nothing() -> None:
    code = "import sys; from pinndd.pinn.declare.modules import list_pdes; list_pdes(); print('torch' in sys.modules)"
    assert run(code).strip() == "False"


def test_loading_is_quiet_and_leaves_torch_as_it_was() -> None:
    code = (
        "import torch; torch.set_default_dtype(torch.float64); torch.set_default_device('meta');"
        "from pinndd.pinn.jets.deepxde import import_deepxde; import_deepxde();"
        "print(torch.get_default_dtype(), torch.get_default_device())"
    )
    assert run(code).strip() == "torch.float64 meta"


def test_a_device_that_deepxde_sets_is_set_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in for DeepXDE on a machine with a GPU: it sets the default device and prints."""
    write(
        tmp_path,
        "import sys, types, torch\ntorch.set_default_device('meta')\ntorch.set_default_dtype(torch.float16)\n"
        "print('Using backend')\nbackend = types.SimpleNamespace(backend_name='pytorch')\n",
        "deepxde.py",
    )
    monkeypatch.delitem(sys.modules, "deepxde")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        deepxde.import_deepxde()
        assert torch.get_default_device().type == "cpu"
        assert torch.get_default_dtype() == torch.float32
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = deepxde.import_deepxde()
    monkeypatch.setattr(module.backend, "backend_name", "jax")
    with pytest.raises(RuntimeError, match="imported with the backend 'jax'; pinndd needs 'pytorch'"):
        deepxde.import_deepxde()


def test_a_module_of_ones_own_loads_by_path(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_pde(path).name == "mine"
    assert load_pde(str(path)).name == "mine"


def test_modules_of_the_same_file_name_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, two = write(tmp_path, GOOD), write(tmp_path / "other", GOOD.replace('name="mine"', 'name="other"'))
    assert [load_pde(one).name, load_pde(two).name, load_pde(one).name] == ["mine", "other", "mine"]


def test_the_checkout_wins_over_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "pinndd"
    (package / "_pdes").mkdir(parents=True)
    write(package / "_pdes", '"""From the wheel."""')
    write(package / "_pdes", '"""Only in the wheel."""', "extra.py")
    write(package / "_pdes", '"""Private."""', "_private.py")
    monkeypatch.setattr(modules, "_PACKAGE", package)
    assert list_pdes() == [("extra", "Only in the wheel"), ("mine", "From the wheel")]
    (tmp_path / "pdes").mkdir()
    write(tmp_path / "pdes", '"""From the checkout."""')
    assert module_folders() == [package / "_pdes"]
    write(tmp_path, "", "pyproject.toml")
    assert list_pdes() == [("extra", "Only in the wheel"), ("mine", "From the checkout")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("burger", r"PDE 'burger' is unknown: did you mean burgers\?"),
        ("qqqq", r"PDE 'qqqq' is unknown: expected one of advection, .*wave, child, .*digits, .* give its path, such as \./qqqq\.py"),
        ("no/such.py", "module 'no/such.py': no such file; expected the path of a Python file that defines `pde`"),
    ],
)
def test_what_cannot_be_found(name: str, message: str) -> None:
    with pytest.raises(PDEModuleError, match=message):
        load_pde(name)


def test_a_folder_is_no_module(tmp_path: Path) -> None:
    with pytest.raises(PDEModuleError, match=": a folder; expected the path of a Python file"):
        load_pde(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = (\n", r"mine\.py, line 2: '\(' was never closed; correct it"),
        ("x = '\0'", r"mine\.py.*: .*null bytes"),
        (
            "import no_such_package_at_all\n",
            r"mine\.py, line 1: ModuleNotFoundError: .*no_such_package.*; install what it imports",
        ),
        ("x = 1\n\ndef f():\n    return 1 / 0\n\nf()\n", r"mine\.py, line 4: ZeroDivisionError: .*; correct the module"),
        ("x = 1\n", r"mine\.py: no `pde`; expected `pde = PDE\(name=\.\.\., \.\.\.\)` at the top level"),
        ("pde = 3\n", r"mine\.py: `pde` of type int; expected `pde = PDE"),
        (
            GOOD.replace('"start", values', '"start", joins=("a", "b"), values'),
            "ValueError: PDE 'mine': condition 'start' joins 'a'",
        ),
    ],
)
def test_modules_that_do_not_load(tmp_path: Path, text: str, message: str) -> None:
    path, before = write(tmp_path, text), set(sys.modules)
    with pytest.raises(PDEModuleError, match=message):
        load_pde(path)
    assert not [name for name in set(sys.modules) - before if name.startswith("pinndd_pde_mine")]


def test_a_file_that_is_not_python_source(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(GOOD.encode())
    with pytest.raises(PDEModuleError, match="not a Python module; expected a file whose name ends in"):
        load_pde(path)
