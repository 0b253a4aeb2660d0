"""Inductive layers that no scheme names, and one that does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.common import Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("inductive")
class BlendsOutputs(Scaled):
    """Batch-instance norm (Nam and Kim, 2018): outputs are blended, not moments."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.gate = nn.Parameter(torch.full((channels,), 0.625))

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x = wide(context)
        mean = x.mean((0, *space(x)), keepdim=True)
        state = (mean, (x - mean).square().mean((0, *space(x)), keepdim=True))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = required(state)
        x = wide(targets)
        by_context = (x - mean) / torch.sqrt(var + self.eps)
        own = x.mean(space(x), keepdim=True) if space(x) else x
        own_var = (x - own).square()
        own_var = own_var.mean(space(x), keepdim=True) if space(x) else own_var
        by_itself = (x - own) / torch.sqrt(own_var + self.eps)
        gate = along(self.gate, x)
        return self.affine(gate * by_context + (1 - gate) * by_itself).to(targets.dtype)


@sound("inductive", adapter="no_context")
class RootMeanSquare(Scaled):
    """Each item over the root of its mean square; nothing is subtracted (Zhang, Sennrich, 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        square = given.square().mean((1, *space(given)), keepdim=True)
        return self.affine(given * torch.rsqrt(square + self.eps)).to(x.dtype)


@sound("none", adapter="no_context")
class AffineAlone(nn.Module):
    """No normalisation: a weight and a bias for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        return torch.addcmul(along(self.bias, given), given, along(self.weight, given)).to(x.dtype)
