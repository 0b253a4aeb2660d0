"""Pure functions of tensors, and an object that is no torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


def moments(context: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of a context, each (1, channels, 1, ...)."""
    mean = context.mean((0, *space(context)), keepdim=True)
    return mean, (context - mean).square().mean((0, *space(context)), keepdim=True)


def applied(
    x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> Tensor:
    """`x` with these moments and parameters."""
    return along(weight, x) * (x - mean) / torch.sqrt(var + eps) + along(bias, x)


@sound("meta_bn")
class NoModule:
    """Two pure functions behind the protocol; its parameters are plain tensors with gradients."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        self.eps = eps
        self.weight = torch.ones(channels, requires_grad=True)
        self.bias = torch.zeros(channels, requires_grad=True)

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        state = moments(wide(context))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = required(state)
        x = wide(targets)
        return applied(x, mean, var, self.weight, self.bias, self.eps).to(targets.dtype)
