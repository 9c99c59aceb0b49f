"""Sensors: the choice among candidates is exact, allocations add up, baselines do what their papers say, and the commands work."""

import csv
import dataclasses
import sys

import pytest
import torch

from pinndd import Dirichlet, families
from pinndd.cli import main
from pinndd.data import SyntheticData
from pinndd.learners.ridge import Ridge, ridge_solve
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT
from pinndd.study.outcome import StudySettings
from pinndd.study.plots.sensors import draw_error_by_sensors, draw_placement
from pinndd.study.sensor_baselines import (
    apportion,
    baseline_sensors,
    candidate_sensors,
    modes_of,
    pivots,
    proportional,
    tune,
)
from pinndd.study.sensor_selection import Candidates, eliminate, exchange, removable
from pinndd.study.sensor_setup import known_conditions, make_sensor_setup, require_sensors
from pinndd.study.sensor_study import sensor_table
from pinndd.study.sensors import place_sensors, refine
from pinndd.study.summary import summarise

QUICK = StudySettings(seeds=1, test_conditions=3, budget=0.05)


@pytest.fixture(scope="module")
def poisson():
    return load_pde("poisson")


@pytest.fixture(scope="module")
def cold(poisson):
    """Poisson's equation with two edges that are known to be zero, in training and under its shift."""
    conditions = [
        dataclasses.replace(c, values=families.Zero()) if c.name in ("right", "top") else c for c in poisson.conditions
    ]
    shifts = {"sparse": {"left": families.Sine(modes=4, active=1)}}
    return dataclasses.replace(poisson, name="cold", conditions=conditions, shifts=shifts)


@pytest.fixture(scope="module")
def setup(poisson):
    return make_sensor_setup(poisson, QUICK, 0, points=60)


@pytest.fixture(scope="module")
def placement(cold):
    return place_sensors(cold, 7, QUICK, 0, points=60)


def candidates(seed=0, count=14, groups=2, episodes=9):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    truth = normal(episodes, 25)
    always = torch.zeros(count, dtype=torch.bool)
    always[3] = True
    group = torch.arange(count) % groups
    rows, questions = normal(count, 10), normal(25, 10)
    return Candidates(rows, normal(episodes, count), questions, truth, truth.norm(dim=-1), group, always, 40.0)


def direct_error(c, kept):
    """The error of a ridge fit to some rows, from scratch."""
    root = c.weight**0.5
    theta = ridge_solve(root * c.rows[kept], root * c.targets[:, kept], 1.0)
    return float(((theta @ c.questions.T - c.truth).norm(dim=-1) / c.norms).mean())


def test_removals_and_additions_are_those_of_fits_from_scratch():
    c = candidates()
    kept = [0, 2, 3, 5, 8, 11]
    removed = [direct_error(c, [k for k in kept if k != j]) for j in kept]
    torch.testing.assert_close(c.fit(kept).removals, torch.tensor(removed, dtype=torch.float64), rtol=1e-11, atol=0)
    others = torch.tensor([1, 4, 13])
    added = [direct_error(c, sorted([*kept, int(j)])) for j in others]
    torch.testing.assert_close(c.fit(kept).additions(others), torch.tensor(added, dtype=torch.float64), rtol=1e-11, atol=0)


def test_elimination_keeps_the_count_one_of_each_group_and_what_is_free():
    c = candidates(groups=4)
    for count in (4, 5, 9):
        kept = eliminate(c, count)
        assert len(kept) == count + 1
        assert 3 in kept
        assert {int(c.group[k]) for k in kept} == {0, 1, 2, 3}
    assert not removable(c, [0, 1, 2], 0)
    assert removable(c, [0, 1, 4], 0)


def test_exchange_never_raises_the_error():
    c = candidates(seed=1)
    start = [0, 1, 2, 3, 4]
    found = exchange(c, start)
    assert len(found) == len(start)
    assert direct_error(c, found) < direct_error(c, start)
    assert exchange(c, found) == found


def test_elimination_finds_the_informative_candidates():
    """Two of the candidates see what is asked, the others see nothing but themselves."""
    generator = torch.Generator().manual_seed(2)
    rows = torch.eye(12, dtype=torch.float64)
    parameters = torch.randn((30, 12), generator=generator, dtype=torch.float64)
    questions = torch.zeros((2, 12), dtype=torch.float64)
    questions[0, 4] = questions[1, 9] = 1.0
    truth = parameters @ questions.T
    always = torch.zeros(12, dtype=torch.bool)
    c = Candidates(rows, parameters, questions, truth, truth.norm(dim=-1), torch.zeros(12), always, 1e6)
    assert eliminate(c, 2) == [4, 9]


