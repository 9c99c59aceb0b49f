"""Sensors: the choice among candidates is exact, allocations add up, baselines do what their papers say, and the commands work."""

import dataclasses

import pytest
import torch

from pinndd import Dirichlet, families
from pinndd.learners.ridge import Ridge, ridge_solve
from pinndd.outer_loop import distill
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT
from pinndd.study.plots.sensors import draw_placement, measured_conditions
from pinndd.study.protocols.engine import distill_on
from pinndd.study.protocols.sensors.baselines import (
    apportion,
    baseline_sensors,
    candidate_sensors,
    modes_of,
    proportional,
    qr_sensors,
    tune,
)
from pinndd.study.protocols.sensors.selection import Candidates, eliminate, exchange, removable
from pinndd.study.protocols.sensors.settings import known_conditions
from pinndd.study.results.standing import Standing

pytestmark = pytest.mark.usefixtures("unrendered")


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
def bench(opened, poisson):
    return opened("sensors", poisson, size={"sensors": (8,), "points": 60}).benches(0)[0]


def test_known_means_need_no_sensors(opened, poisson):
    """Where sensors are put by modes, and how many each edge gets, follows from what varies alone."""
    found = {}
    for mean in (1e-3, 300.0):
        conditions = [dataclasses.replace(c, values=dataclasses.replace(c.values, mean=mean)) for c in poisson.conditions]
        warm = dataclasses.replace(poisson, name="warm", conditions=conditions, shifts={})
        bench = opened("sensors", warm, size={"sensors": (8,), "points": 60}).benches(0)[0]
        found[mean] = proportional(bench, 8), qr_sensors(bench, "qr-boundary-modes", 8)
    assert found[1e-3][0] == found[300.0][0]
    for name, places in found[1e-3][1].items():
        torch.testing.assert_close(found[300.0][1][name], places)


def test_fixed_values_are_known(poisson):
    conditions = [dataclasses.replace(poisson.conditions[0], values=families.Fixed(300.0)), *poisson.conditions[1:]]
    pde = dataclasses.replace(poisson, conditions=conditions, shifts={})
    assert known_conditions(pde) == (conditions[0].name,)


@pytest.fixture(scope="module")
def placement(opened, cold):
    """A bench, and what was distilled on it."""
    placed = opened("sensors", cold, size={"sensors": (7,), "points": 60}).benches(0)[0]
    return placed, distill_on(placed)


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


def test_the_eliminated_interior_trains_the_same_models(bench):
    sensors = baseline_sensors(bench, 9)["chebyshev"]
    data, few = bench.data(sensors, 100.0, 1e3), bench.conditions.validation[:5]
    full = Ridge(bench.learner.model, bench.learner.penalty).fit(data, few)
    reduced = Ridge(bench.eliminated(100.0), 1.0).fit(data, few)
    asked = few.points
    torch.testing.assert_close(reduced(asked), full(asked), rtol=1e-5, atol=1e-7)


def test_apportionment_adds_up_and_leaves_nobody_out():
    assert apportion([1, 1, 1], 10) == [4, 3, 3]
    assert apportion([6.0, 3.0, 0.0], 10) == [6, 3, 1]
    assert sum(apportion([0.1, 5.0, 2.0, 9.0], 30)) == 30


def test_proportional_shares_follow_the_degrees_of_freedom(opened, poisson):
    """One sine on one edge against eight of equal strength on another."""
    many = families.Sine(modes=8, decay=0.0)
    chosen = {"left": families.Sine(modes=1), "bottom": many}
    conditions = [dataclasses.replace(c, values=chosen.get(c.name, families.Zero())) for c in poisson.conditions]
    pde = dataclasses.replace(poisson, conditions=conditions, shifts={})
    bench = opened("sensors", pde, size={"sensors": (18,), "points": 20}).benches(0)[0]
    assert proportional(bench, 18) == {"left": 2, "bottom": 16}


def test_every_baseline_has_as_many_sensors_as_asked(bench):
    for sensors in baseline_sensors(bench, 11).values():
        assert sum(len(s) for s in sensors.values()) == 11
        assert min(len(s) for s in sensors.values()) >= 1


def test_modes_of_a_rank_one_snapshot_are_its_profile():
    profile = torch.tensor([0.1, -0.4, 2.0, 0.3], dtype=torch.float64)
    modes = modes_of(profile[:, None] * torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64))
    assert torch.allclose(modes.abs()[:, 0], profile.abs() / profile.norm())


