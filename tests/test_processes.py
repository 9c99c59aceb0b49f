"""One distillation on two processes is that of one process, to rounding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pinndd.cli import main
from pinndd.processes import processes
from pinndd.terminal.settings import Options
from pinndd.terminal.several import TORCHRUN, joined

SCRIPT = Path(__file__).parent / "two_processes.py"


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the first of two gloo processes found."""
    folder = tmp_path_factory.mktemp("two")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parent.parent)}
    both = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(rank), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        for rank in range(2)
    ]
    printed = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    return json.loads(printed[0][0])


@pytest.mark.parametrize("learner", ["ridge", "gauss-newton", "mlp-lm", "classification"])
def test_shares_of_a_batch_add_up_to_the_gradient_of_its_risk(said, learner):
    found = said["differences"][learner]
    assert set(found) == {"mean", "cvar", "geometric mean", "set", "risk"}
    assert max(found.values()) < 1e-7, found


def test_what_cannot_be_split_is_refused(said):
    few, odd, estimator = said["refusals"]
    assert "2 processes for 1 episodes" in few
    assert "range cannot be split" in odd
    assert "object cannot be split over 2 processes; expected Exact" in estimator


def test_the_first_alone_writes_and_hears_of_a_process_that_is_lost(said):
    assert said["written"] == [f"{name}-0.npz" for name in ("classification", "gauss-newton", "mlp-lm", "ridge")]
    assert "process 1 of 2 no longer hears from another one" in said["lost"]


def test_torchrun_with_another_command_or_a_first_look_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setattr(sys, "argv", ["pinndd", "list"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "torchrun splits one distillation: start 'pinndd list' without it" in capsys.readouterr().err
    for name in TORCHRUN:
        monkeypatch.setenv(name, "2" if name.endswith("SIZE") else "0")
    with pytest.raises(ValueError, match="--quick stops by the clock"), joined(Options(quick=True)):
        pass


def test_without_torchrun_a_process_is_alone():
    options = Options(quick=True)
    with joined(options) as (mine, writes):
        assert (mine, writes, processes()) == (options, True, (0, 1))
