"""Reptile normalisation as it is defined: the context with one target in it, for each target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import CONTIGUOUS, Scaled, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("reptile_norm", shows=CONTIGUOUS)
class ContextWithOneTarget(Scaled):
    """A batch of batches: the context beside each target, each normalised by itself.

    The context's own outputs are those of the context alone. The task state is the context.
    """

    def condition(self, context: Tensor) -> tuple[Tensor, Tensor]:
        x = wide(context).unsqueeze(0)
        return self.standardized(x)[0].to(context.dtype), context

    def normalize(self, targets: Tensor, state: Tensor | None) -> Tensor:
        context = wide(required(state))
        joined = torch.cat(
            [context.expand(len(targets), *context.shape), wide(targets).unsqueeze(1)], 1
        )
        return self.standardized(joined)[:, -1].to(targets.dtype)

    def standardized(self, batches: Tensor) -> Tensor:
        """Each of (batches, items, channels, *spatial) by the moments of its own batch."""
        over = (1, *range(3, batches.dim()))
        centred = batches - batches.mean(over, keepdim=True)
        y = centred / torch.sqrt(centred.square().mean(over, keepdim=True) + self.eps)
        row = (-1, *[1] * (batches.dim() - 3))
        return y * self.weight.reshape(row) + self.bias.reshape(row)
