"""Files to pixels, and one clear line for every file that is none."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from image_layouts import encoded, picture
from PIL import Image

from tnverify.analyses.data import DataError
from tnverify.analyses.data.decoding import decoded, resized

if TYPE_CHECKING:
    from pathlib import Path


def test_a_png_comes_back_bit_for_bit() -> None:
    pixels = picture(1)
    found = decoded(encoded(pixels), "x", side=12, channels=3)
    assert np.array_equal(found, pixels.transpose(2, 0, 1))


def test_one_channel_is_grey_of_all_modes() -> None:
    for mode, white in (("1", 1), ("L", 255), ("RGB", (255,) * 3), ("RGBA", (255, 255, 255, 0))):
        image = Image.new(mode, (6, 6), white)
        found = decoded(encoded(np.asarray(image)), "x", side=6, channels=1)
        assert found.shape == (1, 6, 6)
        assert (found == 255).all(), mode


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_ink_on_nothing_is_ink_on_white(mode: str, channels: int) -> None:
    """Black strokes whose ground is transparent, and black below, as drawing programs save them."""
    drawing = Image.new("RGBA", (6, 6), (0, 0, 0, 0))
    for x in range(6):
        drawing.putpixel((x, 2), (0, 0, 0, 255))
    buffer = io.BytesIO()
    drawing.convert(mode).save(buffer, "PNG")
    found = decoded(buffer.getvalue(), "x", side=6, channels=channels)
    assert (found[:, 2] == 0).all()
    assert (np.delete(found, 2, axis=1) == 255).all()


def test_half_transparent_ink_is_grey() -> None:
    found = decoded(encoded(np.full((4, 4, 4), (0, 0, 0, 51), np.uint8)), "x", side=4, channels=1)
    assert (found == 204).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_image_is_turned_as_its_camera_noted(kind: str) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:, 4:] = 255
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # to be turned clockwise by a quarter, so that its left is on top
    Image.fromarray(pixels).save(buffer, kind, exif=exif)
    found = decoded(buffer.getvalue(), "x", side=8, channels=1)
    assert (found[0, :4] < 40).all()
    assert (found[0, 4:] > 210).all()


def test_an_oblong_image_is_squeezed_and_averaged() -> None:
    pixels = np.zeros((4, 8), dtype=np.uint8)
    pixels[:, 4:] = 200
    found = decoded(encoded(pixels), "x", side=2, channels=1)
    assert found.shape == (1, 2, 2)
    assert (found[0, :, 0] < 40).all()
    assert (found[0, :, 1] > 160).all()
    assert np.array_equal(found, resized(pixels, side=2, channels=1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_file_that_is_cut_is_one_line_naming_it(kind: str, tmp_path: Path) -> None:
    whole = encoded(picture(3, height=40, width=40), kind)
    path = tmp_path / "cut.png"
    for kept in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:kept])
        with pytest.raises(DataError) as caught:
            decoded(path, str(path), side=8, channels=3)
        message = str(caught.value)
        assert str(path) in message
        assert "not an image that can be read" in message
        assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.png"
    with pytest.raises(DataError, match=r"none\.png: there is no such file"):
        decoded(path, str(path), side=8, channels=3)


def test_two_channels_are_refused() -> None:
    with pytest.raises(DataError, match="1 channel or 3, not 2"):
        decoded(encoded(picture(1)), "x", side=8, channels=2)
