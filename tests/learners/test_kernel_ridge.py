"""Kernel ridge: the closed form, its limits, and its gradient against central differences."""

import pytest
import torch

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact
from pinndd.learners.kernel_ridge import Kernel, KernelRidge, fit_surrogate
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def field(z):
    """Three outputs of two inputs, differentiable in them."""
    return torch.stack((z[:, 0].sin(), z[:, 0] * z[:, 1], z.square().sum(-1) + 1), -1)


class Toy:
    """Labels the inputs by `field`; asked at fixed queries."""

    queries, fixed = draw(5, 2, seed=1), field(draw(5, 2, seed=1))

    def examples(self, data, episodes):
        return data["z"], field(data["z"])

    def fitted(self, surrogate, data, episodes):
        return surrogate(self.queries)

    def episodes(self, count, generator):
        return None

    def answer(self, fitted, episodes, derivatives):
        return fitted[..., None]

    def truth(self, episodes, derivatives):
        return self.fixed[..., None]


def problem():
    return DistillationProblem(KernelRidge(Toy(), Kernel(1.5, 0.7), 1e-6), Toy(), RelativeL2(), Mean())


def data(z):
    return SyntheticData({"z": z}, {"z": Box((-9.0,), (9.0,))})


def test_the_surrogate_meets_its_labels():
    z = draw(6, 2)
    surrogate = fit_surrogate(Kernel(), z, field(z), 1e-12)
    assert torch.allclose(surrogate(z), field(z), atol=1e-8)


def test_a_large_trend_reproduces_a_linear_map_everywhere():
    z, slope = draw(8, 3), draw(3, 2, seed=4)
    surrogate = fit_surrogate(Kernel(1.0, 1e4), z, z @ slope + 2, 1e-14)
    far = 30 * draw(4, 3, seed=5)
    assert torch.allclose(surrogate(far), far @ slope + 2, rtol=1e-3, atol=1e-3)


def test_fewer_examples_than_coefficients_are_no_trouble():
    z = draw(2, 7)
    assert fit_surrogate(Kernel(2.0, 3.0), z, draw(2, 4, seed=1), 1e-6)(draw(3, 7, seed=2)).isfinite().all()


def test_the_kernel_is_symmetric_positive_and_one_more_than_its_trend_on_the_diagonal():
    z = draw(12, 3)
    gram = Kernel(0.8, 0.5)(z, z)
    assert torch.allclose(gram, gram.T)
    assert torch.linalg.eigvalsh(gram).min() > 0
    assert torch.allclose(gram.diagonal(), 1 + 0.25 * (1 + z.square().sum(-1)))


def test_the_hypergradient_agrees_with_central_differences(central_differences):
    z = draw(6, 2)
    _, gradient = Exact()(problem(), data(z), None)
    expected = central_differences(lambda at: problem().evaluate(data(at), None), z)
    assert (gradient["z"] - expected).norm() <= 1e-7 * expected.norm()


def test_coinciding_inputs_have_a_finite_gradient():
    z = torch.zeros((3, 2), dtype=torch.float64)
    _, gradient = Exact()(problem(), data(z), None)
    assert gradient["z"].isfinite().all()


@pytest.mark.parametrize(("length", "trend"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -0.1)])
def test_bad_kernels_are_refused(length, trend):
    with pytest.raises(ValueError, match="must be positive and trend"):
        Kernel(length, trend)


def test_a_penalty_of_zero_is_refused():
    with pytest.raises(ValueError, match="penalty=0 must be positive"):
        KernelRidge(Toy(), Kernel(), 0)
