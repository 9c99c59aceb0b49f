"""What ``pinndd check`` says about good modules and about every fault it looks for."""

import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, Periodic, families
from pinndd.pinn.checks.pde import Finding, check_pde
from pinndd.pinn.checks.residual import require_sound
from pinndd.pinn.declare.loading import list_pdes, load_pde
from pinndd.pinn.families import Family
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.jets.differences import Stencil, central_weights
from pinndd.pinn.reference import solve_dirichlet
from pinndd.user_code import UserCodeError

dde = import_deepxde()
SINE = families.Sine(modes=2)
ROD = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))
RING = [Periodic("ring"), Initial("start", values=families.Fourier(modes=2))]


def transport(x: Tensor, u: Tensor) -> Tensor:
    result: Tensor = dde.grad.jacobian(u, x, i=0, j=1) + dde.grad.jacobian(u, x, i=0, j=0)
    return result


def carried(values: BoundaryValues, points: Tensor) -> Tensor:
    return values["start"]((points[:, 0] - points[:, 1]) % 1)


def declare(**changes: Any) -> PDE:
    settings: dict[str, Any] = {
        "name": "ring",
        "domain": ROD,
        "residual": transport,
        "conditions": RING,
        "reference": carried,
        "shifts": {"sparse": {"start": families.Fourier(modes=2, active=1)}},
    }
    return PDE(**{**settings, **changes})


def complaints(pde: PDE) -> list[Finding]:
    return [f for f in check_pde(pde) if f.level != "ok"]


def only(pde: PDE) -> Finding:
    found = complaints(pde)
    assert len(found) == 1, found
    return found[0]


class Odd(Family):
    """A family whose faults are chosen."""

    size = 1

    def __init__(self, evaluate: Callable[[Tensor, Tensor], Tensor], width: int = 1) -> None:
        self._evaluate, self._width = evaluate, width

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand((count, self._width), generator=generator, dtype=torch.float64)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return self._evaluate(coefficients, s)

    def __str__(self) -> str:
        return "Odd()"


@pytest.mark.parametrize("name", [name for name, _ in list_pdes()])
def test_packaged_modules_pass(name: str) -> None:
    assert complaints(load_pde(name)) == []


def test_findings_of_a_good_module() -> None:
    findings = {f.subject: f.message for f in check_pde(declare())}
    assert findings["residual"] == "linear, 1 equation(s) in u, u_x, u_t"
    assert findings["shift 'sparse'"] == "differs from the training family"
    assert "of the size of the terms" in findings["reference"]


def test_the_seed_decides() -> None:
    one, two = ([f for f in check_pde(declare(), seed=3) if "time" not in f.subject] for _ in range(2))
    assert one == two


