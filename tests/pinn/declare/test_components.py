"""Components of u have names, which conditions, units and messages use."""

from dataclasses import replace

import deepxde as dde
import pytest
import torch

from pinndd import PDE, Dirichlet, Neumann, Operator, Robin, families
from pinndd.pinn.checks.pde import check_pde

SINE = families.Sine(modes=2)


def declare(**changes):
    def residual(x, u):
        return [dde.grad.jacobian(u, x, i=c, j=0) for c in (0, 1)]

    settings = {
        "name": "pair",
        "domain": dde.geometry.Rectangle([0, 0], [1, 1]),
        "residual": residual,
        "conditions": [Dirichlet("left", at={"x": 0}, values=SINE, component="p")],
        "reference": lambda values, points: torch.stack([values["left"](points[:, 1])] * 2, -1),
        "outputs": ("v", "p"),
    }
    return PDE(**settings | changes)


def test_names_and_numbers():
    assert declare().components == ("v", "p")
    assert declare().output_count == declare().equation_count == 2
    numbered = declare(outputs=2, conditions=[Dirichlet("left", at={"x": 0}, values=SINE, component=1)])
    assert numbered.components == ("u0", "u1")
    single = declare(outputs=("T",), conditions=[Dirichlet("left", at={"x": 0}, values=SINE)])
    assert (single.components, single.output_count) == (("T",), 1)


def test_the_unit_of_u_is_that_of_all_components_without_names():
    conditions = [Dirichlet("left side", at={"x": 0}, values=SINE, component=1)]
    found = declare(outputs=2, conditions=conditions, units={"u": "m", "u1": "K", "x": "s"})
    assert found.units == {"u0": "m", "u1": "K", "x": "s"}
    with pytest.raises(ValueError, match="'u' is neither a component"):
        declare(units={"u": "m"})


def test_a_declaration_that_is_changed_keeps_the_names():
    assert replace(declare(), title="two").components == ("v", "p")


@pytest.mark.parametrize("make", [Dirichlet, Neumann, Robin])
def test_a_condition_by_name_is_that_by_number(make):
    named, numbered = (declare(conditions=[make("left", at={"x": 0}, values=SINE, component=c)]) for c in ("p", 1))
    assert named.valued == numbered.valued
    assert named.operators["left"].terms == numbered.operators["left"].terms
    assert named.conditions[0].component == "p"  # what was declared stays as it is


def test_a_name_has_a_number_in_a_pde_only():
    with pytest.raises(TypeError, match=r"condition 'left': component 'p' has a number only in pde\.valued"):
        _ = declare().conditions[0].component_number


def test_an_operator_is_about_all_components():
    pull = Operator("pull", at={"x": 1}, operator=lambda x, u, normal: u[:, 1:2] - u[:, :1], values=SINE)
    assert declare(conditions=[pull]).operators["pull"].terms == ((0, ()), (1, ()))


def test_the_check_calls_components_by_their_names():
    findings = check_pde(declare())
    assert findings[0].message == "linear, 2 equation(s) in v, p, v_x, p_x"


def test_the_check_measures_a_small_component_by_its_own_size():
    """Beside a component that is 1e9 times larger, a condition that is missed by one percent is missed."""

    def reference(values, points):
        left = values["left"](points[:, 1])
        return torch.stack([1e9 + 0 * left, 1.01 * left], -1)

    errors = [f.message for f in check_pde(declare(reference=reference)) if f.level == "error"]
    assert any("violates the condition 'left'" in message for message in errors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outputs": "uv"}, r"PDE 'pair': outputs='uv' is a text; one name is written \('uv',\)"),
        ({"outputs": 0}, "PDE 'pair': outputs=0; expected a number from 1 on, or the names"),
        ({"outputs": ()}, r"PDE 'pair': outputs=\(\) names no component"),
        ({"outputs": ("v", "2p")}, "'2p' is no name; expected letters, digits and _"),
        ({"outputs": ("v", "p", "v")}, "the name 'v' stands twice"),
        ({"outputs": ("x", "p")}, "a component and a coordinate are both called 'x'"),
        ({"units": {"q": "m"}}, r"'q' is neither a component \(v, p\) nor a coordinate \(x, y\); remove it"),
        ({"up_to_constant": "p"}, r"up_to_constant='p' is a text; one name is written \('p',\)"),
        ({"up_to_constant": ("q",)}, "'q' is no component; expected among v, p"),
        (
            {"conditions": [Dirichlet("left", at={"x": 0}, values=SINE, component="q")]},
            "condition 'left' is about component 'q'; u has v, p: give one of these names, or a number from 0 to 1",
        ),
        (
            {"conditions": [Dirichlet("left", at={"x": 0}, values=SINE, component=1.5)]},
            "condition 'left' is about component 1.5; u has v, p",
        ),
    ],
)
def test_what_cannot_be_meant(changes, message):
    with pytest.raises(ValueError, match=message):
        declare(**changes)
