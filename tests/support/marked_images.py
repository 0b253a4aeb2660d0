"""Data sets made in memory, whose images say which row they are, and which style they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tnverify.analyses.data import ArrayImages, Groups, Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

SIDE = 4


def marked_split(
    sizes: Sequence[int],
    *,
    dataset: str = "made",
    name: str = "test",
    first: int = 0,
    groups: Groups | None = None,
) -> Split:
    """Classes of these sizes. The rows before `first` belong to another split. An image's first
    two pixels say its row, its last two are black and white."""
    total = first + sum(sizes)
    pixels = np.zeros((total, 1, SIDE, SIDE), dtype=np.uint8)
    rows = np.arange(total)
    pixels[:, 0, 0, 0], pixels[:, 0, 0, 1] = rows % 256, rows // 256
    pixels[:, 0, -1, -1] = 255
    starts = first + np.concatenate([[0], np.cumsum(sizes)])
    classes = tuple(f"class {c}" for c in range(len(sizes)))
    return Split(dataset, name, classes, starts.astype(np.int64), ArrayImages(pixels), groups)


def rows_of(images: Tensor) -> NDArray[np.int64]:
    """The rows that images were taken from, by the marks in them."""
    marks = np.rint(images[:, 0, 0, :2].numpy() * 255).astype(np.int64)
    rows: NDArray[np.int64] = marks[:, 0] + 256 * marks[:, 1]
    return rows


def styles_of(images: Tensor) -> NDArray[np.float64]:
    """(items, 2): what black and white have become; every image has a pixel of both."""
    return images[:, 0, -1, -2:].numpy().astype(np.float64)


def classes_of(split: Split, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(split.starts, rows, side="right") - 1
