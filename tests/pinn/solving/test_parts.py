"""True solutions by several processes: the same bit for bit as by one, and errors say what they say in one."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from pinndd import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.solving import parts, truth
from pinndd.pinn.solving.parts import PROCESSES, process_count, processors, solved_one_by_one
from pinndd.pinn.solving.telling import tell, telling
from pinndd.pinn.solving.truth import solutions, truth_errors
from pinndd.terminal.progress import ProgressBars
from pinndd.user_code import UserArithmeticError, UserCodeError

MODULE = """
import os
import time

import deepxde as dde
import numpy as np
from scipy.integrate import solve_ivp

from pinndd import PDE, Initial, families
from rate import RATE

PIDS = set()

def reference(values, points):
    "Solve u_t = -RATE u^2 by steps, one condition after the other."
    PIDS.add(os.getpid())
    found = []
    for start in values["start"](points[:, 0]).numpy():
        time.sleep(PAUSE)
        FAIL
        found.append(solve_ivp(lambda t, u: -RATE * u**2, (0, 1), start, t_eval=[1.0], rtol=1e-8).y[:, -1] + os.getpid() * TELL)
    return np.stack(found)

pde = PDE(
    name="mine",
    domain=dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1)),
    residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=1) + RATE * u**2,
    conditions=[Initial("start", values=families.Sine(modes=2, mean=lambda x: 2.0 + x))],
    reference=reference,
    shifts={"fast": {"start": families.Sine(modes=(3, 4))}},
)
"""


def written(folder, *, pause=0.0, fail="pass", tell=0, **changes):
    """Load a module whose reference solves one condition after the other."""
    (folder / "rate.py").write_text("RATE = 0.3\n")
    text = MODULE.replace("PAUSE", str(pause)).replace("FAIL", fail).replace("TELL", str(tell))
    (folder / "mine.py").write_text(text)
    return load_pde(folder / "mine.py")


@pytest.fixture
def eager(monkeypatch):
    """Two processes, and others are started after the first condition; progress is shown at once."""
    monkeypatch.setenv(PROCESSES, "2")
    for module in (parts, truth):
        monkeypatch.setattr(module, "WORTH", 0.0)
        monkeypatch.setattr(module, "SHOWN", 0.0)


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left():
    yield
    from loky import get_reusable_executor

    get_reusable_executor(1).shutdown(wait=True, kill_workers=True)


def drawn(pde, count=6):
    ensemble = pde.ensemble()
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(5)))


POINTS = torch.tensor([[0.1, 1.0], [0.4, 0.5], [0.9, 0.2]], dtype=torch.float64)


def test_a_reference_of_a_module_is_asked_elsewhere_with_the_same_numbers(tmp_path, eager, monkeypatch):
    heard = []
    pde = written(tmp_path, pause=0.02)
    with telling(lambda *said: heard.append(said)):
        several = solutions(pde, drawn(pde), POINTS)
    assert heard[-1] == ("mine: true solutions", 6, 6, None)
    assert [said[1] for said in heard] == sorted(said[1] for said in heard)
    monkeypatch.setenv(PROCESSES, "1")
    assert torch.equal(several, solutions(pde, drawn(pde), POINTS))
    assert torch.equal(several, truth._answer(pde, drawn(pde), POINTS))


def test_it_is_indeed_other_processes_that_solve(tmp_path, eager):
    here = os.getpid()
    pde = written(tmp_path, pause=0.2, tell=1)
    found = solutions(pde, drawn(pde), POINTS) - solutions(written(tmp_path), drawn(pde), POINTS)
    pids = {round(v) for v in found.flatten().tolist()}
    assert len(pids) == 3
    assert here in pids


def test_what_is_solved_together_is_asked_once(eager, monkeypatch):
    pde = load_pde("allen_cahn")
    monkeypatch.setattr(truth, "solved_one_by_one", lambda *_: pytest.fail("it takes no longer for two than for one"))
    assert torch.equal(solutions(pde, drawn(pde), POINTS), truth._answer(pde, drawn(pde), POINTS))


def test_small_work_starts_no_process(monkeypatch, tmp_path):
    monkeypatch.setenv(PROCESSES, "2")
    monkeypatch.setattr(parts, "_elsewhere", lambda *_: pytest.fail("a process was started"))
    solutions(load_pde("heat"), drawn(load_pde("heat"), 40), POINTS)
    with telling(lambda *_: pytest.fail("it takes no time that anybody could see")):
        solutions(written(tmp_path), drawn(written(tmp_path), 4), POINTS)


def test_our_own_solutions_are_the_same(tmp_path, eager, monkeypatch):
    written(tmp_path)
    text = (tmp_path / "mine.py").read_text().replace("reference=reference,", "")
    (tmp_path / "own.py").write_text(text)
    several, one = load_pde(tmp_path / "own.py"), load_pde(tmp_path / "own.py")
    monkeypatch.setattr(truth, "own_settings", lambda pde: truth.DenseSettings(40, 1))
    where = [*(truth_errors(several, drawn(several)),), solutions(several, drawn(several), POINTS)]
    monkeypatch.setenv(PROCESSES, "1")
    again = [*(truth_errors(one, drawn(one)),), solutions(one, drawn(one), POINTS)]
    assert all(torch.equal(a, b) for a, b in zip(where, again, strict=True))


@pytest.mark.parametrize(("fail", "kind"), [("raise SystemExit(0)", UserCodeError), ("1 / 0", UserArithmeticError)])
def test_a_reference_that_raises_says_what_it_says_in_one_process(tmp_path, eager, monkeypatch, fail, kind):
    # the last condition fails, which another process solves
    pde = written(tmp_path, pause=0.02, fail=f"if start[0] > 1e6: {fail}")
    values = drawn(pde)
    values.coefficients[-1] = 1e9
    said = []
    for processes in "21":
        monkeypatch.setenv(PROCESSES, processes)
        with pytest.raises(kind) as raised:
            solutions(pde, values, POINTS)
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert f"{tmp_path / 'mine.py'}, line " in said[0]
    assert f"`if start[0] > 1e6: {fail}`" in said[0]


def test_a_process_that_dies_is_an_error(tmp_path, eager):
    pde = written(tmp_path, pause=0.02, fail="os._exit(7) if start[0] > 1e6 else 0")
    values = drawn(pde)
    values.coefficients[-1] = 1e9
    with pytest.raises(RuntimeError, match=r"PDE 'mine': a process .* died.*; set PINNDD_PROCESSES=1"):
        solutions(pde, values, POINTS)


@pytest.mark.parametrize("change", ["edited", "beside it", "changed in Python", "cannot be sent"])
def test_where_another_process_cannot_have_the_same_pde_this_one_solves(tmp_path, eager, change, monkeypatch):
    pde = written(tmp_path, pause=0.02, tell=1)
    values = drawn(pde)
    if change == "edited":
        (tmp_path / "mine.py").write_text("raise ValueError('this was never loaded')")
    elif change == "beside it":
        (tmp_path / "rate.py").write_text("RATE = 0.4\n")
    elif change == "changed in Python":
        pde = replace(pde, title="changed")
    else:
        lock = __import__("threading").Lock()
        values = BoundaryValues(replace(values.ensemble, base=_Locked(values.ensemble.base, lock)), values.coefficients)
    found = solutions(pde, values, POINTS)
    assert torch.equal(found, truth._answer(pde, values, POINTS))  # the number of the process is in it


class _Locked(dict):
    def __init__(self, mapping, lock):
        super().__init__(mapping)
        self.lock = lock


@pytest.mark.parametrize("said", ["0", "-2", "many", "1.5", "²"])
def test_the_number_of_processes_must_be_one(said, monkeypatch, tmp_path):
    monkeypatch.setenv(PROCESSES, said)
    with pytest.raises(ValueError, match=r"PINNDD_PROCESSES=.*: expected a whole number from 1 on"):
        process_count()
    pde = written(tmp_path)
    with pytest.raises(ValueError, match="PINNDD_PROCESSES"):
        solved_one_by_one(pde, truth._Answer(POINTS), drawn(pde))


def test_the_number_of_processes_is_that_of_processors_unless_said(monkeypatch):
    monkeypatch.setenv(PROCESSES, "3")
    assert process_count() == 3
    monkeypatch.delenv(PROCESSES)
    assert process_count() == processors() >= 1


def test_nobody_listens_outside():
    heard = []
    with telling(lambda *said: heard.append(said)):
        tell("one", 1, 2)
    tell("two", 1, 2)
    assert heard == [("one", 1, 2, None)]


SCRIPT = """
import sys, torch
from pinndd import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.solving import parts, truth
from pinndd.pinn.solving.telling import telling
parts.WORTH = truth.WORTH = parts.SHOWN = 0.0
print("begins", flush=True)
pde = load_pde(sys.argv[1])
values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(60, torch.Generator().manual_seed(0)))
try:
    with telling(lambda what, done, total, error: print("done", done, flush=True)):
        truth.solutions(pde, values, torch.full((2, 2), 0.5, dtype=torch.float64))
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
def test_ctrl_c_ends_all_within_a_second_and_a_script_needs_no_guard(tmp_path):
    written(tmp_path, pause=0.3)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "mine.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, all of which gets Ctrl-C, as in a terminal
        # a shell that runs the tests in the background lets its children ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={**os.environ, PROCESSES: "2", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if lines[-1] == ["done", "6"]:
            break
    os.killpg(process.pid, signal.SIGINT)
    since = time.monotonic()
    for line in process.stdout:
        if line == "stopped\n":
            break
        lines.append(line.split())
    else:
        pytest.fail("the script ended without a word on Ctrl-C")
    assert time.monotonic() - since < 1.0
    rest, errors = process.communicate(timeout=20)
    assert (rest, errors) == ("", "")  # the other processes say nothing
    assert lines.count(["begins"]) == 1
    assert _gone(process.pid)