def test_nonlinear_and_several_outputs() -> None:
    def residual(x: Tensor, u: Tensor) -> list[Tensor]:
        first, second = u[:, 0:1], u[:, 1:2]
        return [
            dde.grad.jacobian(u, x, i=0, j=1) + first**2,
            dde.grad.jacobian(u, x, i=1, j=1) - second,
        ]

    def solution(values: BoundaryValues, points: Tensor) -> Tensor:
        x, t = points.unbind(-1)
        a, b = values["a"](x), values["b"](x)
        return torch.stack((a / (1 + a * t), b * t.exp()), -1)

    positive = Odd(lambda c, s: 1 + c[..., 0] * s[..., 0])
    pde = declare(
        residual=residual,
        conditions=[Initial("a", values=positive), Initial("b", values=SINE, component=1)],
        reference=solution,
        outputs=2,
        shifts={"sparse": {"b": replace(SINE, active=1)}},
    )
    assert complaints(pde) == []
    assert check_pde(pde)[0].message == "nonlinear, 2 equation(s) in u0, u1, u0_t, u1_t"
    wrong = replace(pde, reference=lambda v, p: solution(v, p)[..., 0])
    _match(r"expected \(4, \d+, 2\) for", complaints(wrong)[0].message)


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (lambda x, u: torch.cat((u, u), 1), r"residual returned shape \(64, 2\), expected \(64, 1\) for a network"),
        (lambda x, u: u[:, 0], r"residual returned shape \(64,\), expected \(64, 1\)"),
        (lambda x, u: 1 / 0, "PDE 'ring': residual raised ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_faulty_residual(residual: Any, message: str) -> None:
    finding = only(declare(residual=residual))
    assert (finding.level, finding.subject) == ("error", "residual")
    _match(message, finding.message)


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (lambda x, u: transport(x, u) * float("nan"), "is not finite at 128 of 128 points whatever u, the first at"),
        (lambda x, u: torch.where(x[:, :1] > 0.9, torch.nan, transport(x, u)), r"is not finite at \d+ of 128 points whatever u"),
        (lambda x, u: 0 * transport(x, u), "does not depend on u: it is the same whatever u"),
        (lambda x, u: transport(x, u).detach(), "does not depend on u: .* leaves torch's graph"),
        (lambda x, u: transport(x, u) + torch.rand(1).double(), "gives other values for the same points and the same u"),
        (lambda x, u: transport(x, u) + u.mean(), "depends at a point on the other points of the batch"),
        (lambda x, u: transport(x, u) + len(x) * u, "depends at a point on the other points of the batch"),
        (lambda x, u: transport(x, u) + np.sin(x[:, :1]), "torch.sin"),
        (lambda x, u: sys.exit(0), r"residual raised SystemExit: 0 \(.*test_pde.py, line \d+, in <lambda>"),
    ],
)  # fmt: skip
def test_a_residual_that_trains_to_something_else(residual: Any, message: str) -> None:
    pde = declare(residual=residual)
    finding = only(pde)
    assert (finding.level, finding.subject) == ("error", "residual")
    _match(message, finding.message)
    with pytest.raises(UserCodeError) as raised:
        require_sound(pde)  # as whatever trains or solves does
    _match(message, str(raised.value))


def test_a_residual_with_fewer_equations_than_declared() -> None:
    pde = declare(equations=2)
    with pytest.raises(UserCodeError, match=r"returned 1 equation\(s\), expected 2; return as many"):
        require_sound(pde)
    _match(r"returned 1 equation\(s\), expected 2; return as many", only(pde).message)


def test_a_root_of_u_is_no_fault() -> None:
    pde = declare(residual=lambda x, u: transport(x, u) + 1e-9 * u.sqrt())
    assert not [f for f in complaints(pde) if f.subject == "residual"]


def test_an_exact_solution_whose_terms_vanish() -> None:
    constant = declare(
        conditions=[RING[0], Initial("start", values=families.Constant())],
        reference=lambda v, p: v["start"](p[:, 0]),
        shifts={"other": {"start": families.Constant(distribution="uniform")}},
    )
    assert complaints(constant) == []


def test_zero_amplitude_is_an_error() -> None:
    found = complaints(declare(shifts={"silent": {"start": families.Fourier(modes=2, weights=(0.0, 0.0))}}))
    assert any(f.level == "error" and "nothing but zeros" in f.message for f in found)


def test_a_keyboard_interrupt_stays_one() -> None:
    def stopped(values: BoundaryValues, points: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_pde(declare(reference=stopped))


def _match(pattern: str, message: str) -> None:
    assert re.search(pattern, message), message


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (
            Odd(lambda c, s: (c[..., 0] * s[..., 0] - 0.5).log()),
            r"gave \d+ values that are not finite, the first at s = \(0\.\d+\)",
        ),
        (Odd(lambda c, s: (c * s)[..., None]), r"gave values of shape .*, expected \(65, 67\)"),
        (Odd(lambda c, s: c[..., 0], width=2), r"drew coefficients of shape \(65, 2\), expected \(65, 1\)"),
        (Odd(lambda c, s: c[..., 5]), r"raised IndexError: .* draw and evaluate functions of 1 coordinate\(s\)"),
    ],
)
def test_a_faulty_family(family: Family, message: str) -> None:
    training = only(declare(conditions=[RING[0], Initial("start", values=family)], shifts={"a": {"start": SINE}}))
    assert (training.level, training.subject) == ("error", "training family")
    _match("condition 'start': Odd.*" + message, training.message)
    shifted = only(declare(shifts={"odd": {"start": family}}))
    assert (shifted.level, shifted.subject) == ("error", "shift 'odd'")
    _match("condition 'start': Odd.*" + message, shifted.message)


