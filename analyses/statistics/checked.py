"""Arrays as the statistics take them: float64, finite, of a stated number of dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def checked(values: ArrayLike, what: str, *, dimensions: int = 1, at_least: int = 1) -> Values:
    """`values` as float64, of `dimensions` dimensions with `at_least` entries along the last.

    Raises ValueError where the shape is another or a value is not finite: a mean over NaN, or
    over what was silently dropped, is no measurement.
    """
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions:
        raise ValueError(f"{what} has shape {array.shape}: pass {dimensions} dimension(s)")
    if array.size == 0 or array.shape[-1] < at_least:
        raise ValueError(f"{what} has shape {array.shape}: at least {at_least} value(s) are needed")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{what}{list(where)} is {array[where]}: every value must be finite")
    return array


def rounding_of(*values: ArrayLike) -> float:
    """How far two differences of such values may lie apart though they are equal on paper.

    A share such as 13/25 is rounded once, once more if it is scaled to percent, and so is what
    it is subtracted from: four half units in the last place of the coarsest dtype given, on
    either side.
    """
    arrays = [np.asarray(each) for each in values]
    inexact = [a.dtype for a in arrays if np.issubdtype(a.dtype, np.floating)]
    eps = max((float(np.finfo(dtype).eps) for dtype in inexact), default=float(np.finfo(float).eps))
    return 4 * eps * max(float(np.abs(a).max(initial=0.0)) for a in arrays)


def checked_share(value: float, what: str) -> float:
    """`value`, which must lie strictly between 0 and 1; raises ValueError otherwise."""
    if not 0 < value < 1:
        raise ValueError(f"{what} is {value}: pass a number between 0 and 1, both excluded")
    return float(value)
