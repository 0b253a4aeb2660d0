"""The blending weight alpha = sigmoid(scale * context size + offset) (paper, section 4.2)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tnverify.oracle.moments import OracleError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Alpha(NamedTuple):
    """The share of the context's moments, and what is left for the item's own.

    Two numbers, because 1 - alpha loses all its digits once alpha rounds to one. Each is one
    value or one per channel.
    """

    value: NDArray[np.float64]
    complement: NDArray[np.float64]


def alpha_of(scale: ArrayLike, offset: ArrayLike, size: int) -> Alpha:
    """alpha and 1 - alpha for a context of `size` items, each to within a few roundings.

    `scale` and `offset` are one number or one per channel, of any magnitude: where the sigmoid
    saturates the smaller of the two goes to zero and nothing overflows.
    """
    with np.errstate(over="ignore"):  # an infinite argument saturates like any large one
        logits = np.asarray(scale, np.float64) * size + np.asarray(offset, np.float64)
    flat = logits.ravel().tolist()
    value = np.array([_sigmoid(logit) for logit in flat]).reshape(logits.shape)
    complement = np.array([_sigmoid(-logit) for logit in flat]).reshape(logits.shape)
    return Alpha(value, complement)


def _sigmoid(logit: float) -> float:
    if math.isnan(logit):
        return math.nan
    # exp of a positive argument could overflow, so only negative ones are taken.
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    small = math.exp(logit)
    return small / (1.0 + small)


def checked_alpha(scheme: str, alpha: Alpha | ArrayLike | None, channels: int) -> Alpha:
    """alpha as two arrays of shape (1, channels or 1, 1), ready to blend with."""
    if alpha is None:
        raise OracleError(f"scheme {scheme!r} blends moments: pass alpha (see alpha_of)")
    if not isinstance(alpha, Alpha):
        value = np.asarray(alpha, np.float64)
        alpha = Alpha(value, 1.0 - value)
    parts = [np.asarray(part, np.float64).reshape(1, -1, 1) for part in alpha]
    for part in parts:
        if part.size not in (1, channels):
            raise OracleError(
                f"alpha has {part.size} values where the task has {channels} channels:"
                " pass one value, or one per channel"
            )
    return Alpha(*parts)