class TestShifts:
    @pytest.mark.parametrize("family", [families.Fourier(modes=2), families.Fourier(modes=2, weights=(1.0, 0.5))], ids=str)
    def test_equal_to_training(self, family: Family) -> None:
        finding = only(declare(shifts={"same": {"start": family}}))
        assert finding == Finding(
            "error", "shift 'same'", "equals the training family; change a family in it, or remove the shift"
        )

    @pytest.mark.parametrize(
        "family", [families.Fourier(modes=2, amplitude=1.5), families.Fourier(modes=2, weights=(1.5, 0.75))], ids=str
    )
    def test_amplitude_is_trivial_for_a_linear_pde(self, family: Family) -> None:
        finding = only(declare(shifts={"loud": {"start": family}}))
        assert (finding.level, finding.subject) == ("warning", "shift 'loud'")
        assert "only multiplies all conditions by 1.5, which is trivial for a linear PDE" in finding.message

    @pytest.mark.parametrize(
        "family",
        [
            families.Fourier(modes=2, amplitude=1.5, distribution="uniform"),
            families.Fourier(modes=2, decay=0.0),
            families.Sine(modes=4),
        ],
        ids=str,
    )
    def test_others_are_not(self, family: Family) -> None:
        assert complaints(declare(shifts={"other": {"start": family}})) == []

    def test_bumps_may_differ_by_amplitude_too(self) -> None:
        conditions = [RING[0], Initial("start", values=families.Bump(width=(0.1, 0.1), center=(0.5, 0.5)))]
        louder = families.Bump(amplitude=2.0, width=(0.1, 0.1), center=(0.5, 0.5))
        assert "by 2, which" in only(declare(conditions=conditions, shifts={"loud": {"start": louder}})).message

    def test_amplitude_is_not_trivial_for_a_nonlinear_pde(self) -> None:
        louder = {"start": families.Fourier(modes=2, amplitude=1.5)}
        pde = declare(residual=lambda x, u: transport(x, u) + u**2, shifts={"loud": louder})
        assert Finding("ok", "shift 'loud'", "differs from the training family") in check_pde(pde)

    def test_none_declared(self) -> None:
        assert only(declare(shifts={})).message.startswith("none declared")


class TestCorners:
    def test_conditions_that_disagree(self) -> None:
        pde = declare(
            conditions=[
                Dirichlet("left", at={"x": 0}, values=families.Chebyshev(degree=0)),
                Initial("start", values=SINE),
            ],
            reference=lambda v, p: torch.where(
                p[:, 0] > p[:, 1], v["start"]((p[:, 0] - p[:, 1]).clamp_min(0)), v["left"]((p[:, 1] - p[:, 0]).clamp_min(0))
            ),
            shifts={"silent": {"left": SINE}},
        )
        found = [f for f in complaints(pde) if f.subject == "conditions 'left' and 'start'"]
        assert [f.level for f in found] == ["warning"]
        _match(
            r"meet at \(0, 0\), but differ there by up to \d.* \(training family; incompatible in: training family\)",
            found[0].message,
        )

    def test_opposite_faces_do_not_meet(self) -> None:
        subjects = [f.subject for f in check_pde(load_pde("heat"))]
        assert "conditions 'left' and 'start'" in subjects
        assert "conditions 'left' and 'right'" not in subjects


