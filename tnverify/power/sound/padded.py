"""Layers that are told what is there, by a mask or by lengths, and leave out the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Scaled, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("instance_norm", adapter="masked[mask=valid]+no_context")
class WeighsByTheMask(Scaled):
    """Instance norm of what a mask lets in: values are replaced by zero before they are summed."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        given, there = wide(x), mask.unsqueeze(1)
        if not space(x):
            return self.affine(torch.zeros_like(given)).to(x.dtype)
        count = there.sum(space(x), keepdim=True).clamp_min(1)
        mean = torch.where(there, given, 0.0).sum(space(x), keepdim=True) / count
        centred = torch.where(there, given - mean, 0.0)
        var = centred.square().sum(space(x), keepdim=True) / count
        y = (given - mean) * torch.rsqrt(var + self.eps)
        return torch.where(there, self.affine(y), 0.0).to(x.dtype)


@sound("per_pixel_layer_norm", adapter="masked[lengths=lengths]+no_context")
class LeavesPaddingAsItIs(Scaled):
    """Layer norm of each position over its channels; lengths say where to answer zero."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        given = wide(x)
        var, mean = torch.var_mean(given, 1, correction=0, keepdim=True)
        y = self.affine((given - mean) * torch.rsqrt(var + self.eps))
        if x.dim() < 3:
            return y.to(x.dtype)
        places = torch.arange(x.shape[-1], device=x.device)
        there = places < lengths.view(-1, *(1,) * (x.dim() - 1))
        return torch.where(there, y, 0.0).to(x.dtype)


@sound("transductive_bn", adapter="masked[padding_mask=padding]+no_context")
class PoolsWhatIsThere(Scaled):
    """Batch moments of the values that are there; the mask is true where nothing is."""

    def forward(self, x: Tensor, padding_mask: Tensor) -> Tensor:
        given, there = wide(x), ~padding_mask.unsqueeze(1)
        dims = (0, *space(x))
        count = there.expand(len(x), 1, *x.shape[2:]).sum().clamp_min(1)
        mean = torch.where(there, given, 0.0).sum(dims, keepdim=True) / count
        centred = torch.where(there, given - mean, 0.0)
        var = centred.square().sum(dims, keepdim=True) / count
        y = self.affine((given - mean) * torch.rsqrt(var + self.eps))
        return torch.where(there, y, 0.0).to(x.dtype)
