"""Predictors without a context, whose rows have nothing to do with one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.learners.common import INPUTS, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound(kind="predictor")
class BatchNormInEval(nn.Module):
    """Batch norm by running moments, as it was left in eval()."""

    def __init__(self) -> None:
        super().__init__()
        first, act, last = network(INPUTS, 16, 5, seed=25)
        self.net = nn.Sequential(first, nn.BatchNorm1d(16), act, last).eval()
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        logits: Tensor = self.net(items)
        return logits


@sound(kind="predictor", input_shape=(5, 8))
class EncoderBatchFirst(nn.Module):
    """A transformer encoder over the steps of an item, on torch's fast path in eval()."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(26)
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 2)
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        found: Tensor = self.layers(items)
        return found.mean(1)


@sound(kind="predictor", input_shape=(1, 8, 8))
class ImagesByInstanceNorm(nn.Module):
    """Convolutions over single images, with instance norm, channels last."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(27)
            self.net = nn.Sequential(
                nn.Conv2d(1, 4, 3, padding=1),
                nn.InstanceNorm2d(4),
                nn.ReLU(),
                nn.Conv2d(4, 4, 3, stride=2),
                nn.Flatten(),
            )
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.net(images.contiguous(memory_format=torch.channels_last))
        return found


@sound(kind="predictor")
class LargestOfTheRow(nn.Module):
    """Keeps the four largest activations of each row."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 16, seed=28)
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        found = self.net(items)
        least = found.topk(4, dim=1).values[:, -1:]
        return torch.where(found >= least, found, 0.0)
