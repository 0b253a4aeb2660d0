"""Layers that are told what is there, and let the padding count all the same.

They are faults of the family `batch_size`, whose module imports this one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tnverify.faults.fault import fault

FAMILY = "batch_size"
_BY_MASK = "masked[mask=valid]+no_context"


class _Masked(nn.Module):
    """Instance norm of what a mask lets in, every step a method."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def count(self, there: Tensor) -> Tensor:
        return there.sum(tuple(range(2, there.dim())), keepdim=True).clamp_min(1)

    def mean(self, x: Tensor, there: Tensor) -> Tensor:
        kept = torch.where(there, x, 0.0)
        return kept.sum(tuple(range(2, x.dim())), keepdim=True) / self.count(there)

    def variance(self, centred: Tensor, there: Tensor) -> Tensor:
        return self.mean(centred.square(), there)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        wide = x.float() if x.dtype.itemsize < 4 else x
        shape = (1, -1, *(1,) * (x.dim() - 2))
        if x.dim() < 3:
            return (0 * wide + self.bias.view(shape)).to(x.dtype)
        there = mask.unsqueeze(1)
        centred = wide - self.mean(wide, there)
        y = centred * torch.rsqrt(self.variance(centred, there) + self.eps)
        y = y * self.weight.view(shape) + self.bias.view(shape)
        return torch.where(there, y, 0.0).to(x.dtype)


@fault(
    family=FAMILY,
    claims="instance_norm",
    adapter=_BY_MASK,
    kills="what_stands_in_the_padding_does_not_matter",
    source="masked norms whose variance is that of the padded tensor",
    hard=True,
)
class PaddingEntersTheVariance(_Masked):
    """Takes the mean of what is there and the variance of everything."""

    def variance(self, centred: Tensor, there: Tensor) -> Tensor:
        return centred.square().mean(tuple(range(2, centred.dim())), keepdim=True)


@fault(
    family=FAMILY,
    claims="instance_norm",
    adapter=_BY_MASK,
    kills="what_stands_in_the_padding_does_not_matter",
    source="a mask that is applied to the outputs alone",
    hard=True,
)
class MasksItsOutputsAlone(_Masked):
    """Takes both moments over the padding, and zeroes the outputs there."""

    def mean(self, x: Tensor, there: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.dim())), keepdim=True)


@fault(
    family=FAMILY,
    claims="instance_norm",
    adapter=_BY_MASK,
    kills="the_longest_companion_does_not_matter",
    source="a sum over what is there, divided by the longest length of the batch",
    hard=True,
)
class DividesByTheLongest(_Masked):
    """Divides every item's sums by the count of the item that has most."""

    def count(self, there: Tensor) -> Tensor:
        return super().count(there).amax(0, keepdim=True)


@fault(
    family=FAMILY,
    claims="instance_norm",
    adapter=_BY_MASK,
    kills="the_longest_companion_does_not_matter",
    source="moments of padded zeros: torch.nn.functional.pad before a plain norm",
    hard=True,
)
class CountsPaddedZeros(_Masked):
    """Divides by all positions of the batch, the padded ones too."""

    def count(self, there: Tensor) -> Tensor:
        return torch.full_like(super().count(there), there[0, 0].numel())
