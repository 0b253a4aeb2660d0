"""A function of one channel, mapped over channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Scaled, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


def _summary(channel: Tensor) -> tuple[Tensor, Tensor]:
    mean = channel.mean()
    return mean, (channel - mean).square().mean()


@sound("meta_bn")
class ChannelByChannel(Scaled):
    """Moments and outputs of one channel at a time, by torch.func.vmap over all of them."""

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        state = torch.func.vmap(_summary, in_dims=1)(wide(context))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = required(state)

        def one(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            return (x - mean) / torch.sqrt(var + self.eps) * weight + bias

        every = torch.func.vmap(one, in_dims=(1, 0, 0, 0, 0), out_dims=1)
        return every(wide(targets), mean, var, self.weight, self.bias).to(targets.dtype)
