"""Means and variances as values, and how those of larger sets follow from those of instances.

Every function takes and returns moments; nothing is kept. Moments of one kind of set have the
shape (items, channels), (1, channels) or (items, 1), so any two broadcast. They are held in a
dtype wider than the activations where there is one: differences of means then stay good to a
few roundings however far the values lie from zero.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Mean, biased variance (centred sum of squares over the count) and count of values.

    `mean` and `var` are (items or 1, channels or 1); `count`, the number of values that each
    was taken over, is a number or a tensor of no dimensions.
    """

    mean: Tensor
    var: Tensor
    count: Tensor | int  # type: ignore[assignment]  # hides tuple.count, of no use in moments


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype to do arithmetic on activations in: float32 for half precision, else theirs."""
    return torch.float32 if dtype.itemsize < 4 else dtype


def moments_dtype(x: Tensor) -> torch.dtype:
    """The dtype of moments of `x`: float32 for half precision, float64 for wider ones.

    Apple's devices have no float64: there it is float32.
    """
    return torch.float32 if x.dtype.itemsize < 4 or x.device.type == "mps" else torch.float64


def over_items(instance: Moments) -> Moments:
    """Batch moments (1, channels) from instance moments (eqs. (3), (4)), by total variance."""
    mean = instance.mean.mean(0, keepdim=True)
    var = (instance.var + (instance.mean - mean).square()).mean(0, keepdim=True)
    return Moments(mean, var, instance.count * instance.mean.shape[0])


def over_groups(instance: Moments, groups: int) -> Moments:
    """Moments over equal groups of channels, from instance moments, by total variance.

    One group gives layer moments (items, 1) (eqs. (6), (7)); as many groups as channels give
    the instance moments back (eqs. (8), (9)); others (items, channels), equal within a group.
    """
    items, channels = instance.mean.shape
    if groups == channels:
        return instance
    mean, var = (part.reshape(items, groups, channels // groups) for part in instance[:2])
    group_mean = mean.mean(2, keepdim=True)
    group_var = (var + (mean - group_mean).square()).mean(2, keepdim=True)
    count = instance.count * (channels // groups)
    if groups == 1:
        return Moments(group_mean.flatten(1), group_var.flatten(1), count)
    return Moments(
        group_mean.expand_as(mean).flatten(1), group_var.expand_as(mean).flatten(1), count
    )


def pool(alpha: Tensor | float, base: Moments, own: Moments) -> Moments:
    """alpha of the base moments blended with 1 - alpha of an item's own (eqs. (10), (11))."""
    mean = alpha * base.mean + (1 - alpha) * own.mean
    var = alpha * (base.var + (base.mean - mean).square()) + (1 - alpha) * (
        own.var + (own.mean - mean).square()
    )
    return Moments(mean, var, own.count)


def merge(first: Moments, second: Moments) -> Moments:
    """Moments of the union of two disjoint sets of values: pooled by their counts."""
    count = first.count + second.count
    return pool(first.count / count, first, second)._replace(count=count)


def with_convention(moments: Moments, unbiased: bool) -> Moments:
    """The same moments with the variance that the layer normalises with.

    The unbiased variance divides by one less than the count. Over a single value, where that is
    0/0, it is 0 here as the biased one is, so that one-pixel maps stay finite.
    """
    if not unbiased:
        return moments
    return moments._replace(var=moments.var * bessel(moments.count))


def bessel(count: Tensor | int) -> Tensor | float:
    """n / (n - 1), what a biased variance over n values is multiplied by to be unbiased."""
    if isinstance(count, Tensor):
        return count / (count - 1).clamp(min=1)
    return count / max(count - 1, 1)
