"""Several processes at a time: none waits for another, none is left behind."""

import os
import sys
import time
from types import SimpleNamespace

import pytest

from pinndd.pinn.solving.parts import PROCESSES
from pinndd.study.run_many import Job, run_many


def job(folder, name, code):
    return Job(name, [sys.executable, "-c", code], folder / f"{name}.log")


def test_at_most_so_many_run_and_a_failure_stops_nobody(tmp_path):
    events, running, most = {}, set(), []

    def started(one):
        running.add(one.name)
        most.append(len(running))

    def finished(ended):
        running.remove(ended.job.name)
        events[ended.job.name] = ended

    codes = {
        "good": "print('done')",
        "bad": "import sys; print('broken', file=sys.stderr); sys.exit(3)",
        "late": "print('late')",
    }
    run_many([job(tmp_path, n, c) for n, c in codes.items()], 2, started, finished, pause=0.01)
    assert {n: e.code for n, e in events.items()} == {"good": 0, "bad": 3, "late": 0}
    assert max(most) == 2
    assert (events["bad"].last_words, events["late"].last_words) == ("broken", "late")


def test_every_process_has_one_thread(tmp_path):
    seen = []
    show = job(tmp_path, "threads", "import os; print(os.environ['OMP_NUM_THREADS'])")
    run_many([show], 1, lambda one: None, seen.append, pause=0.01)
    assert seen[0].last_words == "1"


@pytest.mark.parametrize(("at_once", "each"), [(1, "6"), (4, "1"), (7, "1")])
def test_studies_at_a_time_share_the_processes_of_true_solutions(tmp_path, monkeypatch, at_once, each):
    monkeypatch.setenv(PROCESSES, "6")
    seen = []
    show = job(tmp_path, "share", f"import os; print(os.environ['{PROCESSES}'])")
    run_many([show], at_once, lambda one: None, seen.append, pause=0.01)
    assert seen[0].last_words == each


def test_ctrl_c_leaves_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr("pinndd.study.run_many._PATIENCE", 0.2)
    number = tmp_path / "pid"
    sleeper = job(
        tmp_path, "sleeper", f"import os, time; open({str(number)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    begun = []

    def interrupted(seconds):
        """What Ctrl-C does to the waiting parent, once the process is up."""
        time.sleep(seconds)
        if number.exists() and number.read_text():
            raise KeyboardInterrupt

    monkeypatch.setattr("pinndd.study.run_many.time", SimpleNamespace(sleep=interrupted, monotonic=time.monotonic))
    with pytest.raises(KeyboardInterrupt):
        run_many([sleeper, job(tmp_path, "never", "print(1)")], 1, begun.append, lambda ended: None, pause=0.01)
    assert [one.name for one in begun] == ["sleeper"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)
