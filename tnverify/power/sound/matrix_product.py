"""Means by matrix products and einsum, whose bits change with the size of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Blended, Scaled, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("meta_bn")
class MeansByMatrixProduct(Scaled):
    """A row of ones over n times the table of values gives the means of its columns."""

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        table = wide(context).movedim(1, -1).flatten(0, -2)
        row = table.new_full((1, len(table)), 1 / len(table))
        mean = row @ table
        state = (mean, row @ (table - mean).square())
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = required(state)
        last = wide(targets).movedim(1, -1)
        # Standardising is a product with a diagonal matrix too.
        factor = torch.diag((self.weight / torch.sqrt(var + self.eps)).flatten())
        table = (last.reshape(-1, last.shape[-1]) - mean) @ factor + self.bias
        return table.reshape(last.shape).movedim(-1, 1).to(targets.dtype)


@sound("tasknorm_l")
class SumsByEinsum(Blended):
    """Sums of values and of squares of centred values by einsum, for context and layer."""

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, int]]:
        x = wide(context).flatten(2) if context.dim() > 2 else wide(context).unsqueeze(2)
        count = x.shape[0] * x.shape[2]
        mean = torch.einsum("icp->c", x) / count
        centred = x - mean[:, None]
        state = (mean, torch.einsum("icp,icp->c", centred, centred) / count, len(context))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor, int] | None) -> Tensor:
        mean, var, items = required(state)
        x = wide(targets).flatten(2) if targets.dim() > 2 else wide(targets).unsqueeze(2)
        count = x.shape[1] * x.shape[2]
        own = torch.einsum("icp->i", x) / count
        centred = x - own[:, None, None]
        own_var = torch.einsum("icp,icp->i", centred, centred) / count
        alpha = self.alpha(items)
        pooled = alpha * mean + (1 - alpha) * own[:, None]
        spread = alpha * (var + (mean - pooled) ** 2)
        spread = spread + (1 - alpha) * (own_var[:, None] + (own[:, None] - pooled) ** 2)
        y = torch.einsum("icp,ic->icp", x - pooled[..., None], (spread + self.eps).rsqrt())
        y = torch.einsum("icp,c->icp", y, self.weight) + self.bias[:, None]
        return y.reshape(targets.shape).to(targets.dtype)
