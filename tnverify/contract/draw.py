"""What a law draws about a task: the same each time it meets the task, and its own alone."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from tnverify.contract.task import Task, uniform, uniforms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_POOL = 1 << 16
"""Values in the pool that noise is cut from."""


class Draw:
    """A stream of choices, seeded by a law's name and a task's salt.

    Every call draws anew, so no two choices of a law can share a number, nor can those of two
    laws. A law that asks in the same order gets the same answers on the same task; between tasks
    they differ, so a corpus tries them all.
    """

    __slots__ = ("_drawn", "_salt", "_seed")

    def __init__(self, name: str, salt: int) -> None:
        self._seed, self._salt = zlib.crc32(name.encode()), salt
        self._drawn = 0

    def index(self, count: int) -> int:
        """A number in range(count)."""
        self._drawn += 1
        return int(uniform(self._salt, self._seed, self._drawn) * count)

    def subset(self, count: int) -> Tensor:
        """A mask of (count,) that is true for some items and false for others (count >= 2)."""
        kept = torch.from_numpy(self._uniforms(count) < 0.5)
        first = self.index(count)
        if bool(kept.all()) or not bool(kept.any()):
            kept[first] = not bool(kept[first])
        return kept

    def order(self, count: int) -> list[int]:
        """An order of `count` items that is not the one they have (for two items or more)."""
        drawn = self._uniforms(count)
        order = sorted(range(count), key=lambda i: (drawn[i], i))
        return order if order != list(range(count)) else order[1:] + order[:1]

    def noise(self, like: Tensor) -> Tensor:
        """Values of the shape of `like` to put in its place: multiples of 1/8 between -4 and 4.

        They are cut from one pool of such values: laws ask so often that drawing them anew would
        cost as much as the layers do.
        """
        count = like.numel()
        if count > _POOL // 2:
            self._drawn += 1
            empty = like.new_empty((0, 1))
            return Task(empty, empty, salt=self._salt).noise(like, self._seed + self._drawn)
        start = self.index(_POOL - count)
        return _pool(like.dtype, like.device)[start : start + count].clone().view(like.shape)

    def uniform(self, like: Tensor) -> Tensor:
        """Values in (0, 1) of the shape of `like`, without a common grid."""
        self._drawn += 1
        drawn = uniforms(tuple(like.shape), self._salt, self._seed, self._drawn)
        return torch.as_tensor(drawn).to(like)

    def _uniforms(self, count: int) -> NDArray[np.float64]:
        self._drawn += 1
        return uniforms((count,), self._salt, self._seed, self._drawn)


@lru_cache(maxsize=8)
def _pool(dtype: torch.dtype, device: torch.device) -> Tensor:
    empty = torch.empty(_POOL, dtype=dtype, device=device)
    return Task(empty, empty).noise(empty, 1)
