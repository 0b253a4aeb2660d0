"""How many images of each class a task has: the arithmetic, without images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def long_tailed(way: int, most: int, ratio: float) -> NDArray[np.int64]:
    """Numbers of targets that fall from `most` for the first class to `most / ratio` for the
    last, geometrically (Cui et al. 2019), rounded, none below one. A ratio of 1 is balance."""
    if way == 1:
        return np.array([most])
    falling = most * ratio ** (-np.arange(way) / (way - 1))
    return np.maximum(1, np.rint(falling)).astype(np.int64)


@dataclass(frozen=True)
class ContextLimits:
    """The numbers of Meta-Dataset's sampler of contexts (Triantafillou et al. 2020, section 3.2
    and the published configuration)."""

    targets: int = 10
    context: int = 500
    context_per_class: int = 100
    lowest_log_weight: float = float(np.log(0.5))
    highest_log_weight: float = float(np.log(2.0))


def targets_per_class(sizes: NDArray[np.int64], limits: ContextLimits) -> int:
    """Targets of each class, the same for all: at most half of the smallest class.

    `sizes` is the number of images of each class of the task, each at least 2.
    """
    return min(limits.targets, int((sizes // 2).min()))


def context_size(sizes: NDArray[np.int64], targets: int, limits: ContextLimits, beta: float) -> int:
    """Items of the context in all, before classes are given their shares.

    With r = size - targets left of a class, the sum over classes of ceil(beta · min(100, r)),
    at most 500. `beta` is uniform on (0, 1]; the ceiling leaves every class one item.
    """
    left = np.minimum(limits.context_per_class, sizes - targets)
    return min(limits.context, int(np.ceil(beta * left).sum()))


def shots(
    sizes: NDArray[np.int64], targets: int, size: int, log_weights: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Context items of each class: one, and a share of the rest in proportion to its size times
    exp(log weight), rounded down, and never more than the class has left."""
    weights = sizes * np.exp(log_weights)
    shares = np.floor(weights / weights.sum() * (size - len(sizes))).astype(np.int64)
    given: NDArray[np.int64] = np.minimum(shares + 1, sizes - targets)
    return given
