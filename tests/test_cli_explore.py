"""``pinndd explore``: what it opens, and what it refuses before any work."""

import pytest
import torch

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde, remembered
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.sets.tuples import sample_tuples, tuple_data
from pinndd.study.exploring import serving
from pinndd.terminal import exploring


@pytest.fixture
def heat_set(tmp_path):
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", 20, 9, seed=3))
    data = data.with_header(pde="heat", protocol="retrain", learner="ridge", learner_settings={"width": 40}, **remembered(pde))

    def save(**header):
        path = tmp_path / "set.npz"
        data.with_header(**header).save(path)
        return path

    return save


@pytest.fixture
def call(call, monkeypatch):
    """Call the command line; the frames are not prepared, and the server says that it is ready at once."""
    served = []

    def ready(frames, port, *, browser, ready):
        served.append((frames, port, browser))
        ready("http://127.0.0.1:1/")

    monkeypatch.setattr(exploring, "open_frames", lambda pde, data: (pde.name, None if data is None else len(data["interior"])))
    monkeypatch.setattr(serving, "serve", ready)

    def invoke(*words):
        code, out, err = call("explore", *words)
        return code, served, out, err

    return invoke


def test_a_set_is_opened_with_its_points(call, heat_set):
    code, served, out, _ = call(heat_set())
    assert code == 0
    assert served[0][0] == ("heat", 20)
    assert served[0][2] is True
    assert "open http://127.0.0.1:1/ (Ctrl-C ends it)" in out
    assert "stopped; the page is closed, nothing was written" in out


def test_a_pde_is_opened_without_points_and_options_are_taken(call):
    port = serving.free_port(None)
    code, served, _, _ = call("poisson", "--port", port, "--no-browser")
    assert code == 0
    assert served == [(("poisson", None), port, False)]


def test_a_module_that_has_moved_is_named(call, heat_set):
    path = heat_set(module="/nowhere/heat.py", source="0")
    code, served, _, _ = call(path, "--pde", "heat")
    assert code == 0
    assert served[0][0] == ("heat", 20)


def test_a_set_whose_learner_is_slow_cannot_be_explored(call, heat_set):
    code, served, _, err = call(heat_set(learner="mlp-adam"))
    assert (code, served) == (2, [])
    assert "the set was distilled with mlp-adam, whose training takes seconds" in err


def test_a_set_of_tuples_cannot_be_explored(call, tmp_path):
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 20, 9, 3, reach=3.0))
    header = {"pde": "heat", "protocol": "amortised", "learner": "ridge", "learner_settings": {"width": 40}}
    data.with_header(**header, **remembered(pde)).save(tmp_path / "tuples.npz")
    code, served, _, err = call(tmp_path / "tuples.npz")
    assert (code, served) == (2, [])
    assert "the set is of the protocol amortised, which holds no points to train on" in err


def test_the_folder_of_a_run_is_no_set_but_has_one(call, heat_set, tmp_path):
    path = heat_set()
    code, served, _, err = call(tmp_path)
    assert (code, served) == (2, [])
    assert err == f"pinndd: {tmp_path} is a folder, and a set is a file: name {path}\n"
    (tmp_path / "empty").mkdir()
    assert call(tmp_path / "empty")[2:] == ("", f"pinndd: {tmp_path / 'empty'} is a folder, and a set is a file: name the .npz file\n")


def test_a_folder_with_the_name_of_a_packaged_pde_hides_it_not(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "heat").mkdir()
    code, served, _, _ = call("heat", "--no-browser")
    assert (code, served[0][0]) == (0, ("heat", None))


def test_the_set_of_a_stated_task_has_no_field(call, tmp_path):
    data = SyntheticData({"inputs": torch.rand(2, 3)}, {"inputs": Box((0,) * 3, (1,) * 3)}, {"protocol": "stated", "task": "wine"})
    data.save(tmp_path / "wine.npz")
    assert "wine.npz is the set of the stated task 'wine', and this command is for those of PDEs" in call(tmp_path / "wine.npz")[3]
