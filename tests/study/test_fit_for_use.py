"""A module that `pinndd check` finds fit for use is distilled with an honest error; any other is refused, or judged wrongly."""

import re

import deepxde as dde
import pytest
import torch

import pinndd
from pinndd import PDE, Dirichlet, families
from pinndd.pinn.checks.pde import check_pde
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.engine import distill_on
from pinndd.user_code import UserCodeError

SIZE, LENGTH, FACTOR = 1e5, 1e-9, 1e12
VALUES = families.Constant(amplitude=SIZE)


def oscillation(x, u):
    return FACTOR * (dde.grad.hessian(u, x, i=0, j=0) + (2 / LENGTH) ** 2 * u)


def solution(values, points, wave_number=2.0):
    ends = [values[name](points[:1, :0])[:, :1] for name in ("left", "right")]
    x = points[:, 0] / LENGTH
    waves = [torch.sin(wave_number * (1 - x)), torch.sin(wave_number * x)]
    return sum(end * wave for end, wave in zip(ends, waves, strict=True)) / torch.sin(torch.tensor(wave_number).double())


def declare(residual=oscillation, reference=solution):
    conditions = [Dirichlet("left", at={"x": 0}, values=VALUES), Dirichlet("right", at={"x": LENGTH}, values=VALUES)]
    return PDE("string", dde.geometry.Interval(0, LENGTH), residual, conditions, reference)


def fit(pde):
    return all(finding.level != "error" for finding in check_pde(pde))


def distilled(pde):
    size = pinndd.RetrainSettings(points=4, boundary_points=2)
    return pinndd.distill_set(pde, "retrain", size, settings=pinndd.StudySettings(effort=0.02, learner="ridge"))


def test_what_is_fit_is_distilled_and_its_error_is_honest():
    pde, wrong = declare(), declare(reference=lambda v, p: solution(v, p, wave_number=2.02))
    found, asked = distilled(pde), pinndd.StudySettings(test_conditions=8, shifts=("none",))
    assert fit(pde)
    assert 0.5 < pinndd.evaluate(found.data, pde, settings=asked)["error"].median() / found.risk < 2
    # judged by a reference that is off, the same set has another error
    assert not fit(wrong)
    assert pinndd.evaluate(found.data, wrong, settings=asked)["error"].median() > 2 * found.risk


def test_the_error_that_distilling_ends_with_is_that_of_conditions_never_seen():
    pde, size = declare(), pinndd.RetrainSettings(points=4, boundary_points=2)
    bench = protocol_named("retrain").open(pde, size, pinndd.StudySettings(effort=0.02, learner="ridge")).benches(0)[0]
    data = distill_on(bench).data
    said = re.fullmatch(
        r"(.*) % \(relative L2 error, mean over 64 validation conditions of the training family\)", bench.in_validation(data)
    )
    measured = pinndd.evaluate(data, pde, settings=pinndd.StudySettings(test_conditions=64, shifts=("none",)))["error"].mean()
    assert said
    assert 0.5 < float(said[1]) / (100 * measured) < 2


@pytest.mark.parametrize(
    "residual",
    [
        lambda x, u: 0 * oscillation(x, u),
        lambda x, u: oscillation(x, u) + FACTOR / LENGTH**2 * u.mean(),
        lambda x, u: oscillation(x, u) * torch.nan,
        lambda x, u: oscillation(x, u) * torch.rand(1).double(),
        lambda x, u: [oscillation(x, u)] * 2,
        lambda x, u: dde.grad.jacobian(u, x, i=1, j=0),
    ],
)  # fmt: skip
def test_what_is_not_fit_is_refused(residual):
    pde = declare(residual)
    assert not fit(pde)
    with pytest.raises(UserCodeError, match="residual"):
        distilled(pde)
