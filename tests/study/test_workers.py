"""Cells on the workers of a real cluster: killed, failing, too heavy; equal to a serial run; and clusters that will not do."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import msgspec
import pandas
import psutil
import pytest
import torch

import pinndd
import pinndd.study.run
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving.parts import PROCESSES
from pinndd.study import workers
from pinndd.study.protocols import conditions, engine, retrain
from pinndd.study.protocols.retrain import bench as retrain_bench
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.results.table import as_table
from pinndd.study.workers import GPU, Cell, ClusterError, local_workers, run_cells, workers_of
from pinndd.terminal import cells, studying_many
from pinndd.terminal.cells import run_on_worker
from pinndd.terminal.settings import Options
from pinndd.terminal.studying_many import Place, study_many

ROOT = str(Path(pinndd.__file__).parent.parent)


@pytest.fixture(scope="module")
def cluster():
    """Two workers, which get functions of this file by value."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with local_workers(2, {}, {"PYTHONPATH": ROOT, PROCESSES: "3"}, dashboard=False) as client:
        yield client
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def module(folder, name):
    path = folder / f"{name}.py"
    path.write_text(
        textwrap.dedent(
            f"""
            import deepxde as dde
            import torch
            from pinndd import PDE, Dirichlet, families

            pde = PDE(
                name="{name}",
                domain=dde.geometry.Rectangle([0, 0], [1, 1]),
                residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=0),
                conditions=[Dirichlet("left", at={{"x": 0}}, values=families.Sine())],
                reference=lambda values, points: torch.zeros((len(values), points.shape[0])),
            )
            """
        )
    )
    return str(path)


def protocol(pde, name, size, settings, progress, allowance, seeds, marker=None):
    """A protocol whose numbers come from a decomposition; with a ``marker``, the worker dies once in the middle of the PDE ``two``."""
    if pde.name == "broken":
        raise ArithmeticError("the iteration of the reference does not converge")
    if marker and pde.name == "two" and name == "retrain" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    generator = torch.Generator().manual_seed(len(pde.name + name))
    errors = torch.linalg.svdvals(torch.randn(60, 60, generator=generator, dtype=torch.float64)) + 1
    common = {"pde": pde.name, "protocol": name, "learner": "ridge", "points": 64, "boundary_points": 30, "shift": "none"}
    rows = [
        {**common, "method": m, "seed": 0, "episode": e, "error": float(errors[e + k]), "seconds": 0.01, "distilled_with": "ridge" * k}
        for k, m in enumerate(("sobol", "distilled"))
        for e in range(3)
    ]
    return Outcome(name, as_table(rows), [], "sobol", None, [], [1.0], [])


def no_picture(*arguments):
    return []


