"""Neural processes of the package neuralprocesses, with random weights, in one dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

import neuralprocesses.torch as nps


class Process(torch.nn.Module):
    """The predicted means at the targets, after a context of inputs and values."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, context: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        given = context.T[None], labels.to(context.dtype)[None, None]
        mean: Tensor = self.model(*given, targets.T[None]).mean
        return mean[0].T


def conditional() -> Process:
    torch.manual_seed(0)
    model = nps.construct_gnp(dim_x=1, dim_y=1, likelihood="het", dim_embedding=16)
    process = Process(model)
    process(torch.randn(3, 1), torch.zeros(3), torch.randn(2, 1))  # layers are made when first met
    return process


def convolutional() -> Process:
    torch.manual_seed(0)
    model = nps.construct_convgnp(
        dim_x=1, dim_y=1, likelihood="het", points_per_unit=16, unet_channels=(8, 8)
    )
    process = Process(model)
    process(torch.randn(3, 1), torch.zeros(3), torch.randn(2, 1))  # layers are made when first met
    return process