def _gone(group):
    """Whether no process of a group is left; init may take a moment to bury them."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_bars_listen_and_begin_again():
    console = Console(force_terminal=True, file=io.StringIO())
    with ProgressBars(console) as bars:
        for done in (0, 3, 6, 0, 2):
            tell("mine: true solutions", done, 6)
        (task,) = bars._bars.tasks
        assert (task.completed, task.total, task.finished) == (2, 6, False)
    tell("nobody listens any more", 0, 1)
    assert "mine: true solutions" in console.file.getvalue()


def test_outside_a_terminal_a_line_says_what_begins_and_now_and_then_how_far_it_is():
    console, now = Console(force_terminal=False, file=io.StringIO(), width=40), [0.0]
    with ProgressBars(console, clock=lambda: now[0]) as bars:
        for step in range(101):  # a step takes a second, and the first one is told as it begins
            now[0] = float(step)
            bars("a stage whose description is longer than a line", step, 100, 0.1)
        bars("another", 0, 1, None)
        bars("another", 1, 1, None)
        now[0] += 200
        for step in (0, 5):  # again, two seconds per step
            now[0] += 2.0 * step
            tell("a stage whose description is longer than a line", step, 100)
    assert console.file.getvalue().splitlines() == [
        "a stage whose description is longer than a line",
        "a stage whose description is longer than a line: 30 of 100, about 70 s left",
        "a stage whose description is longer than a line: 60 of 100, about 40 s left",
        "a stage whose description is longer than a line: 90 of 100, about 10 s left",
        "another",
        "a stage whose description is longer than a line: 5 of 100, about 3.2 min left",
    ]
