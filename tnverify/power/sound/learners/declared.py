"""Subjects that read other items and say so: transductive, online."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.learners.common import INPUTS, members, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound(claims="transductive")
class SoftMeans:
    """One step of soft k-means towards the targets, declared."""

    def fit_predict(self, context: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        of = members(labels, context)
        means = of.T @ context / of.sum(0)[:, None]
        shares = torch.softmax(-(targets[:, None] - means).square().sum(-1), 1)
        moved = (means + shares.T @ targets) / (1 + shares.sum(0)[:, None])
        return -(targets[:, None] - moved).square().sum(-1)


@sound(kind="predictor", claims="online")
class MeanSoFar(nn.Module):
    """Centres each row by the mean of those before it in its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 8, seed=29)
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        found = self.net(items)
        before = torch.arange(len(found)).clamp_min(1)[:, None]
        past = nn.functional.pad(found.cumsum(0)[:-1], (0, 0, 1, 0)) / before
        answers: Tensor = found - 0.5 * past
        return answers


@sound(claims="bitwise")
class RowByRowInDouble:
    """Computes every row by itself, in double precision: not a bit depends on the others."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        of = members(labels, context)
        self.means = (of.T @ context / of.sum(0)[:, None]).double()

    def predict(self, targets: Tensor) -> Tensor:
        rows = [-(row.double() - self.means).square().sum(-1) for row in targets]
        return torch.stack(rows).to(targets.dtype)
