"""``pinndd body``: trains the bodies of a PDE, finds them again, and says how good they are."""

import re

import pytest

from pinndd.pinn.bodies import stored
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving import cache
from pinndd.study.protocols import learners
from pinndd.terminal import bodies

TITLE = load_pde("heat").title


@pytest.fixture
def call(call, tmp_path, monkeypatch):
    """Call ``pinndd body``; bodies are trained in a moment and kept in a folder of the test."""
    monkeypatch.setenv(cache.CACHE, str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(learners, "BODY_SHAPES", ((8,), (6, 6)))
    monkeypatch.setattr(learners, "BODY_STEPS", {True: 80, False: 40})
    monkeypatch.setattr(stored, "CONVERGED", 2.0)
    return lambda *words: call("body", *words)


def test_bodies_are_trained_judged_and_found_again(call, monkeypatch):
    code, out, err = call("heat", "--points", "12", "--boundary-points", "9")
    assert code == 0
    assert "training body 1 of 2" in err
    assert out.startswith(f"{TITLE}: 2 bodies of 18 features for 12 interior and 9 boundary points")
    rows = re.findall(r"^(\d) +(\d[\d, ]*?)  +[\d.]+ (?:ms|s) +([\d.]+) +([\d.e-]+) % *$", out, re.MULTILINE)
    assert [(number, hidden) for number, hidden, *_ in rows] == [("0", "8"), ("1", "6, 6")]
    assert all(0 < float(left) < 2 and 0 < float(error) < 100 for *_, left, error in rows)
    monkeypatch.setattr(stored, "train_body", None)  # nothing is trained a second time
    assert call("heat", "--points", "12", "--boundary-points", "9")[:2] == (0, out)


def test_the_size_decides_how_many_features_there_are(call):
    said = call("heat", "--points", "20", "--boundary-points", "8")[1]
    assert "2 bodies of 24 features for 20 interior and 8 boundary points" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("heta",), "PDE 'heta' is unknown"),
        (("heat", "--points", "0"), "points 0"),
        (("heat", "--boundary-points", "2"), "2 boundary points for 3 conditions"),
    ],
)
def test_bad_input_is_refused_before_any_training(call, words, said):
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "training body" not in err


def test_who_stops_it_is_told_what_is_kept(call, monkeypatch):
    def stopped(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(bodies, "train_bodies", stopped)
    code, out, err = call("heat", "--points", "12", "--boundary-points", "9")
    assert (code, out, err) == (130, "", "pinndd: stopped; bodies that were finished are kept; go on with the same command\n")
    monkeypatch.setenv(cache.CACHE, "off")
    assert "stopped; nothing is kept: PINNDD_CACHE=off" in call("heat", "--points", "12", "--boundary-points", "9")[2]


def test_a_body_that_does_not_converge_is_said(call, monkeypatch):
    monkeypatch.setattr(stored, "CONVERGED", 1e-9)
    code, out, err = call("heat", "--points", "12", "--boundary-points", "9")
    assert (code, out) == (1, "")
    assert "did not converge" in err
