"""The way through the Triton kernels: whether it can be taken, and the same calls as the others.

Triton is optional: it is imported when the first set comes this way.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.autograd import forward_ad

from tnverify.norms.blend import Blend, used_moments
from tnverify.norms.kernels.primitives import applied
from tnverify.norms.moments import Moments, moments_dtype, over_items, with_convention


def triton_available() -> bool:
    """Whether Triton is installed and there is something that it runs on.

    That is a GPU or, with TRITON_INTERPRET=1 in the environment from the start, Triton's
    interpreter on the CPU, which is slow and meant for tests.
    """
    return _installed() and (interpreted() or torch.cuda.is_available())


def triton_takes(x: Tensor) -> bool:
    """Whether a set of this device, dtype and size goes through the kernels.

    What is being compiled or exported does not, since a compiler fuses plain operations itself,
    nor what forward-mode derivatives are taken of.
    """
    if torch.compiler.is_compiling():  # first: a compiler cannot trace what follows
        return False
    here = interpreted() and x.device.type == "cpu"
    if not (here or x.is_cuda) or not _installed():
        return False
    if not x.numel() or x.dtype not in _LEAST:
        return False
    if x.numel() // x.shape[0] >= 2**31 or x.shape[0] * x.shape[1] >= 2**31:
        return False  # within an item, and within a table of moments, kernels count to 2^31
    if forward_ad.unpack_dual(x).tangent is not None:  # type: ignore[no-untyped-call]  # in torch
        return False
    # The interpreter cuts bfloat16 off where hardware rounds.
    return x.dtype is not torch.bfloat16 if here else _runs(x.device.index or 0, x.dtype)


_LEAST = {
    torch.float16: (7, 0), torch.bfloat16: (8, 0), torch.float32: (7, 0), torch.float64: (7, 0),
}  # fmt: skip
"""The oldest compute capability that Triton serves, by the dtype of activations."""


@cache
def _installed() -> bool:
    return find_spec("triton") is not None


@cache
def interpreted() -> bool:
    """Whether Triton was asked to interpret its kernels rather than to compile them."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in {"1", "true", "yes", "on", "y"}


@cache
def _runs(device: int, dtype: torch.dtype) -> bool:
    return torch.version.hip is not None or (
        torch.cuda.get_device_capability(device) >= _LEAST[dtype]
    )


def normalize(
    x: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Moments | None]:
    """As `plain.normalize`, for a set that `triton_takes`."""
    planes = _as_planes(x)
    inputs = _per_channel(planes, blend, weight, bias)
    if inputs is None:
        y, batch = _by_primitives(planes, blend, weight, bias, eps)
    else:
        y, batch = _at_once(planes, blend, *inputs, eps)
    return y[0].reshape(x.shape), batch


def batch_moments(x: Tensor) -> Moments:
    """As `plain.batch_moments`, for a set that `triton_takes`."""
    return over_items(_instance_moments(_as_planes(x)))


def _at_once(
    planes: Tensor,
    blend: Blend,
    alpha: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Moments | None]:
    from tnverify.norms.kernels.triton_launch import Plan
    from tnverify.norms.kernels.triton_normalize import NormalizedSet

    _, items, channels, pixels = planes.shape
    base_mean = base_var = None
    if isinstance(blend.base, Moments):
        base_mean, base_var, _ = with_convention(blend.base, blend.unbiased)
    plan = Plan(
        base=2 if blend.base == "batch" else 0 if base_mean is None else 1,
        own=0 if blend.groups is None else channels // blend.groups,
        unbiased=blend.unbiased,
        eps=eps,
    )
    y, _, _, mean, var, *_ = applied(
        NormalizedSet, planes, base_mean, base_var, alpha, weight, bias, plan
    )
    return y, Moments(mean, var, items * pixels) if plan.base == 2 else None


def _by_primitives(
    planes: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Moments | None]:
    """For blends and parameters of any form: two launches, plain formulas in between."""
    from tnverify.norms.kernels.triton_planes import affine

    used, batch = used_moments(blend, _instance_moments(planes) if blend.reads_own else None)
    slope = torch.rsqrt(used.var + eps)
    slope = slope if weight is None else slope * weight
    shape = planes.shape[:3]
    constant = None if bias is None else bias.to(slope.dtype).expand(shape)
    return affine(planes, used.mean.expand(shape), slope.expand(shape), constant), batch


def _instance_moments(planes: Tensor) -> Moments:
    from tnverify.norms.kernels.triton_planes import PlaneMoments

    mean, var = applied(PlaneMoments, planes)
    return Moments(mean[0], var[0], planes.shape[3])


def _as_planes(x: Tensor) -> Tensor:
    """(items, channels, *spatial) as (one task, items, channels, pixels)."""
    return (x.flatten(2) if x.dim() > 2 else x[:, :, None])[None]


def _per_channel(
    planes: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor | None, Tensor | None, Tensor | None] | None:
    """Alpha, weight and bias as (1, 1 or channels), None where one of them has another form."""
    alpha, channels = blend.alpha, planes.shape[2]
    if alpha == "by count":
        if blend.unbiased or blend.groups is None or not isinstance(blend.base, Moments):
            return None
        own = planes.shape[3] * (channels // blend.groups)
        share = blend.base.count / (blend.base.count + own)
        alpha = torch.as_tensor(share, dtype=moments_dtype(planes), device=planes.device)
    assert alpha is None or isinstance(alpha, Tensor), "it is one of the forms of Blend.alpha"
    for values, sizes in ((alpha, (1, channels)), (weight, (channels,)), (bias, (channels,))):
        if values is not None and not (
            values.numel() in sizes and values.numel() == values.shape[-1:].numel()
        ):
            return None
    weight = None if weight is None else weight.reshape(1, -1)
    bias = None if bias is None else bias.reshape(1, -1)
    return None if alpha is None else alpha.reshape(1, -1), weight, bias
