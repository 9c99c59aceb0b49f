"""A study of a system: each component has its errors, and the unit of one changes no joint error."""

from dataclasses import replace

import deepxde as dde
import pytest
import torch

from pinndd import PDE, Dirichlet, families
from pinndd.pinn.reference import laplace_on_square

EDGES = {"left": {"x": 0}, "right": {"x": 1}, "bottom": {"y": 0}, "top": {"y": 1}}
EDGE = families.Sine(modes=2)


def potential(pascals=1.0, offset=0.0, mean=None, **changes):
    """A temperature T and a pressure that follows it up to a constant, in a unit of its own."""

    def residual(x, u):
        laplace = dde.grad.hessian(u, x, component=0, i=0, j=0) + dde.grad.hessian(u, x, component=0, i=1, j=1)
        forces = [dde.grad.jacobian(u, x, i=1, j=k) / pascals - dde.grad.jacobian(u, x, i=0, j=k) for k in (0, 1)]
        return [laplace, *forces]

    def reference(values, points):
        heat = laplace_on_square({name: values[name] for name in EDGES}, points)
        return torch.stack((heat, pascals * heat + offset), -1)

    edge = replace(EDGE, mean=mean)
    settings = {
        "name": "potential",
        "domain": dde.geometry.Rectangle([0, 0], [1, 1]),
        "residual": residual,
        "conditions": [Dirichlet(name, at=at, values=edge, component="T") for name, at in EDGES.items()],
        "reference": reference,
        "outputs": ("T", "p"),
        "equations": 3,
        "up_to_constant": ("p",),
        "units": {"T": "K", "p": "Pa"},
    }
    return PDE(**settings | changes)


@pytest.mark.parametrize("protocol", ["amortised", "sensors"])
def test_rows_have_the_errors_of_the_components(ran, protocol):
    outcome = ran(protocol, potential(offset=40.0))
    results = outcome.results
    assert list(results.columns[-2:]) == ["error_T", "error_p"]
    assert results[["error", "error_T", "error_p"]].notna().all(axis=None)
    low, high = results[["error_T", "error_p"]].min(axis=1), results[["error_T", "error_p"]].max(axis=1)
    assert ((low <= results["error"]) & (results["error"] <= high)).all()
    assert outcome.measured.startswith("The error is that of all components together")
    assert outcome.measured.endswith("p is judged up to a constant.")
    example = outcome.examples[0]
    means = [field[..., 1].nanmean() for field in (example.truth, *example.predictions.values())]
    assert means == pytest.approx([float(means[0])] * len(means))


def test_a_judged_component_in_another_unit(opened):
    """A learner whose features are fitted to p in another unit, and whose p is so much larger, has the same errors."""
    found = []
    for factor in (1.0, 1e5):
        study = opened("retrain", potential(factor))
        ridge = study.recipes["ridge"]
        bench = study.bench_of(ridge, ridge.build(study.pde, {}), 0)
        episodes = study.tests.episodes["none"]

        class Off:
            def __init__(self, factor):
                self.factors = torch.tensor([1.0, factor], dtype=torch.float64)

            def __call__(self, points, derivatives=0):
                waves = torch.sin(7 * points.sum(-1))[:, None]
                return episodes.truth + 0.1 * waves * self.factors  # noqa: B023

        found.append([list(columns.values()) for columns in bench.errors(Off(factor), episodes)])
    assert torch.allclose(torch.tensor(found[0]), torch.tensor(found[1]), rtol=1e-9, atol=0)


def test_a_picture_of_a_family_with_a_mean_has_the_rest(ran):
    outcome = ran("sensors", potential(mean=3.0))
    rest = outcome.examples[0].rest
    assert rest is not None
    torch.testing.assert_close(rest[20, 20, 0], torch.tensor(3.0, dtype=torch.float64), rtol=1e-2, atol=0)
    assert "deviation from the solution for the mean conditions" in outcome.measured
