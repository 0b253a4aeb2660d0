"""Drawing a character: once plainly, over all faces, and many times with its pose disturbed."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 28
"""Pixels of a drawing's side."""
INK = 20
"""Pixels of the larger side of a character's ink in its plain drawing."""
RENDERINGS = 20
"""Disturbed drawings of each character."""

_SEED = 20200713
_TURN = math.radians(15.0)
_SHEAR, _STRETCH, _CORNER, _SHIFT = 0.15, 0.12, 0.05, 2.0 / SIDE
_SCALES = (0.8, 1.15)
_THICKENED = 1.0 / 3.0
_SIZES = (24, 32, 48, 64, 96, 128, 192, 256, 384)
_MEASURED_AT, _SOURCE_INK = 64, 56
# Corners of a drawing in its own frame, in the order that Pillow's QUAD takes them.
_CORNERS = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)])


def drawings(character: str, faces: Sequence[Path]) -> NDArray[np.uint8] | None:
    """The plain drawing averaged over the faces, then `RENDERINGS` disturbed ones.

    An array (1 + RENDERINGS, SIDE, SIDE) of bytes, ink bright on black; None where fewer than
    two of the faces draw anything. The disturbances (turn, shear, stretch, scale, shift, moved
    corners, thicker strokes) and the choice of faces depend on the character alone.
    """
    inks = [ink for ink in (_ink(character, face) for face in faces) if ink is not None]
    if len(inks) < 2:  # one face alone would make all renderings near copies
        return None
    drawn = np.empty((1 + RENDERINGS, SIDE, SIDE), dtype=np.uint8)
    plain = [_placed(ink, _CORNERS).astype(np.float32) for ink in inks]
    drawn[0] = np.rint(np.mean(plain, axis=0)).astype(np.uint8)
    rng = np.random.default_rng((_SEED, ord(character)))
    order = rng.permutation(len(inks))
    for i in range(RENDERINGS):
        ink = inks[order[i % len(inks)]]
        if rng.random() < _THICKENED:
            ink = ink.filter(ImageFilter.MaxFilter(3))
        drawn[1 + i] = _placed(ink, _disturbed(rng))
    return drawn


def _disturbed(rng: np.random.Generator) -> NDArray[np.float64]:
    """Corners of a disturbed frame, (4, 2), where the plain frame's are at plus and minus one."""
    turn = rng.uniform(-_TURN, _TURN)
    shear = rng.uniform(-_SHEAR, _SHEAR)
    scale = math.exp(rng.uniform(math.log(_SCALES[0]), math.log(_SCALES[1])))
    stretch = math.exp(rng.uniform(-_STRETCH, _STRETCH))
    cosine, sine = math.cos(turn), math.sin(turn)
    turned = np.array([[cosine, -sine], [sine, cosine]])
    sheared = np.array([[stretch, shear], [0.0, 1.0 / stretch]])
    corners = _CORNERS @ (turned @ sheared).T / scale
    moved = corners + rng.uniform(-_CORNER, _CORNER, size=(4, 2))
    shifted: NDArray[np.float64] = moved + 2.0 * rng.uniform(-_SHIFT, _SHIFT, size=2)
    return shifted


def _placed(ink: Image.Image, corners: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The ink seen through a frame: drawn at twice the size, then averaged down."""
    width, height = ink.size
    half = 0.5 * max(width, height) * SIDE / INK
    points = corners * half + (0.5 * width, 0.5 * height)
    wide = ink.transform(
        (2 * SIDE, 2 * SIDE),
        Image.Transform.QUAD,
        tuple(points.ravel()),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(wide.reduce(2))


def _ink(character: str, face: Path) -> Image.Image | None:
    """The character's ink in one face, cropped, its larger side about `_SOURCE_INK` pixels."""
    side = max(_mask(character, face, _MEASURED_AT).size)
    if side == 0:
        return None
    wanted = _MEASURED_AT * _SOURCE_INK / side
    size = min(_SIZES, key=lambda s: abs(math.log(s / wanted)))
    mask = _mask(character, face, size)
    box = mask.getbbox()
    return None if box is None else mask.crop(box)


def _mask(character: str, face: Path, size: int) -> Image.Image:
    mask = _font(face, size).getmask(character)
    if 0 in mask.size:
        return Image.new("L", (0, 0))
    return Image.frombytes("L", mask.size, bytes(mask))


@lru_cache(maxsize=256)
def _font(face: Path, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout draws one character alike whether or not a shaping library is there.
    return ImageFont.truetype(str(face), size, layout_engine=ImageFont.Layout.BASIC)
