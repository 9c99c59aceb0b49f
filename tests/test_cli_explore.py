"""``pinndd explore``: what it opens, and what it refuses before any work."""

import importlib.util
import sys

import pytest

from pinndd.cli import main
from pinndd.pinn.declare.loading import load_pde, remembered
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
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
def call(monkeypatch, capsys):
    """Call the command line; the frames are not prepared, and the server says that it is ready at once."""
    served = []

    def ready(frames, port, *, browser, ready):
        served.append((frames, port, browser))
        ready("http://127.0.0.1:1/")

    monkeypatch.setattr(exploring, "open_frames", lambda pde, data: (pde.name, None if data is None else len(data["interior"])))
    monkeypatch.setattr(serving, "serve", ready)

    def invoke(*words):
        monkeypatch.setattr(sys, "argv", ["pinndd", "explore", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, served, said.out, said.err

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


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"protocol": "amortised"}, "the set is of the protocol amortised, which holds no points to train on"),
        ({"learner": "mlp-adam"}, "the set was distilled with mlp-adam, whose training takes seconds"),
    ],
)
def test_a_set_that_cannot_be_explored_is_refused(call, heat_set, header, message):
    code, served, _, err = call(heat_set(**header))
    assert (code, served) == (2, [])
    assert message in err


def test_pde_beside_a_pde_is_refused(call):
    code, served, _, err = call("heat", "--pde", "poisson")
    assert (code, served) == (2, [])
    assert "--pde poisson: it names the module of a set, and heat is a PDE; leave one of the two out" in err


def test_a_file_that_is_not_there_and_a_wrong_port_are_refused(call):
    assert call("nothing.npz")[0] == 2
    code, _, _, err = call("heat", "--port", 0)
    assert code == 2
    assert "--port 0: expected a number between 1 and 65535" in err


def test_without_bokeh_the_extra_is_named(call, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "bokeh" else find(name, *rest))
    code, served, _, err = call("heat")
    assert (code, served) == (2, [])
    assert "pinndd explore needs bokeh, which is not installed: pip install 'pinndd[explore]'" in err
