"""What is imported before anything is asked for, and the processor time that it takes."""

import os
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


def test_next_to_nothing_is_imported_before_signals_are_heeded():
    """What is imported until then is time in which Ctrl-C shows Python's own traceback."""
    own = {"__future__", "pinndd", "pinndd.lazy", "pinndd.start", "pinndd.first_signals"}
    assert modules_after("import pinndd.start") - modules_after("pass") <= own


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


@pytest.mark.parametrize(
    ("command", "seconds"),
    [(["-c", "import pinndd"], 0.3), (["-m", "pinndd", "--help"], 0.5), (["-m", "pinndd", "list"], 2.0)],
    ids=["import", "help", "list"],
)
def test_the_processor_time_of_a_start(command, seconds):
    def once():
        before = os.times()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    # the first of them may have to compile; other processes disturb any of them
    assert min(once() for _ in range(3)) < seconds


@pytest.mark.parametrize("command", ["list", "cache"])
def test_what_only_lists_imports_no_torch(command):
    code = f"""
import sys
import pinndd.cli
sys.argv = ["pinndd", "{command}"]
try:
    pinndd.cli.main()
except SystemExit:
    pass
"""
    numerical = {"torch", "deepxde", "matplotlib", "scipy"} | ({"numpy"} if command == "list" else set())
    assert not modules_after(code) & numerical


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (
            ["solve", "heat", "--values=left=0", "--values=right=0", "--values=start=1,0,0", "--out=u.nc", "--plot=u.png"],
            {"pandas", "xarray", "sklearn", "scipy.stats", "scipy.special", "scipy.optimize", "matplotlib.pyplot"},
        ),
        (["check", "heat"], {"pandas", "xarray", "sklearn", "scipy", "matplotlib"}),
    ],
    ids=["solve", "check"],
)
def test_a_solution_and_a_check_import_what_they_need_alone(arguments, unneeded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = f"""
import sys
import pinndd.cli
sys.argv = ["pinndd", *{arguments}]
try:
    pinndd.cli.main()
except SystemExit as end:
    assert end.code == 0
"""
    assert not modules_after(code) & unneeded
