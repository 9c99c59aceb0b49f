"""The command line: what it says, to whom, and with which exit code."""

import csv
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

import pinndd.study.run
from pinndd.checkpoint import Checkpoint
from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation, DivergedError
from pinndd.pinn.declare.loading import list_pdes, load_pde, remembered
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.storage.locks import writing_alone
from pinndd.study.protocols.engine import Trial
from pinndd.study.results.benchmark import load_benchmark
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.table import as_table
from pinndd.terminal import distilling, evaluating, exporting, studying_many
from pinndd.terminal.cells import Answer, run_cell
from pinndd.terminal.settings import Options, study_settings

pytestmark = pytest.mark.usefixtures("unrendered", "few_conditions")

COMMANDS = ["list", "check", "body", "distill", "study", "evaluate", "solve", "plot", "export", "cache"]


def refused(said, *parts, code=2):
    """A refusal is one line on the standard error, without a traceback."""
    assert said.code == code, said
    lines = [line for line in said.err.splitlines() if line.startswith("pinndd: ")]
    assert len(lines) == 1, said
    for part in parts:
        assert part in lines[0]
    assert "Traceback" not in said.err


def results(protocol, seeds):
    common = {"pde": "heat", "protocol": protocol, "learner": "ridge", "points": 64, "boundary_points": 30, "shift": "none"}
    return as_table(
        {**common, "method": m, "seed": s, "episode": e, "error": error, "seconds": 0.01, "distilled_with": "ridge" * own}
        for m, error, own in (("sobol", 0.2, False), ("distilled", 0.1, True))
        for s in range(seeds)
        for e in range(3)
    )


def module_text(name, reference="torch.zeros((len(values), points.shape[0]))"):
    """A PDE module with one condition."""
    return textwrap.dedent(
        f"""
        import deepxde as dde
        import torch
        from pinndd import PDE, Dirichlet, families

        def reference(values, points):
            return {reference}

        pde = PDE(
            name="{name}",
            domain=dde.geometry.Rectangle([0, 0], [1, 1]),
            residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=0),
            conditions=[Dirichlet("left", at={{"x": 0}}, values=families.Sine())],
            reference=reference,
        )
        """
    )


@pytest.fixture
def quick_protocols(monkeypatch):
    """Protocols that return at once."""

    def run(pde, protocol, size, settings, progress, allowance, seeds):
        progress(f"{protocol}: distilling", 1, 1, 0.1)
        rows = results(protocol, settings.seeds)
        return Outcome(protocol, rows, [], "sobol", None, [], [1.0] * settings.seeds, [])

    monkeypatch.setattr(pinndd.study.run, "run_protocol", run)


def test_every_command_has_help_with_an_example(call):
    everything = call("--help")
    assert everything.code == 0
    for command in COMMANDS:
        assert command in everything.out
        said = call(command, "--help")
        assert said.code == 0
        assert f"Example: pinndd {command}" in said.out


def test_list(call):
    assert "heat" in call("list").out
    one = call("list", "heat").out
    assert one.startswith("heat: Heat equation on a rod")
    assert "u_t = 0.05 u_xx" in one
    assert "Reference: Legendre collocation" in one
    assert "kind: linear, order 2, (x, t)" in one
    assert "condition start: Initial, Sine(), joins left and right" in one
    assert "condition left: Dirichlet at x = 0, Fourier(" in one
    assert "shift steps" in one
    assert "solved: left out, heat is linear" in one.replace("\n", " ")


def test_list_names_known_functions_and_single_joins(call, tmp_path):
    inflow = "def inflow(s):\n    return s[:, 0]\n\n"
    text = module_text("warm").replace("def reference", inflow + "def reference").replace("families.Sine()", "families.Fixed(inflow)")
    bottom = '), Dirichlet("bottom", at={"y": 0}, values=families.Sine(mean=inflow), joins=("left", None))]'
    (tmp_path / "warm.py").write_text(text.replace(")],", bottom + ",").replace("return s[:, 0]", "return s[:, 0] * (1 - s[:, 0])"))
    said = call("list", str(tmp_path / "warm.py")).out
    assert "condition left: Dirichlet at x = 0, Fixed(function=inflow)\n" in said
    assert "condition bottom: Dirichlet at y = 0, Sine(mean=inflow), joins left\n" in said


