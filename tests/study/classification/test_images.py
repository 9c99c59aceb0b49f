"""Pictures of sets show what they are given."""

import pytest
import torch

from pinndd.study.classification import k_means, random_samples, smoothed, whitened
from pinndd.study.plots.images import image_grid
from pinndd.study.plots.style import save_figure
from pinndd.vision.datasets import from_arrays
from pinndd.vision.whitening import ZCA

pytestmark = pytest.mark.usefixtures("unrendered")


def drawn(figure):
    return [ax for ax in figure.axes if ax.images]


def test_one_row_per_class_in_the_units_of_the_data(shapes, tmp_path):
    data = random_samples(shapes, 3, torch.Generator().manual_seed(0))
    figure = image_grid(data, shapes)
    axes = drawn(figure)
    assert len(axes) == 9
    for k, ax in enumerate(axes):
        assert torch.tensor(ax.images[0].get_array()).allclose(shapes.restore(data["inputs"])[k, 0], atol=1e-5)
    # one scale for all
    assert len({ax.images[0].get_clim() for ax in axes}) == 1
    assert [ax.get_ylabel() for ax in axes[::3]] == ["bar", "square", "line"]
    assert not any(ax.get_xlabel() for ax in axes)
    save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_soft_labels_show_their_entropy(shapes):
    data = smoothed(k_means(shapes, 1), 0.999999)
    figure = image_grid(data, shapes, title="mine")
    assert [ax.get_title() for ax in drawn(figure)] == ["bar", "square", "line"]
    # log2(3), as all classes are about alike
    assert [ax.get_xlabel() for ax in drawn(figure)] == ["1.58"] * 3
    assert figure.get_suptitle() == "mine"


def test_an_image_stands_with_its_most_probable_class(shapes):
    data = k_means(shapes, 2)
    moved = data.with_fields({"targets": data["targets"].roll(2, 0)})
    axes = drawn(image_grid(moved, shapes, columns=2))
    assert torch.tensor(axes[0].images[0].get_array()).allclose(shapes.restore(data["inputs"])[2, 0], atol=1e-5)
    lonely = data.with_fields({"targets": data["targets"][:2].repeat(3, 1)})
    assert len(drawn(image_grid(lonely, shapes))) == 6


def test_whitening_is_undone(shapes):
    data = k_means(shapes, 1)
    found = drawn(image_grid(whitened(data, ZCA.fit(shapes.train_inputs)), shapes))[0].images[0].get_array()
    assert torch.tensor(found).allclose(shapes.restore(data["inputs"])[0, 0], atol=1e-3)


def test_colours_share_one_scale_that_holds_them_all(tmp_path):
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand((40, 3, 6, 6), generator=generator), torch.arange(40) % 2
    dataset = from_arrays(images, labels, name="colours")
    data = random_samples(dataset, 2, generator)
    wide = data.with_fields({"inputs": 3 * data["inputs"]})
    figure = image_grid(wide, dataset)
    shown = torch.stack([torch.tensor(ax.images[0].get_array()) for ax in drawn(figure)])
    assert (float(shown.min()), float(shown.max())) == pytest.approx((0, 1), abs=1e-6)
    assert "colours from" in figure.get_suptitle()
    assert "colours from" not in image_grid(data, dataset).get_suptitle()
    restored = dataset.restore(data["inputs"]).clamp(-1e-6, 1 + 1e-6)
    rounded = data.with_fields({"inputs": (restored - dataset.mean) / dataset.std})
    assert "colours from" not in image_grid(rounded, dataset).get_suptitle()
    save_figure(figure, tmp_path / "a.png")


def test_what_is_no_set_of_images_is_refused(shapes):
    data = k_means(shapes, 1)
    with pytest.raises(ValueError, match=r"inputs have shape \(3, 64\), expected images \(n, C, H, W\) with C 1 or 3"):
        image_grid(data.with_fields({"inputs": data["inputs"].flatten(1)}), shapes)
    with pytest.raises(ValueError, match=r"targets have shape \(3, 2\), expected \(3, 3\)"):
        image_grid(data.with_fields({"targets": data["targets"][:, :2]}), shapes)
    with pytest.raises(ValueError, match="columns=0 at least 1"):
        image_grid(data, shapes, columns=0)
