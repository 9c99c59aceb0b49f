"""Images that somebody gives as files: what is read, in which order, and what is refused with place and remedy."""

import io
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from pinndd import Fixed, SyntheticData
from pinndd.vision.datasets.folders import read_images
from pinndd.vision.datasets.image_files import ImageFileError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 8, 8), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(12) % 2
THIRD = np.arange(12)[:, None, None] == 3


def write(folder, images=GREY, classes=("cat", "dog"), suffix=".png"):
    for k, image in enumerate(images):
        place = folder / classes[k % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{k:02d}{suffix}")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "images")


def restored(dataset):
    """The images of both parts between 0 and 1, in the order of their mean."""
    found = [dataset.restore(part).numpy() for part in (dataset.train_inputs, dataset.test_inputs)]
    together = np.concatenate(found)
    return together[np.argsort(together.mean((1, 2, 3)))]


def test_a_folder_per_class_is_read_with_all_its_pixels(folder):
    found = read_images(folder)
    assert found.dataset.classes == ("cat", "dog")
    assert len(found.dataset.train_labels), len(found.dataset.test_labels) == (8, 4)
    assert "30 % of every class" in found.split
    right = GREY[:, None] / 255
    np.testing.assert_allclose(restored(found.dataset), right[np.argsort(right.mean((1, 2, 3)))], atol=1e-6)


@pytest.mark.parametrize("images", [COLOUR, COLOUR[:, :, :5]])
def test_colours_come_first_and_height_before_width(tmp_path, images):
    found = read_images(write(tmp_path / "images", images)).dataset
    assert found.shape == (3, *images.shape[1:3])
    right = images.transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(restored(found), right[np.argsort(right.mean((1, 2, 3)))], atol=1e-6)


def test_the_order_of_files_on_the_disk_plays_no_part(folder, tmp_path):
    other = tmp_path / "other"
    for path in sorted(folder.rglob("*.png"), reverse=True):
        (other / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, other / path.parent.name)
    first, second = read_images(folder), read_images(other)
    assert first.checksum == second.checksum
    assert first.dataset.train_inputs.equal(second.dataset.train_inputs)


def test_classes_that_are_numbers_are_in_the_order_of_their_values(tmp_path):
    images = write(tmp_path / "images", np.concatenate((GREY,) * 3), [str(k) for k in range(11)])
    assert read_images(images).dataset.classes == tuple(map(str, range(11)))


def test_parts_in_folders_are_kept_apart_and_validation_images_are_said(tmp_path):
    for name, share in (("train", GREY), ("test", GREY[:4] // 2), ("val", GREY[:2])):
        write(tmp_path / "images" / name, share)
    with pytest.warns(UserWarning, match="validation part is joined"):
        found = read_images(tmp_path / "images")
    assert (len(found.dataset.train_labels), len(found.dataset.test_labels)) == (14, 4)
    assert "as given" in found.split


def test_hidden_files_are_left_out_and_said(folder):
    (folder / "cat" / ".DS_Store").write_bytes(b"x")
    (folder / "Thumbs.db").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"hidden files .*Thumbs\.db and 1 more"):
        assert len(read_images(folder).dataset.classes) == 2


def test_sixteen_bits_palettes_and_opaque_layers_keep_their_values(tmp_path):
    deep = write(tmp_path / "deep", GREY.astype(np.uint16) * 257)
    np.testing.assert_allclose(restored(read_images(deep).dataset), restored(read_images(write(tmp_path / "g")).dataset), atol=1e-6)
    opaque = np.concatenate((COLOUR, np.full((12, 8, 8, 1), 255, dtype=np.uint8)), -1)
    plain = restored(read_images(write(tmp_path / "c", COLOUR)).dataset)
    np.testing.assert_allclose(restored(read_images(write(tmp_path / "o", opaque)).dataset), plain, atol=1e-6)


def test_a_photograph_stands_upright(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for k in range(3):
            exif = Image.Exif()
            exif[0x0112] = 6
            Image.fromarray(COLOUR[k][:, :4]).save(tmp_path / name / f"{k}.jpg", exif=exif)
    assert read_images(tmp_path).dataset.shape == (3, 4, 8)


def spoil(folder, how):
    cat = folder / "cat"
    match how:
        case "one class":
            shutil.rmtree(folder / "dog")
        case "no class":
            shutil.rmtree(folder / "dog")
            shutil.rmtree(cat)
        case "empty class":
            (folder / "emu").mkdir()
        case "too few":
            write(folder, GREY[:2], ["emu"])
        case "size":
            Image.fromarray(GREY[0][:5]).save(cat / "99.png")
        case "colour":
            Image.fromarray(COLOUR[0]).save(cat / "99.png")
        case "text":
            (cat / "notes.txt").write_text("no image")
        case "truncated":
            path = cat / "00.png"
            path.write_bytes(path.read_bytes()[:60])
        case "no bytes":
            (cat / "00.png").write_bytes(b"")
        case "animation":
            frames = [Image.fromarray(image) for image in GREY[:3]]
            frames[0].save(cat / "99.gif", save_all=True, append_images=frames[1:])
        case "transparent":
            Image.fromarray(np.concatenate((COLOUR[0], COLOUR[0][..., :1]), -1)).save(cat / "99.png")
            for path in folder.rglob("*.png"):
                Image.open(path).convert("RGBA").save(path)
        case "print":
            Image.fromarray(COLOUR[0]).convert("CMYK").save(cat / "99.jpg")
        case "beside":
            Image.fromarray(GREY[0]).save(folder / "99.png")
        case "deeper":
            (cat / "more").mkdir()
        case "pipe":
            os.mkfifo(cat / "99.png")
        case "link to nothing":
            (cat / "99.png").symlink_to("98.png")
        case "link to itself":
            (cat / "99.png").symlink_to("99.png")
        case "name of bytes":
            (folder / "dog").rename(folder / os.fsdecode(b"d\xff"))
        case "train alone":
            for name in ("cat", "dog"):
                shutil.move(folder / name, folder / "train" / name)
        case "parts and classes":
            for name in ("train", "test"):
                shutil.copytree(cat, folder / name / "cat")
        case "class of one part":
            other = write(folder.parent / "parts" / "train", GREY, ["cat", "dog", "emu"])
            write(other.parent / "test")
            return other.parent
    return folder


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("one class", "the one class 'cat', expected a folder of images for each of two"),
        ("no class", "no folder of a class"),
        ("empty class", "emu has no images, expected 3 at least"),
        ("too few", "emu has 2 images, expected 3 at least"),
        ("size", "99.png has 8 x 5 pixels and .*00.png 8 x 8: resize"),
        ("colour", "00.png is grey and .*99.png in colour: convert"),
        ("text", r"notes\.txt is no image that can be read: move it away"),
        ("truncated", "00.png is damaged.*get it again"),
        ("no bytes", "00.png is no image"),
        ("animation", "99.gif has 3 frames"),
        ("transparent", "99.png has transparent pixels"),
        ("print", "99.jpg is of the mode CMYK"),
        ("beside", "99.png is in no folder of a class"),
        ("deeper", "more is a folder in the folder of a class"),
        ("pipe", "99.png is no file, or a link to none"),
        ("link to nothing", "99.png is no file, or a link to none"),
        ("link to itself", "99.png is no file, or a link to none"),
        ("name of bytes", r"images: the name 'd\\udcff' of a class is no text in UTF-8"),
        ("train alone", r"folders of parts \(train\) and no test"),
        ("parts and classes", r"folders of parts .* and cat"),
        ("class of one part", "the class 'emu' is in .*train and not in .*test"),
    ],
)
def test_a_folder_is_refused_with_place_and_remedy(folder, how, said):
    with pytest.raises(ValueError, match=said):
        read_images(spoil(folder, how))


def test_images_that_do_not_fit_into_the_memory_are_refused_before_they_are_decoded(folder, monkeypatch):
    monkeypatch.setattr("pinndd.vision.datasets.image_files.available_memory", lambda: 1000)
    monkeypatch.setattr("pinndd.vision.datasets.folders.pixels_of", lambda headers: pytest.fail("decoded"))
    with pytest.raises(MemoryError, match=r"need about .* MiB of memory.*fewer"):
        read_images(folder)


def test_a_file_of_too_many_pixels_is_refused_by_its_header(folder):
    small = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(small, "PNG")
    (folder / "cat" / "99.png").write_bytes(small.getvalue())
    with pytest.raises(ImageFileError, match=r"99\.png has .*too many"):
        read_images(folder)


def archive(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": GREY, "labels": LABELS},
        {"x": GREY[:, None], "y": LABELS[:, None].astype(np.uint8)},
        {"images": GREY / 255, "labels": LABELS},
        {"images": (GREY / 255).astype(">f4"), "labels": LABELS.astype(">i4")},
        {"images": GREY.astype(np.int64), "labels": LABELS},
        {"images": GREY.astype(np.uint16) * 257, "labels": LABELS},
        {"images": GREY[:, ::-1, ::-1][:, ::-1, ::-1], "labels": LABELS, "classes": np.array(["cat", "dog"])},
    ],
)
def test_an_archive_is_read_as_the_folder(folder, tmp_path, arrays):
    found = read_images(archive(tmp_path / "images.npz", **arrays)).dataset
    np.testing.assert_allclose(restored(found), restored(read_images(folder).dataset), atol=1e-6)
    assert found.classes == (("cat", "dog") if "classes" in arrays else ("0", "1"))


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("images", "labels", "test_images", "test_labels")])
def test_an_archive_may_hold_two_parts(tmp_path, names):
    arrays = dict(zip(names, (GREY, LABELS, GREY[:4], LABELS[:4]), strict=True))
    found = read_images(archive(tmp_path / "images.npz", **arrays)).dataset
    assert (len(found.train_labels), len(found.test_labels)) == (12, 4)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": COLOUR, "labels": LABELS}, r"\(12, 8, 8, 3\), with the channels last.*images.transpose\(0, 3, 1, 2\)"),
        ({"images": GREY, "labels": LABELS + 1}, "begin at 1, expected 0: give labels - 1"),
        ({"images": GREY, "labels": 2 * LABELS}, "class 1 has no example"),
        ({"images": GREY, "labels": LABELS - 1}, "label -1"),
        ({"images": GREY, "labels": 0 * LABELS}, "one class"),
        ({"images": GREY, "labels": LABELS * 10**15}, "out of range"),
        ({"images": GREY, "labels": LABELS.astype(float)}, "float64, expected integers"),
        ({"images": GREY, "labels": np.eye(2)[LABELS]}, r"shape \(12, 2\).*expected integers"),
        ({"images": GREY, "labels": np.array(["cat", "dog"])[LABELS]}, "expected integers"),
        ({"images": GREY, "labels": LABELS[:11]}, "12 images and labels 11 labels"),
        ({"images": GREY.astype(np.float32), "labels": LABELS}, r"floats from 0 to 255.*divide by 255"),
        ({"images": GREY / 127.5 - 1, "labels": LABELS}, "expected 0 .*bring them to that range"),
        ({"images": np.where(THIRD, np.nan, GREY / 255), "labels": LABELS}, "image 3 holds a value that is not finite"),
        ({"images": GREY.astype(np.int32) - 5, "labels": LABELS}, "int32 with values from -5"),
        ({"images": GREY.astype(complex), "labels": LABELS}, "complex128"),
        ({"images": GREY.reshape(12, -1), "labels": LABELS}, r"shape \(12, 64\), expected images"),
        ({"images": GREY[:0], "labels": LABELS[:0]}, r"shape \(0, 8, 8\)"),
        ({"images": GREY}, "images without their labels"),
        ({"images": np.float64(1), "labels": LABELS}, r"images has shape \(\), expected images"),
        ({"images": GREY, "labels": np.int64(1)}, "12 images and labels 1 labels"),
        ({"test_images": GREY, "test_labels": LABELS}, "holds test_images, test_labels, expected images and labels"),
        ({"images": GREY, "labels": LABELS, "classes": np.array(["cat", "cat"])}, "'cat', 'cat', expected names that differ"),
        ({"images": GREY, "labels": LABELS, "classes": np.array(["cat", ""])}, "classes are 'cat', '', expected names that differ"),
        ({"images": GREY, "labels": LABELS, "classes": np.array([["cat", "dog"]])}, "expected names that differ"),
        ({"pixels": GREY, "kinds": LABELS}, "holds pixels, kinds, expected images and labels"),
        ({"images": GREY, "labels": LABELS, "extra": LABELS}, "'extra' too"),
        ({"images": GREY[:4], "labels": LABELS[:4]}, "class 0 has 2 image"),
        ({"images": GREY, "labels": LABELS, "test_images": GREY[:, :5], "test_labels": LABELS}, "test part has shape"),
        ({"images": np.array([GREY[0], GREY[1][:5]], dtype=object), "labels": LABELS[:2]}, "arrays of numbers"),
    ],
)
def test_an_archive_is_refused_with_place_and_remedy(tmp_path, arrays, said):
    path = tmp_path / "images.npz"
    with pytest.raises(ValueError, match=said) as found:
        read_images(archive(path, **arrays))
    assert str(path) in str(found.value)


def test_a_distilled_set_is_no_set_of_images(tmp_path):
    SyntheticData({"inputs": torch.rand(4, 1, 8, 8)}, {"inputs": Fixed()}).save(tmp_path / "set.npz")
    with pytest.raises(ValueError, match="is a distilled set"):
        read_images(tmp_path / "set.npz")
