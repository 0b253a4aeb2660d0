"""The inner loop of higher's MAML example, and the same with group norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

import higher


class InnerLoop(nn.Module):
    """Some steps on the support set by `higher.innerloop_ctx`, then the query set at once."""

    def __init__(self, norm: Callable[[], nn.Module]) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = nn.Sequential(
                nn.Conv2d(1, 8, 3, stride=2),
                norm(),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(3),
                nn.Flatten(),
                nn.Linear(72, 5),
            )

    def forward(self, support: Tensor, support_labels: Tensor, query: Tensor) -> Tensor:
        optimiser = torch.optim.SGD(self.net.parameters(), lr=0.1)
        with (
            torch.enable_grad(),
            higher.innerloop_ctx(self.net, optimiser, track_higher_grads=False) as (net, inner),
        ):
            for _ in range(3):
                inner.step(cross_entropy(net(support), support_labels))
            logits: Tensor = net(query).detach()
        return logits


def with_batch_norm() -> InnerLoop:
    """As in examples/maml-omniglot.py: moments of the batch, in training mode at test."""
    return InnerLoop(lambda: nn.BatchNorm2d(8, momentum=1.0, affine=True)).train()


def with_group_norm() -> InnerLoop:
    return InnerLoop(lambda: nn.GroupNorm(2, 8))
