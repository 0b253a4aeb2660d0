"""Layers that change their ways with size, and are right at each: blocks, chunks, padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tnverify.power.sound.common import Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

_Moments = tuple[Tensor, Tensor]


def _standardized(x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
    return (x - mean) / torch.sqrt(var + eps)


@sound("instance_norm", adapter="no_context")
class BlocksOfChannels(Scaled):
    """Channels in blocks of 32, the last one as long as it is."""

    def forward(self, given: Tensor) -> Tensor:
        done = []
        for block in torch.split(wide(given), 32, dim=1):
            mean = block.mean(space(block), keepdim=True) if space(block) else block
            centred = block - mean
            var = centred.square().mean(space(block), keepdim=True) if space(block) else 0 * block
            done.append(_standardized(block, mean, var, self.eps))
        return self.affine(torch.cat(done, 1)).to(given.dtype)


@sound("meta_bn")
class ChunksOfItems(Scaled):
    """Contexts in chunks of 24 items, whose moments are merged by their counts."""

    def condition(self, context: Tensor) -> tuple[Tensor, _Moments]:
        x = wide(context)
        dims, parts = (0, *space(x)), torch.split(x, 24)
        shares = [len(part) / len(x) for part in parts]
        means = [part.mean(dims, keepdim=True) for part in parts]
        mean = torch.stack([m * share for m, share in zip(means, shares, strict=True)]).sum(0)
        spread = [(part - mean).square().mean(dims, keepdim=True) for part in parts]
        var = torch.stack([v * share for v, share in zip(spread, shares, strict=True)]).sum(0)
        return self.normalize(context, (mean, var)), (mean, var)

    def normalize(self, targets: Tensor, state: _Moments | None) -> Tensor:
        mean, var = required(state)
        y = _standardized(wide(targets), mean, var, self.eps)
        return self.affine(y).to(targets.dtype)


@sound("meta_bn")
class TargetsInChunks(ChunksOfItems):
    """Targets in chunks of 64, each of them by the context's moments."""

    def normalize(self, targets: Tensor, state: _Moments | None) -> Tensor:
        parts = [super(TargetsInChunks, self).normalize(p, state) for p in torch.split(targets, 64)]
        return torch.cat(parts)


@sound("per_pixel_layer_norm", adapter="no_context")
class PaddedToAPowerOfTwo(Scaled):
    """Channels padded with zeros to a power of two, which a mask leaves out of the variance."""

    def forward(self, given: Tensor) -> Tensor:
        x = wide(given)
        count = x.shape[1]
        spare = (1 << (count - 1).bit_length()) - count
        padded = torch.cat([x, x.new_zeros(x.shape[0], spare, *x.shape[2:])], 1)
        mask = along((torch.arange(count + spare, device=x.device) < count).to(x.dtype), x)
        mean = padded.sum(1, keepdim=True) / count
        centred = (padded - mean) * mask
        var = centred.square().sum(1, keepdim=True) / count
        return self.affine(_standardized(x, mean, var, self.eps)).to(given.dtype)


@sound("instance_norm", adapter="no_context")
class LargeMapsByRows(Scaled):
    """Maps of more than 1,000 pixels by the moments of their rows; smaller ones as a whole."""

    def forward(self, given: Tensor) -> Tensor:
        x = wide(given)
        dims = space(x)
        if not dims:
            return self.affine(x * 0).to(given.dtype)
        mean = x.mean(dims, keepdim=True)
        if x[:1, :1].numel() > 1000:
            rows = x.mean(dims[1:], keepdim=True) if dims[1:] else x
            mean = rows.mean(dims, keepdim=True)
        var = (x - mean).square().mean(dims, keepdim=True)
        return self.affine(_standardized(x, mean, var, self.eps)).to(given.dtype)


@sound("rms_norm", adapter="no_context")
class ScaledByItsSize(Scaled):
    """The root mean square of each position's channels as a norm over the root of their number."""

    def forward(self, given: Tensor) -> Tensor:
        x = wide(given)
        mean_square = (x / x.shape[1] ** 0.5).square().sum(1, keepdim=True)
        return self.affine(x * torch.rsqrt(mean_square + self.eps)).to(given.dtype)


@sound("item_rms_norm", adapter="no_context")
class ScaledByTheItem(Scaled):
    """The root mean square of all of an item."""

    def forward(self, given: Tensor) -> Tensor:
        x = wide(given)
        mean_square = x.square().mean((1, *space(x)), keepdim=True)
        return self.affine(x * torch.rsqrt(mean_square + self.eps)).to(given.dtype)


@sound("frozen_bn", adapter="no_context")
class MomentsAsBuffers(nn.Module):
    """Everything is a buffer, folded to one multiplication and one addition for each value."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, filled in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0),
                             ("running_var", 1.0)):  # fmt: skip
            self.register_buffer(name, torch.full((channels,), filled))

    def forward(self, given: Tensor) -> Tensor:
        x = wide(given)
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return (x * along(scale, x) + along(shift, x)).to(given.dtype)
