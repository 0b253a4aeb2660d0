"""A TaskNorm-I in the manner in which the first public one was written.

Unbiased variances, alpha's parameters `a` and `b` registered by a set-up call, the context's
moments kept in plain attributes, train() to process the context and eval() for the targets. It is
written from that description, not copied. What follows from it: NaN on one-pixel maps, a saved
layer that loses its task, and a conditioned layer that cannot be deep-copied once its context
had a graph.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PublishedTaskNorm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.eps = 1e-5
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def register_extra_weights(self) -> None:
        self.register_parameter("a", nn.Parameter(torch.zeros(1)))
        self.register_parameter("b", nn.Parameter(torch.zeros(1)))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.context_mean, self.context_var = self._moments(x, (0, 2, 3))
            self.context_size = x.size(0)
        own_mean, own_var = self._moments(x, (2, 3))
        alpha = torch.sigmoid(self.a * self.context_size + self.b)
        mean = alpha * self.context_mean + (1.0 - alpha) * own_mean
        var = alpha * (self.context_var + (self.context_mean - mean) ** 2)
        var = var + (1.0 - alpha) * (own_var + (own_mean - mean) ** 2)
        normalized = (x - mean) / torch.sqrt(var + self.eps)
        return normalized * self.weight[None, :, None, None] + self.bias[None, :, None, None]

    def _moments(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        return x.mean(dim=dims, keepdim=True), x.var(dim=dims, keepdim=True)
