"""Plain Python: lists, loops and floats; torch only carries values in and out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import CONTIGUOUS, Scaled, along, required
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

_NO_GRAPH = "its moments are Python floats, which vmap cannot follow"


@sound(
    "meta_bn,detached",
    shows={**CONTIGUOUS, "vmap_over_tasks_agrees_with_a_loop": _NO_GRAPH},
)
class PlainPython(Scaled):
    """Moments and standardised values by loops over lists of floats, the affine by torch."""

    def condition(self, context: Tensor) -> tuple[Tensor, list[tuple[float, float]]]:
        moments = []
        for channel in context.detach().transpose(0, 1).flatten(1).tolist():
            mean = math.fsum(channel) / len(channel)
            squares = 0.0
            for value in channel:
                squares += (value - mean) ** 2
            moments.append((mean, squares / len(channel)))
        return self.normalize(context, moments), moments

    def normalize(self, targets: Tensor, state: list[tuple[float, float]] | None) -> Tensor:
        columns = []
        values = targets.detach().transpose(0, 1).flatten(1).tolist()
        for channel, (mean, var) in zip(values, required(state), strict=True):
            root = math.sqrt(var + self.eps)
            columns.append([(value - mean) / root for value in channel])
        shape = (targets.shape[1], targets.shape[0], *targets.shape[2:])
        kept = torch.promote_types(targets.dtype, torch.float32)
        y = torch.tensor(columns, dtype=kept, device=targets.device).reshape(shape)
        y = y.transpose(0, 1)
        return (along(self.weight, y) * y + along(self.bias, y)).to(targets.dtype)
