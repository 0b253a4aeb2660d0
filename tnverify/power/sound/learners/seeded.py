"""Learners that draw at random, each time alike: for every row, or for the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.learners.common import INPUTS, members, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound()
class RandomFeatures:
    """Random Fourier features, drawn by a generator of its own when a context comes."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        draws = torch.Generator().manual_seed(3)
        self.along = torch.randn(INPUTS, 32, generator=draws).to(context.dtype)
        features = self.featured(context)
        of = members(labels, features)
        self.means = of.T @ features / of.sum(0)[:, None]

    def featured(self, items: Tensor) -> Tensor:
        return torch.cos(items @ self.along)

    def predict(self, targets: Tensor) -> Tensor:
        return self.featured(targets) @ self.means.T


@sound()
class DropoutOfOneMask(nn.Module):
    """Ten dropout masks over features, drawn once from a seed and the same for every row."""

    masks: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 16, 8, seed=16)
        draws = torch.Generator().manual_seed(4)
        self.register_buffer("masks", (torch.rand(10, 8, generator=draws) > 0.3).float() / 0.7)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.net(context).detach()
        of = members(labels, features)
        self.means = of.T @ features / of.sum(0)[:, None]

    def predict(self, targets: Tensor) -> Tensor:
        masked = self.net(targets)[:, None] * self.masks.to(targets.dtype)
        apart = masked[:, :, None] - self.means
        found: Tensor = -apart.square().sum(-1).mean(1)
        return found


@sound()
class AugmentedContext(nn.Module):
    """Adds noise from a generator of its own to the context, and averages."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 16, 8, seed=17)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        of = members(labels, context)
        # What is added follows a class's mean, so that the order of items changes nothing.
        centres = of.T @ context / of.sum(0)[:, None]
        draws = torch.Generator().manual_seed(5)
        noise = 0.1 * torch.randn(8, *centres.shape[1:], generator=draws).to(context.dtype)
        self.means = self.net(centres[None] + noise[:, None]).mean(0).detach()

    def predict(self, targets: Tensor) -> Tensor:
        apart: Tensor = self.net(targets)[:, None] - self.means
        return -apart.square().sum(-1)
