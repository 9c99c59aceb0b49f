"""A study runs its protocols one by one, writes after each, and continues where it stopped."""

from dataclasses import replace

import pytest

import pinndd.study.run
from pinndd.outer_loop import DivergedError
from pinndd.pinn import families
from pinndd.pinn.declare.loading import load_pde
from pinndd.study.plan import choose_protocols, fitted_settings, usual_protocols
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.parts import UnknownNameError
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.results.run_folder import RunFolderError
from pinndd.study.run import run_study

pytestmark = pytest.mark.usefixtures("unrendered", "few_conditions")

QUICK = StudySettings(effort=0.2)
THREE = ["retrain", "amortised", "solved"]


@pytest.fixture
def runners(make_outcome):
    """Runners that count how often they are called; the second one fails the first time."""
    calls = {"retrain": 0, "amortised": 0}

    def run(protocol):
        def runner(pde, size, settings, progress, allowance):
            calls[protocol] += 1
            assert size == protocol_named(protocol).default_size(pde)
            if protocol == "amortised" and calls[protocol] == 1:
                raise KeyboardInterrupt
            return make_outcome(protocol, 1)

        return runner

    return calls, {protocol: run(protocol) for protocol in calls}


@pytest.fixture
def undrawn(monkeypatch):
    """Draw no pictures, which take longest."""
    monkeypatch.setattr(pinndd.study.run, "draw_gallery", lambda pde, outcomes, path: [])


@pytest.fixture
def bumps(heat):
    """The heat equation with a training family that is not linear in its coefficients."""
    conditions = [replace(c, values=families.Bump()) if c.name == "start" else c for c in heat.conditions]
    return replace(heat, name="bumps", conditions=conditions, shifts={})


def test_a_study_goes_on_where_it_stopped(heat, runners, tmp_path):
    calls, functions = runners
    with pytest.raises(KeyboardInterrupt):
        run_study(heat, tmp_path, protocols=THREE, runners=functions)
    assert "Not finished yet: amortised" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "results.csv").exists()
    with pytest.raises(RunFolderError, match="in use"):
        run_study(heat, tmp_path, protocols=THREE, runners=functions)
    folder = run_study(heat, tmp_path, protocols=THREE, resume=True, runners=functions)
    assert calls == {"retrain": 1, "amortised": 2}
    assert [o.protocol for o in folder.outcomes()] == ["retrain", "amortised"]
    page = (tmp_path / "report.html").read_text()
    assert "Not finished" not in page
    assert "Protocol solved is left out: heat is linear" in page
    assert (tmp_path / "figures" / "amortised-points.png").exists()
    assert (tmp_path / "figures" / "pareto.png").exists()
    assert "All protocols and learners of this run together" in page


def test_the_best_set_of_a_diverged_loop_is_saved(heat, outcome, tmp_path):
    def diverges(pde, size, settings, progress, allowance):
        raise DivergedError("the risk is not finite", outcome.data[0])

    with pytest.raises(DivergedError, match=r"data-retrain-diverged\.npz"):
        run_study(heat, tmp_path, protocols=["retrain"], runners={"retrain": diverges})
    assert (tmp_path / "data-retrain-diverged.npz").exists()


def test_a_protocol_gets_its_own_size(heat, undrawn, make_outcome, tmp_path):
    seen = []

    def runner(pde, size, settings, progress, allowance):
        seen.append(size)
        return make_outcome("retrain", 1)

    size = RetrainSettings(points=7, boundary_points=5)
    run_study(heat, tmp_path, protocols=["retrain"], sizes={"retrain": size}, runners={"retrain": runner})
    assert seen == [size]


def test_a_protocol_that_the_time_does_not_allow_is_left_out_and_resumed(heat, undrawn, make_outcome, tmp_path):
    def burning(pde, size, settings, progress, allowance):
        object.__setattr__(allowance, "started", allowance.started - 1000)
        return make_outcome("retrain", 1)

    functions = {"retrain": burning, "amortised": lambda *arguments: make_outcome("amortised", 1)}
    first_look = StudySettings(effort=0.2, seconds=1000.0)
    folder = run_study(heat, tmp_path, protocols=THREE[:2], settings=first_look, runners=functions)
    assert [o.protocol for o in folder.outcomes()] == ["retrain"]
    assert "--resume" in folder.config.skipped["amortised"]
    assert "Protocol amortised is left out" in (tmp_path / "report.html").read_text()
    folder = run_study(heat, tmp_path, protocols=THREE[:2], settings=first_look, resume=True, runners=functions)
    assert [o.protocol for o in folder.outcomes()] == ["retrain", "amortised"]
    assert not folder.config.skipped
    assert "Protocol amortised is left out" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(("name", "solved"), [("heat", False), ("burgers", True), ("poisson", False)])
