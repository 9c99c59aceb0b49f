"""A study runs its protocols one by one, writes after each, and continues where it stopped."""

import pytest

from pinndd.outer_loop import DivergedError
from pinndd.pinn.declare.loading import load_pde
from pinndd.study.outcome import StudySettings
from pinndd.study.run import choose_protocols, run_study
from pinndd.study.run_folder import RunFolderError


def silent(description, done, total, error):
    pass


@pytest.fixture
def runners(make_outcome):
    """Runners that count how often they are called; the second one fails the first time."""
    calls = {"retrain": 0, "amortised": 0}

    def run(protocol):
        def runner(pde, settings, progress):
            calls[protocol] += 1
            if protocol == "amortised" and calls[protocol] == 1:
                raise KeyboardInterrupt
            return make_outcome(protocol, 1)

        return runner

    return calls, {protocol: run(protocol) for protocol in calls}


def test_a_study_goes_on_where_it_stopped(heat, runners, tmp_path):
    calls, functions = runners
    protocols = ["retrain", "amortised", "solved"]
    with pytest.raises(KeyboardInterrupt):
        run_study(heat, protocols, StudySettings(), tmp_path, silent, runners=functions)
    assert "Not finished yet: amortised" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "results.csv").exists()
    with pytest.raises(RunFolderError, match="in use"):
        run_study(heat, protocols, StudySettings(), tmp_path, silent, runners=functions)
    folder = run_study(heat, protocols, StudySettings(), tmp_path, silent, resume=True, runners=functions)
    assert calls == {"retrain": 1, "amortised": 2}
    assert [o.protocol for o in folder.outcomes()] == ["retrain", "amortised"]
    page = (tmp_path / "report.html").read_text()
    assert "Not finished" not in page
    assert "Protocol solved is left out: heat is linear" in page
    assert (tmp_path / "figures" / "amortised-points.png").exists()


def test_the_best_set_of_a_diverged_loop_is_saved(heat, outcome, tmp_path):
    def diverges(pde, settings, progress):
        raise DivergedError("the risk is not finite", outcome.data[0])

    with pytest.raises(DivergedError):
        run_study(heat, ["retrain"], StudySettings(), tmp_path, silent, runners={"retrain": diverges})
    assert (tmp_path / "data-retrain-diverged.npz").exists()


@pytest.mark.parametrize(("name", "solved"), [("heat", False), ("burgers", True), ("poisson", False)])
def test_solved_is_for_nonlinear_problems(name, solved):
    chosen, skipped = choose_protocols(load_pde(name))
    assert ("solved" in chosen) == solved
    assert ("solved" in skipped) != solved


def test_a_first_look_at_a_slow_equation_is_for_one_protocol():
    cavity = load_pde("cavity")
    chosen, skipped = choose_protocols(cavity, quick=True)
    assert chosen == ["retrain"]
    assert "--protocol amortised" in skipped["amortised"]
    assert "--protocol solved" in skipped["solved"]
    assert choose_protocols(cavity, ["solved"], quick=True) == (["solved"], {})
    assert choose_protocols(cavity)[0] == ["retrain", "amortised", "solved"]
    assert choose_protocols(load_pde("burgers"), quick=True)[0] == ["retrain", "amortised", "solved"]
