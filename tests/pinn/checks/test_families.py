"""What ``pinndd check`` says about families of one's own, and about how large values are."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinndd import families
from pinndd.finding import Finding
from pinndd.pinn.checks.families import check_families
from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.loading import list_pdes, load_pde
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.families import Family, LinearFamily


def with_family(family: Family, shift: bool = False) -> PDE:
    pde = load_pde("advection")
    if shift:
        return replace(pde, shifts={"own": {"start": family}})
    return replace(pde, conditions=[pde.conditions[0], replace(pde.conditions[1], values=family)], shifts={})


def findings(family: Family, shift: bool = False) -> list[Finding]:
    return list(check_families(with_family(family, shift), torch.Generator().manual_seed(0)))


class Wave(Family):
    """A wave of random height and phase, as it should be."""

    size = 2

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand((count, 2), generator=generator, dtype=torch.float64)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return self.about_mean(coefficients[..., 0] * (6 * (s[..., 0] + coefficients[..., 1])).sin(), s)


class Ramp(LinearFamily):
    """A random line through zero, as it should be."""

    size = 1
    distribution = "normal"
    active = None
    scales = (1.0,)  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def basis(self, s: Tensor) -> Tensor:
        return s[..., :1]


class GlobalDraws(Wave):
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand((count, 2), dtype=torch.float64)


class NumpyDraws(Wave):
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.from_numpy(np.random.default_rng().random((count, 2)))


class Noisy(Wave):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        noise = np.random.default_rng().random()
        return noise + super().evaluate(coefficients, s)


class SingleDraws(Wave):
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return super().sample(count, generator).float()


class SingleValues(Wave):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return super().evaluate(coefficients, s).float()


class AlwaysCrossed(Wave):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        flat = coefficients.reshape(-1, 2)
        return flat[:, :1] * (6 * (s[..., 0].reshape(-1)[None] + flat[:, 1:])).sin()


class FirstOnly(Wave):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        values = super().evaluate(coefficients, s)
        return values if coefficients.dim() > 2 else values[:1].expand_as(values)


class Detached(Wave):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return super().evaluate(coefficients, s.detach())


class DetachedCoefficients(Wave):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return super().evaluate(coefficients.detach(), s)


class FixedCount(Wave):
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return super().sample(max(count, 9), generator)


class NoSize(Wave):
    size = "two"  # type: ignore[assignment]


class Square(Ramp):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return (coefficients * self.basis(s)).sum(-1) ** 2


class OtherBasis(Ramp):
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return 2 * super().evaluate(coefficients, s)


class Scaleless(Ramp):
    scales = (1.0, 2.0)  # type: ignore[assignment]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand((count, 1), generator=generator, dtype=torch.float64)


class Backwards(Ramp):
    scales = (-1.0,)  # type: ignore[assignment]


class FlatBasis(Ramp):
    def basis(self, s: Tensor) -> Tensor:
        return s[..., 0]

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return coefficients[..., 0] * s[..., 0]


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (GlobalDraws(), "draws from torch's global random state; pass the generator it is given to every draw"),
        (NumpyDraws(), "drew other coefficients from the same generator; draw from the generator it is given"),
        (Noisy(), "gave other values for the same coefficients and places; what is random belongs into the coefficients"),
        (SingleDraws(), "drew coefficients of type torch.float32, expected torch.float64"),
        (SingleValues(), "gave values of type torch.float32, expected torch.float64"),
        (AlwaysCrossed(), r"gave values of shape \(9, 9\) for coefficients \(9, 2\) at places \(9, 1\), expected \(9,\)"),
        (FirstOnly(), "gives other values where one function is asked per place than where all are asked everywhere"),
        (Detached(), "cannot be differentiated in s: torch's gradient differs from differences of the values"),
        (DetachedCoefficients(), "cannot be differentiated in coefficients: torch's gradient differs"),
        (FixedCount(), r"drew coefficients of shape \(9, 2\) for 1 function, expected \(1, 2\)"),
        (Square(), r"is a LinearFamily, but its values are not linear in the coefficients: evaluate\(a\) \+ evaluate\(b\)"),
        (OtherBasis(), "is a LinearFamily whose values are not mean plus basis times coefficients"),
        (Scaleless(), "has 2 scales, expected one for each of its 1 coefficients"),
        (Backwards(), r"has the scales \(-1.0,\); expected standard deviations: finite, none of them negative"),
        (FlatBasis(), r"has a basis of shape \(17,\) at 17 places, expected \(17, 1\)"),
    ],
    ids=lambda value: str(value) if isinstance(value, Family) else "",
)
@pytest.mark.parametrize("shift", [False, True])
def test_a_fault_is_named(family: Family, message: str, shift: bool) -> None:
    state = torch.get_rng_state()
    (found,) = findings(family, shift)
    assert (found.level, found.subject) == ("error", "shift 'own'" if shift else "training family")
    assert found.message.startswith(f"condition 'start': {family} ")
    assert re.search(message, found.message), found.message
    if not isinstance(family, GlobalDraws):
        assert torch.equal(torch.get_rng_state(), state)


def test_a_size_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"condition 'start': NoSize\(\) has size='two'; expected its number of coefficients"):
        with_family(NoSize())


def warm(s: Any) -> Any:
    return 2 + np.sin(s[:, 0])


@dataclass(frozen=True)
class Warm(Ramp):
    """A line about a mean."""

    mean: families.Known | None = field(default=None, kw_only=True)


@pytest.mark.parametrize(
    "family",
    [Wave(), Ramp(), Warm(), Warm(mean=3.0), Warm(mean=warm)],
    ids=["wave", "ramp", "no mean", "a number", "a function"],
)
def test_families_of_ones_own_that_are_right(family: Family) -> None:
    assert [f.level for f in findings(family)] == ["ok", "ok"]
    assert [f.level for f in findings(family, shift=True)] == ["ok", "ok"]


@pytest.mark.parametrize("name", [name for name, _ in list_pdes()])
def test_families_of_the_packaged_modules_are_right(name: str) -> None:
    found = list(check_families(load_pde(name), torch.Generator().manual_seed(0)))
    assert [f.level for f in found] == ["ok", "ok"]


def test_a_shift_to_a_plain_class_is_compared_as_a_whole() -> None:
    pde = replace(with_family(Ramp()), shifts={"other": {"start": Ramp()}})
    found = [f for f in check_pde(pde) if f.subject == "shift 'other'"]
    assert [f.level for f in found] == ["ok"]


@pytest.mark.parametrize(
    ("family", "words"),
    [
        (families.Constant(0.5, mean=300.0), r"start 300 ± 0\.5"),
        (families.Constant(0.5), r"start ± 0\.5"),
        (families.Fixed(lambda s: 4.0), "start 4"),
        (families.Zero(), "start 0"),
    ],
)
def test_the_size_of_values_is_said(family: Family, words: str) -> None:
    found = findings(family)[-1]
    assert (found.level, found.subject) == ("ok", "values in training")
    assert re.fullmatch(words.replace("5", "(4|5)\\d*"), found.message), found.message
