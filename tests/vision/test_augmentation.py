"""Differentiable augmentation: one transform per seed or one per image, and derivatives through it."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import affine_grid, grid_sample

from pinndd.vision.augmentation import ALL_STRATEGIES, DIGIT_STRATEGIES, DifferentiableAugmentation, _resampled

SEEDS = range(12)


def images(count=3, channels=3, height=6, width=5, seed=0, dtype=torch.float64):
    return torch.randn((count, channels, height, width), generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("apply", ["one", "all"])
def test_two_batches_get_the_same_transform_from_the_same_seed(apply):
    augment = DifferentiableAugmentation(apply=apply)
    real, synthetic = images(5), images(2, seed=1)
    for seed in SEEDS:
        # together in one batch or apart, and alone: nothing depends on the others of a batch
        torch.testing.assert_close(
            augment(torch.cat([real, synthetic]), seed), torch.cat([augment(real, seed), augment(synthetic, seed)])
        )
        assert torch.equal(augment(real, seed), augment(real, seed))
    assert len({float(augment(real, seed).sum()) for seed in SEEDS}) > 6


@pytest.mark.parametrize("apply", ["one", "all"])
def test_each_image_gets_a_transform_of_its_own_that_its_place_decides(apply):
    augment = DifferentiableAugmentation(apply=apply)
    x = images(1).expand(6, 3, 6, 5)
    for seed in SEEDS:
        own = augment.each(x, seed)
        torch.testing.assert_close(own[:1], augment(x[:1], seed))
        torch.testing.assert_close(own[:4], augment.each(x[:4], seed))
        assert len({float(image.sum()) for image in own}) > 2


def test_every_strategy_is_drawn():
    x = images()
    alone = {s: DifferentiableAugmentation((s,)) for s in ALL_STRATEGIES}
    for strategy, augment in alone.items():
        assert any(not torch.equal(augment(x, seed), x) for seed in SEEDS), strategy
    outcomes = [DifferentiableAugmentation(("brightness", "cutout"))(x, seed) for seed in range(40)]
    cut = sum(bool((outcome == 0).any()) for outcome in outcomes)
    assert 8 < cut < 32


@pytest.mark.parametrize("strategy", ALL_STRATEGIES)
def test_the_gradient_agrees_with_central_differences(strategy, central_differences):
    x, weights = images(2), images(2, seed=3)
    augment = DifferentiableAugmentation((strategy,))
    for seed in range(3):

        def value(inputs, seed=seed):
            return (weights * augment(inputs, seed) ** 2).sum()

        at = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(value(at), at)
        torch.testing.assert_close(gradient, central_differences(value, x), atol=1e-8, rtol=1e-8)


def test_second_derivatives_and_batches_of_batches_exist():
    augment = DifferentiableAugmentation(apply="all")
    x = images(1, height=3, width=3).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda inputs: augment(inputs, 4) ** 3, (x,))
    several = images(6).reshape(2, 3, 3, 6, 5)
    batched = torch.func.vmap(lambda inputs: augment(inputs, 4))(several)
    torch.testing.assert_close(batched, torch.stack([augment(inputs, 4) for inputs in several]))


def test_no_strategy_changes_nothing():
    x = images()
    for apply in ("one", "all"):
        assert torch.equal(DifferentiableAugmentation((), apply=apply)(x, 0), x)


@pytest.mark.parametrize("strength", ["crop", "rotate", "shear", "cutout", "brightness"])
def test_a_strength_of_nothing_changes_nothing(strength):
    x = images()
    augment = DifferentiableAugmentation((strength,), **{strength: 0.0})
    for seed in SEEDS:
        torch.testing.assert_close(augment(x, seed), x)


def test_resampling_agrees_with_that_of_torch():
    x, angle = images(height=7, width=7), 0.4
    rotation = ((math.cos(angle), math.sin(angle), 0), (-math.sin(angle), math.cos(angle), 0))
    # torch counts columns before rows
    theta = torch.tensor(rotation, dtype=torch.float64)[None, [[1], [0]], [1, 0, 2]]
    grid = affine_grid(theta.expand(3, 2, 3), list(x.shape), align_corners=True)
    torch.testing.assert_close(_resampled(x, [rotation]), grid_sample(x, grid, align_corners=True))
    stretch = torch.tensor([[1.1, 0, 0], [0, 0.8, 0]], dtype=torch.float64)
    grid = affine_grid(stretch.expand(3, 2, 3), list(x.shape), align_corners=True)
    torch.testing.assert_close(_resampled(x, [((0.8, 0, 0), (0, 1.1, 0))]), grid_sample(x, grid, align_corners=True))


def test_a_quarter_turn_is_exact():
    x = images(height=6, width=6)
    torch.testing.assert_close(_resampled(x, [((0, 1, 0), (-1, 0, 0))]), x.rot90(1, (2, 3)))


def test_a_crop_moves_whole_pixels_and_fills_with_zero():
    x = images(height=8, width=8)
    seen = set()
    for seed in range(60):
        moved = DifferentiableAugmentation(("crop",), crop=0.25)(x, seed)
        shifts = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(
                moved[:, :, max(down, 0) : 8 + min(down, 0), max(right, 0) : 8 + min(right, 0)],
                x[:, :, max(-down, 0) : 8 + min(-down, 0), max(-right, 0) : 8 + min(-right, 0)],
            )
        ]
        assert len(shifts) == 1
        down, right = shifts[0]
        assert int((moved[0, 0] == 0).sum()) == 64 - (8 - abs(down)) * (8 - abs(right))
        seen.add(shifts[0])
    assert {down for down, _ in seen} == {right for _, right in seen} == {-2, -1, 0, 1, 2}


def test_what_comes_in_from_beyond_the_border_and_stands_in_a_hole_is_the_fill():
    background = torch.full((2, 1, 8, 8), -0.4, dtype=torch.float64)
    x = background.clone()
    x[:, :, 3:5, 3:5] = 1
    moving = DifferentiableAugmentation(("crop", "scale", "rotate", "shear", "flip", "cutout"), apply="all", fill=-0.4)
    for seed in SEEDS:
        torch.testing.assert_close(moving(background, seed), background)
        # moving is linear in what differs from the fill
        torch.testing.assert_close(moving(x, seed), replace(moving, fill=0.0)(x + 0.4, seed) - 0.4)


def test_all_that_moves_pixels_is_one_resampling_in_the_order_of_the_strategies():
    x, seed = images(1, 1, 9, 9), 5
    both = DifferentiableAugmentation(("shear", "rotate"), apply="all", shear=0.4, rotate=40)
    uniform = random.Random(seed).uniform
    tilt, angle = uniform(-0.4, 0.4), math.radians(uniform(-40, 40))
    shear = np.array([[1, 0], [tilt, 1]])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    both_at_once, shear, turn = ([np.column_stack((m, [0, 0])).tolist()] for m in (shear @ turn, shear, turn))
    torch.testing.assert_close(both(x, seed), _resampled(x, both_at_once))
    # for an image that is linear in its place, interpolation is exact and two resamplings are one, away from the border
    plane = (torch.arange(9.0)[:, None] + 3 * torch.arange(9.0)).to(x)[None, None]
    twice = _resampled(_resampled(plane, shear), turn)
    torch.testing.assert_close(both(plane, seed)[..., 3:6, 3:6], twice[..., 3:6, 3:6])


def test_a_shear_shifts_rows_by_their_distance_to_the_middle():
    x = images(1, 1, 5, 5)
    sheared = _resampled(x, [((1, 0, 0), (1, 1, 0))])
    for row in range(5):
        shift = row - 2
        kept = slice(max(-shift, 0), 5 - max(shift, 0))
        torch.testing.assert_close(sheared[0, 0, row, kept], x[0, 0, row, max(shift, 0) : 5 + min(shift, 0)])


def test_a_cutout_is_a_square_of_the_stated_side_or_less_at_the_border():
    x = 1 + images(height=8, width=8) ** 2
    sizes = set()
    for seed in range(60):
        gone = (DifferentiableAugmentation(("cutout",))(x, seed) == 0)[0, 0]
        rows, columns = gone.any(1).sum(), gone.any(0).sum()
        assert int(gone.sum()) == int(rows * columns)
        sizes |= {int(rows), int(columns)}
    assert max(sizes) == 4
    assert min(sizes) >= 2


def test_colours_do_what_they_say():
    x = images()
    for seed in SEEDS:
        bright = DifferentiableAugmentation(("brightness",))(x, seed) - x
        assert float(bright.std()) < 1e-12
        assert float(bright.abs().max()) <= 0.5
        contrasted = DifferentiableAugmentation(("contrast",))(x, seed)
        factor = (contrasted - contrasted.mean((1, 2, 3), keepdim=True)).std() / (x - x.mean((1, 2, 3), keepdim=True)).std()
        torch.testing.assert_close(contrasted.mean((1, 2, 3)), x.mean((1, 2, 3)))
        assert 0.5 <= float(factor) <= 1.5
        saturated = DifferentiableAugmentation(("saturation",))(x, seed)
        torch.testing.assert_close(saturated.mean(1), x.mean(1))


def test_half_precision_keeps_its_dtype_and_its_places():
    x = images(height=28, width=28)
    exact = DifferentiableAugmentation(("rotate",))(x, 1)
    half = DifferentiableAugmentation(("rotate",))(x.to(torch.bfloat16), 1)
    assert half.dtype == torch.bfloat16
    assert float((half.to(torch.float64) - exact).abs().max()) < 0.05


def test_images_of_one_channel_take_all_but_saturation():
    grey = images(channels=1)
    for seed in SEEDS:
        assert DifferentiableAugmentation(DIGIT_STRATEGIES, apply="all")(grey, seed).shape == grey.shape
    with pytest.raises(
        ValueError, match="strategy 'saturation' needs 3 channels, the images have 1: take strategies=DIGIT_STR"
    ):
        DifferentiableAugmentation()(grey, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategies": ("crop", "blur")}, "unknown strategy 'blur'; expected some of crop, scale, rotate, shear"),
        ({"apply": "some"}, "apply='some', expected 'one' or 'all'"),
        ({"crop": 2.0}, "crop=2.0, expected 0 to 1"),
        ({"scale": 0.5}, "scale=0.5, expected 1 to inf"),
        ({"rotate": -3.0}, "rotate=-3.0, expected 0 to 180"),
        ({"shear": -0.1}, "shear=-0.1, expected 0 to inf"),
        ({"cutout": math.nan}, "cutout=nan, expected 0 to 1"),
        ({"fill": math.nan}, "fill=nan, expected a number"),
    ],
)
def test_each_misuse_has_one_clear_error(options, message):
    with pytest.raises(ValueError, match=message):
        DifferentiableAugmentation(**options)


def test_a_table_has_no_augmentation():
    with pytest.raises(
        ValueError, match=r"inputs have shape \(4, 9\), expected images \(n, C, H, W\): a table has no augment"
    ):
        DifferentiableAugmentation()(torch.ones(4, 9), 0)