def test_solved_is_for_nonlinear_problems(name, solved):
    chosen, skipped = choose_protocols(load_pde(name))
    assert ("solved" in chosen) == solved
    assert ("solved" in skipped) != solved


def test_a_first_look_at_a_slow_equation_is_for_one_protocol():
    cavity = load_pde("cavity")
    chosen, skipped = choose_protocols(cavity, settings=QUICK)
    assert chosen == ["retrain"]
    assert "--protocol amortised" in skipped["amortised"]
    assert "--protocol solved" in skipped["solved"]
    assert choose_protocols(cavity, ["solved"], QUICK) == (["solved"], {})
    assert choose_protocols(cavity)[0] == THREE
    assert choose_protocols(load_pde("burgers"), settings=QUICK)[0] == THREE


def test_sensors_are_placed_where_they_are_asked_for(heat):
    assert usual_protocols() == THREE
    assert choose_protocols(heat, ["sensors"]) == (["sensors"], {})


def test_a_protocol_without_sense_is_left_out_with_its_reason_and_the_others_run(bumps, undrawn, make_outcome, tmp_path):
    chosen, skipped = choose_protocols(bumps)
    assert chosen == ["retrain"]
    assert set(skipped) == {"amortised", "solved"}
    for reason in skipped.values():
        assert "condition 'start' has the family Bump, which is not linear" in reason
    assert choose_protocols(bumps, ["sensors"])[0] == ["sensors"]
    folder = run_study(bumps, tmp_path, runners={"retrain": lambda *arguments: make_outcome("retrain", 1)})
    assert [o.protocol for o in folder.outcomes()] == ["retrain"]
    assert "Protocol amortised is left out" in (tmp_path / "report.html").read_text()


def test_nothing_that_makes_sense_is_an_error(bumps, tmp_path):
    with pytest.raises(ValueError, match="protocol amortised: condition 'start' has the family Bump"):
        run_study(bumps, tmp_path, protocols=["amortised"])
    assert not list(tmp_path.iterdir())


def test_an_unknown_protocol_lists_those_that_there_are(heat):
    with pytest.raises(UnknownNameError, match="protocol 'sensor': there is none of that name; expected sensors, "):
        choose_protocols(heat, ["sensor"])


def test_judges_and_the_curve_go_to_the_protocols_that_have_them(heat):
    settings = StudySettings(judges=("mlp-lm", "deepxde"), curve=True)
    among = ["retrain", "amortised"]
    assert choose_protocols(heat, among, settings) == (among, {})
    mine = fitted_settings(heat, "amortised", settings, among)
    assert (list(mine.judges), mine.curve) == (["deepxde"], False)
    mine = fitted_settings(heat, "retrain", settings, among)
    assert (list(mine.judges), mine.curve) == (["mlp-lm", "deepxde"], True)
    with pytest.raises(UnknownNameError, match="judge 'mlp-adm': there is none of that name; expected mlp-adam, "):
        choose_protocols(heat, among, StudySettings(judges=("mlp-adm",)))
    with pytest.raises(ValueError, match="judge 'mlp-lm': the protocol amortised has none of that name; retrain and sensors have it"):
        choose_protocols(heat, ["amortised"], StudySettings(judges=("mlp-lm",)))
    chosen, skipped = choose_protocols(heat, ["amortised"], StudySettings(curve=True))
    assert not chosen
    assert "leave out --curve" in skipped["amortised"]


def test_a_judge_that_does_not_fit_the_equation_in_one_protocol_judges_in_the_others(heat):
    settings, among = StudySettings(judges=("gauss-newton", "deepxde")), ["retrain", "amortised"]
    assert choose_protocols(heat, among, settings) == (among, {})
    assert fitted_settings(heat, "retrain", settings, among).judges == ["gauss-newton", "deepxde"]
    assert fitted_settings(heat, "amortised", settings, among).judges == ["deepxde"]


@pytest.mark.parametrize(
    ("name", "among", "judge", "said"),
    [
        ("heat", ["amortised"], "gauss-newton", "in the protocol amortised, learner 'gauss-newton': PDE 'heat' is linear, and"),
        ("burgers", None, "ridge", "in the protocol retrain, learner 'ridge': PDE 'burgers' is nonlinear; use gauss-newton; in the"),
        ("heat", None, "kernel-ridge", "the protocol solved is left out, since heat is linear"),
    ],
)
def test_a_judge_that_would_judge_nowhere_is_refused(name, among, judge, said):
    with pytest.raises(ValueError, match=f"^judge '{judge}': {said}"):
        choose_protocols(load_pde(name), among, StudySettings(judges=(judge,)))
