"""Contact sheets: every image where it belongs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tnverify.analyses.data import ArrayImages, Split, contact_sheet, png, split_sheet


def test_images_stand_row_by_row() -> None:
    images = np.array([0.0, 0.5, 1.0], dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 3))
    sheet = contact_sheet(images.astype(np.float32), columns=2, gap=1)
    assert sheet.shape == (1 + 2 * 3, 1 + 2 * 4)
    assert (sheet[1:3, 1:4] == 0).all()
    assert (sheet[1:3, 5:8] == 128).all()
    assert (sheet[4:6, 1:4] == 255).all()
    assert (sheet[0] == 64).all()
    assert (sheet[4:6, 5:8] == 64).all()  # no fourth image


def test_values_beyond_are_clipped_and_pixels_enlarged() -> None:
    images = np.array([[[[-3.0, 7.0]]]], dtype=np.float32)
    sheet = contact_sheet(images, columns=1, gap=0, scale=2)
    assert sheet.tolist() == [[0, 0, 255, 255], [0, 0, 255, 255]]


def test_other_values_may_be_black_and_white() -> None:
    images = np.array([[[[-1.0, 0.0, 3.0]]]], dtype=np.float32)
    sheet = contact_sheet(images, columns=1, gap=0, black=-1.0, white=4.0)
    assert sheet.tolist() == [[0, 51, 204]]


def test_colours_are_kept() -> None:
    images = np.zeros((1, 3, 1, 1), dtype=np.float32)
    images[0, 1] = 1.0
    assert contact_sheet(images, columns=1, gap=0).tolist() == [[[0, 255, 0]]]


def test_a_sheet_of_a_split_has_a_class_a_line() -> None:
    # Class c's images all have the value 10 c.
    values = np.repeat(np.arange(5) * 10, [3, 3, 2, 3, 3]).astype(np.uint8)
    starts = np.array([0, 3, 6, 8, 11, 14])
    images = ArrayImages(np.tile(values[:, None, None, None], (1, 1, 4, 4)))
    split = Split("made", "test", tuple("abcde"), starts, images)
    sheet = split_sheet(split, lines=3, columns=3)
    assert sheet.shape == (3 * 6 + 2, 3 * 6 + 2)
    assert [[int(sheet[2 + 6 * i, 2 + 6 * j]) for j in range(3)] for i in range(3)] == [
        [0, 0, 0],
        [20, 20, 0],
        [40, 40, 40],
    ]


def test_png_is_read_back() -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    with Image.open(io.BytesIO(png(picture))) as opened:
        assert np.array_equal(np.asarray(opened), picture)


def test_images_of_two_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or 3 channels; these images have 2"):
        contact_sheet(np.zeros((1, 2, 3, 3), dtype=np.float32), columns=1)
