"""Where the pixels of a data set are, and how rows of it become values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FULL = np.float32(1.0 / 255.0)


class Images(Protocol):
    """Every image of a data set, addressed by row number."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""

    def __len__(self) -> int:
        """The number of images."""

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The images of these rows, a new array (items, channels, height, width) in [0, 1]."""


class ArrayImages:
    """Images held as one array of bytes (images, channels, height, width), often a file mapped
    into memory, so that several processes share its pages."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        # A plain view: indexing through the memmap class costs more than the copy itself.
        self._pixels = np.asarray(pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        _, channels, height, width = self._pixels.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.multiply(self._pixels[rows], _FULL, dtype=np.float32)
