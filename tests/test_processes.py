"""One distillation on two processes is that of one process, to rounding."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import typer

from pinndd.cli import main
from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.processes import processes, require_enough
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.engine import distill_best
from pinndd.study.protocols.retrain import RetrainBench
from pinndd.study.protocols.settings import StudySettings
from pinndd.terminal.settings import Options
from pinndd.terminal.several import TORCHRUN, joined

SCRIPT, COMMANDS = (Path(__file__).parent / name for name in ("two_processes.py", "of_torchrun.py"))


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


@pytest.mark.parametrize("learner", ["ridge", "gauss-newton", "mlp-lm", "classification", "bank"])
def test_shares_of_a_batch_add_up_to_the_gradient_of_its_risk(said, learner):
    found = said["differences"][learner]
    risks = {"over parts"} if learner == "bank" else {"mean", "cvar", "geometric mean", "grouped"}
    assert set(found) == {*risks, "set", "risk"}
    assert max(found.values()) < 1e-7, found


def test_a_judge_hears_of_the_losses_of_all(said):
    apart, from_the_risk = said["judged"]
    assert apart < 1e-12
    assert from_the_risk > 0.01  # it is another risk indeed


def test_what_cannot_be_split_is_refused(said):
    few, odd, estimator, member, validation = said["refusals"]
    assert "2 processes for 1 episodes" in few
    assert "range cannot be split" in odd
    assert "object cannot be split over 2 processes; expected Exact" in estimator
    assert "SPSA cannot be split over 2 processes" in member
    assert "2 processes for 1 validation conditions: each takes one at least, so start at most 1" in validation


def test_the_first_alone_writes_and_hears_of_a_process_that_is_lost(said):
    assert said["written"] == [f"{name}-0.npz" for name in ("bank", "classification", "gauss-newton", "mlp-lm", "ridge")]
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


def commanded(folder, count, *words):
    """Return code, output and errors of every process of a command that torchrun starts ``count`` times."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = {**os.environ, "PYTHONPATH": str(COMMANDS.parent.parent), "COLUMNS": "200"}
    all_of_them = [
        subprocess.Popen(
            [sys.executable, str(COMMANDS), str(rank), str(count), port, *words],
            cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for rank in range(count)
    ]  # fmt: skip
    said = [process.communicate(timeout=300) for process in all_of_them]
    return [(process.returncode, *printed) for process, printed in zip(all_of_them, said, strict=True)]


def test_a_distillation_of_two_processes_ends_as_that_of_one_does(tmp_path):
    words = ("distill", "heat", "--learner", "ridge", "--points", "12", "--boundary-points", "9", "--out")
    first, second = commanded(tmp_path, 2, *words, "both.npz")
    (alone,) = commanded(tmp_path, 1, *words, "alone.npz")
    assert (first[0], second, alone[0]) == (0, (0, "", ""), 0), (first, second, alone)
    assert "saved: both.npz" in first[1]
    # the error in validation, the last line but for the seconds
    assert first[1].splitlines()[-1].partition("; distilled")[0] == alone[1].splitlines()[-1].partition("; distilled")[0]
    assert [path.name for path in tmp_path.iterdir() if "checkpoint" in path.name] == []
    both, one = (SyntheticData.load(tmp_path / f"{name}.npz") for name in ("both", "alone"))
    for name in one.learnable:
        torch.testing.assert_close(both[name], one[name], rtol=1e-6, atol=1e-6)


def test_what_two_processes_cannot_share_is_said_once_and_ends_both(tmp_path):
    first, second = commanded(tmp_path, 2, "distill", "heat", "--points", "0")
    assert (first[0], second[0], second[2]) == (2, 2, "")
    assert first[2].count("pinndd: ") == 1


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


def test_a_process_that_fails_ends_at_once_with_its_code(torchrun, capsys):
    with joined(Options()) as (_, writes):
        assert writes
    assert torchrun == ["gloo", "left"]
    with pytest.raises(SystemExit) as ended, joined(Options()):
        raise typer.Exit(2)
    assert (ended.value.code, torchrun[2:]) == (2, ["gloo"])
    with pytest.raises(SystemExit) as ended, joined(Options()):
        raise TypeError("x cannot be split")
    assert (ended.value.code, torchrun[3:]) == (1, ["gloo"])
    assert "unexpected TypeError: x cannot be split. This is a fault of pinndd" in capsys.readouterr().err


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


def test_protocols_whose_one_training_serves_all_are_refused_before_anything_is_tuned(monkeypatch):
    monkeypatch.setattr("pinndd.study.protocols.engine.processes", lambda: (0, 2))
    study = protocol_named("amortised").open(load_pde("heat"), settings=StudySettings())
    with pytest.raises(ValueError, match="--protocol amortised cannot be shared by 2 processes, since one training serves all"):
        distill_best(study.benches(0)[0])


def test_of_a_bank_every_learner_has_a_share(monkeypatch):
    bench = protocol_named("retrain").open(load_pde("heat"), settings=StudySettings(learner="ridge")).benches(0)[0]
    assert bench.outer.batch == 64
    for module in ("pinndd.study.protocols.engine", "pinndd.processes"):
        monkeypatch.setattr(f"{module}.processes", lambda: (0, 22))
    monkeypatch.setattr(RetrainBench, "members", ("a body", "random features", "others"))
    with pytest.raises(ValueError, match="22 processes for 21 episodes per step"):
        distill_best(bench)


def test_without_torchrun_a_process_is_alone():
    options = Options(quick=True)
    with joined(options) as (mine, writes):
        assert (mine, writes, processes()) == (options, True, (0, 1))
