"""How far rounding alone may take a sound layer from exact arithmetic: derived, never picked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tnverify.oracle import SetAnswer

TOO_WIDE = 0.1
"""A bound beyond this share of (1 + |y|) |weight| cannot tell a sound layer from a wrong one."""

ORACLE_UNIT = 2.0**-53
"""u of float64, in which the oracle adds the bias: no reference for float64 is exact."""

_SMALLEST_NORMAL_HALF = 2.0**-14


def unit(dtype: torch.dtype) -> float:
    """u, the largest relative error of one rounding in this dtype: half an ulp at one.

    Raises TypeError for a dtype that is not floating point.
    """
    return float(torch.finfo(dtype).eps) / 2


def rounding_bound(
    set_answer: SetAnswer,
    *,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    unit: float,
    storage_unit: float = 0.0,
    scale: float = 0.0,
    offset: float = 0.0,
    size: int = 0,
) -> NDArray[np.float64]:
    """The largest error against exact arithmetic, for every output, in the outputs' own units.

    With y before the affine, n the largest reduction behind an output and kappa as the oracle
    gives it (never from the layer's own moments), sums may be taken in any order:

        |weight| (u (8 + n) (1 + |y| + kappa) + 4 u kappa |y| + |y| min(1, n (u kappa)^2)
            + alpha term) + (2 u + 2**-53) |bias|

    - The term in kappa |y| is for variances that are put together from rounded means, as in the
      law of total variance: each mean is off by u kappa deviations, so the deviation by a share
      of u kappa. It shows where an item lies far outside of its moments' own values.
    - `unit` is u of the dtype that the layer computes in; `storage_unit` that of a half
      precision dtype in which the outputs are stored, whose rounding is added.
    - `scale`, `offset` and `size` (context items) are those of alpha. Its own error and the
      cancellation in 1 - alpha reach y through dy/dalpha; without that term one task in six with
      a large offset would blame a sound layer.
    - Where many values are summed the oracle rounds too, in float64, as often as it says: that
      is added to u (8 + n).
    - `weight` and `bias` are one value per channel, None where the layer has none. The bias may
      be rounded twice: once in `bias - mean * factor`, where a kernel folds all to one
      multiply-add an element, and once in the output; and the oracle rounds it in float64.

    Where both sides of a comparison are the subject's own, each may err: double the bound.
    """
    gamma = _magnitude(weight, set_answer, default=1.0)
    beta = _magnitude(bias, set_answer, default=0.0)
    y, kappa, alpha, n = (
        np.abs(set_answer.normalized),
        set_answer.kappa,
        set_answer.alpha,
        set_answer.count,
    )
    # Poisoned or overflowing references give a NaN bound, which too_wide reports.
    with np.errstate(all="ignore"):
        sums = unit * ((8 + n) * (1 + y + kappa) + 4 * kappa * y)
        if set_answer.roundings:
            sums += ORACLE_UNIT * set_answer.roundings * (1 + y + kappa)
        sums += y * np.minimum(1.0, n * (unit * kappa) ** 2)
        logit = abs(scale) * size + abs(offset)
        blend = np.abs(set_answer.dy_dalpha) * unit * (4 * alpha + 2 * alpha * (1 - alpha) * logit)
        bound: NDArray[np.float64] = gamma * (sums + blend) + (2 * unit + ORACLE_UNIT) * beta
        if storage_unit:
            # Below the smallest normal number the spacing of float16 no longer shrinks.
            bound += storage_unit * np.maximum(np.abs(set_answer.outputs), _SMALLEST_NORMAL_HALF)
    return bound


def too_wide(
    bound: NDArray[np.float64], set_answer: SetAnswer, *, weight: ArrayLike | None
) -> bool:
    """Whether some output's bound says too little for the task to count as evidence.

    True too where the bound is not finite, since then the reference itself is not. A channel
    of weight zero gives its bias whatever y is, so no bound on y is too wide there.
    """
    gamma = _magnitude(weight, set_answer, default=1.0)
    with np.errstate(invalid="ignore"):
        within = bound <= TOO_WIDE * (1 + np.abs(set_answer.normalized)) * gamma
    meaningful = np.isfinite(bound) & (within | (gamma == 0))
    return not bool(meaningful.all())


def _magnitude(
    values: ArrayLike | None, set_answer: SetAnswer, *, default: float
) -> NDArray[np.float64]:
    """Absolute values per channel, of a shape that broadcasts to (items, channels, *spatial)."""
    found = np.abs(np.asarray(default if values is None else values, np.float64))
    return found[(..., *(np.newaxis,) * (set_answer.outputs.ndim - 2))]
