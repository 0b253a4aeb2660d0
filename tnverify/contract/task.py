"""Tasks: a context set, a target set, the parameters a layer gets, and the tasks before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

_MIX_1, _MIX_2, _GOLDEN = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15
_ALL = 0xFFFFFFFFFFFFFFFF


def uniforms(shape: Sequence[int], *keys: int) -> NDArray[np.float64]:
    """Numbers in (0, 1) that depend on `keys` and on each element's own coordinates alone.

    Growing a dimension leaves the elements that were there as they were, which a seeded
    generator does not do: so a smaller task made by dropping items has the values it had.
    `shape` is any shape; the result is a float64 array.
    """
    hashed = np.full((1,) * len(shape), _seeded(keys), np.uint64)
    for axis, size in enumerate(shape):
        steps = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
        steps = steps.reshape([size if a == axis else 1 for a in range(len(shape))])
        hashed = _mixed(hashed + steps)
    bits = hashed >> np.uint64(11)
    whole = bits.astype(np.float64)  # pragma: no mutate: as numpy would have it by itself
    return np.asarray((whole + 0.5) * 2.0**-53)


def uniform(*keys: int) -> float:
    """The one number of `uniforms((1,), *keys)`, at a tenth of its time."""
    return ((_mixed_once(_seeded(keys) + _GOLDEN) >> 11) + 0.5) * 2.0**-53


def _seeded(keys: Iterable[int]) -> int:
    seeded = 0
    for key in keys:
        seeded = _mixed_once((seeded + key) & _ALL)
    return seeded


def _mixed_once(value: int) -> int:
    """As `_mixed`, of one number: at that size an array is slower."""
    value = (value + _GOLDEN) & _ALL
    value = ((value ^ (value >> 30)) * _MIX_1) & _ALL
    value = ((value ^ (value >> 27)) * _MIX_2) & _ALL
    return value ^ (value >> 31)


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64, by element and in place; it wraps around."""
    value += np.uint64(_GOLDEN)
    value ^= value >> np.uint64(30)
    value *= np.uint64(_MIX_1)
    value ^= value >> np.uint64(27)
    value *= np.uint64(_MIX_2)
    value ^= value >> np.uint64(31)
    return value


@dataclass(frozen=True, slots=True)
class Parameters:
    """Values that a layer's parameters are given before it is used; None leaves them alone.

    `weight` and `bias` have one number per channel. `scale` and `offset` are those of
    alpha = sigmoid(scale * context size + offset) (paper, section 4.2); a layer that holds
    alpha itself is given the alpha that they imply. `spread` says how far parameters that no
    handle names are moved from their initial values, as a share of these: from 0 to below 1, so
    that none changes its sign.
    """

    weight: tuple[float, ...] | None = None
    bias: tuple[float, ...] | None = None
    scale: float = 0.0
    offset: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A generated few-shot task, as values.

    `context` is (context items, channels, *spatial), `targets` (target items, channels,
    *spatial), of one dtype and device. `past` holds earlier tasks of meta-training, each a
    (context, targets) pair, shown to a subject that observes them. `salt` seeds every further
    value that a law invents about this task, so a task is replayed by its values alone.
    Tasks are compared by identity: a derived task is a new one.
    """

    context: Tensor
    targets: Tensor
    parameters: Parameters = Parameters()
    past: tuple[tuple[Tensor, Tensor], ...] = ()
    salt: int = 0

    @property
    def channels(self) -> int:
        return int(self.context.shape[1])

    @property
    def spatial(self) -> tuple[int, ...]:
        return tuple(self.context.shape[2:])

    @property
    def dtype(self) -> torch.dtype:
        return self.context.dtype

    @property
    def device(self) -> torch.device:
        return self.context.device

    def with_sets(self, context: Tensor | None = None, targets: Tensor | None = None) -> Task:
        """The same task with another context or target set."""
        return replace(
            self,
            context=self.context if context is None else context,
            targets=self.targets if targets is None else targets,
        )

    def with_parameters(self, **changes: object) -> Task:
        """The same task with some of its parameters changed (fields of `Parameters`)."""
        return replace(self, parameters=replace(self.parameters, **changes))  # type: ignore[arg-type]

    def noise(self, like: Tensor, key: int) -> Tensor:
        """Fresh values of the shape of `like`, a function of the task's salt and `key`.

        They are multiples of 1/8 between -4 and 4, exact in every dtype, so that what a law
        puts in the place of a task's values reads well in a counterexample.
        """
        drawn = np.round(uniforms(tuple(like.shape), self.salt, key, 7) * 64 - 32) / 8
        return torch.as_tensor(drawn, dtype=like.dtype, device=like.device)
