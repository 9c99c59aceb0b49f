"""``pinndd solve``: what it prints and writes, and what every mistake is told before any work."""

import errno
import tempfile
import time

import numpy as np
import pandas as pd
import pytest
import torch

import pinndd
from pinndd.pinn.declare.loading import find_pde, load_pde, remembered
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.plots import solution
from pinndd.terminal import solving

pytestmark = pytest.mark.usefixtures("unrendered")

ZERO = ("--values", "left=0", "--values", "right=0", "--values", "start=0")


@pytest.fixture
def refused(call, monkeypatch):
    """A call that must end with one line and the exit code 2 before anything is solved."""

    def never(self, progress=None):
        raise AssertionError("it was solved")

    monkeypatch.setattr(solving.Problem, "solve", never)

    def invoke(*words):
        start = time.perf_counter()
        code, out, err = call("solve", *words)
        assert (code, out) == (2, ""), err
        lines = err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("pinndd: ")
        assert time.perf_counter() - start < 10
        return lines[0]

    return invoke


def saved(name, **header):
    pde = load_pde(header.get("pde", "heat"))
    collocation_data(pde, *sample_points(pde, "sobol", 16, 9, 0)).with_header(**header).save(name)


def test_what_is_read_is_never_written_over(refused, tmp_path):
    (tmp_path / "mine.csv").write_text("start[0],start[1],start[2]\n1,0,0\n")
    said = refused("heat", *ZERO[:4], "--values", "mine.csv", "--out", tmp_path / "mine.csv", "--overwrite")
    assert said.endswith("mine.csv: the command reads this file; write to another one")
    assert (tmp_path / "mine.csv").read_text().startswith("start[0]")


def test_the_module_of_a_set_is_never_written_over(call, tmp_path):
    text = find_pde("heat").read_text()
    (tmp_path / "mine.py").write_text(text)
    pde = load_pde(tmp_path / "mine.py")
    data = collocation_data(pde, *sample_points(pde, "sobol", 16, 9, 0))
    data.with_header(pde="heat", protocol="retrain", learner="ridge", **remembered(pde)).save(tmp_path / "set.npz")
    code, _, err = call("export", "set.npz", "--to", "deepxde", "--out", "mine.py", "--overwrite")
    assert code == 2
    assert "--out mine.py: the command reads this file; write to another one" in err
    assert (tmp_path / "mine.py").read_text() == text


@pytest.mark.filterwarnings("always:the module given is another")
def test_a_set_of_a_module_that_was_edited_since_is_used_with_a_word(call, tmp_path):
    text = find_pde("heat").read_text()
    (tmp_path / "mine.py").write_text(text)
    header = {"pde": "heat", "protocol": "retrain", "learner": "ridge", "learner_settings": {"width": 40}}
    saved(tmp_path / "set.npz", **header, **remembered(load_pde("./mine.py")))
    code, _, err = call("solve", "./mine.py", *ZERO, "--data", "set.npz")
    assert (code, err) == (0, "")
    (tmp_path / "mine.py").write_text(f"{text}# edited\n")
    code, _, err = call("solve", "./mine.py", *ZERO, "--data", "set.npz")
    assert code == 0
    assert err.startswith("pinndd: warning: the module given is another than the one that set.npz was made with (checksum ")


