"""Conditions, the joint family of their values, and what a PDE refuses."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, Neumann, Periodic, Robin, families
from pinndd.pinn.geometry.domain import domain_from
from pinndd.pinn.jets.deepxde import import_deepxde

dde = import_deepxde()
ROD = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 2), dde.geometry.TimeDomain(0, 1))
SINE, WAVES = families.Sine(modes=2), families.Fourier(modes=1, constant=1.0)
CONDITIONS = [
    Dirichlet("left", at={"x": 0}, values=WAVES),
    Dirichlet("right", at={"x": 2}, values=WAVES),
    Initial("start", values=SINE, joins=("left", "right")),
]


def declare(conditions: Any = CONDITIONS, **changes: Any) -> PDE:
    return PDE("rod", ROD, lambda x, u: u, conditions, lambda values, points: points[None, :, 0], **changes)


def joined(left: str, right: str) -> PDE:
    return declare([*CONDITIONS[:2], Initial("start", values=SINE, joins=(left, right))])


def joined_face() -> Dirichlet:
    return Dirichlet("face", at={"x": 0, "t": 0}, values=SINE, joins=("left", "right"))


def draw(pde: PDE, shift: str = "none", count: int = 4) -> BoundaryValues:
    ensemble = pde.ensemble(shift)
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(0)))


def at(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_faces_of_the_conditions() -> None:
    pde = declare()
    half = torch.tensor([[0.5]], dtype=torch.float64)
    places = {name: patch.points(half).tolist() for name, patch in pde.patches.items()}
    assert places == {"left": [[0.0, 0.5]], "right": [[2.0, 0.5]], "start": [[1.0, 0.0]]}


def test_joined_data_are_continuous_at_the_corners() -> None:
    values = draw(declare())
    start = values["start"](at(0.0, 1.0))
    torch.testing.assert_close(start[:, 0], values["left"](at(0.0))[:, 0])
    torch.testing.assert_close(start[:, 1], values["right"](at(0.0))[:, 0])


def test_joined_data_are_the_family_plus_a_line() -> None:
    values = draw(declare())
    s = at(0.2, 0.9)
    bent = SINE.evaluate(values.coefficients[:, None, 6:], s[:, None])
    line = (1 - s) * values["left"](at(0.0)) + s * values["right"](at(0.0))
    torch.testing.assert_close(values["start"](s), bent + line)


def test_coefficients_stand_side_by_side() -> None:
    ensemble = declare().ensemble()
    assert ensemble.size == 8
    assert ensemble.slices == {"left": slice(0, 3), "right": slice(3, 6), "start": slice(6, 8)}
    assert ensemble.linear
    assert ensemble.scales().tolist() == [1, 1, 1, 1, 1, 1, 1, 0.5]
    assert len(draw(declare())) == 4


@pytest.mark.parametrize("end", [0, 1])
def test_one_end_can_be_joined_alone(end: int) -> None:
    names = ("left", None) if end == 0 else (None, "right")
    both, one = draw(declare()), draw(declare([*CONDITIONS[:2], Initial("start", values=SINE, joins=names)]))
    s = at(0.0, 0.25, 1.0)
    corner = one[names[end] or ""](at(0.0))
    line = corner * (s if end else 1 - s)
    torch.testing.assert_close(one["start"](s), line + SINE.evaluate(one.coefficients[:, None, 6:], s[:, None]))
    torch.testing.assert_close(one["start"](s)[:, 2 * end], both["start"](s)[:, 2 * end])
    torch.testing.assert_close(one["start"](s)[:, 2 - 2 * end], torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)


def test_values_take_points_with_and_without_a_column() -> None:
    values = draw(declare())
    torch.testing.assert_close(values["left"](at(0.1, 0.7)), values["left"](at(0.1, 0.7)[:, None]))


def test_values_are_differentiable_in_the_coefficients() -> None:
    pde = declare()
    coefficients = draw(pde).coefficients.requires_grad_()
    assert torch.autograd.gradcheck(lambda c: BoundaryValues(pde.ensemble(), c)["start"](at(0.3)), (coefficients,))


def test_a_tied_condition_follows_the_other() -> None:
    pde = declare(shifts={"mirror": {"right": families.Tied(to="left", factor=-2.0)}})
    values = draw(pde, "mirror")
    assert values.ensemble.size == 5
    assert values.ensemble.linear
    torch.testing.assert_close(values["right"](at(0.3, 0.6)), -2 * values["left"](at(0.3, 0.6)))
    torch.testing.assert_close(values["start"](at(1.0)), values["right"](at(0.0)))


def test_a_shift_changes_the_named_conditions_only() -> None:
    bump = families.Bump()
    ensemble = declare(shifts={"bump": {"start": bump}}).ensemble("bump")
    assert ensemble.families == {"left": WAVES, "right": WAVES, "start": bump}
    assert not ensemble.linear


def test_families_can_be_replaced() -> None:
    narrow = replace(SINE, amplitude=0.1)
    assert declare().ensemble().with_families({"start": narrow}).families["start"] == narrow


def test_periodic_axes_carry_no_points() -> None:
    pde = declare([Periodic("ring", axis="x"), Initial("start", values=families.Fourier())])
    assert pde.periodic_axes == (0,)
    assert list(pde.patches) == ["start"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: declare([Dirichlet("a", at={"z": 0}, values=SINE)]), "condition 'a': coordinate 'z' is not one of x, t"),
        (
            lambda: declare([Dirichlet("a", at={"x": 1}, values=SINE)]),
            "condition 'a': x = 1 names no boundary; expected 0.0 or 2.0",
        ),
        (lambda: declare([Dirichlet("a", at={}, values=SINE)]), r"condition 'a': at=\{\} fixes no coordinate"),
        (lambda: declare([CONDITIONS[0], CONDITIONS[0]]), r"PDE 'rod': condition names \['left', 'left'\] must differ"),
        (lambda: declare([Periodic("ring")]), "PDE 'rod': no condition has values; add a Dirichlet or an Initial condition"),
        (lambda: declare([*CONDITIONS, Periodic("p", axis="y")]), "PDE 'rod': periodic axis 'y' is not one of x, t"),
        (
            lambda: declare(shifts={"a": {"lft": SINE}}),
            "PDE 'rod': shift 'a' names the condition 'lft'; it has left, right, start",
        ),
        (lambda: declare(shifts={"a": {"left": SINE}}).ensemble("b"), "PDE 'rod': no shift 'b'; it has none, a"),
        (
            lambda: declare(shifts={"a": {"left": families.Tied(to="up")}}),
            r"Tied\(to='up'\): expected one of right, start",
        ),
        (lambda: joined("lft", "right"), "PDE 'rod': condition 'start' joins 'lft'; expected one of left, right, start"),
        (
            lambda: joined("right", "left"),
            "condition 'start' joins 'right' at s = 0, but they do not meet there; joins names",
        ),
        (
            lambda: declare([Robin("left", at={"x": 0}, values=WAVES), *CONDITIONS[1:]]),
            r"condition 'start' joins 'left', but the values of 'left' \(Robin\) are not those of u, .* joins=\(None, 'right'\)",
        ),
        (
            lambda: declare([CONDITIONS[0], Neumann("right", at={"x": 2}, values=WAVES), CONDITIONS[2]]),
            r"condition 'start' joins 'right', but the values of 'right' \(Neumann\) are not those of u",
        ),
        (
            lambda: declare([*CONDITIONS[:2], Initial("speed", values=SINE, joins=("left", None), order=1)]),
            r"condition 'speed' joins 'left', but it is about derivatives of u \(Initial velocity\): leave joins out",
        ),
        (
            lambda: declare([Dirichlet("left", at={"x": 0}, values=WAVES, component=1), *CONDITIONS[1:]], outputs=2),
            "'start' joins 'left', but the one is about u0 and the other about u1: join a condition on",
        ),
        (
            lambda: declare([*CONDITIONS[:2], Initial("start", values=replace(SINE, mean=300.0), joins=("left", None))]),
            "'start' joins 'left' at s = 0, where its own mean is 300: the value of 'left' would be added to that; give a mean",
        ),
        (
            lambda: declare(shifts={"hot": {"start": replace(SINE, mean=lambda s: s[:, 0])}}),
            "'start' joins 'right' at s = 1, where its own mean is 1: the value of 'right'",
        ),
        (
            lambda: Initial("start", values=SINE, joins="left"),  # type: ignore[arg-type]
            r"condition 'start': joins='left'; expected the names of the conditions at s = 0 and at s = 1",
        ),
        (
            lambda: Dirichlet("a", at={"x": 0}, values=SINE, joins=(None, None)),
            r"condition 'a': joins=\(None, None\); expected the names .* or \('left', None\) to join one end only",
        ),
        (
            lambda: declare(shifts={"a": {"left": families.Tied(to="right"), "right": families.Tied(to="start")}}),
            r"Tied\(to='right'\): expected one of start",
        ),
        (
            lambda: declare([Dirichlet("left", at={"x": 0}, values=300.0)]),  # type: ignore[arg-type]
            r"condition 'left' has the values 300.0; expected a family: for a known number .* say families.Fixed\(...\)",
        ),
        (lambda: joined("start", "left"), "condition 'start' joins 'start', which joins others itself; leave joins out"),
        (
            lambda: declare([*CONDITIONS[:2], joined_face()]),
            "condition 'face' joins 'left' along 0 coordinates; only a condition along one can join others",
        ),
        (
            lambda: Initial("start", values=SINE).patch(domain_from(dde.geometry.Interval(0, 1))),
            "condition 'start': an initial condition needs GeometryXTime; the domain has no time",
        ),
    ],
)
def test_what_is_refused(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        build()


def test_an_unknown_condition_is_named() -> None:
    with pytest.raises(KeyError, match="no condition 'up'; expected one of left, right, start"):
        draw(declare())["up"]
