"""Encoded image files to bytes of a fixed shape."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from .errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What Pillow raises on damaged files: not all of its formats turn their own errors into OSError.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    MemoryError,
    OverflowError,
)


def decoded(source: Path | bytes, named: str, *, side: int, channels: int) -> NDArray[np.uint8]:
    """An image as an array (channels, side, side) of bytes.

    `source` is a file or its content, `named` what a `DataError` calls it. One channel is grey,
    three are red, green and blue. What is transparent is white, as on paper, and an image is
    turned as its camera noted (EXIF). An image that is not square is
    squeezed into a square, as Meta-Dataset does it; pixels are averaged over their area where
    the image shrinks (Pillow's bilinear filter).
    """
    mode = _mode(channels)
    stream = source if isinstance(source, Path) else io.BytesIO(source)
    try:
        with warnings.catch_warnings():
            # A file may be sound and odd at once (an EXIF block that is cut, say).
            warnings.simplefilter("ignore")
            with Image.open(stream) as opened:
                pixels = np.asarray(_fitted(_as_seen(opened).convert(mode), side))
    except FileNotFoundError as error:
        raise DataError(f"{named}: there is no such file") from error
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{named}: not an image that can be read ({reason})") from error
    return shaped(pixels, channels)


def resized(pixels: NDArray[np.uint8], *, side: int, channels: int) -> NDArray[np.uint8]:
    """The same for pixels that are decoded already, (height, width) or (height, width, 3)."""
    image = Image.fromarray(pixels).convert(_mode(channels))
    return shaped(np.asarray(_fitted(image, side)), channels)


def shaped(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Pixels as Pillow lays them out, as (channels, height, width)."""
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _mode(channels: int) -> str:
    if channels not in (1, 3):
        raise DataError(f"images are read with 1 channel or 3, not {channels}")
    return "L" if channels == 1 else "RGB"


def _as_seen(image: Image.Image) -> Image.Image:
    """The image as a viewer shows it on white paper, turned upright.

    The colour of a transparent pixel is mostly black, whatever is drawn: without the paper, black
    ink on nothing would be a black square.
    """
    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright
    drawn = upright.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn)


def _fitted(image: Image.Image, side: int) -> Image.Image:
    if image.size == (side, side):
        return image
    return image.resize((side, side), Image.Resampling.BILINEAR)
