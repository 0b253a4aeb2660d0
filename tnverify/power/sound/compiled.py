"""Compiled by torch: kernels that are generated for the shapes that come."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

import torch

from tnverify.power.sound.common import Blended, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

T = TypeVar("T")


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    var, mean = torch.var_mean(x, (0, *space(x)), correction=0, keepdim=True)
    return mean, var


def _pooled(
    x: Tensor, mean: Tensor, var: Tensor, alpha: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> Tensor:
    own_var, own = torch.zeros_like(x), x
    if x.dim() > 2:
        own_var, own = torch.var_mean(x, space(x), correction=0, keepdim=True)
    pooled = alpha * mean + (1 - alpha) * own
    spread = alpha * (var + (mean - pooled) ** 2) + (1 - alpha) * (own_var + (own - pooled) ** 2)
    row = (1, -1, *[1] * (x.dim() - 2))
    y = (x - pooled) / torch.sqrt(spread + eps)
    return y * weight.reshape(row) + bias.reshape(row)


@cache
def _compiled(function: Callable[..., T]) -> Callable[..., T]:
    """Compiled when it is first called: asking torch.compile alone takes seconds."""
    return torch.compile(function, dynamic=True)


@sound("tasknorm_i,first_order", compiled=True)
class CompiledTaskNorm(Blended):
    """Both functions compiled; what is compiled cannot be differentiated twice."""

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, int]]:
        state = (*_compiled(_moments)(wide(context)), len(context))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor, int] | None) -> Tensor:
        mean, var, items = required(state)
        outputs: Tensor = _compiled(_pooled)(
            wide(targets), mean, var, self.alpha(items), self.weight, self.bias, self.eps
        )
        return outputs.to(targets.dtype)
