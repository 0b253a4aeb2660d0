"""The readable reference: every scheme in plain operations, two passes for the moments.

All other kernels must agree with this one within the derived bounds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tnverify.norms.blend import Blend, used_moments
from tnverify.norms.moments import Moments, compute_dtype, moments_dtype, over_items


def normalize(
    x: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Moments | None]:
    """Outputs for `x`, and its batch moments where the blend is based on them.

    `x` is (items, channels, *spatial); `weight` and `bias` broadcast to (items, channels).
    """
    own = instance_moments(x) if blend.reads_own else None
    used, batch = used_moments(blend, own)
    return standardize(x, used, weight, bias, eps), batch


def batch_moments(x: Tensor) -> Moments:
    """Moments of all items of `x` together, (1, channels) each."""
    return over_items(instance_moments(x))


def instance_moments(x: Tensor) -> Moments:
    """Moments of each item and channel, (items, channels) each (eqs. (8), (9))."""
    dtype = moments_dtype(x)
    pixels = tuple(range(2, x.dim()))
    if not pixels:
        return Moments(x.to(dtype), torch.zeros_like(x, dtype=dtype), 1)
    x = x.to(compute_dtype(x.dtype))
    # The mean is good to half an ulp of itself; what is left of it matters once the values lie
    # far from zero, and is taken from the centred values.
    centre = x.detach().mean(pixels, keepdim=True)
    centred = x - centre
    rest = centred.mean(pixels)
    var = centred.square().mean(pixels) - rest.square()
    mean = centre.flatten(1).to(dtype) + rest
    return Moments(mean, var.to(dtype), x.shape[2:].numel())


def standardize(
    x: Tensor, used: Moments, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias (eq. (2)), one multiply-add per element.

    Values are first centred at the mean as their dtype has it, which is exact where they lie
    near it; what that rounded off the mean is part of the constant. So the error does not grow
    with the distance of the values from zero.
    """
    wide = x.to(compute_dtype(x.dtype))
    # Running moments have the layer's dtype, which may be half precision.
    mean, var = (part.to(torch.promote_types(part.dtype, wide.dtype)) for part in used[:2])
    centre = mean.detach().to(wide.dtype)
    slope = torch.rsqrt(var + eps)
    if weight is not None:
        slope = slope * weight
    constant = (centre - mean) * slope
    if bias is not None:
        constant = constant + bias
    centred = wide - as_planes(centre, wide)
    return (centred * as_planes(slope, wide) + as_planes(constant, wide)).to(x.dtype)


def as_planes(small: Tensor, x: Tensor) -> Tensor:
    """A tensor (items or 1, channels or 1) in the dtype of `x` and broadcasting over its pixels."""
    return small.to(x.dtype).reshape(*small.shape, *(1,) * (x.dim() - 2))
