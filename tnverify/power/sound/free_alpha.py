"""Alpha itself as the parameter, one for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.common import Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

State = tuple["Tensor", "Tensor"]


@sound("tasknorm_i")
class AlphaByChannel(Scaled):
    """Alpha is learned for each channel and does not look at the context's size.

    Moments are raw: means of values, and of squares of values around the context's mean.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.alpha = nn.Parameter(torch.full((channels,), 0.5))

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        x = wide(context)
        mean = x.mean((0, *space(x)), keepdim=True)
        state = (mean, (x - mean).square().mean((0, *space(x)), keepdim=True))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: State | None) -> Tensor:
        mean, var = required(state)
        x = wide(targets)
        alpha = along(self.alpha, x)
        own = x.mean(space(x), keepdim=True) if space(x) else x
        own_var = (x - own).square()
        own_var = own_var.mean(space(x), keepdim=True) if space(x) else own_var
        pooled = alpha * mean + (1 - alpha) * own
        spread = alpha * (var + (mean - pooled).square())
        spread = spread + (1 - alpha) * (own_var + (own - pooled).square())
        return self.affine((x - pooled) / torch.sqrt(spread + self.eps)).to(targets.dtype)
