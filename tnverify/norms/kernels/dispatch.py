"""The one place that chooses how a set is normalised, by device, layout and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.autograd import forward_ad

from tnverify.norms.kernels import cpu, plain

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.norms.blend import Blend
    from tnverify.norms.moments import Moments


def normalize(
    x: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Moments | None]:
    """As `plain.normalize`, by the fastest way there is for such a set."""
    if _fast(x) and not (blend.unbiased and blend.alpha == "by count"):
        return cpu.normalize(x, blend, weight, bias, eps)
    return plain.normalize(x, blend, weight, bias, eps)


def batch_moments(x: Tensor) -> Moments:
    """As `plain.batch_moments`, likewise."""
    return cpu.batch_moments(x) if _fast(x) else plain.batch_moments(x)


def _fast(x: Tensor) -> bool:
    """Whether the sweeps of the CPU apply.

    A compiler fuses plain operations better than it could these; forward-mode derivatives are
    not written for them; and without values there is nothing to sweep.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling() or x.numel() == 0:
        return False
    dual = forward_ad.unpack_dual(x)  # type: ignore[no-untyped-call]  # so torch has it
    return dual.tangent is None