def test_list_has_a_line_for_every_module(call):
    pdes, tasks = call("list").out.split("\n\n")[:2]
    found = {line.split()[0]: line for line in pdes.splitlines()[1:]}
    assert set(found) == {name for name, _ in list_pdes()}
    assert [line.split()[0] for line in tasks.splitlines()[1:]] == [name for name, _ in list_pdes("tasks")]
    assert "linear, order 2, (x, t)  " in found["heat"]
    assert "nonlinear, order 2, (x, t)  " in found["burgers"]
    assert "Dirichlet, Initial  " in found["heat"]
    assert found["heat"].endswith("Heat equation on a rod whose two ends follow a prescribed temperature")


def test_list_goes_on_after_a_module_that_does_not_load(call, tmp_path, monkeypatch):
    (tmp_path / "good.py").write_text(module_text("good"))
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    monkeypatch.setattr("pinndd.pinn.declare.modules.module_folders", lambda kind: [tmp_path] if kind == "pdes" else [])
    lines = call("list").out.splitlines()
    assert "does not load" in next(line for line in lines if line.startswith("broken"))
    assert "linear, order 1, (x, y)" in next(line for line in lines if line.startswith("good"))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("laplace_disk", "domain: disk of radius 1 around (0, 0)"),
        ("darcy", "condition left: Neumann from (0, 0) to (0, 1), "),
        ("cavity", "condition pressure: Dirichlet of p at x = 0, y = 0, Zero()"),
        ("kdv", "Periodic along x"),
        ("kdv", "amplitude=0.07, constant=0.5) (standard deviation of its constant: 0.035)"),
    ],
)
def test_list_names_places_and_kinds(call, name, part):
    assert part in call("list", name).out


def test_unknown_pde_has_suggestions(call):
    refused(call("study", "burger"), "'burger'", "burgers")
    refused(call("list", "heet"), "heat")


def test_a_syntax_error_names_file_and_line(call, tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\ndef residual(x, u)\n    return u\n")
    refused(call("check", "mine.py"), "mine.py", "line 2")


def test_check_exits_with_2_for_an_unfit_module(call, tmp_path):
    (tmp_path / "mine.py").write_text(
        textwrap.dedent(
            """
            import deepxde as dde
            import torch
            from pinndd import PDE, Dirichlet, families
            pde = PDE(
                name="mine",
                domain=dde.geometry.Rectangle([0, 0], [1, 1]),
                residual=lambda x, u: torch.cat((u, u), 1)[:, :, None],
                conditions=[Dirichlet("left", at={"x": 0}, values=families.Sine())],
                reference=lambda values, points: torch.zeros((len(values), points.shape[0])),
            )
            """
        )
    )
    result = call("check", "mine.py")
    refused(result, "'mine'", "error")
    assert "residual" in result.out
    assert call("check", "heat").code == 0


@pytest.mark.parametrize("option", ["--points", "--boundary-points", "--tuples", "--seeds", "--test-conditions"])
@pytest.mark.parametrize("value", ["0", "-3"])
def test_numbers_must_be_positive(call, option, value):
    refused(call("study", "heat", option, value), f"{option} {value}: expected a whole number from")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["study"], ["Missing argument 'PDE'", "pinndd study --help"]),
        (["frobnicate"], ["frobnicate", "pinndd --help"]),
        (["study", "heat", "--bogus"], ["--bogus"]),
        (["study", "heat", "--learner", "magic"], ["learner 'magic'", "gauss-newton"]),
        (["study", "heat", "--points", "many"], ["--points", "integer"]),
    ],
)
def test_wrong_usage_is_one_line(call, arguments, parts):
    refused(call(*arguments), *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--boundary-points", "2"], ["2 boundary points for 3 conditions", "give at least 3"]),
        (["--device", "cuda:7"], ["--device cuda:7", "expected one of auto, cpu"]),
        (["--device", "quantum"], ["--device quantum", "expected one of auto, cpu"]),
        (["--learner", "deepxde"], ["learner 'deepxde'", "expected ridge, gauss-newton, body, mlp-adam, mlp-lm", "--judge deepxde"]),
        (["--quick", "--full"], ["--quick and --full"]),
        (["--resume", "--overwrite"], ["--resume and --overwrite"]),
        (["--protocol", "solved"], ["heat is linear", "choose another"]),
        (["--protocol", "retrian"], ["protocol 'retrian'", "expected retrain, "]),
        (["--distance", "relative-l1"], ["distance 'relative-l1'", "expected relative-l2, "]),
        (["--risk", "men"], ["risk 'men'", "expected mean, "]),
        (["--risk", "cvar"], ["cvar:0.1"]),
        (["--judge", "mlp-lbfgs"], ["judge 'mlp-lbfgs'", "expected mlp-"]),
        (["--protocol", "amortised", "--judge", "mlp-lm"], ["'mlp-lm'", "amortised has none", "retrain and sensors have it"]),
        (["--protocol", "retrain", "--conditions", "8"], ["--conditions: the protocol retrain has no", "solved has it"]),
        (["--conditions", "8"], ["--conditions", "heat is linear"]),
        (["--protocol", "amortised", "--points", "8"], ["--points", "retrain and sensors have it"]),
        (["--protocol", "amortised", "--curve"], ["--curve"]),
        (["--protocol", "amortised", "--distance", "relative-h1"], ["without derivatives"]),
        (["--sensors", "2"], ["--sensors 2", "3 conditions to measure"]),
        (["--sensors", "many"], ["--sensors many", "9,12,18"]),
        (["--sensors", "9", "--protocol", "retrain"], ["--sensors", "sensors has it"]),
        (["--sensors", "9", "--boundary-points", "9"], ["--boundary-points", "retrain has it"]),
        (["--boundary-points", "99999999"], ["boundary points 99999999 would need at least 640 GB of memory", "are free"]),
        (["--points", f"1{'0' * 30}"], ["would need at least"]),
        (["--protocol", "amortised", "--tuples", "99999999"], ["tuples 99999999 would need at least"]),
        (["--sensors", f"9,1{'0' * 23}"], ["would need at least"]),
        (["--test-conditions", f"1{'0' * 23}"], ["test conditions 1", "would need at least"]),
        (["--seeds", f"1{'0' * 23}"], ["--seeds", "from 1 to 1000000"]),
    ],
)
def test_bad_options_are_refused_before_any_work(call, arguments, parts, tmp_path):
    refused(call("study", "heat", *arguments), *parts)
    assert not (tmp_path / "runs").exists()


