"""True solutions are kept on disk by all that they depend on: what is read is what would be computed."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from pinndd import load_pde
from pinndd.cli import app
from pinndd.pinn.declare.dependencies import dependencies_of
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.families import Sine
from pinndd.pinn.solving import cache, keys, truth
from pinndd.pinn.solving.cache import CACHE, cache_folder, kept_files, remembered
from pinndd.pinn.solving.keys import key_of
from pinndd.pinn.solving.truth import own_settings, solutions, truth_errors

KEY = "0123456789abcdef" * 4
SHAPES = {"u": (2, 3)}

MODULE = """
import deepxde as dde
from pinndd import PDE, Initial, families
from helper import rate

CALLS = []

def reference(values, points):
    from later import shift
    CALLS.append(len(points))
    return values["start"](points[:, 0]) * (-rate() * points[:, 1]).exp() + shift

pde = PDE(
    name="mine",
    domain=dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1)),
    residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=1) + u,
    conditions=[Initial("start", values=families.Sine(modes=2))],
    shifts={"fast": {"start": families.Sine(modes=(3, 4))}},
    reference=reference,
)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of kept results, however little time they took."""
    monkeypatch.setenv(CACHE, str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "LEAST_SECONDS", 0.0)
    return tmp_path / "kept"


@pytest.fixture
def module(tmp_path):
    """A PDE module with others beside it."""
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    (tmp_path / "helper.py").write_text("from numbers_of.rates import RATE\n\ndef rate():\n    return RATE\n")
    (tmp_path / "later.py").write_text("shift = 0.0\n")
    (tmp_path / "numbers_of").mkdir()
    (tmp_path / "numbers_of" / "rates.py").write_text("RATE = 1.0\n")
    return path


class Counted:
    """A computation that counts how often it is made."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return {"u": np.array([[1 / 3, -0.0, 5e-324], [np.pi, 1e308, np.nextafter(1, 2)]])}


def drawn(pde, shift="none", count=2):
    ensemble = pde.ensemble(shift)
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(3)))