def test_conditions_known_to_be_zero_cost_no_sensor(cold, placement):
    assert known_conditions(cold) == ("right", "top")
    bench, data = placement[0], placement[1].data
    assert bench.measured == ("left", "bottom")
    assert bench.counts(data) == (60, 7)
    assert set(data.learnable) == {"left", "bottom", BOUNDARY_WEIGHT}
    for design in bench.designs:
        assert bench.counts(design.data) == (60, 7)
        assert torch.equal(design.data["top"], data["top"])


def test_a_point_known_to_be_zero_costs_no_sensor(opened, poisson):
    pin = Dirichlet("pin", at={"x": 0, "y": 0}, values=families.Zero())
    pinned = dataclasses.replace(poisson, conditions=[*poisson.conditions, pin])
    assert known_conditions(pinned) == ("pin",)
    bench = opened("sensors", pinned, size={"sensors": (4,), "points": 20}).benches(0)[0]
    assert bench.known["pin"].shape == (1, 0)


def test_a_condition_that_a_shift_wakes_is_measured(cold):
    woken = dataclasses.replace(cold, shifts={"warm": {"top": families.Sine(modes=2)}})
    assert known_conditions(woken) == ("right",)


def test_sensors_are_sorted_and_not_worse_than_any_baseline(placement):
    bench, found = placement
    for name in bench.measured:
        assert torch.equal(found.data[name], found.data[name].sort(0).values)
    assert bench.error(found.data) <= bench.designs[0].error
    assert bench.error(found.data) == pytest.approx(found.risk, rel=1e-6)


def test_refining_is_never_worse_than_its_start(bench):
    start = tune(bench, "midpoints", baseline_sensors(bench, 8)["midpoints"], (1.0,), (1.0, 100.0))
    found = distill(
        bench.problem_for(start.data),
        start.data,
        hypergradient=bench.hypergradient,
        validation=[bench.conditions.validation],
        settings=bench.outer,
    )
    assert found.risk <= start.error


def test_gauss_newton_places_sensors_too(opened):
    bench = opened("sensors", "burgers", size={"sensors": (8,), "points": 24}, effort=0.02).benches(0)[0]
    assert bench.recipe.name == "gauss-newton"
    found = distill_on(bench)
    assert bench.counts(found.data) == (24, 8)
    assert found.risk <= bench.designs[0].error


def test_candidates_reach_the_corners(bench):
    for places in candidate_sensors(bench).values():
        assert places.min() == 0
        assert places.max() == 1


def test_pictures_show_every_sensor(placement):
    bench, data = placement[0], placement[1].data
    best = bench.designs[0]
    assert measured_conditions(bench.pde, data) == list(bench.measured)
    figure = draw_placement(bench.pde, bench.measured, data, best.data, Standing("none", best.name))
    for ax, shown in zip(figure.axes, (data, best.data), strict=True):
        assert sum(len(c.get_offsets()) for c in ax.collections) == bench.counts(shown)[1]


def test_too_few_sensors_are_refused(opened, poisson):
    with pytest.raises(ValueError, match="--sensors 3") as error:
        opened("sensors", poisson, size={"sensors": (3,)})
    assert "4 conditions to measure (left, right, bottom, top); give at least 4" in str(error.value)


def test_nothing_to_measure_is_said(opened, poisson):
    conditions = [dataclasses.replace(c, values=families.Zero()) for c in poisson.conditions]
    with pytest.raises(ValueError, match="nothing to measure"):
        opened("sensors", dataclasses.replace(poisson, conditions=conditions, shifts={}))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("distill", "heat", "--sensors", "2"), "3 conditions to measure"),
        (("distill", "heat", "--sensors", "9", "--protocol", "amortised"), "protocol amortised has no such option; sensors has it"),
        (("distill", "heat", "--sensors", "9", "--boundary-points", "9"), "the protocol sensors has no such option; retrain has it"),
        (("distill", "heat", "--sensors", "9", "--learner", "mlp-adam"), "expected ridge, gauss-newton"),
        (("study", "heat", "--sensors", "9,few"), "expected a number of sensors"),
        (("distill", "heat", "--sensors", "9,12"), "one placement has one number of sensors"),
    ],
)
def test_wrong_options_are_refused_before_any_work(call, tmp_path, arguments, part):
    code, _, err = call(*arguments)
    assert code == 2
    assert part in err
    assert not list(tmp_path.iterdir())