class TestReference:
    @pytest.mark.parametrize(
        ("reference", "message"),
        [
            (
                lambda v, p: carried(v, p).T,
                r"PDE 'ring': reference returned shape \(\d+, 4\), expected \(4, \d+\) for 4 boundary",
            ),
            (lambda v, p: carried(v, p).tolist(), "reference returned list, expected a tensor or a numpy array of shape"),
            (lambda v, p: carried(v, p) * (1 + 0j), "reference returned numbers of type torch.complex128, expected real ones"),
            (lambda v, p: carried(v, p) / 0.0, r"gave values that are not finite, the first at \("),
            (lambda v, p: sys.exit(0), r"reference raised SystemExit: 0 \(.*test_pde\.py, line \d+, in <lambda>: `.*sys\.exit"),
            (lambda v: carried, r"reference raised TypeError: .* \(.*test_pde\.py, line \d+, where <lambda> is defined\)"),
            (lambda v, p: v["strat"](p[:, 0]), "reference raised KeyError: .*no condition 'strat'; expected one of start"),
        ],
    )
    def test_that_cannot_be_used(self, reference: Any, message: str) -> None:
        found = only(declare(reference=reference))
        assert (found.level, found.subject) == ("error", "reference, training family and shift 'sparse'")
        _match(message, found.message)
        assert found.message.count("\n") == 0

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_in_numpy(self, dtype: str) -> None:
        pde = declare(reference=lambda v, p: v["start"](((p[:, 0] - p[:, 1]) % 1).numpy()).astype(dtype))
        assert [f for f in complaints(pde) if f.subject != "reference"] == []

    def test_that_looks_at_coefficients_is_asked_one_ensemble_at_a_time(self) -> None:
        pde = declare(reference=lambda v, p: carried(BoundaryValues(v.ensemble, v.coefficients), p))
        assert complaints(pde) == []

    def test_of_which_one_shift_fails_is_named_by_it(self) -> None:
        def fails(values: BoundaryValues, points: Tensor) -> Tensor:
            if len(values) != 4 or float((values.coefficients != 0).sum(-1).max()) == 1:
                raise ArithmeticError("no convergence")
            return carried(values, points)

        finding = only(declare(reference=fails))
        assert finding.subject == "reference, shift 'sparse'"
        _match(r"reference raised ArithmeticError: no convergence \(.*in fails: `raise", finding.message)

    def test_that_fails_for_one_cause_everywhere_is_told_once(self) -> None:
        """The numbers in the words of a solver differ from one ensemble to the next, and so they do where it is its own stand-in."""

        def fails(values: BoundaryValues, points: Tensor) -> Tensor:
            size = float(values.coefficients.detach().abs().sum())
            raise ArithmeticError(f"no convergence at t = {1e-3 * size}, where u is {size:.2e}")

        found = complaints(declare(reference=fails, stand_in=lambda v, p: carried(v, p)))
        assert [f.subject for f in found] == ["reference, training family and shift 'sparse'"]

    def test_a_trailing_axis_of_one_output_is_accepted(self) -> None:
        assert complaints(declare(reference=lambda v, p: carried(v, p)[..., None])) == []

    def test_that_violates_its_condition(self) -> None:
        """A solution of the PDE, but of values that are 1 % too large."""
        found = only(declare(reference=lambda v, p: 1.01 * carried(v, p)))
        assert (found.level, found.subject) == ("error", "reference, training family and shift 'sparse'")
        _match(
            r"violates the condition 'start' by 0\.0\d+ of the size of u, most at \(0\.\d+, 0\); it must take its boundary",
            found.message,
        )
        assert found.message.count("the grid is too coarse: refine it") == 1

    def test_that_is_not_periodic(self) -> None:
        pde = declare(
            conditions=[RING[0], Initial("start", values=SINE)],
            reference=lambda v, p: SINE.evaluate(v.coefficients[:, None], p[:, :1] - p[:, 1:]),
            shifts={"sparse": {"start": replace(SINE, active=1)}},
        )
        assert {f.message.partition(":")[0] for f in complaints(pde)} == {"is not periodic along x"}

    @pytest.mark.parametrize("speed", [0.5, -1.0])
    def test_that_solves_another_equation(self, speed: float) -> None:
        finding = only(declare(reference=lambda v, p: v["start"]((p[:, 0] - speed * p[:, 1]) % 1)))
        assert (finding.level, finding.subject) == ("error", "reference")
        _match(
            r"residual .* of the size of the terms .* largest .* at \(0\.\d+, 0\.\d+\); it solves another equation",
            finding.message,
        )

    @pytest.mark.parametrize("speed", [1.001, 1.01, 1.05])
    def test_whose_coefficient_is_slightly_wrong(self, speed: float) -> None:
        """The residual of a wave that is 1 % too fast is below 1 % of its terms, but the wave is 4 % off."""
        found = complaints(declare(reference=lambda v, p: v["start"]((p[:, 0] - speed * p[:, 1]) % 1)))
        assert [f.level for f in found] == ["error"] * (speed > 1.001)
        for finding in found:
            _match(r"differs by \d\.\de-0\d from our own solution of `residual` .*, whose estimated error is", finding.message)
            said = float(finding.message.split()[2])
            # mode k that is displaced by d is 2 sin(pi k d) of its size off, and the displacement is half of the last one on average
            assert 1 < said / (torch.pi * (speed - 1)) < 2.5

    def test_whose_diffusivity_is_one_per_cent_off(self) -> None:
        heat = load_pde("heat")
        wrong = partial(solve_dirichlet, diffusivity=1.01 * 0.05)
        found = only(replace(heat, reference=lambda v, p: wrong(v["left"], v["right"], v["start"], p)))
        assert (found.level, found.subject) == ("warning", "reference")
        assert 2e-3 < float(found.message.split()[2]) < 6e-3


