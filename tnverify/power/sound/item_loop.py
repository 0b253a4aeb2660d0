"""A loop over items: nothing is batched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import CONTIGUOUS, Blended, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

Pooled = tuple["Tensor", "Tensor", int]


@sound("tasknorm_i", shows=CONTIGUOUS)
class OneItemAtATime(Blended):
    """Every item is normalised in a call of its own; context moments are sums over items."""

    def condition(self, context: Tensor) -> tuple[Tensor, Pooled]:
        items = [item.reshape(item.shape[0], -1) for item in wide(context)]
        count = len(items) * items[0].shape[1]
        mean = sum(item.sum(1) for item in items) / count
        squares = [(item - mean.unsqueeze(1)).square().sum(1) for item in items]
        state = (mean, sum(squares) / count, len(items))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: Pooled | None) -> Tensor:
        known = required(state)
        if not len(targets):
            return targets.clone()
        return torch.stack([self.one(wide(item), *known) for item in targets]).to(targets.dtype)

    def one(self, item: Tensor, mean: Tensor, var: Tensor, items: int) -> Tensor:
        flat = item.reshape(item.shape[0], -1)
        own = flat.mean(1)
        own_var = (flat - own.unsqueeze(1)).square().mean(1)
        alpha = self.alpha(items)
        pooled = own + alpha * (mean - own)
        spread = own_var + (own - pooled).square()
        spread = spread + alpha * (var + (mean - pooled).square() - spread)
        factor = self.weight / torch.sqrt(spread + self.eps)
        return ((flat - pooled[:, None]) * factor[:, None] + self.bias[:, None]).view(item.shape)
