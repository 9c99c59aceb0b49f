"""What is imported before anything is asked for."""

import subprocess
import sys

import pytest


def modules_after(code):
    """Names of the modules that are loaded after ``code``, in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("code", ["import pinndd", "import pinndd.cli", "import pinndd.tasks, pinndd.learners"])
def test_importing_is_cheap(code):
    assert not modules_after(code) & {"torch", "deepxde", "matplotlib", "scipy", "numpy", "jinja2"}


def test_help_imports_no_torch():
    code = """
import sys
import pinndd.cli
sys.argv = ["pinndd", "study", "--help"]
try:
    pinndd.cli.main()
except SystemExit:
    pass
"""
    assert not modules_after(code) & {"torch", "deepxde", "matplotlib", "scipy", "numpy"}
