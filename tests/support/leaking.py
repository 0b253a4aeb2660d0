"""A layer that leaks and an adapter for it, in a module that other processes can import."""

from __future__ import annotations

import torch
from torch import nn


class Leaks(nn.Module):
    """Batch statistics, always."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=eps, track_running_stats=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


class Numbered:
    """The task state is the number of the task."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer, self.tasks = layer, 0

    def condition(self, context: torch.Tensor) -> tuple[torch.Tensor, int]:
        self.tasks += 1
        return self.layer(context), self.tasks

    def normalize(self, targets: torch.Tensor, state: int) -> torch.Tensor:
        return self.layer(targets)
