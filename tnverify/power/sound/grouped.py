"""Group norm by reshaping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import CONTIGUOUS, Scaled, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("group_norm", adapter="no_context", shows=CONTIGUOUS)
class GroupsByReshape(Scaled):
    """Channels fall into two groups, which become a dimension of their own."""

    def __init__(self, channels: int, num_groups: int = 2, eps: float = 1e-5) -> None:
        if channels % num_groups:
            raise ValueError(f"{channels} channels do not fall into {num_groups} groups")
        super().__init__(channels, eps)
        self.num_groups = num_groups

    def forward(self, x: Tensor) -> Tensor:
        grouped = wide(x).reshape(len(x), self.num_groups, -1)
        mean = grouped.mean(2, keepdim=True)
        centred = grouped - mean
        root = torch.sqrt(centred.square().mean(2, keepdim=True) + self.eps)
        return self.affine((centred / root).reshape(x.shape)).to(x.dtype)
