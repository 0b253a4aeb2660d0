"""Styles: the same images brighter, darker, inverted or noisy, shared by a task or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from .keys import Stream, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shared = Literal["task", "set", "image"]
_SHARED: tuple[Shared, ...] = ("task", "set", "image")
_LEVELS = 256
_PIXELS_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class Style:
    """A shift of values: gain · (x + noise) + offset, x being 1 - x where inverted.

    The gain is log-uniform between 1 / `gain` and `gain`, the offset uniform between plus and
    minus `offset`, the image inverted with probability `inversion`, and the noise normal with a
    deviation uniform between 0 and `noise`, anew for each pixel.

    `shared` says who has one style in common: "task" its context and targets, "set" the context
    and, apart from it, the targets (a shift between the two), "image" nobody.
    """

    gain: float = 3.0
    offset: float = 1.0
    inversion: float = 0.5
    noise: float = 0.3
    shared: Shared = "task"

    def __post_init__(self) -> None:
        if self.shared not in _SHARED:
            raise ValueError(f"a style is shared by one of {', '.join(_SHARED)}: {self.shared!r}")
        if self.gain < 1.0 or self.offset < 0.0 or self.noise < 0.0:
            raise ValueError(f"gain is at least 1, offset and noise at least 0: {self}")
        if not 0.0 <= self.inversion <= 1.0:
            raise ValueError(f"inversion is a probability, not {self.inversion}")

    def scaled(self, strength: float) -> Style:
        """The style with every shift `strength` times as strong; 0 shifts nothing, 1 is this."""
        return Style(
            gain=self.gain**strength,
            offset=self.offset * strength,
            inversion=min(1.0, self.inversion * strength),
            noise=self.noise * strength,
            shared=self.shared,
        )


def styled(images: NDArray[np.float32], context: int, style: Style, key: int, number: int) -> None:
    """Shift the values of one task in place. The first `context` of the images, an array (items,
    channels, height, width) in [0, 1], are its context, the others its targets."""
    rng = generator(key, Stream.STYLE, number)
    items = len(images)
    counts = {"task": (items,), "set": (context, items - context), "image": (1,) * items}
    repeats = counts[style.shared]
    log_gain = math.log(style.gain)
    drawn = rng.random((4, len(repeats)))
    gains = np.exp((2.0 * drawn[0] - 1.0) * log_gain)
    offsets = (2.0 * drawn[1] - 1.0) * style.offset
    inverted = drawn[2] < style.inversion
    deviations = drawn[3] * style.noise
    # gain · (1 - x) + offset = -gain · x + (gain + offset)
    scales = np.where(inverted, -gains, gains)
    shifts = np.where(inverted, gains + offsets, offsets)
    shape = (items, 1, 1, 1)

    def spread(values: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.repeat(values, repeats).astype(np.float32).reshape(shape)

    each = spread(deviations), spread(scales), spread(shifts)
    noise_rng = generator(key, Stream.NOISE, number) if style.noise > 0.0 else None
    # A few images at a time, whose noise stays in the processor's cache.
    step = max(1, _PIXELS_AT_ONCE // math.prod(images.shape[1:]))
    for first in range(0, items, step):
        some = slice(first, first + step)
        part, (deviation, scale, shift) = images[some], (values[some] for values in each)
        if noise_rng is not None:
            noise = _normal(part.shape, noise_rng)
            noise *= deviation
            part += noise
        part *= scale
        part += shift


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of mean 0 and deviation 1: one of 256 quantiles of the normal distribution each.

    Drawing normals takes longer than all else of a task together; bytes are nearly free.
    """
    drawn = np.frombuffer(rng.bytes(math.prod(shape)), dtype=np.uint8)
    return np.take(_quantiles(), drawn).reshape(shape)


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.float32]:
    normal = NormalDist()
    values = np.array([normal.inv_cdf((i + 0.5) / _LEVELS) for i in range(_LEVELS)])
    scaled: NDArray[np.float32] = (values / values.std()).astype(np.float32)
    return scaled
