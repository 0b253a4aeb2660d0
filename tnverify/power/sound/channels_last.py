"""Values as a table with a column for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Scaled, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("meta_bn")
class ColumnsOfATable(Scaled):
    """Moments of the columns of a table of (values, channels), in channels-last order."""

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        table = wide(context).movedim(1, -1).flatten(0, -2)
        mean = table.mean(0)
        state = (mean, (table - mean).square().mean(0))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = required(state)
        last = wide(targets).movedim(1, -1).contiguous()
        factor = self.weight / torch.sqrt(var + self.eps)
        table = (last.reshape(-1, last.shape[-1]) - mean) * factor + self.bias
        return table.reshape(last.shape).movedim(-1, 1).to(targets.dtype)
