"""Means and variances over the sets of values that a scheme reduces.

Values are viewed as (items, channels, pixels); moments broadcast against that. Few values are
summed exactly; many by numpy, pairwise, with roundings that are counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]

_REMEMBERED_VALUES = 4096
"""Moments of no more values are remembered: for more, comparing them would be the larger part."""

EXACT_VALUES = 16_384
"""So many values are summed exactly; of more, an exact sum would cost more than the layer."""

_PAIRWISE = 28
"""Roundings that a value meets in numpy's pairwise sum beside those that grow with its depth: up
to 16 in a block of 128 that is summed in eight strands, and a few around the sum."""


class OracleError(ValueError):
    """The question cannot be answered: an unknown scheme, or something it needs is missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Moments of each channel that a layer keeps from meta-training.

    `mean` and `var` have one value per channel (or are one value). `count` is the size of the
    largest reduction behind them and `peak` the largest absolute value that entered it, per
    channel, where these are known: they widen the rounding bound, nothing else.
    """

    mean: ArrayLike
    var: ArrayLike
    count: int = 1
    peak: ArrayLike = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """Moments that broadcast to (items, channels, pixels).

    The mean is `mean + rest`: its nearest float64, and what that rounding left. So differences
    from the mean are good to a few roundings however far the values lie from zero.
    """

    mean: Array
    rest: Array
    var: Array
    peak: Array
    count: int
    roundings: int = 0
    """Roundings of float64 that a sum behind the moments may have met; 0 where it was exact."""


def roundings_of(count: int, values: int) -> int:
    """How often a sum of `count` numbers, of `values` in all, is rounded; 0 if taken exactly."""
    return 0 if values <= EXACT_VALUES else min(count, _PAIRWISE + math.ceil(math.log2(count)))


def exact_sum(values: list[float]) -> float:
    """The sum, rounded once; infinite or NaN where the values or their sum are."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        # fsum refuses sums beyond float64 and infinities of both signs: so they poison plainly.
        return float(sum(values))


def sums_of(rows: Array) -> Array:
    """The sum of each row: exact for few values, else to within `roundings_of` roundings."""
    if rows.size > EXACT_VALUES:
        sums: Array = np.ascontiguousarray(rows).sum(axis=1)
        return sums
    return np.array([exact_sum(row) for row in rows.tolist()], np.float64)


def reduce_rows(rows: Array, *, unbiased: bool) -> tuple[Array, Array, Array, Array]:
    """Mean, what its rounding left, variance and largest absolute value of each row.

    Unbiased variance divides by one less than the number of values: NaN over a single one, as
    the authors' code gives.
    """
    count = rows.shape[1]
    if count == 1:
        # No rounding at all: the mean is the value, the sum of squares is zero.
        mean, zeros = rows[:, 0].copy(), np.zeros(len(rows))
        return mean, zeros, zeros + (math.nan if unbiased else 0.0), np.abs(mean)
    mean = sums_of(rows) / count
    deviations = rows - mean[:, None]
    rest = sums_of(deviations) / count
    deviations -= rest[:, None]
    var = sums_of(deviations * deviations) / (count - 1 if unbiased else count)
    return mean, rest, var, np.abs(rows).max(axis=1)


def _reduced(rows: Array, shape: tuple[int, int, int], *, unbiased: bool) -> Reduced:
    if rows.shape[1] == 0:
        raise OracleError("a reduction over no values has no moments: the set must not be empty")
    if rows.size > _REMEMBERED_VALUES:
        parts = reduce_rows(rows, unbiased=unbiased)
    else:
        parts = _reduced_before(rows.tobytes(), rows.shape, unbiased)
    mean, rest, var, peak = (part.reshape(shape) for part in parts)
    count = rows.shape[1]
    return Reduced(mean, rest, var, peak, count, roundings_of(count, rows.size))