def points_of(pde, count=20):
    return pde.box.scale(torch.rand((count, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))


def test_what_is_read_is_bit_for_bit_what_was_computed(folder):
    compute = Counted()
    first, second = (remembered(KEY, compute, SHAPES)["u"] for _ in range(2))
    assert compute.count == 1
    assert second.dtype == np.float64
    assert first.tobytes() == second.tobytes()
    assert [p.name for p in folder.iterdir()] == [f"{KEY}.npz"]


TWICE = f"""
import os, sys, time
from pathlib import Path
import numpy as np
from pinndd.pinn.solving import cache
cache.LEAST_SECONDS = 0.0
here = Path(sys.argv[1])
def compute():
    (here / f"computing-{{os.getpid()}}").touch()
    while len(list(here.glob("up-*"))) < 2:
        time.sleep(0.01)
    time.sleep(0.2)
    return {{"u": np.full((2, 3), 1 / 3)}}
(here / f"up-{{os.getpid()}}").touch()
print(cache.remembered("{KEY}", compute, {SHAPES})["u"].tobytes().hex())
"""


def test_two_processes_that_need_the_same_compute_it_once(folder, tmp_path):
    """The second has begun while the first computes."""
    both = [subprocess.Popen([sys.executable, "-c", TWICE, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {process.communicate(timeout=30)[0].strip() for process in both} == {np.full((2, 3), 1 / 3).tobytes().hex()}
    assert len(list(tmp_path.glob("computing-*"))) == 1
    assert [path.name for path in folder.iterdir()] == [f"{KEY}.npz"]


def test_another_key_is_computed(folder):
    compute = Counted()
    for key in (KEY, KEY[::-1]):
        remembered(key, compute, SHAPES)
    assert compute.count == len(kept_files(folder)) == 2


def test_what_took_less_than_a_second_is_not_kept(folder, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv(CACHE, str(folder))
    assert cache.LEAST_SECONDS == 1
    remembered(KEY, Counted(), SHAPES)
    assert not list(folder.iterdir())


def test_a_file_with_any_byte_damaged_or_cut_anywhere_is_never_believed(folder):
    compute = Counted()
    true = remembered(KEY, compute, SHAPES)["u"].tobytes()
    file = folder / f"{KEY}.npz"
    whole = file.read_bytes()
    damaged = [whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :] for k in range(0, len(whole), 3)]
    for text in [*damaged, *(whole[:k] for k in range(0, len(whole), 50))]:
        file.write_bytes(text)
        assert remembered(KEY, compute, SHAPES)["u"].tobytes() == true
        assert remembered(KEY, lambda: pytest.fail("was not replaced"), SHAPES)["u"].tobytes() == true


def foreign_files():
    good = np.zeros((2, 3))
    key = np.array(KEY)
    return {
        "of another key": {"__key__": np.array(KEY[::-1]), "u": good},
        "without a key": {"u": good},
        "of other names": {"__key__": key, "v": good},
        "of more": {"__key__": key, "u": good, "v": good},
        "of another shape": {"__key__": key, "u": good.T},
        "of another type": {"__key__": key, "u": good.astype(np.float32)},
        "pickled": {"__key__": key, "u": np.array([[None] * 3] * 2)},
    }


@pytest.mark.parametrize("what", foreign_files())
def test_a_foreign_file_is_computed_anew_and_replaced(folder, what):
    folder.mkdir()
    np.savez(folder / f"{KEY}.npz", **foreign_files()[what])
    compute = Counted()
    for _ in range(2):
        assert remembered(KEY, compute, SHAPES)["u"][0, 0] == 1 / 3
    assert compute.count == 1


@pytest.mark.parametrize("text", [b"", b"no archive", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_archive_is_replaced(folder, text):
    folder.mkdir()
    (folder / f"{KEY}.npz").write_bytes(text)
    remembered(KEY, Counted(), SHAPES)
    remembered(KEY, lambda: pytest.fail("was not replaced"), SHAPES)


def test_an_array_in_place_of_an_archive_is_replaced(folder):
    folder.mkdir()
    with (folder / f"{KEY}.npz").open("wb") as file:
        np.save(file, np.zeros((2, 3)))
    assert remembered(KEY, Counted(), SHAPES)["u"][0, 0] == 1 / 3
    remembered(KEY, lambda: pytest.fail("was not replaced"), SHAPES)


def test_a_folder_that_cannot_be_written_is_no_error(folder):
    folder.write_text("a file stands where the folder should")
    compute = Counted()
    for _ in range(2):
        assert remembered(KEY, compute, SHAPES)["u"][0, 0] == 1 / 3
    assert compute.count == 2


@pytest.mark.parametrize("off", ["off", "OFF"])
def test_nothing_is_kept_when_it_is_off(folder, monkeypatch, tmp_path, off):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE, off)
    assert cache_folder() is None
    compute = Counted()
    for _ in range(2):
        remembered(KEY, compute, SHAPES)
    assert compute.count == 2
    assert not list(tmp_path.iterdir())


def _fails(name):
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("found", [lambda name: Path("~/.cache") / name, _fails])
def test_without_a_home_nothing_is_kept(folder, monkeypatch, tmp_path, found):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CACHE)
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", found)
    assert cache_folder() is None
    remembered(KEY, Counted(), SHAPES)
    assert not list(tmp_path.iterdir())
    assert "no home folder is known" in CliRunner().invoke(app, ["cache"]).stdout


def test_without_a_name_it_is_the_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE, "")
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    assert cache_folder() == tmp_path / "pinndd"


def test_a_name_is_relative_to_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE, "here")
    assert cache_folder() == tmp_path / "here"


def test_two_processes_at_once_leave_one_whole_file(folder):
    code = f"""
import numpy as np
from pinndd.pinn.solving import cache
cache.LEAST_SECONDS = 0.0
for k in range(10):
    (cache.cache_folder() / "{KEY}.npz").unlink(missing_ok=True)
    u = cache.remembered("{KEY}", lambda: {{"u": np.full((300, 300), 7.0)}}, {{"u": (300, 300)}})["u"]
    assert (u == 7).all()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(cache.__file__).parents[3])}
    started = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(2)]
    assert [process.wait(60) for process in started] == [0, 0]
    assert [p.name for p in folder.iterdir()] == [f"{KEY}.npz"]
    kept = remembered(KEY, lambda: pytest.fail("is not whole"), {"u": (300, 300)})["u"]
    assert (kept == 7).all()


def test_a_declared_reference_is_asked_once(folder, module):
    found = []
    for _ in range(2):
        pde = load_pde(module)
        found.append(solutions(pde, drawn(pde), points_of(pde)))
        executed = next(m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == str(module))
    assert found[0].numpy().tobytes() == found[1].numpy().tobytes()
    assert found[1].is_contiguous()
    # the module was executed again, and its reference was not called
    assert executed.CALLS == []


@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_our_own_solutions_are_read_bit_for_bit(folder, monkeypatch, name):
    monkeypatch.setattr(truth, "WIDTHS", {2: (60, 80)})
    found = []
    for again in range(2):
        if again:
            monkeypatch.setattr(truth, "solve_densely", lambda *_: pytest.fail("solved again"))
            monkeypatch.setattr(truth, "solve_with_estimate", lambda *_: pytest.fail("chosen again"))
        pde = load_pde(name)
        unaided = replace(pde, reference=None)
        object.__setattr__(unaided, "source", pde.source)
        values = drawn(unaided)
        found.append((own_settings(unaided), solutions(unaided, values, points_of(pde)), truth_errors(unaided, values)))
    assert found[0][0] == found[1][0]
    for first, second in zip(found[0][1:], found[1][1:], strict=True):
        assert first.numpy().tobytes() == second.numpy().tobytes()


def test_a_pde_that_no_module_defines_is_not_kept(folder, module):
    pde = replace(load_pde(module), title="changed in a script")
    assert key_of(pde, "declared", drawn(pde)) is None
    solutions(pde, drawn(pde), points_of(pde))
    assert not folder.exists()


def key(path):
    pde = load_pde(path)
    return key_of(pde, "declared", drawn(pde), points_of(pde))


@pytest.mark.parametrize("edited", ["mine.py", "helper.py", "later.py", "numbers_of/rates.py"])
def test_an_edited_module_has_another_key(module, edited):
    before = key(module)
    assert key(module) == before
    file = module.parent / edited
    file.write_text(file.read_text() + "\n# edited\n")
    assert key(module) != before


def test_a_file_that_the_module_names_counts(module):
    table = module.parent / "k.csv"
    table.write_text("1")
    unnamed = key(module)
    module.write_text(module.read_text() + "\nTABLE = 'k.csv'\n")
    before = key(module)
    assert before != unnamed
    table.write_text("1.5")
    assert key(module) != before


def test_strings_and_imports_that_name_no_file_do_no_harm(tmp_path):
    path = tmp_path / "mine.py"
    (tmp_path / "broken.py").write_text("def")
    text = "import broken, nowhere, mine\nfrom . import beside\nA = ['', '.', 'a\\0b', 'x' * 9, '/', '%s', '" + 250 * "é" + "']\n"
    path.write_text(text)
    found = dependencies_of(path, path.read_bytes())
    assert found == dependencies_of(path, path.read_bytes())
    assert found != dependencies_of(path, b"import nowhere\n")


def test_the_key_depends_on_conditions_points_solver_and_package(module, monkeypatch):
    pde = load_pde(module)
    values, points = drawn(pde), points_of(pde)
    others = [
        key_of(pde, "declared", values, points),
        key_of(pde, "our own", values, points),
        key_of(pde, "declared", values, torch.nextafter(points, points + 1)),
        key_of(pde, "declared", values),
        key_of(pde, "declared", drawn(pde, count=3), points),
        key_of(pde, "declared", BoundaryValues(pde.ensemble("fast"), values.coefficients), points),
    ]
    monkeypatch.setattr(keys, "_code", lambda: ("another version",))
    others.append(key_of(pde, "declared", values, points))
    assert len(set(others)) == len(others)
    assert all(len(k) == 64 for k in others)


def test_sines_that_vanish_on_the_grid_are_told_apart(module):
    ensemble = load_pde(module).ensemble()
    coefficients = torch.ones((1, 2), dtype=torch.float64)
    waves = [ensemble.with_families({"start": Sine(modes=modes)}) for modes in ((16, 32), (32, 48))]
    prints = {keys.fingerprint(BoundaryValues(each, coefficients)) for each in waves}
    assert len(prints) == 2


def test_the_key_depends_on_versions_of_libraries(monkeypatch):
    monkeypatch.setattr(keys, "version", lambda name: f"1.{name}")
    assert {"torch 1.torch", "numpy 1.numpy"} <= set(keys._code.__wrapped__())


def test_the_command_shows_and_clears_only_what_is_ours(folder):
    remembered(KEY, Counted(), SHAPES)
    leftover = folder / f".{KEY}.npz.abc.tmp"
    leftover.write_bytes(bytes(100_000))
    mine = folder / "mnist.npz"
    mine.write_text("a data set")
    said = CliRunner().invoke(app, ["cache"])
    assert said.exit_code == 0
    assert said.stdout == f"{folder}: 2 files, 0.1 MB of true solutions and bodies, safe to delete (--clear)\n"
    assert CliRunner().invoke(app, ["cache", "--clear"]).stdout == f"{folder}: removed 2 files, 0.1 MB\n"
    assert list(folder.iterdir()) == [mine]
    assert CliRunner().invoke(app, ["cache"]).stdout.startswith(f"{folder}: 0 files, 0.0 MB")


def test_the_command_on_a_folder_that_is_not_there(folder):
    assert CliRunner().invoke(app, ["cache", "--clear"]).stdout == f"{folder}: removed 0 files, 0.0 MB\n"
    assert not folder.exists()


def test_the_command_refuses_a_file_in_place_of_the_folder(folder):
    folder.write_text("")
    said = CliRunner().invoke(app, ["cache"])
    assert said.exit_code == 2
    assert said.stderr.split() == f"pinndd: {folder} is a file; expected a folder: set {CACHE} to one".split()


def test_the_command_says_that_it_is_off(monkeypatch):
    monkeypatch.setenv(CACHE, "off")
    assert "nothing is kept: PINNDD_CACHE=off" in CliRunner().invoke(app, ["cache"]).stdout
