"""Means and variances as values, and how those of larger sets follow from those of instances.

Every function takes and returns moments; nothing is kept. Moments of one kind of set have the
shape (items, channels), (1, channels) or (items, 1), so any two broadcast; tasks may come first.
They are held in a dtype wider than the activations where there is one: differences of means then
stay good to a few roundings however far the values lie from zero.
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
    return torch.promote_types(dtype, torch.float32)


def moments_dtype(x: Tensor) -> torch.dtype:
    """The dtype of moments of `x`: float32 for half precision, float64 for wider ones.

    Apple's devices have no float64: there it is float32.
    """
    return torch.float32 if x.dtype.itemsize < 4 or x.device.type == "mps" else torch.float64


def cast(part: Tensor, dtype: torch.dtype) -> Tensor:
    """`part.to(dtype)`, which where there is nothing to do costs as much as a small operation."""
    return part if part.dtype == dtype else part.to(dtype)


def over_items(instance: Moments) -> Moments:
    """Batch moments (1, channels) from instance moments (eqs. (3), (4)), by total variance."""
    mean = instance.mean.mean(-2, keepdim=True)
    var = (instance.var + (instance.mean - mean).square()).mean(-2, keepdim=True)
    return Moments(mean, var, instance.count * instance.mean.shape[-2])


def over_groups(instance: Moments, groups: int) -> Moments:
    """Moments (items, groups) of equal groups of channels from instance moments, likewise.

    One group gives layer moments (eqs. (6), (7)); as many groups as channels give the instance
    moments back (eqs. (8), (9)).
    """
    channels = instance.mean.shape[-1]
    if groups == channels:
        return instance
    mean, var = (by_group(part, groups) for part in instance[:2])
    group_mean = mean.mean(-1, keepdim=True)
    group_var = (var + (mean - group_mean).square()).mean(-1)
    return Moments(group_mean.squeeze(-1), group_var, instance.count * (channels // groups))


def by_group(part: Tensor, groups: int) -> Tensor:
    """(..., channels) as (..., groups, channels of a group)."""
    return part.reshape(*part.shape[:-1], groups, part.shape[-1] // groups)


def by_channel(part: Tensor, channels: int) -> Tensor:
    """(..., groups) so that it broadcasts over channels: each group's value for its channels."""
    groups = part.shape[-1]
    if groups in (1, channels):
        return part
    return part.unsqueeze(-1).expand(*part.shape, channels // groups).flatten(-2)


def pool(alpha: Tensor | float, base: Moments, own: Moments) -> Moments:
    """alpha of the base moments blended with 1 - alpha of an item's own (eqs. (10), (11))."""
    if isinstance(alpha, Tensor):
        # Its derivative is a difference of sums over means, which may lie far from zero.
        alpha = cast(alpha, base.mean.dtype)
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