def test_who_stops_it_while_it_draws_is_told_what_is_written(call, tmp_path, monkeypatch):
    def stopped(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(solution, "draw_solution", stopped)
    saved(tmp_path / "set.npz", pde="heat", protocol="retrain", learner="ridge", learner_settings={"width": 40})
    code, out, err = call("solve", "heat", *ZERO, "--data", "set.npz", "--plot", "u.png", "--out", "u.csv")
    assert (code, out) == (130, "")
    assert err == "pinndd: stopped; u.csv is written; begin again with the same command and --overwrite\n"


def test_a_solution_is_printed_drawn_and_written(call, tmp_path):
    (tmp_path / "mine.csv").write_text("start[0],start[1],start[2]\n1,0,0\n0,1,0\n")
    code, out, err = call("solve", "heat", *ZERO[:4], "--values", "mine.csv", "--plot", "a.png", "--out", "new/a.nc")
    assert code == 0, err
    assert "heat: 2 boundary conditions solved in" in out
    assert "estimated relative error: median" in out
    assert out.splitlines()[-2:] == ["written: new/a.nc", "written: a.png"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    code, out, err = call("solve", "heat", *ZERO[:4], "--values", "mine.csv", "--plot", "a.png", "--overwrite")
    assert code == 0, err


def test_a_jump_is_told_and_a_tolerance_is_kept(call):
    code, out, err = call("solve", "heat", *ZERO[2:], "--values", "left=1", "--tolerance", "0.05")
    assert code == 0, err
    assert "estimated relative error" in out
    assert "left and start differ by 1 where they meet, at (0, 0)" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["heat"], "Missing option '--values'"),
        (["heat", *ZERO[:4]], "no values of start"),
        (["heat", *ZERO, "--out", "there.nc"], "--out there.nc exists: choose another file, or add --overwrite"),
        (["heat", *ZERO, "--plot", "there.png"], "--plot there.png exists"),
        (["heat", *ZERO, "--out", "folder.nc"], "--out folder.nc is a folder: name a file in it"),
        (["heat", *ZERO, "--out", "there.png/a.nc"], "there.png is a file, not a folder; choose another place"),
        (["heat", *ZERO, "--plot", "a.pdf"], "--plot a.pdf: pictures are written as .png"),
        (["heat", *ZERO, "--out", "a.txt"], "solutions are written as .nc, .csv, .vtu"),
        (["heat", *ZERO, "--out", "a.vtu"], "VTK is for two or three coordinates of space"),
        (["heat_2d", "--values", "left=0", "--values", "start=0", "--out", "series.vtu"], "--out series.pvd exists"),
        (["heat", *ZERO, "--tolerance", "0"], "tolerance 0: expected a relative error between 0 and 1"),
        (["heat", *ZERO, "--tolerance", "nan"], "tolerance nan: expected"),
        (["heat", *ZERO, "--device", "abacus"], "--device abacus: there is no such device"),
        (["heat", *ZERO, "--data", "no.npz"], "no data file no.npz"),
        (["heat", *ZERO, "--data", "there.npz"], "there.npz is damaged or not an .npz file"),
        (["heat", *ZERO, "--data", "heat.npz", "--tolerance", "0.1"], "a tolerance needs more points than a set has: leave out"),
        (["heat", *ZERO, "--data", "burgers.npz"], "distilled for the PDE 'burgers', not for 'heat'"),
        (["heat", *ZERO, "--data", "solved.npz"], "the set is of the protocol solved, which holds no points"),
        (["heat", *ZERO, "--data", "adam.npz"], "whose training takes seconds for a condition"),
        (["heat", *ZERO[:4], "--values", "exit.py"], "exit.py, line 1: SystemExit: 0"),
        (["heat", *ZERO[:4], "--values", "late.py"], "values of 'start': the function returned shape (67, 1)"),
        (["nothing", *ZERO], "PDE 'nothing' is unknown"),
    ],
)  # fmt: skip
def test_mistakes_are_noticed_before_any_work(refused, tmp_path, words, message):
    for name in ("there.nc", "there.png", "there.npz", "series.pvd"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.nc").mkdir()
    (tmp_path / "exit.py").write_text("raise SystemExit(0)")
    (tmp_path / "late.py").write_text("def start(x):\n    return x if len(x) < 5 else x[:, None]\n")
    saved(tmp_path / "heat.npz", pde="heat", protocol="retrain", learner="ridge")
    saved(tmp_path / "burgers.npz", pde="burgers", protocol="retrain", learner="ridge")
    saved(tmp_path / "solved.npz", pde="heat", protocol="solved", learner="kernel-ridge")
    saved(tmp_path / "adam.npz", pde="heat", protocol="retrain", learner="mlp-adam")
    assert message in refused(*words)


def test_a_folder_that_may_not_be_written_to_is_noticed(refused, tmp_path, monkeypatch):
    def refuse(**given):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert "may not be written to; choose another place" in refused("heat", *ZERO, "--out", "a.nc")


def test_readings_of_distilled_sensors_are_filled_in_and_solved_for(call, tmp_path):
    assert call("distill", "heat", "--sensors", "12", "--quick", "--out", "s.npz")[0] == 0
    code, out, err = call("export", "s.npz")
    assert code == 0, err
    assert out.split() == ["wrote", "s.csv", "wrote", "s-readings.csv"]
    assert call("export", "s.npz", "--out", "s.csv")[0] == 2
    table = pd.read_csv(tmp_path / "s-readings.csv")
    assert list(table.columns) == ["condition", "x", "t", "value"]
    assert (len(table), table["value"].isna().all()) == (12, True)
    code, out, err = call("solve", "heat", "--data", "s.npz", "--values", "s-readings.csv")
    assert code == 2
    assert "line 2: value is empty, expected a finite number" in err

    pde = load_pde("heat")
    values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(1, torch.Generator().manual_seed(5)))
    for name, group in table.groupby("condition"):
        s = pde.patches[name].local(torch.tensor(group[["x", "t"]].to_numpy()))
        table.loc[group.index, "value"] = values[name](s)[0].numpy()
    table.to_csv(tmp_path / "filled.csv", index=False)
    code, out, err = call("solve", "heat", "--data", "s.npz", "--values", "filled.csv")
    assert code == 0, err
    assert "interior and 12 boundary points" in out
    assert "open by" not in out
    found = pinndd.solve("heat", tmp_path / "filled.csv", data=tmp_path / "s.npz")
    points = torch.rand((300, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        truth = pde.reference(values, points)[0].numpy()
    error = np.linalg.norm(found(points)[0, :, 0] - truth) / np.linalg.norm(truth)
    assert error < 0.2
    assert error / 4 < found.error[0] < 4 * error
    table["noise"] = 0.05
    table.to_csv(tmp_path / "noisy.csv", index=False)
    noisy = pinndd.solve("heat", tmp_path / "noisy.csv", data=tmp_path / "s.npz")
    assert 0.005 < noisy.uncertainty[0] < 0.5
    table.iloc[1:].to_csv(tmp_path / "fewer.csv", index=False)
    code, out, err = call("solve", "heat", "--data", "s.npz", "--values", "fewer.csv")
    assert code == 2
    assert "there is no reading of the sensor at" in err
