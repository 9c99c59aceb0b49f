"""What a process inherits: each surrounding in a process of its own, and the spelling of what an encoding lacks."""

import ast
import codecs
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pinndd
from pinndd.surroundings import _spelled, spelled

PACKAGE = Path(pinndd.__file__).parent
ROD = """
import matplotlib
import deepxde as dde
from pinndd import PDE, Dirichlet, Initial, families

assert matplotlib.get_backend() == "agg"
domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))

def residual(x, u):
    return dde.grad.jacobian(u, x, i=0, j=1) - 0.1 * dde.grad.hessian(u, x, i=0, j=0)

pde = PDE(
    name="rod", title="Wärme ψ — größer", domain=domain, residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Sine(modes=1)),
        Dirichlet("right", at={"x": 1}, values=families.Sine(modes=1)),
        Initial("start", values=families.Sine(modes=1)),
    ],
    shifts={"low": {"start": families.Sine(modes=1, amplitude=0.5)}},
)
"""


def run(*arguments, cwd=None, without=(), **variables):
    """Run the command line in a process of its own; exit code, standard output and standard error, as bytes."""
    environment = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY", *without}} | variables
    command = [sys.executable, "-m", "pinndd", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, cwd=cwd, env=environment, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_backend_of_a_notebook_and_no_display(tmp_path):
    (tmp_path / "rod.py").write_text(ROD, encoding="utf-8")
    values = [x for name in ("left", "right", "start") for x in ("--values", f"{name}=1")]
    surrounding = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "PINNDD_CACHE": "off"}
    code, _, said = run("solve", "rod.py", *values, "--plot", "field.png", cwd=tmp_path, **surrounding)
    assert code == 0, said
    assert (tmp_path / "field.png").read_bytes().startswith(b"\x89PNG")


def test_an_output_in_another_encoding():
    code, printed, said = run("list", PYTHONIOENCODING="ascii")
    assert code == 0, said
    assert b" Schrodinger" in printed


def test_a_locale_without_letters_and_a_path_with_all_of_them(tmp_path):
    folder = tmp_path / "my spaces ψ größe"
    folder.mkdir()
    (folder / "rod.py").write_text(ROD, encoding="utf-8")
    code, printed, said = run("list", folder / "rod.py", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert code == 0, said
    assert b"Warme psi - grosser" in printed


def test_no_home(tmp_path):
    code, printed, said = run("cache", cwd=tmp_path, without=("HOME", "XDG_CACHE_HOME", "PINNDD_CACHE", "USER", "LOGNAME"))
    assert code == 0, said
    assert printed
    assert not list(tmp_path.iterdir())


def test_a_home_that_cannot_be_written_to():
    code, _, said = run("list", HOME="/dev/null", XDG_CACHE_HOME="/dev/null/c", PINNDD_CACHE="/dev/null/k")
    assert (code, said) == (0, b"")


def test_what_an_encoding_has_is_kept():
    codecs.register_error("pinndd", _spelled)
    assert "ö ± ψ10⁻² \udcff".encode("cp1252", "pinndd") == b"\xf6 \xb1 psi10^-\xb2 \xff"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1.0 ± 0.1 ≤ 2 × 10⁻¹²", "1.0 +/- 0.1 <= 2 x 10^-12"),
        ("Δψ₁ → Σ û²", "Deltapsi1 -> Sigma u^2"),
        ("naïve Ωé", "naive Omegae"),
        ("1½ – 2", "1 1/2 - 2"),
        ("漢", "?"),
    ],
)
def test_spelling(text, plain):
    assert spelled(text) == plain


def test_everything_that_the_package_says_can_be_spelled():
    sources = [p for p in (*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "pdes").glob("*.py")) if p.name != "surroundings.py"]
    letters = {c for path in sources for c in path.read_text(encoding="utf-8") if not c.isascii()}
    assert "ψ" in letters
    assert [c for c in sorted(letters) if "?" in spelled(c)] == []


def test_text_is_read_and_written_in_a_named_encoding():
    odd = []
    for path in PACKAGE.rglob("*.py"):
        calls = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
        text = [n for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr in {"read_text", "write_text"}]
        odd += [f"{path.name}:{n.lineno}" for n in text if "encoding" not in {k.arg for k in n.keywords}]
    assert odd == []
