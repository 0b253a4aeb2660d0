"""Patches of the photographs that scikit-image's wheel holds: a domain foreign to the glyphs."""

from __future__ import annotations

import hashlib
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .dataset import ClassOfImages, assembled
from .decoding import resized, shaped
from .errors import DataError
from .images import ArrayImages

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .dataset import Dataset

PHOTOGRAPHS: tuple[str, ...] = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)
"""Files that lie in the installed package itself. Others that scikit-image knows of would be
downloaded, so the files are read from the package and its loader is not asked."""
PATCHES = 40
"""Patches of each photograph, at most."""

_PATCH = 28
_PAGES = frozenset(("page.png", "text.png"))
"""Small scans: a patch of them at half size would leave too few."""


def textures(*, side: int = 28, channels: int = 1) -> Dataset:
    """A class for each photograph, of up to 40 patches that do not overlap; a `test` split alone.

    A patch shows 56 pixels a side of its photograph (28 of a small scan), brought to `side`.
    Where a photograph has more patches than 40, those with the most contrast are taken, so that
    sky and black borders, which look alike everywhere, are left out.
    """
    classes: list[ClassOfImages] = []
    patches: list[NDArray[np.uint8]] = []
    for name in PHOTOGRAPHS:
        found = _patches(_photograph(name, channels, 1 if name in _PAGES else 2))
        patches.extend(_to_side(patch, side, channels) for patch in found)
        classes.append(ClassOfImages("test", name.partition(".")[0], len(found)))
    pixels = np.stack(patches)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    notes: dict[str, str | int] = {"source": "photographs in scikit-image's package"}
    return assembled("textures", classes, ArrayImages(pixels), digest, notes)


def _photograph(name: str, channels: int, shrink: int) -> NDArray[np.uint8]:
    """(channels, height, width), averaged over squares of `shrink` pixels."""
    resource = files("skimage.data") / name
    if not resource.is_file():
        raise DataError(f"the installed scikit-image has no {name} in its skimage.data folder")
    with as_file(resource) as path, Image.open(path) as opened:
        image = opened.convert("L" if channels == 1 else "RGB")
    return shaped(np.asarray(image.reduce(shrink)), channels)


def _to_side(patch: NDArray[np.uint8], side: int, channels: int) -> NDArray[np.uint8]:
    if side == _PATCH:
        return patch
    laid_out = patch[0] if channels == 1 else patch.transpose(1, 2, 0)
    return resized(laid_out, side=side, channels=channels)


def _patches(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Up to `PATCHES` squares of a grid, (patches, channels, 28, 28), in reading order."""
    side = _PATCH
    channels, height, width = photograph.shape
    down, across = height // side, width // side
    grid = photograph[:, : down * side, : across * side]
    squares = grid.reshape(channels, down, side, across, side).transpose(1, 3, 0, 2, 4)
    squares = squares.reshape(down * across, channels, side, side)
    contrast = squares.astype(np.float64).std(axis=(1, 2, 3))
    chosen = np.sort(np.argsort(-contrast, kind="stable")[:PATCHES])
    return np.ascontiguousarray(squares[chosen])
