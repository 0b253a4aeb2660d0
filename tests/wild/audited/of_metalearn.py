"""The convolutional network that parallel-metalearn has for images, as it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from metalearn.nn_models.CNN2D4L import CNN2D4L_Backbone
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class AtInference(nn.Module):
    """Its features with training=False."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.backbone = CNN2D4L_Backbone()
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.backbone(images, training=False).flatten(1)
        return found


def without_norm() -> nn.Module:
    network = AtInference()
    network.backbone = CNN2D4L_Backbone(UseBatchNormalization=False)
    return network
