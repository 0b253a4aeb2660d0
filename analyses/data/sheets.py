"""Contact sheets: many images as one picture, for a report or a person."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .dataset import Split

_PAPER = 64
"""The grey between the images, seen beside black and white alike."""


def contact_sheet(
    images: NDArray[np.float32],
    *,
    columns: int,
    gap: int = 2,
    scale: int = 1,
    black: float = 0.0,
    white: float = 1.0,
) -> NDArray[np.uint8]:
    """A picture of the images (items, channels, height, width), row by row.

    Values of `black` are black and of `white` white; those beyond are clipped (images that have
    a style reach further than 0 and 1). The result is (height, width)
    for one channel, (height, width, 3) for three, with `gap` pixels around every image and
    each pixel of an image drawn `scale` pixels wide.
    """
    items, channels, height, width = images.shape
    if channels not in (1, 3):
        raise ValueError(f"a picture has 1 or 3 channels; these images have {channels}")
    if columns < 1:
        raise ValueError(f"a sheet has at least one column, not {columns}")
    lines = max(1, -(-items // columns))
    tall, wide = height * scale + gap, width * scale + gap
    sheet = np.full((lines * tall + gap, columns * wide + gap, channels), _PAPER, dtype=np.uint8)
    levels = np.rint(np.clip((images - black) / (white - black), 0.0, 1.0) * 255.0).astype(np.uint8)
    large = levels.repeat(scale, axis=2).repeat(scale, axis=3).transpose(0, 2, 3, 1)
    for i, image in enumerate(large):
        top, left = gap + i // columns * tall, gap + i % columns * wide
        sheet[top : top + height * scale, left : left + width * scale] = image
    return sheet[:, :, 0] if channels == 1 else sheet


def split_sheet(split: Split, *, lines: int = 24, columns: int = 20) -> NDArray[np.uint8]:
    """A sheet of a split: one class a line, spread evenly over the classes, and of each class
    its first `columns` images (a class that has fewer leaves the rest of its line black)."""
    chosen = np.unique(np.linspace(0, len(split.classes) - 1, lines).round().astype(np.int64))
    shown = np.zeros((len(chosen), columns, *split.shape), dtype=np.float32)
    for line, class_number in enumerate(chosen):
        rows = split.rows(int(class_number))[:columns]
        shown[line, : len(rows)] = split.images.take(rows)
    return contact_sheet(shown.reshape(-1, *split.shape), columns=columns)


def png(picture: NDArray[np.uint8]) -> bytes:
    """The picture as the bytes of a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