def small_run(specification, marker):
    """What a worker does, with that protocol and without pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pinndd.study.run, "run_protocol", partial(protocol, marker=marker))
        patch.setattr(pinndd.study.run, "draw_gallery", no_picture)
        patch.setattr(pinndd.study.run, "draw_together", no_picture)
        return run_on_worker(specification)


def study(modules, out, place):
    study_many(modules, None, out, Options(seed=0, seeds=1, device="cpu"), False, False, place, out)


def test_a_killed_worker_and_a_failing_cell_change_nothing_for_the_others(cluster, tmp_path, monkeypatch, capsys):
    """The benchmark file is that of a serial run, bit for bit."""
    monkeypatch.chdir(tmp_path)
    modules = [module(tmp_path, name) for name in ("one", "broken", "two")]
    monkeypatch.setattr(pinndd.study.run, "run_protocol", protocol)
    monkeypatch.setattr(pinndd.study.run, "draw_gallery", no_picture)
    monkeypatch.setattr(pinndd.study.run, "draw_together", no_picture)
    with pytest.raises(studying_many.typer.Exit):
        study(modules, tmp_path / "serial", Place(cell=1, of=1))
    assert "broken: FAILED (the iteration of the reference does not converge) after" in capsys.readouterr().err

    marker, before = tmp_path / "killed", cluster.run(os.getpid)
    monkeypatch.setattr(studying_many, "run_on_worker", partial(small_run, marker=marker))
    with pytest.raises(studying_many.typer.Exit) as ended:
        study(modules, tmp_path / "parallel", Place(scheduler=cluster.scheduler.address))
    said = capsys.readouterr().err
    assert ended.value.exit_code == 1
    assert marker.exists()
    assert set(before.values()) != set(cluster.run(os.getpid).values())
    assert f"broken: FAILED (the iteration of the reference does not converge; see {tmp_path}/parallel/broken.log)" in said
    assert "1 of 3 studies failed" in said
    assert "begun again" in (tmp_path / "parallel" / "two.log").read_text()
    serial, parallel = (tmp_path / which / "benchmark.json" for which in ("serial", "parallel"))
    assert serial.read_bytes() == parallel.read_bytes()
    tables = [(tmp_path / which / "two" / "results.csv").read_bytes() for which in ("serial", "parallel")]
    assert tables[0] == tables[1]


def changes():
    """What makes a study of heat so small that it takes seconds."""
    settings = retrain_bench.outer_settings
    return [
        (conditions, "TESTED_AT", 200),
        (retrain, "COMPARED_AT", 100),
        (retrain, "CONDITIONS", {True: (32, 16), False: (32, 16)}),
        (retrain, "LARGER", ()),
        (retrain_bench, "INTERIOR_SAMPLERS", ("uniform", "latin-hypercube", "sobol", "hammersley")),
        (retrain_bench, "LEVELS", (1.0,)),
        (retrain_bench, "RATIOS", (1.0, 10.0)),
        (retrain_bench, "tuned_adaptive", lambda bench: []),
        (retrain_bench, "chosen_by_features", lambda bench: []),
        (retrain_bench, "outer_settings", lambda *given: replace(settings(*given), steps=6, batch=4, validate_every=2)),
        (pinndd.study.run, "draw_gallery", no_picture),
        (pinndd.study.run, "draw_together", no_picture),
    ]


def tiny_run(specification, changes, folder):
    """What a worker does, with a study that is made small; the first seed waits for the second, which somebody else computes."""
    distill = engine.distill_on

    def told(bench, *more):
        (folder / f"seed {bench.seed} by {os.getpid()}").touch()
        while bench.seed == 0 and not list(folder.glob("seed 1 *")):
            time.sleep(0.05)
        return distill(bench, *more)

    with pytest.MonkeyPatch.context() as patch:
        for change in [*changes, (engine, "distill_on", told)]:
            patch.setattr(*change)
        return run_on_worker(specification)


def test_processes_share_the_seeds_of_one_study(cluster, tmp_path, monkeypatch, capsys):
    """The tables are those of a serial run but for wall times; nothing of the sharing is left, nor of the run that was there."""
    monkeypatch.chdir(tmp_path)
    small = changes()
    options = Options(
        seed=0, seeds=3, device="cpu", learner="ridge", points=16, boundary_points=9, test_conditions=2, no_judges=True
    )
    with monkeypatch.context() as patch:
        for change in small:
            patch.setattr(*change)
        study_many(["heat"], "retrain", tmp_path / "serial", options, False, False, Place(cell=1, of=1), None)
    shutil.copytree(tmp_path / "serial", tmp_path / "shared")
    monkeypatch.setattr(studying_many, "run_on_worker", partial(tiny_run, changes=small, folder=tmp_path))
    place = Place(scheduler=cluster.scheduler.address)
    study_many(["heat"], "retrain", tmp_path / "shared", options, False, True, place, None)
    assert "of dense" in capsys.readouterr().out
    who = {path.name.split(" by ")[1] for path in tmp_path.glob("seed *")}
    assert len(who) == 2
    assert {path.name.split(" by ")[0] for path in tmp_path.glob("seed *")} == {"seed 0", "seed 1", "seed 2"}
    serial, shared = (pandas.read_csv(tmp_path / which / "results.csv").drop(columns="seconds") for which in ("serial", "shared"))
    pandas.testing.assert_frame_equal(serial, shared)
    assert not (tmp_path / "shared" / "state" / "retrain" / "seeds").exists()
    assert "retrain: distilling" in (tmp_path / "shared.log").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(seeds=1), "work: leave it out, or ask for more seeds with --seeds"),
        (Options(quick=True), "since a first look stops by its own clock: leave it out"),
    ],
)
def test_a_single_piece_of_work_is_not_shared(options, said, tmp_path, capsys):
    with pytest.raises(studying_many.typer.Exit):
        study_many(["heat"], "retrain", tmp_path / "run", options, False, False, Place(jobs=2), None)
    told = capsys.readouterr().err
    assert "--jobs 2: processes share the seeds of a study, and this one is a single piece of work" in told
    assert said in told
    assert not (tmp_path / "run").exists()


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A small study of two seeds that somebody has begun, and the cell of its second one."""
    for change in changes():
        monkeypatch.setattr(*change)
    options = Options(seed=0, seeds=2, device="cpu", learner="ridge", points=16, boundary_points=9, test_conditions=2, no_judges=True)
    source = load_pde("heat").source
    study = cells.StudyCell(
        "heat",
        source.module,
        source.checksum,
        ["retrain"],
        msgspec.to_builtins(options),
        str(tmp_path / "run"),
        str(tmp_path / "run.log"),
        False,
        False,
        "pinndd study heat",
        "me",
    )
    plan = cells._plan(study)
    folder = RunFolder.start(tmp_path / "run", plan.config(study.command, study.asked))
    ((name, seed),) = plan.shares()
    return folder, cells.SeedCell(study, name, seed)


