"""Handwritten digits, shipped with scikit-learn: a domain foreign to the glyphs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from .dataset import ClassOfImages, assembled
from .decoding import resized
from .images import ArrayImages

if TYPE_CHECKING:
    from .dataset import Dataset

_MARGIN = 4.0 / 28.0
"""Share of the side left black around a digit, as MNIST does it."""


def digits(*, side: int = 28, channels: int = 1) -> Dataset:
    """Ten classes of about 180 images each, a `test` split alone.

    They are 8 by 8 pixels of 16 levels (UCI, Alpaydin and Kaynak 1998), enlarged; ink is bright
    on black.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    order = np.argsort(loaded.target, kind="stable")
    levels = np.rint(loaded.images[order] * (255.0 / 16.0)).astype(np.uint8)
    margin = round(side * _MARGIN)
    pixels = np.zeros((len(levels), channels, side, side), dtype=np.uint8)
    inner = side - 2 * margin
    for i, level in enumerate(levels):
        pixels[i, :, margin : margin + inner, margin : margin + inner] = resized(
            level, side=inner, channels=channels
        )
    counts = np.bincount(loaded.target)
    classes = [ClassOfImages("test", str(d), int(n)) for d, n in enumerate(counts)]
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    notes: dict[str, str | int] = {"source": "scikit-learn, load_digits"}
    return assembled("digits", classes, ArrayImages(pixels), digest, notes)
