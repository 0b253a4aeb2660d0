"""What lies between the sweeps: a blend on small tensors, and how those of tasks are arranged.

For one task small tensors are (items, channels) or broadcast to it. For several that lie one
after another in the items, as under vmap, they are (tasks, items, channels) in here, and what
enters and leaves is (tasks * items, channels) or (tasks, channels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch

from tnverify.norms.kernels import sweeps
from tnverify.norms.kernels.adjoint import Line, Pair, by_values, over_group, spread
from tnverify.norms.moments import (
    Moments,
    bessel,
    by_channel,
    cast,
    compute_dtype,
    moments_dtype,
    over_groups,
    over_items,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from tnverify.norms.kernels.sweeps import Centred

Part = TypeVar("Part")
Two = tuple[Part, Part]

FAR = 8.0
"""Values whose mean lies further from zero, in deviations, are centred before anything else.

Nearer ones lose no more than a few ulps in x * slope + constant, which is a cheaper sweep."""

SMALL = 2**15
"""Sets of fewer values are always centred: finding out whether they lie far would cost more."""

_UNCOUNTED = 1
"""For the count of moments where nobody asks for it."""


class Between(NamedTuple):
    """What a blend asks for, apart from its tensors; see `Blend`.

    `batch` says that the base is the batch moments of each task's own items.
    """

    tasks: int
    batch: bool
    groups: int | None
    unbiased: bool
    eps: float

    def by_task(self, part: Tensor) -> Tensor:
        """What is (tasks * items, ...), each task apart."""
        if self.tasks == 1:
            return part
        return part.view(self.tasks, len(part) // self.tasks, *part.shape[1:])

    def of_task(self, part: Tensor) -> Tensor:
        """What is (tasks, channels) or of fewer dimensions, so that it broadcasts to that."""
        return part if self.tasks == 1 or part.dim() < 2 else part.unsqueeze(1)

    def by_plane(self, part: Tensor, x: Tensor) -> Tensor:
        """A small tensor so that it broadcasts to (tasks * items, channels)."""
        if self.tasks == 1:
            return part
        return part.expand(self.tasks, len(x) // self.tasks, part.shape[-1]).flatten(0, 1)

    def centre(self, point: Tensor | None, x: Tensor) -> Tensor | None:
        """The point as a centre of planes."""
        return None if point is None else self.by_plane(point, x)

    def share(self, alpha: Tensor | None, x: Tensor) -> Tensor | float | None:
        """alpha, as a number where it is one and need not be differentiated."""
        if alpha is None:
            return None
        if alpha.numel() == 1 and not torch.is_grad_enabled():
            return float(alpha)
        return cast(self.of_task(alpha), compute_dtype(x.dtype))

    def planes(self, x: Tensor, *, quick: bool) -> Centred | None:
        """Moments of the planes of x, where the blend reads any; quick ones lack the rest."""
        if not self.batch and self.groups is None:
            return None
        taken = sweeps.quick_moments(x) if quick else sweeps.moments(x)
        rest = None if taken.rest is None else self.by_task(taken.rest)
        return sweeps.Centred(self.by_task(taken.centre), rest, self.by_task(taken.var))

    def may_be_near(self, x: Tensor, given: Pair | None) -> bool:
        """Whether values may lie so near to zero that they need no centring.

        An item's own values must not decide how others are computed, so there must be a base.
        """
        return x.numel() >= SMALL and (self.batch or given is not None)

    def point(self, x: Tensor, planes: Centred | None, given: Pair | None) -> Tensor:
        """For each channel a point near the means that it is normalised with, to measure from.

        It is the base's mean, or the item's own where there is no base.
        """
        dtype = compute_dtype(x.dtype)
        if given is not None:
            return self.of_task(given.mean).to(dtype, copy=True)
        assert planes is not None, "a blend without a given base takes moments of its set"
        if self.batch:
            return planes.centre.mean(-2, keepdim=True)
        if self.by_instance(x):
            return planes.centre
        assert self.groups is not None
        own = over_groups(Moments(planes.centre, planes.var, _UNCOUNTED), self.groups)
        return by_channel(own.mean, x.shape[1])

    def by_instance(self, x: Tensor) -> bool:
        """Whether an item's own moments are those of its instances, a group for each channel."""
        return self.groups == x.shape[1]

    def moments(
        self, x: Tensor, point: Tensor | None, planes: Centred | None, given: Pair | None
    ) -> tuple[Pair | None, Pair | None]:
        """The base's moments and each item's own, (items, groups), measured from the point.

        From zero where that is None, and so are those of groups: channels differ in their points.
        """
        base = None if given is None else self.measured(given, point, x)
        own = None
        if planes is not None:
            mean = planes.centre if point is None else planes.centre - point
            mean = mean if planes.rest is None else mean + planes.rest
            instance = Moments(mean, planes.var, _UNCOUNTED)
            base = Pair(*over_items(instance)[:2]) if self.batch else base
            if self.by_instance(x):
                own = Pair(*instance[:2])
            elif self.groups is not None:
                own = self.of_groups(x, point, planes, self.groups)
        return base, own

    def of_groups(self, x: Tensor, point: Tensor | None, planes: Centred, groups: int) -> Pair:
        """Own moments of groups of channels, of a wide dtype where values may lie far."""
        dtype = compute_dtype(x.dtype) if point is None else moments_dtype(x)
        mean = cast(planes.centre, dtype)
        mean = mean if planes.rest is None else mean + planes.rest
        instance = Moments(mean, cast(planes.var, dtype), _UNCOUNTED)
        return Pair(*over_groups(instance, groups)[:2])

    def measured(self, base: Pair, point: Tensor | None, x: Tensor) -> Pair:
        """Moments (tasks, channels) of a wide dtype, measured from the point (None: zero)."""
        mean, var = (self.of_task(part) for part in base)
        dtype = compute_dtype(x.dtype)
        return Pair(cast(mean if point is None else mean - point, dtype), cast(var, dtype))

    def by_convention(
        self, base: Pair | None, own: Pair | None, point: Tensor | None, x: Tensor
    ) -> tuple[Pair | None, Pair | None]:
        """All for each channel, measured from its point, and variances by the convention.

        Those of a given base are by it already.
        """
        if base is not None and self.batch:
            base = self.scaled(base, self.values(x, own=False))
        if own is not None:
            own = spread(self.scaled(own, self.values(x, own=True)), x.shape[1])
            if not self.by_instance(x) and point is not None:
                dtype = compute_dtype(x.dtype)
                own = Pair(cast(own.mean - point, dtype), cast(own.var, dtype))
        return base, own

    def scaled(self, pair: Pair, count: int) -> Pair:
        """Moments over `count` values, or derivatives by them, the variance by the convention."""
        return Pair(pair.mean, pair.var * bessel(count)) if self.unbiased else pair

    def values(self, x: Tensor, *, own: bool) -> int:
        """How many values are behind one of an item's own moments, or behind a batch moment."""
        pixels = x.shape[2:].numel()
        if own:
            assert self.groups is not None
            return pixels * x.shape[1] // self.groups
        return pixels * len(x) // self.tasks

    def lies_far(self, base: Pair, share: Tensor | float | None) -> bool:
        """Whether values that may lie near to zero do not, in deviations of what normalises them.

        With a share alpha of the base, whose mean lies m deviations away, the pooled mean lies
        at most m / sqrt(alpha) + sqrt((1 - alpha) / alpha) away.
        """
        reach = base.mean.abs() * torch.rsqrt(base.var + self.eps)
        limit = FAR if share is None else FAR * share**0.5 - 1
        return bool((reach > limit).any())

    def found(
        self, x: Tensor, base: Pair | None, own: Pair | None, point: Tensor | None
    ) -> list[Tensor]:
        """What `Normalize` returns beside outputs: batch and own moments, and the point, if any."""
        parts: list[Tensor] = []
        if self.batch and base is not None:
            wide = moments_dtype(x)
            mean = cast(base.mean, wide)
            parts.extend((mean if point is None else mean + point, cast(base.var, wide)))
        if own is not None:
            parts += own
        if point is not None:
            parts.append(point)
        return parts if self.tasks == 1 else [part.flatten(0, 1) for part in parts]

    def found_again(
        self, x: Tensor, given: Pair | None, found: Sequence[Tensor]
    ) -> tuple[Pair | None, Pair | None, Tensor | None]:
        """Base and own moments and the point (None: zero) out of what `found` gave."""
        batch, own = self.split(found)
        point = self.by_task(found[-1]) if len(found) % 2 else None
        base = given if batch is None else Pair(*batch)
        return (
            None if base is None else self.measured(base, point, x),
            None if own is None else Pair(*(self.by_task(part) for part in own)),
            point,
        )

    def split(self, parts: Sequence[Part]) -> tuple[Two[Part] | None, Two[Part] | None]:
        """Batch and own moments, or derivatives by them, as `found` puts them one after another."""
        first = 2 if self.batch else 0
        batch = (parts[0], parts[1]) if self.batch else None
        own = None if self.groups is None else (parts[first], parts[first + 1])
        return batch, own

    def through_batch(
        self, by: Pair, more: Two[Tensor | None] | None, batch: Pair, x: Tensor
    ) -> Line:
        """The line in the values of x that derivatives by its batch moments come to.

        `more` are the derivatives by the same moments as outputs, None where there are none.
        """
        count = self.values(x, own=False)
        by = self.scaled(by, count)
        if more is not None:
            by = plus(by, (None if part is None else self.of_task(part) for part in more))
        return by_values(by, batch.mean, count)

    def through_own(
        self, by: Pair, more: Two[Tensor | None] | None, own: Pair, used: Pair, x: Tensor
    ) -> Line:
        """The line in the values of x that derivatives by items' own moments come to, likewise.

        `used` is what the moments were used as, for each channel.
        """
        count = self.values(x, own=True)
        by = self.scaled(over_group(by, own.mean.shape[-1]), count)
        if more is not None:
            by = plus(by, (None if part is None else self.by_task(part) for part in more))
        return by_values(spread(by, x.shape[1]), used.mean, count)


def plus(pair: Pair, more: Iterable[Tensor | None]) -> Pair:
    """The sum of two pairs, of which the second may lack a part."""
    parts = zip(pair, more, strict=True)  # pragma: no mutate: there are two of either
    return Pair(*(a if b is None else a + b for a, b in parts))


def to_small(by: Tensor | None, like: Tensor | None) -> Tensor | None:
    """A derivative (tasks, items, channels), tasks left out where there is one, summed to the
    shape of what it is by."""
    if by is None or like is None:
        return None
    by = by.sum() if like.dim() == 0 else by.sum(-2, keepdim=by.dim() == like.dim() == 2)
    return cast(by.sum_to_size(like.shape), like.dtype)
