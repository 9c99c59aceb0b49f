"""One distillation on two processes is that of one process, to rounding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import typer

from pinndd.cli import main
from pinndd.pinn.declare.loading import load_pde
from pinndd.processes import processes, require_enough
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.settings import StudySettings
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


def test_what_is_tuned_is_tuned_by_the_first_alone(said):
    assert said["first"] == [0.5, 1]  # and the other one asserts what it has


@pytest.fixture
def torchrun(monkeypatch):
    """Two processes, of which this is the first; no group is made, and ending at once is a `SystemExit`."""
    for name in TORCHRUN:
        monkeypatch.setenv(name, "2" if name.endswith("SIZE") else "0")
    made = []
    monkeypatch.setattr(dist, "init_process_group", made.append)
    monkeypatch.setattr(dist, "destroy_process_group", lambda: made.append("left"))
    monkeypatch.setattr(os, "_exit", sys.exit)
    return made


def test_a_process_that_fails_ends_at_once_with_its_code(torchrun):
    with joined(Options()) as (_, writes):
        assert writes
    assert torchrun == ["gloo", "left"]
    with pytest.raises(SystemExit) as ended, joined(Options()):
        raise typer.Exit(1)
    assert (ended.value.code, torchrun[2:]) == (1, ["gloo"])


@pytest.mark.parametrize(
    ("device", "said"),
    [("cuda", "--device cuda: there is no such device here"), ("foo", "--device foo: there is no such device here")],
)
def test_a_device_that_is_not_there_is_refused_before_processes_join(torchrun, device, said):
    with pytest.raises(ValueError, match=said), joined(Options(device=device)):
        pass
    assert torchrun == []


def test_each_process_has_a_gpu_of_its_own(torchrun, card, monkeypatch, capsys):
    current = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    for device in ("auto", "cuda", "cpu"):
        with joined(Options(device=device)) as (options, _):
            assert options.device == device
    assert (current, torchrun[::2]) == ([0, 0], ["cpu:gloo,cuda:nccl"] * 3)
    with pytest.raises(ValueError, match="--device cuda:1: 2 processes need a GPU each"), joined(Options(device="cuda:1")):
        pass
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="2 processes for 1 GPUs here"), joined(Options(device="cuda")):
        pass
    with joined(Options(device="auto")) as (options, _):
        assert options.device == "cpu"
    assert "device: cpu, since there are 2 processes for 1 GPUs" in capsys.readouterr().out


def test_more_processes_than_episodes_are_refused_before_anything_is_tuned(monkeypatch):
    monkeypatch.setattr("pinndd.processes.processes", lambda: (0, 13))
    require_enough(13)
    study = protocol_named("retrain").open(load_pde("burgers"), settings=StudySettings(learner="gauss-newton"))
    with pytest.raises(ValueError, match="13 processes for 12 episodes per step: each takes one at least, so start at most 12"):
        require_enough(study.recipe.outer.batch)


def test_without_torchrun_a_process_is_alone():
    options = Options(quick=True)
    with joined(options) as (mine, writes):
        assert (mine, writes, processes()) == (options, True, (0, 1))
