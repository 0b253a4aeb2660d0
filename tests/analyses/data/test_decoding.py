"""Files to pixels, and one clear line for every file that is none."""

from __future__ import annotations

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