@lru_cache(maxsize=256)
def _reduced_before(
    raw: bytes, shape: tuple[int, int], unbiased: bool
) -> tuple[Array, Array, Array, Array]:
    """`reduce_rows` of rows of this shape. Laws change one set of a task and leave the other, so
    that the same values are asked about again and again; what is returned is not written to."""
    parts = reduce_rows(np.frombuffer(raw, np.float64).reshape(shape), unbiased=unbiased)
    for part in parts:
        part.setflags(write=False)
    return parts


def batch_moments(values: Array, *, unbiased: bool) -> Reduced:
    """Over items and pixels, one per channel (eqs. (3), (4))."""
    channels = values.shape[1]
    rows = values.transpose(1, 0, 2).reshape(channels, values.shape[0] * values.shape[2])
    return _reduced(rows, (1, channels, 1), unbiased=unbiased)


def instance_moments(values: Array, *, unbiased: bool) -> Reduced:
    """Over pixels, one per item and channel (eqs. (8), (9))."""
    items, channels, pixels = values.shape
    rows = values.reshape(items * channels, pixels)
    return _reduced(rows, (items, channels, 1), unbiased=unbiased)


def layer_moments(values: Array, *, unbiased: bool) -> Reduced:
    """Over channels and pixels, one per item (eqs. (6), (7))."""
    items, channels, pixels = values.shape
    rows = values.reshape(items, channels * pixels)
    return _reduced(rows, (items, 1, 1), unbiased=unbiased)


def pixel_moments(values: Array, *, unbiased: bool) -> Reduced:
    """Over the channels of each position, one per item and position."""
    items, channels, pixels = values.shape
    rows = np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(items * pixels, channels)
    return _reduced(rows, (items, 1, pixels), unbiased=unbiased)


def about_zero(moments: Callable[..., Reduced], values: Array) -> Reduced:
    """What `moments` gives of the squares: a mean of zero, and the mean square as the variance."""
    squares = moments(values * values, unbiased=False)
    zeros = np.zeros_like(squares.mean)
    # The mean's own rounding was left apart, and is put back.
    return replace(
        squares, mean=zeros, rest=zeros, var=squares.mean + squares.rest, peak=np.sqrt(squares.peak)
    )


def group_moments(values: Array, groups: int, *, unbiased: bool) -> Reduced:
    """Over the channels of a group and pixels, one per item and group (appendix A.2)."""
    items, channels, pixels = values.shape
    each = channels // groups
    rows = values.reshape(items * groups, each * pixels)
    grouped = _reduced(rows, (items, groups, 1), unbiased=unbiased)
    mean, rest, var, peak = (
        np.repeat(part, each, axis=1)
        for part in (grouped.mean, grouped.rest, grouped.var, grouped.peak)
    )
    return Reduced(mean, rest, var, peak, grouped.count, grouped.roundings)


def reptile_moments(values: Array, context: Array, *, unbiased: bool) -> Reduced:
    """Over the context plus one item, its pixels included: one per item and channel."""
    joined = []
    for item in range(values.shape[0]):
        with_item = np.concatenate([context, values[item : item + 1]])
        joined.append(batch_moments(with_item, unbiased=unbiased))
    if not joined:
        return batch_moments(context, unbiased=unbiased)
    return Reduced(
        np.concatenate([one.mean for one in joined]),
        np.concatenate([one.rest for one in joined]),
        np.concatenate([one.var for one in joined]),
        np.concatenate([one.peak for one in joined]),
        joined[0].count,
        joined[0].roundings,
    )


def kept_moments(scheme: str, running: Moments | None, channels: int) -> Reduced:
    """Running moments as they were handed in, one per channel."""
    if running is None:
        raise OracleError(f"scheme {scheme!r} uses running moments: pass running=Moments(...)")
    parts = {"mean": running.mean, "var": running.var, "peak": running.peak}
    arrays = {name: np.asarray(part, np.float64).reshape(-1) for name, part in parts.items()}
    for name, part in arrays.items():
        if part.size not in (1, channels):
            raise OracleError(
                f"running {name} has {part.size} values where the task has {channels} channels"
            )
    mean, var, peak = (np.broadcast_to(a, channels).reshape(1, -1, 1) for a in arrays.values())
    return Reduced(mean, np.zeros_like(mean), var, peak, running.count)
