"""The one place that chooses how a set is normalised, by device, layout and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.autograd import forward_ad

from tnverify.norms.kernels import cpu, plain, small, triton_path

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.norms.blend import Blend
    from tnverify.norms.moments import Moments


def normalize(
    x: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Moments | None]:
    """As `plain.normalize`, by the fastest way there is for such a set."""
    if _has_few(x):
        return small.normalize(x, blend, weight, bias, eps)
    if _plainly(x):
        return plain.normalize(x, blend, weight, bias, eps)
    if triton_path.triton_takes(x):
        return triton_path.normalize(x, blend, weight, bias, eps)
    if x.device.type == "cpu" and not (blend.unbiased and blend.alpha == "by count"):
        return cpu.normalize(x, blend, weight, bias, eps)
    return plain.normalize(x, blend, weight, bias, eps)


def batch_moments(x: Tensor) -> Moments:
    """As `plain.batch_moments`, likewise."""
    if _has_few(x):
        return small.batch_moments(x)
    if _plainly(x):
        return plain.batch_moments(x)
    if triton_path.triton_takes(x):
        return triton_path.batch_moments(x)
    return cpu.batch_moments(x) if x.device.type == "cpu" else plain.batch_moments(x)


def _has_few(x: Tensor) -> bool:
    """Whether `x` has values, but so few that the number of operations is all that counts."""
    few = 0 < x.numel() <= small.FEW and x.device.type == "cpu"
    return few and not torch.compiler.is_compiling()


def _plainly(x: Tensor) -> bool:
    """Whether plain operations must do.

    A compiler fuses them better than it could our sweeps and kernels, forward-mode derivatives
    are not written for these, and without values there is nothing to sweep.
    """
    if torch.compiler.is_compiling() or x.numel() == 0:
        return True
    dual = forward_ad.unpack_dual(x)  # type: ignore[no-untyped-call]  # so torch has it
    return dual.tangent is not None
