"""Training curves in one number: the area under one, and when it got somewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import trapezoid

from tnverify.analyses.statistics.checked import Values, checked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def area_under_curve(positions: ArrayLike, values: ArrayLike) -> float:
    """The mean height of the curve over its span, by trapezia, in the units of `values`.

    `positions` (iterations or seconds) rise strictly. Only curves over the same span compare.
    """
    at, heights = _curve(positions, values, at_least=2)
    return float(trapezoid(heights, at) / (at[-1] - at[0]))


def reached_at(
    positions: ArrayLike,
    values: ArrayLike,
    wanted: float,
    *,
    falling: bool = False,
    hold: int = 1,
) -> float:
    """The position at which the curve first reaches `wanted`, on straight lines between points.

    Infinity where it never does, which sorts behind every position and keeps medians right.
    `falling` is for losses: at or below `wanted`. With `hold` a noisy curve must stay there for
    that many evaluations, the first among them, before it counts.
    """
    at, heights = _curve(positions, values, at_least=1)
    if hold < 1:
        raise ValueError(f"hold is {hold}: pass the number of evaluations, 1 or more")
    there = heights <= wanted if falling else heights >= wanted
    held = np.convolve(there, np.ones(hold, dtype=int), mode="valid") == hold
    if len(there) < hold or not held.any():
        return math.inf
    first = int(np.argmax(held))
    if first == 0:
        return float(at[0])
    before, after = heights[first - 1], heights[first]
    share = (wanted - before) / (after - before)
    return float(at[first - 1] + share * (at[first] - at[first - 1]))


def _curve(positions: ArrayLike, values: ArrayLike, *, at_least: int) -> tuple[Values, Values]:
    at = checked(positions, "positions", at_least=at_least)
    heights = checked(values, "values", at_least=at_least)
    if at.shape != heights.shape:
        raise ValueError(f"{at.size} positions have {heights.size} values: give each its own")
    if not (np.diff(at) > 0).all():
        raise ValueError("positions must rise strictly: sort the curve and drop repeats")
    return at, heights
