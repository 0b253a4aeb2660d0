"""What a layer gives in meta-training: batch normalisation, and Ioffe's correction of it.

A set is normalised with its own moments (eqs. (3), (4)): y = (x - mean) / sigma. Batch
renormalisation (Ioffe 2017, algorithm 1) goes on to y r + d with r = sigma / sigma_running and
d = (mean - mean_running) / sigma_running, both held within limits and constant to the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tnverify.oracle import moments as of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tnverify.oracle.moments import Array, Moments

_SMALL = np.finfo(np.float64).tiny
_VARIES = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A set in meta-training. `normalized` is y, of the set's shape; all else is by channel.

    `mean` and `var` are the set's own moments, `sigma` is sqrt(var + eps) and `kappa` the largest
    absolute value over it. `r` and `d` are Ioffe's corrections without limits, 1 and 0 without
    running moments. `count` is the number of values that each moment is taken over.
    """

    normalized: Array
    mean: Array
    var: Array
    sigma: Array
    kappa: Array
    r: Array
    d: Array
    count: int


def trained(
    x: ArrayLike,
    *,
    eps: float,
    variance: Literal["biased", "unbiased"] = "biased",
    running: Moments | None = None,
) -> Trained:
    """A set of (items, channels, *spatial) with its own moments, and how far these lie from the
    running ones. Everything is NaN for an unbiased variance over a single value."""
    values = np.asarray(x, np.float64)
    pixels = values.reshape(*values.shape[:2], -1)
    with np.errstate(all="ignore"):
        own = of.batch_moments(pixels, unbiased=variance == "unbiased")
        sigma = np.sqrt(own.var + eps)
        y = ((pixels - own.mean) - own.rest) / sigma
        mean, var, sigma = (np.asarray(each).reshape(-1) for each in (own.mean, own.var, sigma))
        peak = np.abs(pixels).max(axis=(0, 2), initial=0.0)
        r, d = np.ones_like(mean), np.zeros_like(mean)
        if running is not None:
            kept = np.sqrt(np.asarray(running.var, np.float64) + eps)
            r, d = sigma / kept, (mean - np.asarray(running.mean, np.float64)) / kept
        count = values.size // max(1, values.shape[1])
        return Trained(y.reshape(values.shape), mean, var, sigma, peak / sigma, r, d, count)


def corrected(of_set: Trained, factor: Array, shift: Array) -> tuple[Array, Array]:
    """r and d within the limits that outputs factor * y + shift before the affine show.

    No layer says which limits it has, and they may widen as training goes on: those in force are
    the largest that the outputs show. A channel that hardly varies shows no factor, and its own
    is taken for right.
    """
    told = varies(of_set)
    shown = np.abs(factor[told])
    r_max = float(np.maximum(shown, 1 / np.maximum(shown, _SMALL)).max(initial=1.0))
    d_max = float(np.abs(shift).max(initial=0.0))
    r = np.where(told, np.clip(of_set.r, 1 / r_max, r_max), np.nan_to_num(factor))
    return r, np.clip(of_set.d, -d_max, d_max)


def varies(of_set: Trained) -> NDArray[np.bool_]:
    """Which channels vary by enough that their outputs show what y was multiplied with."""
    spread = np.sqrt(np.square(of_set.normalized).mean(_all_but_channels(of_set.normalized)))
    shows: NDArray[np.bool_] = spread > _VARIES
    return shows


def gradient(
    of_set: Trained, outer: Array, *, variance: Literal["biased", "unbiased"] = "biased"
) -> Array:
    """The gradient by x of sum(outer * y), moments included: what backward must give.

    `outer` has the set's shape: weights of the loss times whatever y is multiplied with.
    """
    y, axes = of_set.normalized, _all_but_channels(of_set.normalized)
    divisor = of_set.count - (variance == "unbiased")
    along = (1, -1, *(1,) * (y.ndim - 2))
    mean = outer.mean(axes, keepdims=True)
    slope = (outer * y).sum(axes, keepdims=True) / divisor
    result: Array = (outer - mean - y * slope) / of_set.sigma.reshape(along)
    return result


def _all_but_channels(values: Array) -> tuple[int, ...]:
    return (0, *range(2, values.ndim))