def kept(folder):
    """Return what is kept of seeds in the folder of a run."""
    return [path.parent.name for path in folder.path.rglob("seeds/*/*/outcome.json")]


def test_a_seed_is_kept_for_the_study_that_has_begun(begun):
    folder, cell = begun
    assert cell.can_begin()
    assert cells.run_seed(cell).failure == ""
    assert kept(folder) == ["0-1-ridge"]


def test_a_seed_of_other_settings_is_not_computed(begun, monkeypatch):
    folder, cell = begun
    replace(folder.config, settings={**folder.config.settings, "device": "cuda"}).save(folder.config_file)
    monkeypatch.setattr(engine, "distill_best", None)
    assert cells.run_seed(cell).failure == ""
    assert kept(folder) == []


def test_a_seed_that_warns_or_fails_is_left_to_its_study(begun, monkeypatch):
    folder, cell = begun

    def warns(bench, *more, **given):
        warnings.warn("half of the episodes", stacklevel=1)

    monkeypatch.setattr(engine, "distill_best", warns)
    assert "half of the episodes" in cells.run_seed(cell).failure
    monkeypatch.setattr(engine, "distill_best", lambda *given, **more: 1 / 0)
    assert "division by zero" in cells.run_seed(cell).failure
    assert kept(folder) == []


@pytest.mark.parametrize("why", ["another run", "finished"])
def test_a_seed_that_is_no_longer_needed_ends_without_a_trace(begun, monkeypatch, why):
    folder, cell = begun
    distill = engine.distill_best

    def meanwhile(bench, *more, **given):
        found = distill(bench, *more, **given)
        if why == "finished":
            folder.add(Outcome("retrain", as_table([]), [], "", None, [], [], []))
        else:
            replace(folder.config, asked="you").save(folder.config_file)
        return found

    monkeypatch.setattr(engine, "distill_best", meanwhile)
    assert cells.run_seed(cell).failure == ""
    assert not cell.can_begin()
    assert kept(folder) == []
    assert list(folder.path.rglob("loop-0.npz")) == [] or why == "another run"


def test_a_study_whose_worker_died_before_it_began_does_not_go_on_with_the_run_that_was_there(begun, monkeypatch):
    _, cell = begun
    asked = []
    monkeypatch.setattr(cells, "run_planned", lambda plan, path, *, resume, overwrite, **more: asked.append((resume, overwrite)))
    monkeypatch.setattr(cells, "show", lambda *given: None)
    mine = cell.study
    for again, who in ((True, "me"), (True, "you"), (False, "me")):
        cells.run_cell(msgspec.structs.replace(mine, asked=who, overwrite=True), again=again)
    assert asked == [(True, False), (False, True), (False, True)]


