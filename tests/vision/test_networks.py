"""ConvNet and MLP: shapes, sizes, normalisation, and what is refused."""

import pytest
import torch

from pinndd.learners.network import NetworkModel
from pinndd.vision.networks import MLP, NORMS, ConvNet


@pytest.mark.parametrize("norm", list(NORMS))
def test_a_convnet_maps_images_to_scores(norm: str) -> None:
    model = NetworkModel(ConvNet((3, 17, 20), 7, width=8, norm=norm))  # type: ignore[arg-type]
    scores = model.outputs(model.draw(2, 0, torch.zeros(1)), torch.randn(5, 3, 17, 20))
    assert scores.shape == (2, 5, 7)


def test_the_usual_convnet_has_the_usual_size() -> None:
    # three blocks of 128 for images of 32 x 32 in colour: 320 010 weights in Zhao, Mopuri & Bilen (2021)
    assert NetworkModel(ConvNet((3, 32, 32), 10)).size == 320_010


def test_instance_normalisation_forgets_contrast() -> None:
    model = NetworkModel(ConvNet((1, 8, 8), 3, width=4))
    weights, images = model.draw(1, 0, torch.zeros(1, dtype=torch.float64)), torch.randn(2, 1, 8, 8, dtype=torch.float64)
    # the first convolution has a bias, and the epsilon of the normalisation is not zero
    torch.testing.assert_close(model.outputs(weights, images), model.outputs(weights, 1000 * images), rtol=1e-2, atol=1e-2)


def test_an_mlp_flattens() -> None:
    model = NetworkModel(MLP(64, 10, (16, 8)))
    assert model.outputs(model.draw(1, 0, torch.zeros(1)), torch.zeros(3, 1, 8, 8)).shape == (1, 3, 10)
    assert model.size == 64 * 16 + 16 + 16 * 8 + 8 + 8 * 10 + 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvNet((1, 8, 8), 10, depth=4), "an image of 8 x 8 is too small for depth=4, expected at least 16 pixels"),
        (lambda: ConvNet((1, 8, 8), 10, norm="batch"), "norm='batch', expected one of instance, group, layer, none"),
        (lambda: ConvNet((1, 8, 8), 10, width=6, norm="group"), "width=6 must be divisible by the 4 groups"),
        (lambda: ConvNet((1, 8, 8), 0), "classes=0"),
        (lambda: MLP(64, 10, (0,)), r"hidden=\(0,\) must be positive"),
    ],
)
def test_bad_sizes_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