def test_the_eliminated_interior_trains_the_same_models(setup):
    sensors = baseline_sensors(setup, 9)["chebyshev"]
    data = setup.data(sensors, 100.0, 1e3)
    model = setup.learner.model
    full = Ridge(model, setup.learner.penalty).fit(data, setup.validation[:5])
    reduced = Ridge(setup.eliminated(100.0), 1.0).fit(data, setup.validation[:5])
    asked = setup.validation.points
    torch.testing.assert_close(reduced(asked), full(asked), rtol=1e-5, atol=1e-7)


def test_apportionment_adds_up_and_leaves_nobody_out():
    assert apportion([1, 1, 1], 10) == [4, 3, 3]
    assert apportion([6.0, 3.0, 0.0], 10) == [6, 3, 1]
    assert sum(apportion([0.1, 5.0, 2.0, 9.0], 30)) == 30


def test_proportional_shares_follow_the_degrees_of_freedom(poisson):
    """One sine on one edge against eight of equal strength on another."""
    many = families.Sine(modes=8, decay=0.0)
    chosen = {"left": families.Sine(modes=1), "bottom": many}
    conditions = [dataclasses.replace(c, values=chosen.get(c.name, families.Zero())) for c in poisson.conditions]
    pde = dataclasses.replace(poisson, conditions=conditions, shifts={})
    setup = make_sensor_setup(pde, QUICK, 0, points=20)
    assert proportional(setup, 18) == {"left": 2, "bottom": 16}


def test_every_baseline_has_as_many_sensors_as_asked(setup):
    for sensors in baseline_sensors(setup, 11).values():
        assert sum(len(s) for s in sensors.values()) == 11
        assert min(len(s) for s in sensors.values()) >= 1


def test_pivots_of_a_rank_one_snapshot_begin_at_its_largest_entry():
    profile = torch.tensor([0.1, -0.4, 2.0, 0.3], dtype=torch.float64)
    modes = modes_of(profile[:, None] * torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64))
    assert modes.shape == (4, 1)
    assert pivots(modes, 1, [0, 0, 0, 0]) == [2]


def test_pivots_choose_one_row_of_each_mode():
    """Modes that live on disjoint rows: the largest row of each is taken, and a group without a row gets one."""
    modes = torch.zeros((6, 2), dtype=torch.float64)
    modes[:3, 0] = torch.tensor([0.2, 0.9, 0.1])
    modes[3:, 1] = torch.tensor([0.1, 0.3, 0.8])
    assert sorted(pivots(modes, 2, [0, 0, 0, 1, 1, 1])) == [1, 5]
    with_third = pivots(modes, 3, [0, 0, 2, 1, 1, 1])
    assert len(with_third) == 3
    assert 2 in with_third


def test_conditions_known_to_be_zero_cost_no_sensor(cold, placement):
    assert known_conditions(cold) == ("right", "top")
    data, setup = placement.found.data, placement.setup
    assert setup.measured == ("left", "bottom")
    assert sum(setup.counts(data).values()) == 7
    assert set(data.learnable) == {"left", "bottom", BOUNDARY_WEIGHT}
    for t in placement.baselines:
        assert sum(setup.counts(t.data).values()) == 7
        assert torch.equal(t.data["top"], data["top"])


def test_a_point_known_to_be_zero_costs_no_sensor(poisson):
    pin = Dirichlet("pin", at={"x": 0, "y": 0}, values=families.Zero())
    pinned = dataclasses.replace(poisson, conditions=[*poisson.conditions, pin])
    assert known_conditions(pinned) == ("pin",)
    setup = make_sensor_setup(pinned, QUICK, 0, points=20)
    assert setup.known["pin"].shape == (1, 0)


def test_a_condition_that_a_shift_wakes_is_measured(cold):
    woken = dataclasses.replace(cold, shifts={"warm": {"top": families.Sine(modes=2)}})
    assert known_conditions(woken) == ("right",)


def test_sensors_are_sorted_and_not_worse_than_any_baseline(placement):
    setup, data = placement.setup, placement.found.data
    for name in setup.measured:
        assert torch.equal(data[name], data[name].sort(0).values)
    assert setup.error(data) <= placement.baselines[0].error
    assert setup.error(data) == pytest.approx(placement.found.risk, rel=1e-6)


def test_refining_is_never_worse_than_its_start(setup):
    start = tune(setup, "midpoints", baseline_sensors(setup, 8)["midpoints"], (1.0,), (1.0, 100.0))
    assert refine(setup, start.data, 1.0).risk <= start.error


def test_gauss_newton_places_sensors_too():
    pde = load_pde("burgers")
    found = place_sensors(pde, 8, dataclasses.replace(QUICK, budget=0.02), 0, points=24)
    assert found.setup.name == "gauss-newton"
    assert sum(found.setup.counts(found.found.data).values()) == 8
    assert found.found.risk <= found.baselines[0].error


def test_candidates_reach_the_corners(setup):
    for places in candidate_sensors(setup).values():
        assert places.min() == 0
        assert places.max() == 1


