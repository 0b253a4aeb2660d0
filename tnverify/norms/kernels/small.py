"""Sets of few values, where what counts is the number of operations: as few plain ones as can be.

Everything happens in the dtype of the moments, which is wider than that of the activations
wherever there is a wider one; for more values the casts would cost more than they save, and
so would torch's `var_mean`, which is one operation but no fast one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.norms.moments import (
    Moments,
    bessel,
    by_channel,
    cast,
    merge,
    moments_dtype,
    with_convention,
)

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.norms.blend import Blend

FEW = 1024
"""Sets of no more values are normalised here."""


def normalize(
    x: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Moments | None]:
    """As `plain.normalize`."""
    wide = cast(x, moments_dtype(x))
    planes = (1,) * (x.dim() - 2)
    base = own = batch = None
    if blend.base == "batch":
        base = _moments(wide, (0, *range(2, x.dim())))
        batch = _flat(base)
    elif blend.base is not None:
        mean, var = (cast(part, wide.dtype) for part in blend.base[:2])
        shape = (*mean.shape, *planes)
        base = Moments(mean.view(shape), var.view(shape), blend.base.count)
    if blend.groups is not None:
        own = _own(wide, blend.groups)
    mean, var = _used(blend, base, own)
    slope = torch.rsqrt(var + eps)
    if weight is not None:
        slope = slope * cast(weight, wide.dtype).view(-1, *planes)
    outputs = (wide - mean) * slope
    if bias is not None:
        outputs = outputs + cast(bias, wide.dtype).view(-1, *planes)
    return cast(outputs, x.dtype), batch


def batch_moments(x: Tensor) -> Moments:
    """As `plain.batch_moments`."""
    return _flat(_moments(cast(x, moments_dtype(x)), (0, *range(2, x.dim()))))


def _flat(moments: Moments) -> Moments:
    """(1, channels, 1, ...) as (1, channels)."""
    return Moments(moments.mean.flatten(1), moments.var.flatten(1), moments.count)


def _moments(x: Tensor, over: tuple[int, ...]) -> Moments:
    """Moments over these dimensions, which stay as sizes of one."""
    if not over:
        return Moments(x, torch.zeros_like(x), 1)
    var, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    return Moments(mean, var, x.numel() // mean.numel())


def _own(x: Tensor, groups: int) -> Moments:
    """Moments of each item over its groups of channels, broadcasting to `x`."""
    channels, pixels = x.shape[1], tuple(range(2, x.dim()))
    if groups == channels:
        return _moments(x, pixels)
    if groups == 1:
        return _moments(x, (1, *pixels))
    grouped = _moments(x.reshape(len(x), groups, -1), (2,))
    shape = (len(x), channels, *(1,) * len(pixels))
    mean, var = (by_channel(part.squeeze(-1), channels).view(shape) for part in grouped[:2])
    return Moments(mean, var, grouped.count)


def _used(blend: Blend, base: Moments | None, own: Moments | None) -> tuple[Tensor, Tensor]:
    """Mean and variance to normalise with (eqs. (10), (11)), as `blend.used_moments` has them."""
    if base is None or own is None:
        used = own if base is None else base
        assert used is not None  # a blend has a base, groups, or both
        return with_convention(used, blend.unbiased)[:2]
    alpha = blend.alpha
    if alpha == "by count":
        return with_convention(merge(base, own), blend.unbiased)[:2]
    assert alpha is not None  # a blend of two has one
    base_var, own_var = base.var, own.var
    if blend.unbiased:
        base_var, own_var = base_var * bessel(base.count), own_var * bessel(own.count)
    alpha = cast(alpha, own.var.dtype)
    if alpha.dim():
        alpha = alpha.view(-1, *(1,) * (own.var.dim() - 2))
    # The between-mean terms come to alpha (1 - alpha) (m - m_c)^2.
    gap = own.mean - base.mean
    part = gap * alpha
    var = torch.addcmul(torch.lerp(own_var, base_var, alpha), part, gap - part)
    return torch.lerp(own.mean, base.mean, alpha), var