def deadly(specification):
    if specification == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return ",".join(os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", PROCESSES))


def test_what_dies_three_times_is_given_up_and_the_others_go_on(cluster):
    begun, ended = [], {}
    some = [Cell(name, name) for name in ("deadly", "good", "better")]
    run_cells(cluster, deadly, some, {}, lambda cell: begun.append(cell.name), lambda how: ended.update({how.cell.name: how}))
    assert begun == ["deadly", "good", "better"]
    assert ended["deadly"].failure == "its worker died 3 times, as one does where memory is short"
    assert {(ended[n].failure, ended[n].answer) for n in ("good", "better")} == {("", "1,1,3")}


def test_a_cell_that_helps_begins_last_and_nobody_waits_for_it(cluster, tmp_path):
    begun, ended = [], []
    some = [
        Cell("help", str(tmp_path / "long"), "long"),
        Cell("late help", str(tmp_path / "late"), "long"),
        Cell("help of who has ended", "1", "short"),
        Cell("short", "0"),
        Cell("long", str(tmp_path / "ended")),
    ]
    run_cells(
        cluster,
        sleeping,
        some,
        {},
        lambda cell: begun.append(cell.name),
        lambda how: ended.append(how.cell.name),
        can_help=lambda cell: cell.name != "late help" or (tmp_path / "long").exists(),
    )
    assert begun == ["short", "long", "help", "late help"]
    assert ended == ["short", "help", "long"]
    (tmp_path / "over").touch()


def sleeping(specification):
    """Make the file ``long``; or wait until it is there, and a moment longer; or until all is over."""
    path = Path(specification)
    if path.name == "late":
        while path.parent.exists() and not path.with_name("over").exists():
            time.sleep(0.05)
    elif path.name == "ended":
        while not path.with_name("long").exists():
            time.sleep(0.05)
        time.sleep(1.0)
    elif path.name == "long":
        path.touch()
    return ""


def test_an_exception_that_no_cell_foresees_is_told(cluster):
    ended = []
    run_cells(cluster, int, [Cell("odd", "odd"), Cell("even", "4")], {}, lambda cell: None, ended.append)
    found = {how.cell.name: (how.failure, how.answer) for how in ended}
    assert found["odd"][0].startswith("ValueError: invalid literal")
    assert found["even"] == ("", "4")


@contextmanager
def connected(cluster, folder, resources=None):
    with workers_of(cluster.scheduler.address, resources or {}, folder) as client:
        yield client


def test_workers_that_will_not_do_are_refused_before_any_work(cluster, tmp_path, monkeypatch):
    with connected(cluster, tmp_path) as client:
        assert client.nthreads()
    with pytest.raises(ClusterError, match=r"does not see the folder .*nowhere"), connected(cluster, tmp_path / "nowhere"):
        pass
    with pytest.raises(ClusterError, match=r"no worker has a GPU=1: start .* GPU=1"), connected(cluster, tmp_path, GPU):
        pass
    monkeypatch.setattr(workers, "__version__", "9.9.9")
    with pytest.raises(ClusterError, match=rf"has pinndd {pinndd.__version__}, this is 9\.9\.9"), connected(cluster, tmp_path):
        pass
    many = SimpleNamespace(nthreads=lambda: {"tcp://10.0.0.1:4": 4})
    with pytest.raises(ClusterError, match=r"tcp://10\.0\.0\.1:4 has 4 threads.*--nthreads 1"):
        workers._require_able(many, "tcp://10.0.0.1:8786", {}, tmp_path)


def test_a_cell_of_another_version_fails():
    cell = studying_many.StudyCell("heat", "heat", "", [], {}, "x", "x.log", False, False, "pinndd study heat", "me", "9.9.9")
    assert "who asks has 9.9.9" in studying_many.run_cell(cell).failure


@pytest.mark.parametrize(
    ("address", "said"),
    [("tcp://127.0.0.1:1", "no scheduler answers there within 0.2 seconds"), ("here", "expected an address such as")],
)
def test_a_scheduler_that_does_not_answer(address, said, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "ANSWER", 0.2)
    with pytest.raises(ClusterError, match=f"--scheduler {address}: {said}"), workers_of(address, {}, tmp_path):
        pass


STOPPED = """
import signal
import time
from pinndd.stopping import end_if_asked, heed_signals
from pinndd.study import workers
from pinndd.study.protocols import conditions, engine, retrain
from pinndd.study.protocols.retrain import bench as retrain_bench
from pinndd.terminal.errors import working
signal.signal(signal.SIGINT, signal.default_int_handler)  # who started the tests may ignore it, as a shell does behind &
heed_signals()
def sleep(text):
    time.sleep(60)
try:
    with working("the rest is kept"), workers.local_workers(2, {}, {}, dashboard=False) as client:
        cells = [workers.Cell(name, name) for name in ("one", "two")]
        workers.run_cells(client, sleep, cells, {}, lambda cell: print("begun", cell.name, flush=True), print)
except BaseException:
    end_if_asked()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent another way there")
def test_ctrl_c_leaves_no_process():
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while (line := process.stdout.readline()) != "begun two\n":
        assert line
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    since = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - since < 1.5
    assert process.returncode == 130
    assert said == "pinndd: stopped; the rest is kept\n"
    _, alive = psutil.wait_procs(children, timeout=2)
    assert alive == []