def test_pictures_show_every_sensor(placement):
    setup, best = placement.setup, placement.baselines[0]
    figure = draw_placement(setup.pde, setup.measured, placement.found.data, best.data, best.method)
    for ax, data in zip(figure.axes, (placement.found.data, best.data), strict=True):
        assert sum(len(c.get_offsets()) for c in ax.collections) == sum(setup.counts(data).values())


def test_the_curve_has_a_line_for_every_method(poisson):
    from pinndd.study.outcome import Result

    results = [
        Result(
            "p",
            "sensors",
            method,
            "ridge",
            60,
            m,
            shift,
            0,
            e,
            scale / m + 0.001 * e,
            0.1,
            "ridge" * (method == "distilled"),
        )
        for method, scale in {"distilled": 1.0, "midpoints": 2.0}.items()
        for m in (9, 18)
        for shift in ("none", "far")
        for e in range(3)
    ]
    figure = draw_error_by_sensors(summarise(results))
    assert len(figure.axes) == 2
    assert all(len(ax.lines) == 2 for ax in figure.axes)


@pytest.mark.parametrize(("count", "part"), [(3, "4 conditions to measure (left, right, bottom, top); give at least 4")])
def test_too_few_sensors_are_refused(poisson, count, part):
    with pytest.raises(ValueError, match="--sensors 3") as error:
        require_sensors(poisson, count)
    assert part in str(error.value)


def test_nothing_to_measure_is_said(poisson):
    conditions = [dataclasses.replace(c, values=families.Zero()) for c in poisson.conditions]
    with pytest.raises(ValueError, match="nothing to measure"):
        require_sensors(dataclasses.replace(poisson, conditions=conditions, shifts={}), 9)


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["pinndd", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_the_command_places_saves_exports_and_evaluates(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(monkeypatch, capsys, "distill", "heat", "--sensors", "6", "--points", "50", "--quick")
    assert code == 0, err
    assert "6 sensors" in out
    data = SyntheticData.load("heat-sensors.npz")
    assert data.header["sensors"] == 6
    assert (tmp_path / "heat-sensors.png").stat().st_size > 10_000
    code, _, err = call(monkeypatch, capsys, "export", "heat-sensors.npz")
    assert code == 0, err
    with open("heat-sensors.csv", newline="") as file:
        kinds = [row["kind"] for row in csv.DictReader(file)]
    assert (kinds.count("interior"), len(kinds)) == (50, 56)
    arguments = ("evaluate", "heat-sensors.npz", "--shift", "none", "--test-conditions", "3")
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert code == 0, err
    assert "in distribution" in out


def test_the_study_writes_table_sets_and_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sizes = ("--sensors", "6,7", "--points", "40", "--test-conditions", "2", "--quick")
    code, out, err = call(monkeypatch, capsys, "study", "heat", *sizes)
    assert code == 0, err
    assert "best baseline" in out
    names = {p.name for p in (tmp_path / "runs" / "heat-sensors").iterdir()}
    pictures = {"sensors-6.png", "sensors-7.png", "error-by-sensors.png"}
    assert names == pictures | {"results.csv", "summary.json", "sensors-6.npz", "sensors-7.npz"}
    code, _, err = call(monkeypatch, capsys, "study", "heat", *sizes)
    assert code == 2
    assert "--overwrite" in err


def test_the_table_of_sensors():
    def row(method, mean, shift="none", **more):
        return {"pde": "heat", "method": method, "mean": mean, "shift": shift, "boundary_points": 9, **more}

    distilled = row("distilled", 0.021, baseline="qr", ratio=2.0, ratio_low=1.5, ratio_high=2.5)
    rows = [distilled, row("qr", 0.042), row("midpoints", 1.234), row("distilled", 0.5, "rough", baseline="qr")]
    assert sensor_table([{"rows": rows}]).splitlines()[2:] == [
        "| heat | 9 | 2.1 | 4.2 (qr) | 2.00 (1.50–2.50) | midpoints 123 |"
    ]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("distill", "heat", "--sensors", "2"), "3 conditions to measure"),
        (("distill", "heat", "--sensors", "9", "--protocol", "amortised"), "goes with --protocol retrain"),
        (("distill", "heat", "--sensors", "9", "--boundary-points", "9"), "exclude each other"),
        (("distill", "heat", "--sensors", "9", "--learner", "mlp-adam"), "ridge or gauss-newton"),
        (("study", "heat", "--sensors", "9,few"), "expected a number of sensors"),
        (("study", "heat", "poisson", "--sensors", "9"), "one PDE at a time"),
    ],
)
def test_wrong_options_are_refused_before_any_work(tmp_path, monkeypatch, capsys, arguments, part):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(monkeypatch, capsys, *arguments)
    assert code == 2
    assert part in err
    assert not list(tmp_path.iterdir())
