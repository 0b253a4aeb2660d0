"""A plan: a small JSON object that rebuilds one task, values and parameters included.

Hypothesis draws plans, not elements: a plan is the reproducer, and it shrinks by dimension.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.contract.task import Parameters, Task, uniforms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    Array = NDArray[np.float64]

PROFILES: tuple[str, ...] = (
    "grid",
    "two_values",
    "normal",
    "constant_channel",
    "duplicates",
    "outliers",
    "zeros",
)
"""Value profiles, plain to wild: small integers; two values; normal; one constant channel per
set; every item a copy of its set's first; one value in eight a hundred times larger; mostly
zeros."""

_CONTEXT, _TARGETS, _PAST = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What a task is built from. Counts are of items and channels; `spatial` is a shape.

    Values of `profile` at `seed` are multiplied by 2**`exponent` and shifted by `offset`
    (in units of the deviation). `weight` and `bias` are cycled over the channels, with `distinct`
    a little higher at every turn, so that no two channels are alike; `scale` and
    `alpha_offset` set alpha = sigmoid(scale * context size + alpha_offset). `past` counts the
    earlier tasks of meta-training, of `past_items` context items and targets. `spread` moves
    parameters without a handle (see `Parameters`). With `twins` the first target is the first
    context item. `overrides` puts single values in place: (set, flat position modulo the set's
    size, value), set 0 the context and 1 the targets. With `subnormal` one value in eight is the
    smallest that the dtype holds, of either sign.
    """

    context: int = 1
    targets: int = 1
    channels: int = 1
    spatial: tuple[int, ...] = (1, 1)
    profile: str = "grid"
    seed: int = 0
    exponent: int = 0
    offset: float = 0.0
    weight: tuple[float, ...] = (1.0,)
    bias: tuple[float, ...] = (0.0,)
    scale: float = 0.0
    alpha_offset: float = 0.0
    past: int = 0
    spread: float = 0.0
    overrides: tuple[tuple[int, int, float], ...] = ()
    distinct: bool = False
    past_items: tuple[int, int] = (4, 2)
    twins: bool = False
    subnormal: bool = False

    def as_json(self) -> dict[str, object]:
        """The plan as JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Plan:
        """The plan that `as_json` wrote; raises TypeError for a field that no plan has."""
        kept = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        if "overrides" in kept:
            kept["overrides"] = tuple(tuple(o) for o in kept["overrides"])  # type: ignore[attr-defined]
        return cls(**kept)  # type: ignore[arg-type]

    def build(self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Task:
        """The task, its values drawn in float64 and rounded once to `dtype`."""
        sets = [
            self._values(which, count)
            for which, count in ((_CONTEXT, self.context), (_TARGETS, self.targets))
        ]
        if self.twins and self.context and self.targets:
            sets[1][0] = sets[0][0]
        for which, position, value in self.overrides:
            flat = sets[which % 2].ravel()
            if flat.size:
                flat[position % flat.size] = value
        context, targets = (torch.as_tensor(v).to(device=device, dtype=dtype) for v in sets)
        if self.subnormal:
            context, targets = self._dwarfed(context, _CONTEXT), self._dwarfed(targets, _TARGETS)
        earlier = (
            [
                torch.as_tensor(self._values(_PAST + 2 * p + side, items)).to(device, dtype)
                for side, items in enumerate(self.past_items)
            ]
            for p in range(self.past)
        )
        past = tuple((shown, predicted) for shown, predicted in earlier)
        parameters = Parameters(
            weight=self._by_channel(self.weight, 2.0**-4),
            bias=self._by_channel(self.bias, 2.0**-3),
            scale=self.scale,
            offset=self.alpha_offset,
            spread=self.spread,
        )
        return Task(context, targets, parameters, past, salt=self.seed)

    def _by_channel(self, cycle: tuple[float, ...], rise: float) -> tuple[float, ...]:
        """The cycle over all channels, `rise` higher at every turn if they are to be distinct."""
        turns = rise if self.distinct else 0.0
        count = len(cycle)
        return tuple(cycle[i % count] + turns * (i // count) for i in range(self.channels))

    def _dwarfed(self, values: Tensor, which: int) -> Tensor:
        """The values with one in eight the smallest of their dtype, of the sign that it had."""
        info = torch.finfo(values.dtype)
        least = torch.as_tensor(info.smallest_normal * info.eps, dtype=values.dtype)
        chosen = torch.from_numpy(uniforms(tuple(values.shape), self.seed, which, 2) < 0.125)
        signed = torch.where(values < 0, -least.to(values), least.to(values))
        return torch.where(chosen.to(values.device), signed, values)

    def _values(self, which: int, items: int) -> Array:
        shape = (items, self.channels, *self.spatial)
        u = uniforms(shape, self.seed, which)
        values = _PROFILE_VALUES[self.profile](u, shape, self.seed, which)
        scaled: Array = np.ldexp(values + self.offset, self.exponent)
        return scaled


def _grid(u: Array, *_: object) -> Array:
    return np.floor(u * 7) - 3


def _two_values(u: Array, *_: object) -> Array:
    return np.floor(u * 2)


def _gaussian(u: Array) -> Array:
    """Normal values from uniforms, by the inverse of the distribution function."""
    values: Array = torch.special.ndtri(torch.from_numpy(u)).numpy()
    return values


def _normal(u: Array, *_: object) -> Array:
    return _gaussian(u)


def _constant_channel(u: Array, *_: object) -> Array:
    values = _gaussian(u)
    values[:, 0] = 1.0
    return values


def _duplicates(u: Array, *_: object) -> Array:
    values = _gaussian(u)
    return np.repeat(values[:1], values.shape[0], axis=0)


def _outliers(u: Array, shape: tuple[int, ...], seed: int, which: int) -> Array:
    values = _gaussian(u)
    return np.where(uniforms(shape, seed, which, 1) < 0.125, values * 100, values)


def _zeros(u: Array, *_: object) -> Array:
    return np.where(u < 0.8, 0.0, np.floor(u * 7) - 3)


_PROFILE_VALUES: dict[str, Callable[[Array, tuple[int, ...], int, int], Array]] = {
    "grid": _grid,
    "two_values": _two_values,
    "normal": _normal,
    "constant_channel": _constant_channel,
    "duplicates": _duplicates,
    "outliers": _outliers,
    "zeros": _zeros,
}
