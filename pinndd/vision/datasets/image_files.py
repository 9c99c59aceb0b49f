"""Read files of images: one size, one kind (grey or colour), every file an image; headers are looked at before pixels are."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinndd.free_memory import available_memory

MOST_PIXELS = 2**26
"""Of one file: more is not read."""

COPIES = 4
"""Of the pixels in float32 that are held at once until they are standardised and split."""

_GREY = ("1", "L", "I;16", "I;16B", "I;16L")
_COLOUR = ("RGB", "P", "RGBA")
_ALPHA = ("RGBA", "LA", "PA")


class ImageFileError(ValueError):
    """An image file that cannot be used, or that does not fit the others; the message names it and what to do."""


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image file says.

    Attributes:
        path: of the file.
        width, height: in pixels.
        channels: 1 for grey, 3 for colour.
    """

    path: Path
    width: int
    height: int
    channels: int


def header_of(path: Path) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        ImageFileError: it is no image, damaged, has several frames or too many pixels, or is neither grey nor colour.
    """
    with _opened(path) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise ImageFileError(f"{path} has {image.n_frames} frames, expected one image per file: save them one by one")
        if image.mode not in (*_GREY, *_COLOUR, "LA", "PA"):
            raise ImageFileError(f"{path} is of the mode {image.mode}, expected grey or RGB: convert it to PNG")
        width, height = _upright(image)
        if width * height > MOST_PIXELS:
            raise ImageFileError(f"{path} has {width} x {height} pixels, too many to train on: make the images smaller")
        return ImageHeader(path, width, height, 1 if image.mode in (*_GREY, "LA") else 3)


def require_alike(headers: Sequence[ImageHeader]) -> None:
    """Make sure that images are of one size and kind, and that their pixels fit into the memory.

    Raises:
        ImageFileError: two of them differ; both are named.
        MemoryError: there is not memory enough.
    """
    first = headers[0]
    for other in headers:
        if other.channels != first.channels:
            grey, colour = sorted((first, other), key=lambda each: each.channels)
            raise ImageFileError(f"{grey.path} is grey and {colour.path} in colour: convert all images to one of the two")
        if (other.width, other.height) != (first.width, first.height):
            raise ImageFileError(
                f"{other.path} has {other.width} x {other.height} pixels and {first.path} {first.width} x {first.height}: resize or "
                "crop all images to one size"
            )
    require_memory(len(headers) * first.width * first.height * first.channels)


def require_memory(pixels: int) -> None:
    """Make sure that so many numbers fit into the memory as images that are read, standardised and split.

    Raises:
        MemoryError: they do not.
    """
    free, needed = available_memory(), COPIES * 4 * pixels
    if free is not None and needed > free:
        raise MemoryError(
            f"the images need about {needed / 2**20:.0f} MiB of memory, {free / 2**20:.0f} MiB are free: make them smaller, or take "
            "fewer of them"
        )


def pixels_of(headers: Sequence[ImageHeader]) -> NDArray[np.float32]:
    """Return the pixels of images that are alike, between 0 and 1: ``(N, C, H, W)``.

    Raises:
        ImageFileError: a file is damaged, or parts of it are transparent.
    """
    first = headers[0]
    found = np.empty((len(headers), first.channels, first.height, first.width), dtype=np.float32)
    for k, header in enumerate(headers):
        found[k] = _pixels(header)
    return found


def _pixels(header: ImageHeader) -> NDArray[np.float32]:
    from PIL import ImageOps

    with _opened(header.path) as image:
        upright: Any = ImageOps.exif_transpose(image)
        if upright.mode in _ALPHA or (upright.mode == "P" and "transparency" in upright.info):
            upright = upright.convert("LA" if upright.mode == "LA" else "RGBA")
            if upright.getchannel("A").getextrema()[0] < 255:
                raise ImageFileError(f"{header.path} has transparent pixels: put the image on a background and save it without")
        if upright.mode.startswith("I;16"):
            return _scaled(upright, 65535)[None]
        plain = _scaled(upright.convert("L" if header.channels == 1 else "RGB"), 255)
    return plain[None] if plain.ndim == 2 else np.moveaxis(plain, -1, 0)


def _scaled(image: Any, white: int) -> NDArray[np.float32]:
    found = np.array(image, dtype=np.float32)
    found /= white
    return found


def _upright(image: Any) -> tuple[int, int]:
    """Return width and height as a viewer shows them: cameras store how they were held."""
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (image.height, image.width) if turned else (image.width, image.height)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open an image; whatever its reader raises at bytes of anybody means that the file cannot be used."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # of very many pixels, which are counted
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                yield image
    except ImageFileError:
        raise
    except UnidentifiedImageError as error:
        raise ImageFileError(f"{path} is no image that can be read: move it away, or convert it to PNG") from error
    except Image.DecompressionBombError as error:
        raise ImageFileError(f"{path} has too many pixels to train on: make the images smaller") from error
    except MemoryError:
        raise
    except Exception as error:
        raise ImageFileError(f"{path} is damaged or cannot be read ({error}): get it again, or leave it out") from error
