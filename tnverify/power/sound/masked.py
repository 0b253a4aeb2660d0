"""Masks: everything is in one batch, and what must not count is multiplied by zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import CONTIGUOUS, Scaled, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

_POISON = "zero times NaN is NaN: a mask spreads a broken target, and no other value"


@sound("meta_bn", shows={**CONTIGUOUS, "a_poisoned_target_poisons_only_itself": _POISON})
class MaskedBatch(Scaled):
    """Context and targets in one batch; a mask lets the context alone into the moments.

    The task state is the context itself, padded to a multiple of four items: its moments are
    taken anew with every batch of targets, so their bits change with its size.
    """

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, int]]:
        items = len(context)
        padding = context.new_zeros((-items % 4, *context.shape[1:]))
        state = (torch.cat([context, padding]), items)
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, int] | None) -> Tensor:
        context, items = required(state)
        batch = wide(torch.cat([context.to(targets.dtype), targets])).flatten(1)
        table = batch.reshape(len(batch), targets.shape[1], -1)
        mask = (torch.arange(len(batch), device=batch.device) < items).to(batch.dtype)[
            :, None, None
        ]
        count = items * table.shape[2]
        mean = (table * mask).sum((0, 2), keepdim=True) / count
        var = ((table - mean).square() * mask).sum((0, 2), keepdim=True) / count
        y = (table[len(context) :] - mean) / torch.sqrt(var + self.eps)
        y = y * self.weight[:, None] + self.bias[:, None]
        return y.reshape(targets.shape).to(targets.dtype)
