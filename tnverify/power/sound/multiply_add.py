"""All folded to one multiplication and one addition an element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Blended, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

State = tuple["Tensor", "Tensor", int]


@sound("tasknorm_i")
class MultiplyAdd(Blended):
    """`x * factor + term` with factor and term for each item and channel."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        x = wide(context)
        var, mean = torch.var_mean(x, (0, *space(x)), correction=0, keepdim=True)
        return self.normalize(context, (mean, var, len(x))), (mean, var, len(x))

    def normalize(self, targets: Tensor, state: State | None) -> Tensor:
        mean, var, items = required(state)
        x, alpha = wide(targets), self.alpha(items)
        own, own_var = x, torch.zeros_like(x)
        if space(x):
            own_var, own = torch.var_mean(x, space(x), correction=0, keepdim=True)
        pooled = alpha * mean + (1 - alpha) * own
        spread = alpha * (var + (mean - pooled).square())
        spread = spread + (1 - alpha) * (own_var + (own - pooled).square())
        factor = along(self.weight, x) * torch.rsqrt(spread + self.eps)
        term = along(self.bias, x) - pooled * factor
        return torch.addcmul(term, x, factor).to(targets.dtype)
