"""Which moments a set of items is normalised with: what tells one scheme from another."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor

from tnverify.norms.moments import (
    Moments,
    by_channel,
    merge,
    over_groups,
    over_items,
    pool,
    with_convention,
)


class Blend(NamedTuple):
    """A base set of moments, an item's own, or the two pooled with weights alpha and 1 - alpha.

    - `base`: moments that are given, such as those of a context; "batch" for those of the very
      set that is normalised; None for an item's own alone.
    - `groups`: into how many groups an item's channels fall for its own moments (as many as
      there are channels: instance moments; one: layer moments); None for the base alone.
    - `alpha`: the share of the base where both are there, one value or one per channel; "by
      count" for the moments of the union of the base's values and the item's.
    - `unbiased`: whether variances divide by n - 1.
    """

    base: Moments | Literal["batch"] | None = None
    groups: int | None = None
    alpha: Tensor | Literal["by count"] | None = None
    unbiased: bool = False

    @property
    def reads_own(self) -> bool:
        """Whether moments of the set itself are needed at all."""
        return self.base == "batch" or self.groups is not None


def used_moments(blend: Blend, instance: Moments | None) -> tuple[Moments, Moments | None]:
    """The moments to normalise with, and the batch moments where the blend is based on them.

    `instance` are the set's instance moments; None only where `blend.reads_own` is False.
    """
    batch = over_items(instance) if blend.base == "batch" and instance is not None else None
    base = batch if blend.base == "batch" else blend.base
    own = None
    if blend.groups is not None and instance is not None:
        own = over_groups(instance, blend.groups)
        channels = instance.mean.shape[1]
        mean, var = (by_channel(part, channels) for part in own[:2])
        own = Moments(mean, var, own.count)
    return _blended(blend, base, own), batch


def _blended(blend: Blend, base: Moments | None, own: Moments | None) -> Moments:
    if base is not None and own is not None and blend.alpha == "by count":
        return with_convention(merge(base, own), blend.unbiased)
    if base is not None:
        base = with_convention(base, blend.unbiased)
    if own is not None:
        own = with_convention(own, blend.unbiased)
    if base is not None and own is not None:
        assert isinstance(blend.alpha, Tensor), "a blend of two has an alpha"
        return pool(blend.alpha, base, own)
    used = own if base is None else base
    assert used is not None, "a blend has a base, groups, or both"
    return used