def test_ridge_is_for_linear_problems(call):
    refused(call("study", "burgers", "--learner", "ridge"), "learner 'ridge'", "nonlinear", "gauss-newton")


def test_study_writes_a_run_and_asks_before_it_goes_on(call, quick_protocols, tmp_path):
    done = call("study", "heat", "--quick", "--seeds", "2")
    assert done.code == 0, done
    assert "2.0 (2.0 to 2.0; one distinct error)" in done.out
    assert "runs/heat/report.html" in done.out
    assert "solved is left out" in done.out
    folder = tmp_path / "runs" / "heat"
    assert {"config.toml", "results.csv", "summary.json", "report.html", "figures"} <= {p.name for p in folder.iterdir()}
    refused(call("study", "heat", "--quick", "--seeds", "2"), "runs/heat", "--resume", "--overwrite")
    refused(call("study", "heat", "--quick", "--resume"), "seeds was 2 and is now 1")
    assert call("study", "heat", "--quick", "--seeds", "2", "--resume").code == 0
    assert call("study", "heat", "--quick", "--overwrite").code == 0


def test_study_of_a_folder_that_is_no_run(call, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "main.tex").write_text("precious")
    refused(call("study", "heat", "--out", "thesis", "--overwrite"), "thesis", "no run")


def test_ctrl_c_says_how_to_go_on(call, quick_protocols, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(pinndd.study.run, "run_protocol", interrupted)
    refused(call("study", "heat"), "stopped", "--resume", "runs/heat", code=130)


@pytest.fixture
def in_process(monkeypatch, quick_protocols):
    """Studies of several PDEs one after the other in this process; those named in ``fail`` end with the code 1."""
    done = {"fail": [], "cells": [], "at once": 0}

    def run_on_workers(plan, place, options, out, say, begin, end):
        done["at once"] = place.jobs
        for cell in plan.cells:
            begin(cell)
            done["cells"].append(cell)
            answer = run_cell(cell)
            end(cell, Answer("the reference is singular", 1.0) if cell.pde in done["fail"] else answer)

    monkeypatch.setattr(studying_many, "run_on_workers", run_on_workers)
    return done


def test_several_studies_have_a_folder_each_and_one_results_file(call, in_process, tmp_path):
    asked = ["study", "heat", "burgers", "--quick", "--seeds", "2", "--judge", "mlp-lm", "--judge", "mlp-adam"]
    done = call(*asked, "--jobs", "2")
    assert done.code == 0, done
    assert in_process["at once"] == 2
    assert in_process["cells"][1].command == (  # heat follows Burgers, which takes longer
        "pinndd study heat --seeds 2 --seed 0 --device auto --judge mlp-lm --judge mlp-adam --quick --out runs/all/heat"
    )
    assert "heat: finished" in done.err
    assert "mean ratio retrain 2.0 and amortised 2.0" in done.err
    found = load_benchmark(tmp_path / "runs" / "all" / "benchmark.json")
    assert {(r.pde, r.protocol) for r in found} >= {("heat", "retrain"), ("heat", "amortised")}
    assert (tmp_path / "runs" / "all" / "burgers" / "report.html").exists()
    refused(call("study", "heat", "burgers", "--quick"), "runs/all/heat", "--resume")
    assert call(*asked, "--resume").code == 0
    assert in_process["cells"][-1].resume


def test_a_failing_study_does_not_stop_the_others(call, in_process, tmp_path):
    in_process["fail"] = ["heat"]
    done = call("study", "heat", "poisson", "--results", "found")
    refused(done, "1 of 2 studies failed", "--resume", code=1)
    assert "heat: FAILED (the reference is singular; see runs/all/heat.log)" in done.err
    assert "poisson: finished" in done.err
    assert load_benchmark(tmp_path / "found" / "benchmark.json")


def test_a_module_that_does_not_load_is_reported(call, in_process, tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    done = call("study", "heat", "./broken.py")
    assert done.code == 1
    assert "nothing_of_this_name" in done.err
    assert [cell.pde for cell in in_process["cells"]] == ["heat"]
    (tmp_path / "too.py").write_text("import nothing_of_this_name_either\n")
    refused(call("study", "./broken.py", "./too.py"), "broken.py, line 1", "nothing_of_this_name_either")


def test_all_means_every_packaged_module(call, in_process, tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(module_text(name))
    monkeypatch.setattr("pinndd.pinn.declare.modules.module_folders", lambda kind: [tmp_path] if kind == "pdes" else [])
    assert call("study", "--all", "--protocol", "retrain", "--boundary-points", "4").code == 0
    assert [cell.pde for cell in in_process["cells"]] == ["one", "two"]
    refused(call("study", "--all", "--protocol", "solved"), "linear")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--all", "heat"], ["names or --all"]),
        (["heat", "poisson", "--jobs", "0"], ["--jobs 0", "from 1"]),
        (["heat", "poisson", "--cell", "1"], ["--cell 1", "--of M is missing"]),
        (["heat", "poisson", "--cell", "3", "--of", "2"], ["--cell 3", "from 1 to 2"]),
        (["heat", "poisson", "--cell", "1", "--of", "3"], ["--of 3", "at most 2"]),
        (["heat", "poisson", "--cell", "1", "--of", "2", "--jobs", "2"], ["--cell", "excludes --jobs"]),
        (["heat", "--scheduler", "tcp://127.0.0.1:1", "--jobs", "2"], ["--jobs 2", "excludes --scheduler"]),
        (["heart", "digits"], ["heart: this states a task of hospitals' tables", "a PDE is needed here", "one at a time"]),
        (["digits", "--jobs", "2"], ["--jobs 2", "the study of a stated task is a single piece of work"]),
        (["digits", "--cell", "1", "--of", "1"], ["--cell 1", "the study of a stated task is a single piece of work"]),
        (["heat", "--seeds", "2", "--conditions", "8", "--jobs", "2"], ["--conditions", "heat", "linear"]),
        (["heat", "--quick", "--jobs", "2"], ["--jobs 2", "a single piece of work", "stops by its own clock"]),
        (["heat", "burger"], ["'burger'", "did you mean burgers"]),
        (["heat", "heat"], ["heat stands there more than once", "name each once"]),
    ],
)
def test_bad_lists_are_refused_before_any_work(call, in_process, arguments, parts):
    refused(call("study", *arguments), *parts)
    assert not in_process["cells"]


def test_two_modules_of_one_name_are_refused_before_any_work(call, in_process, tmp_path):
    (tmp_path / "twin.py").write_text(module_text("heat"))
    refused(call("study", "heat", "./twin.py"), "two of the modules define a PDE named 'heat'", "different names")
    assert not in_process["cells"]


def test_one_study_is_put_into_a_results_file_when_asked(call, quick_protocols, tmp_path):
    assert call("study", "heat", "--quick", "--results", "found").code == 0
    assert [r.protocol for r in load_benchmark(tmp_path / "found" / "benchmark.json")] == ["amortised", "retrain"]
    assert (tmp_path / "runs" / "heat" / "report.html").exists()


def test_the_results_file_of_a_checkout(tmp_path, monkeypatch):
    root = Path(pinndd.__file__).parent.parent
    monkeypatch.chdir(root / "tests")
    assert (
        studying_many.results_file(None, Path("runs/all"), Options()) == root / "benchmarks" / "results" / "benchmark.json"
    )
    assert studying_many.results_file(None, Path("r"), Options(quick=True)) == Path("r/benchmark.json")
    monkeypatch.chdir(tmp_path)
    assert studying_many.results_file(None, Path("r"), Options()) == Path("r/benchmark.json")


def test_shares_of_several_studies_write_into_one_results_file(call, quick_protocols, tmp_path, monkeypatch):
    for draw in ("draw_gallery", "draw_together"):
        monkeypatch.setattr(pinndd.study.run, draw, lambda *arguments: [])
    asked = ["study", "advection", "heat", "poisson", "--quick", "--protocol", "retrain", "--of", "2"]
    assert call(*asked, "--cell", "1").code == 0
    assert {r.pde for r in load_benchmark(tmp_path / "runs" / "all" / "benchmark.json")} == {"advection", "poisson"}
    assert call(*asked, "--cell", "2").code == 0
    found = load_benchmark(tmp_path / "runs" / "all" / "benchmark.json")
    assert {r.pde for r in found} == {"advection", "heat", "poisson"}
    assert {r.command for r in found if r.pde == "heat"} == {"pinndd study heat --protocol retrain --seed 0 --device auto --quick"}
    refused(call(*asked, "--cell", "2"), "runs/all/heat", "--resume")


def test_a_failed_run_exits_with_1(call, monkeypatch, tmp_path):
    def failing(*arguments):
        raise ArithmeticError("the fixed-point iteration does not converge")

    monkeypatch.setattr(pinndd.study.run, "run_protocol", failing)
    refused(call("study", "heat"), "does not converge", "PINNDD_TRACEBACK=1", code=1)
    monkeypatch.setenv("PINNDD_TRACEBACK", "1")
    with pytest.raises(ArithmeticError):
        call("study", "heat", "--overwrite")


def test_plot_draws_a_run_again(call, quick_protocols, tmp_path):
    call("study", "heat")
    report = tmp_path / "runs" / "heat" / "report.html"
    report.unlink()
    assert call("plot", "runs/heat").code == 0
    assert report.exists()
    refused(call("plot", "runs/none"), "runs/none", "does not exist")
    (tmp_path / "data.npz").touch()
    refused(call("plot", "data.npz"), "data.npz is a file, and a run is a folder")
    refused(call("plot", str(tmp_path)), "holds no run")


def remembering(name):
    """The header entries by which a set finds a packaged PDE again."""
    return {"pde": name, **remembered(load_pde(name))}


class NothingYet(msgspec.Struct):
    """The numbers of a checkpoint before the first step."""

    step: int = 0
    history: Sequence[object] = ()


@pytest.fixture
def fake_distiller(monkeypatch):
    """A distiller that returns two points at once; ``failure`` is raised instead."""
    import torch

    from pinndd.constraints import Box

    data = SyntheticData({"interior": torch.rand(2, 2)}, {"interior": Box((0, 0), (1, 1))}, remembering("heat"))
    found = {"data": data, "failure": None, "begun": True, "header": {}, "before": None}

    def distill(study, checkpoint, resume):
        if found["begun"]:
            header = {n: v for n, v in study.header(study.settings.seed).items() if n != "module"}
            configuration = {"header": header | found["header"]}
            Checkpoint(configuration, NothingYet(), {}).save(checkpoint)
        if found["failure"]:
            raise found["failure"]
        found["before"] = study.allowance.before
        study.allowance.steps(80, 5, 0.5, lambda: 1e9)
        bench = SimpleNamespace(places=lambda data: {}, in_validation=lambda data: "3 % (of 4)")
        return Trial(bench, Distillation(data.with_header(**study.header(study.settings.seed)), 0.5, [], 1.0), "Why this learner.")

    monkeypatch.setattr(distilling, "distill_first", distill)
    return found


def test_distill_saves_a_set(call, fake_distiller, tmp_path):
    done = call("distill", "heat", "--quick")
    assert done.code == 0, done
    assert "saved: heat-retrain.npz" in done.out
    assert "Why this learner.\nerror 3 % (of 4); distilled in 1.0 s" in done.out
    assert SyntheticData.load(tmp_path / "heat-retrain.npz").header["pde"] == "heat"
    assert not list(tmp_path.glob("*checkpoint*"))
    refused(call("distill", "heat"), "--out heat-retrain.npz exists", "--overwrite")
    (tmp_path / "other.checkpoint.npz").mkdir()
    refused(call("distill", "heat", "--out", "other.npz"), "other.checkpoint.npz, which is a folder: choose another file")
    assert call("distill", "heat", "--overwrite").code == 0


def test_an_interrupted_distillation_is_kept(call, fake_distiller):
    fake_distiller["failure"] = KeyboardInterrupt()
    fake_distiller["begun"] = False
    refused(call("distill", "heat"), "had not begun", code=130)
    fake_distiller["begun"] = True
    refused(call("distill", "heat"), "stopped", "heat-retrain.checkpoint.npz", "--resume", code=130)
    refused(call("distill", "heat", "--overwrite"), "--resume in place of --overwrite", code=130)
    fake_distiller["failure"] = None
    refused(call("distill", "heat"), "interrupted", "--resume", "--overwrite")
    other = call("distill", "heat", "--resume", "--seed", "3", "--points", "40")
    refused(other, "belongs to other settings: seed was 0 and is now 3, points was 64 and is now 40; resume with the same")
    assert call("distill", "heat", "--resume").code == 0


def test_a_first_look_says_what_there_was_no_time_for_and_goes_on_with_what_was_settled(call, fake_distiller):
    said = "Left out, since a first look takes at most 100 seconds of processor time: {} of 80 outer steps. A distillation without"
    done = call("distill", "heat", "--quick")
    assert (done.code, fake_distiller["before"]) == (0, {})
    assert said.format(75) in done.out
    assert "Left out" not in call("distill", "heat", "--overwrite").out
    fake_distiller.update(failure=KeyboardInterrupt(), header={"first look": {"outer steps": 30}})
    call("distill", "heat", "--quick", "--overwrite")
    fake_distiller.update(failure=None)
    assert said.format(50) in call("distill", "heat", "--quick", "--resume").out
    assert fake_distiller["before"] == {"outer steps": 30}
    fake_distiller.update(failure=KeyboardInterrupt(), header={"first look": {"outer steps": "some"}})
    call("distill", "heat", "--quick", "--overwrite")
    refused(call("distill", "heat", "--quick", "--resume"), "heat-retrain.checkpoint.npz holds no state of this run (first look")


def test_resuming_what_is_finished_says_so(call, tmp_path, fake_distiller):
    """A kill after the last write leaves the set and no state: whoever goes on has nothing left to do."""
    asked = ("distill", "heat", "--points", "8")
    assert call(*asked).code == 0
    before = (tmp_path / "heat-retrain.npz").read_bytes()
    again = call(*asked, "--resume")
    assert (again.code, again.out) == (0, "heat-retrain.npz is finished: nothing is left to do\n")
    refused(call(*asked, "--resume", "--seed", "3"), "heat-retrain.npz is finished, with other settings: seed was 0 and is now 3")
    assert (tmp_path / "heat-retrain.npz").read_bytes() == before
    (tmp_path / "heat-retrain.npz").write_bytes(before[:500])
    refused(call(*asked, "--resume"), "heat-retrain.npz")


def test_a_damaged_checkpoint_is_refused_before_any_work(call, fake_distiller, tmp_path):
    fake_distiller["begun"] = False
    (tmp_path / "heat-retrain.checkpoint.npz").write_bytes(b"state")
    refused(call("distill", "heat", "--resume"), "heat-retrain.checkpoint.npz is damaged", "delete it to start anew")
    assert call("distill", "heat", "--overwrite").code == 0


def test_a_set_that_is_being_written_is_left_alone(call, fake_distiller, tmp_path):
    checkpoint = tmp_path / "heat-retrain.checkpoint.npz"
    checkpoint.write_bytes(b"state")
    with writing_alone("--out", tmp_path / "heat-retrain.npz"):
        for choice in ("--overwrite", "--resume"):
            said = f"--out heat-retrain.npz is in use by process {os.getpid()} on {socket.gethostname()} since "
            refused(call("distill", "heat", choice), said, "wait until it has ended, or choose another place")
    assert checkpoint.read_bytes() == b"state"
    assert sorted(p.name for p in tmp_path.iterdir()) == [checkpoint.name]


def test_the_best_set_of_a_diverged_loop_is_saved(call, fake_distiller, tmp_path):
    fake_distiller["failure"] = DivergedError("the risk is not finite at outer step 7", fake_distiller["data"])
    refused(call("distill", "heat"), "outer step 7", "saved as heat-retrain.npz", code=1)
    assert SyntheticData.load(tmp_path / "heat-retrain.npz")


def test_distill_wants_an_npz_file(call):
    refused(call("distill", "heat", "--out", "points.csv"), "points.csv", "points.npz")


def test_the_version_and_the_module_entry_point():
    done = subprocess.run([sys.executable, "-m", "pinndd", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pinndd 0.")


@pytest.fixture
def distilled_file(call, fake_distiller):
    call("distill", "heat")
    return "heat-retrain.npz"


def save_points(path, **header):
    pde = load_pde(header.get("pde", "heat"))
    collocation_data(pde, *sample_points(pde, "sobol", 16, 9, 0)).with_header(**header).save(path)


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_foreign_files_are_refused(call, tmp_path, command):
    refused(call(command, "none.npz"), "none.npz", "pinndd distill")
    (tmp_path / "noise.npz").write_bytes(b"noise")
    refused(call(command, "noise.npz"), "noise.npz", "damaged")
    save_points(tmp_path / "anonymous.npz")
    refused(call(command, "anonymous.npz"), "does not say for which PDE")
    save_points(tmp_path / "digits.npz", evaluation={})
    refused(call(command, "digits.npz"), "for classification", "pinndd.study.classification.evaluate")
    save_points(tmp_path / "heat.npz", protocol="retrain", **remembering("heat"))
    refused(call(command, "heat.npz", "--pde", "burgers"), "'heat'", "'burgers'")


def test_evaluate_prints_and_writes(call, monkeypatch, tmp_path):
    save_points(tmp_path / "heat.npz", protocol="retrain", **remembering("heat"))
    asked = []

    def evaluate(study, protocol, data, learner=None):
        asked.append((learner, study.settings.test_conditions))
        rows = results(protocol.name, 1)
        return rows[(rows["method"] == "distilled") & rows["shift"].isin(study.settings.shifts)]

    monkeypatch.setattr(evaluating, "judge", evaluate)
    done = call("evaluate", "heat.npz", "--judge", "mlp-lm", "--shift", "none", "--test-conditions", "5", "--out", "r.csv")
    assert done.code == 0, done
    assert "10 %" in done.out
    assert asked == [("mlp-lm", 5)]
    assert (tmp_path / "r.csv").read_text().count("\n") == 4
    call("evaluate", "heat.npz", "--shift", "none")
    assert asked[1] == (None, 40)
    assert "10 %" not in call("evaluate", "heat.npz", "--shift", "steps", "--test-conditions", "5").out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--shift", "moon"], ["no shift 'moon'", "steps"]),
        (["--solutions", "u.npz"], ["--solutions", "retrain"]),
        (["--device", "cuda:7"], ["cuda:7"]),
        (["--test-conditions", "0"], ["--test-conditions 0"]),
    ],
)
def test_bad_evaluations_are_refused(call, tmp_path, arguments, parts):
    save_points(tmp_path / "heat.npz", protocol="retrain", **remembering("heat"))
    refused(call("evaluate", "heat.npz", *arguments), *parts)


def test_export_writes_a_csv_once(call, monkeypatch, tmp_path):
    save_points(tmp_path / "heat.npz", protocol="retrain", **remembering("heat"))

    def write(pde, data, target):
        target.write_text("x,t\n")
        return [target]

    monkeypatch.setattr(exporting, "protocol_named", lambda name: SimpleNamespace(export=write))
    assert "wrote heat.csv" in call("export", "heat.npz").out
    refused(call("export", "heat.npz"), "heat.csv exists", "--overwrite")
    refused(call("export", "heat.npz", "--out", "heat.txt"), "heat.csv")
    assert call("export", "heat.npz", "--overwrite").code == 0


def test_a_set_of_a_diverged_loop_says_so_to_whoever_opens_it(call, tmp_path):
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", 8, 6, 1))
    data.with_header(pde="heat", protocol="retrain", diverged="outer step 7", **remembered(pde)).save(tmp_path / "heat.npz")
    said = call("export", "heat.npz")
    assert "warning: heat.npz: the outer loop that made this set diverged" in said.err
    assert "outer step 7" in said.err


def test_export_writes_a_script_and_its_points(call, tmp_path):
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", 8, 6, 1))
    data.with_header(pde="heat", protocol="retrain", **remembered(pde)).save(tmp_path / "heat.npz")
    said = call("export", "heat.npz", "--to", "deepxde").out
    assert "wrote heat-deepxde.py" in said
    assert "wrote heat-deepxde.csv" in said
    assert 'pinndd.load_pde("heat")' in (tmp_path / "heat-deepxde.py").read_text()
    refused(call("export", "heat.npz", "--to", "deepxde"), "heat-deepxde.py exists", "--overwrite")
    assert call("export", "heat.npz", "--to", "deepxde", "--overwrite").code == 0
    refused(call("export", "heat.npz", "--to", "torch", "--out", "loop.csv"), "loop.py")
    (tmp_path / "loop.csv").write_text("")
    refused(call("export", "heat.npz", "--to", "torch", "--out", "loop.py"), "loop.csv exists")
    refused(call("export", "heat.npz", "--to", "jax"), "--to jax", "csv, deepxde, torch")


def test_a_distilled_set_remembers_its_module(distilled_file, tmp_path):
    assert SyntheticData.load(tmp_path / distilled_file).header["module"] == "heat"


def test_a_first_look_at_several_outputs_has_fewer_test_conditions():
    found = [study_settings(load_pde(name), Options(quick=True)).test_conditions for name in ("heat", "schrodinger", "cavity")]
    assert found == [12, 6, 4]


def test_sensors_are_placed_saved_exported_and_evaluated(call, tmp_path):
    done = call("distill", "heat", "--sensors", "6", "--points", "50", "--quick")
    assert done.code == 0, done
    assert "6 sensors: " in done.out
    assert "x (m)" in done.out
    data = SyntheticData.load(tmp_path / "heat-sensors.npz")
    assert (data.header["protocol"], data.header["sensors"]) == ("sensors", 6)
    assert (tmp_path / "heat-sensors.png").exists()
    refused(call("distill", "heat", "--sensors", "6,8", "--quick"), "--sensors 6,8", "one number")
    assert call("export", "heat-sensors.npz").code == 0
    with (tmp_path / "heat-sensors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["condition", "kind", "x", "t", "weight"]
    assert ([row["kind"] for row in rows].count("interior"), len(rows)) == (50, 56)
    said = call("evaluate", "heat-sensors.npz", "--test-conditions", "2", "--shift", "none", "--shift", "steps")
    assert said.code == 0, said
    assert "in distribution" in said.out
    assert "steps" in said.out


def test_a_study_of_sensors_is_a_run_like_any_other(call, tmp_path, monkeypatch):
    from pinndd.study.protocols.sensors import baselines

    # of which a first look takes the third and the second alone
    monkeypatch.setattr(baselines, "LEVELS", (1.0,) * 3)
    monkeypatch.setattr(baselines, "RATIOS", (1.0,) * 2)
    asked = ["study", "heat", "--sensors", "5,6", "--points", "40", "--quick", "--test-conditions", "2"]
    done = call(*asked, "--results", "found")
    assert done.code == 0, done
    assert "best baseline" in done.out
    assert "runs/heat/report.html" in done.out
    assert [r.protocol for r in load_benchmark(tmp_path / "found" / "benchmark.json")] == ["sensors"]
    folder = tmp_path / "runs" / "heat"
    with (folder / "results.csv").open(newline="") as file:
        assert {row["boundary_points"] for row in csv.DictReader(file)} == {"5", "6"}
    pictures = {path.name for path in (folder / "figures").iterdir()}
    assert {"sensors-placement-5.png", "sensors-placement-6.png", "sensors-curve.png"} <= pictures
    refused(call(*asked), "runs/heat", "--resume", "--overwrite")
    assert call(*asked, "--resume").code == 0
    assert (tmp_path / "runs" / "heat" / "report.html").read_text().count("Sensors: ")


def test_the_help_names_the_parts_that_there_are(call):
    from pinndd.study.protocols import NAMES, protocol_named
    from pinndd.study.protocols.parts import DISTANCES, PARAMETRIC_RISKS, RISKS

    said = " ".join(call("distill", "--help").out.replace("│", " ").split())
    for name in (*NAMES, *DISTANCES, *RISKS, *PARAMETRIC_RISKS):
        assert name in said
    options = {option.replace("_", "-") for name in NAMES for option in protocol_named(name).options}
    assert all(f"--{option}" in said for option in options)
