"""Measured values: what interpolation reproduces, how sure it is, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pinndd import Samples, families, load_pde
from pinndd.pinn.solving.measured import MOST, SamplesError, interpolate
from pinndd.pinn.solving.sensors import readings


@pytest.fixture(scope="module")
def heat():
    return load_pde("heat")


def on_start(x, values, noise=None):
    x = np.asarray(x, dtype=np.float64)
    return Samples(np.stack((x, np.zeros_like(x)), -1), np.asarray(values, dtype=np.float64), noise)


def grid(count=200):
    return torch.linspace(0, 1, count, dtype=torch.float64)[:, None]


def gap(found, function):
    s = grid()
    return float(np.sqrt(np.mean((found.mean(s)[0].numpy() - function(s[:, 0].numpy())) ** 2)))


@pytest.mark.parametrize(("size", "offset"), [(1.0, 0.0), (1e-7, 0.0), (10.0, 300.0)])
def test_exact_samples_of_smooth_functions_are_reproduced_in_any_unit(heat, size, offset):
    x = np.sort(np.random.default_rng(0).random(25))

    def wave(s):
        return offset + size * (np.sin(5 * s) + s**2)

    found = interpolate("start", on_start(x, wave(x)), heat.patches["start"], ())
    assert gap(found, wave) < 1e-3 * size
    assert found.uncertainty < 1e-3 * size
    assert found.noise < 1e-3 * size


def test_noise_is_smoothed_and_estimated_where_it_is_not_said(heat):
    rng = np.random.default_rng(1)
    x = np.sort(rng.random(80))
    measured = np.sin(4 * x) + 0.1 * rng.standard_normal(80)
    for noise in (None, 0.1, np.full(80, 0.1)):
        found = interpolate("start", on_start(x, measured, noise), heat.patches["start"], ())
        assert gap(found, lambda s: np.sin(4 * s)) < 0.05
        assert found.noise == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize("count", [5, 8, 15])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_uncertainty_covers_the_error_of_random_functions(heat, count, noise):
    rng, generator, ratios = np.random.default_rng(count), torch.Generator().manual_seed(count), []
    for family in (families.Sine(modes=3), families.Chebyshev(degree=4, amplitude=0.5), families.GaussianProcess(length=0.3)):
        for _ in range(4):
            coefficients = family.sample(1, generator)

            def truth(s, family=family, coefficients=coefficients):
                return family.evaluate(coefficients[:, None], torch.as_tensor(s)[:, None])[0].numpy()

            x = np.sort(rng.random(count))
            values = truth(x) + noise * rng.standard_normal(count)
            found = interpolate("start", on_start(x, values), heat.patches["start"], ())
            ratios.append(gap(found, truth) / found.uncertainty)
    assert 0.2 < np.median(ratios) < 3
    assert np.quantile(ratios, 0.8) < 6


def test_more_samples_leave_less_open(heat):
    def uncertainty(count):
        x = np.linspace(0, 1, count)
        return interpolate("start", on_start(x, np.sin(6 * x)), heat.patches["start"], ()).uncertainty

    assert uncertainty(4) > 10 * uncertainty(8) > 100 * uncertainty(20)


def test_equal_samples_are_a_constant_in_any_unit(heat):
    for value in (0.0, 1e-6, 300.0):
        found = interpolate("start", on_start([0.1, 0.5, 0.9], [value] * 3), heat.patches["start"], ())
        assert found.mean(grid())[0].numpy() == pytest.approx(value, abs=0)
        assert found.uncertainty <= 0.2 * value + 1e-300


def test_draws_agree_with_the_samples_and_spread_between_them(heat):
    x = np.array([0.05, 0.3, 0.55, 0.9])
    found = interpolate("start", on_start(x, np.sin(7 * x)), heat.patches["start"], ())
    at = torch.as_tensor(np.concatenate((x, [0.75])))[:, None]
    drawn = found.draw(at, 200, seed=0)
    assert drawn.shape == (200, 5)
    assert np.allclose(drawn[:, :4], np.sin(7 * x), atol=0.05)
    assert float(drawn[:, 4].std()) > 3 * float(drawn[:, :4].std(0).max())
    assert torch.equal(drawn, found.draw(at, 200, seed=0))


def test_a_closed_edge_has_no_seam():
    disk = load_pde("laplace_disk").patches["circle"]
    angle = np.linspace(0.2, 2 * np.pi + 0.1, 14)
    places = np.stack((np.cos(angle), np.sin(angle)), -1)
    found = interpolate("circle", Samples(places, places[:, 0] + 2), disk, ())
    ends = found.mean(torch.tensor([[0.0], [1.0]], dtype=torch.float64))[0]
    assert float(ends[0]) == pytest.approx(float(ends[1]), abs=1e-9)
    assert float(ends[0]) == pytest.approx(3.0, abs=1e-2)


def test_samples_at_a_single_point_are_averaged():
    pressure = load_pde("cavity").patches["pressure"]
    s = torch.zeros((2, 0), dtype=torch.float64)
    one = interpolate("pressure", Samples(np.zeros((1, 2)), np.array([2.0])), pressure, ())
    assert (float(one.mean(s)[0, 1]), one.uncertainty) == (2.0, 0.0)
    found = interpolate("pressure", Samples(np.zeros((2, 2)), np.array([1.0, 4.0]), np.array([1.0, 0.5])), pressure, ())
    assert float(found.mean(s)[0, 0]) == pytest.approx(3.4)
    assert found.uncertainty == pytest.approx(0.2**0.5)
    assert float(found.draw(s, 2000, 0)[:, 0].std()) == pytest.approx(0.2**0.5, rel=0.1)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (on_start([], []), "there are 0, which say nothing of u here; give at least 3"),
        (on_start([0.5, 0.6], [1, 2]), "there are 2, which say nothing of how u varies between them.*at least 3"),
        (on_start(np.linspace(0, 1, MOST + 1), np.ones(MOST + 1)), f"there are {MOST + 1}; give at most {MOST}: thin them out"),
        (on_start([0.1, 0.5, np.nan], [1, 2, 3]), "a coordinate of sample 3 is not finite"),
        (on_start([0.1, 0.5, 0.7], [1, np.inf, 3]), "a value of sample 2 is not finite"),
        (on_start([0.1, 0.5, 0.7], [1, 3, -1e308]), r"the value of sample 3 is -1e\+308, too large to compute with; correct it, or"),
        (on_start([0.1, 1.5, 0.7], [1, 2, 3]), r"the place \(1.5, 0\) does not lie on it; correct"),
        (on_start([0.1, 0.5, 0.7], [1, 2, 3], np.array([1, 0, 1])), "a noise of 0; it is a standard deviation"),
        (on_start([0.1, 0.5, 0.7], [1, 2, 3], -2.0), "a noise of -2; it is"),
        (on_start([0.1, 0.5, 0.7], [1, 2, 3], np.ones(2)), r"noise of shape \(2,\); expected one number, or \(3,\)"),
        (on_start([0.1, 0.5, 0.5], [1, 2, 3]), r"two values at \(0.5, 0\) differ by 1; say how noisy they are, or keep one"),
        (Samples(np.array([0.1, 0.5, 0.7]), np.ones(3)), r"places of shape \(3,\).*expected \(n, 2\), the coordinates x, t"),
    ],
)  # fmt: skip
def test_samples_that_cannot_be_used_are_named(heat, samples, message):
    with pytest.raises(SamplesError, match=f"samples of 'start': {message}"):
        interpolate("start", samples, heat.patches["start"], ())


def test_readings_are_taken_at_their_sensors_in_any_order(heat):
    sensors = torch.tensor([[0.2], [0.7]], dtype=torch.float64)
    found = readings("start", on_start([0.7, 0.2], [5.0, 3.0]), heat.patches["start"], sensors)
    assert found.mean(sensors)[0].tolist() == [3.0, 5.0]
    assert found.draw(sensors, 3, 0).tolist() == [[3.0, 5.0]] * 3
    assert (found.uncertainty, found.noise, found.count) == (0.0, 0.0, 2)
    noisy = readings("start", on_start([0.7, 0.2], [5.0, 3.0], 0.5), heat.patches["start"], sensors)
    assert noisy.noise == 0.5
    assert noisy.draw(sensors, 3000, 0).std(0).numpy() == pytest.approx([0.5, 0.5], rel=0.1)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([], "there are none; give a reading of each of the 2 sensors"),
        ([0.2], r"no reading of the sensor at \(0.7, 0\); 'pinndd export' writes"),
        ([0.2, 0.7, 0.5], r"no sensor at \(0.5, 0\); leave this value out"),
        ([0.2, 0.7, 0.7], r"there are 2 readings of the sensor at \(0.7, 0\); keep one"),
    ],
)
def test_readings_that_do_not_match_the_sensors_are_named(heat, x, message):
    with pytest.raises(SamplesError, match=message):
        readings("start", on_start(x, np.ones(len(x))), heat.patches["start"], torch.tensor([[0.2], [0.7]], dtype=torch.float64))
