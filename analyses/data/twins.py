"""Characters that look the same: they must not be in two splits, nor be two classes of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TWIN = 0.95
"""Correlation of two characters' plain drawings, averaged over faces, from which on they are
twins."""


def first_of_each(means: NDArray[np.uint8], threshold: float = TWIN) -> NDArray[np.bool_]:
    """Which of the drawings to keep so that no two kept ones are twins.

    `means` is (characters, *pixels), most wanted first: one is dropped if it is the twin of
    one kept before it. A drawing of one value throughout, which correlates with nothing, is
    dropped too. The result is an array (characters,).
    """
    flat = means.reshape(len(means), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1)
    drawn = norms > 0
    flat[drawn] /= norms[drawn, None]
    alike = flat @ flat.T > threshold
    kept = np.zeros(len(means), dtype=bool)
    for i in np.flatnonzero(drawn):
        kept[i] = not np.any(alike[i] & kept)
    return kept
