"""Transductive on purpose, as declared: moments of whatever set is passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Scaled, along, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("transductive_bn", adapter="no_context")
class MomentsOfTheBatch(Scaled):
    """Each channel's row of values is standardised by itself."""

    def forward(self, x: Tensor) -> Tensor:
        if not len(x):
            return x.clone()
        rows = wide(x).transpose(0, 1).flatten(1)
        centred = rows - rows.mean(1, keepdim=True)
        root = torch.sqrt((centred @ centred.mT).diagonal() / rows.shape[1] + self.eps)
        y = (centred / root[:, None]).reshape(x.shape[1], x.shape[0], *x.shape[2:])
        y = y.transpose(0, 1)
        return (along(self.weight, y) * y + along(self.bias, y)).to(x.dtype)