class TestStandIn:
    def test_that_carries_gradients(self) -> None:
        finding = check_pde(declare(stand_in=lambda v, p: 1.1 * carried(v, p)))[-1]
        assert finding == Finding("ok", "stand-in", "differentiable; differs from the reference by 0.1 (mean relative L2)")

    @pytest.mark.parametrize(
        ("stand_in", "message"),
        [
            (lambda v, p: carried(v, p).detach(), "PDE 'ring': stand_in does not depend on the coefficients through torch"),
            (lambda v, p: carried(v, p)[:, :3], r"PDE 'ring': stand_in returned shape \(4, 3\), expected \(4, 65\)"),
        ],
    )
    def test_that_cannot_be_used(self, stand_in: Any, message: str) -> None:
        finding = only(declare(stand_in=stand_in))
        assert (finding.level, finding.subject) == ("error", "stand-in")
        _match(message, finding.message)


class TestDifferences:
    @pytest.mark.parametrize("order", [0, 1, 2, 3])
    def test_weights_are_exact_for_polynomials(self, order: int) -> None:
        offsets = torch.arange(-4, 5, dtype=torch.float64)
        exact = [math.factorial(order) if k == order else 0.0 for k in range(9)]
        moments = [float(central_weights(order) @ offsets**k) for k in range(9)]
        assert moments == pytest.approx(exact, abs=1e-9)

    def test_the_weights_of_a_stencil_are_in_double_precision(self) -> None:
        stencil = Stencil(torch.full((1, 1), 0.5, dtype=torch.float64), [(0, 0)], torch.tensor([0.025], dtype=torch.float64))
        assert abs(float(stencil(torch.ones((1, len(stencil.points)), dtype=torch.float64)))) < 1e-10

    def test_first_and_second_derivatives_are_of_order_8(self) -> None:
        points = torch.rand((10, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)

        def error(step: float) -> float:
            stencil = Stencil(points, [(), (0,), (1, 1), (0, 1)], torch.tensor([step, step / 2], dtype=torch.float64))
            x, y = stencil.points.unbind(-1)
            found = stencil(((3 * x).sin() * (2 * y).exp())[None])[0]
            sine, cosine, grown = (3 * points[:, 0]).sin(), (3 * points[:, 0]).cos(), (2 * points[:, 1]).exp()
            exact = torch.stack((sine, 3 * cosine, 4 * sine, 6 * cosine), -1) * grown[:, None]
            return float((found - exact).abs().max())

        assert math.log2(error(0.4) / error(0.2)) > 7.5
