"""TaskNorm-I as the first public code formulates it: the yardstick that our layers are held to.

Written from the facts of that code (unbiased variances, batch and instance moments by separate
reductions over the whole activation, one operation a term of eqs. (10), (11)), not copied.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Published(nn.Module):
    """Input (items, channels, height, width); `condition` and `normalize` as everywhere."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.scale = nn.Parameter(torch.zeros(1))
        self.offset = nn.Parameter(torch.zeros(1))

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, int]]:
        mean = torch.mean(context, dim=(0, 2, 3), keepdim=True)
        var = torch.var(context, dim=(0, 2, 3), keepdim=True)
        state = (mean, var, context.size(0))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor, int]) -> Tensor:
        mean, var, size = state
        own_mean = torch.mean(targets, dim=(2, 3), keepdim=True)
        # Unbiased, it is NaN over one pixel; what is timed there is the same.
        single = targets.shape[2:].numel() == 1
        own_var = torch.var(targets, dim=(2, 3), keepdim=True, correction=int(not single))
        alpha = torch.sigmoid(self.scale * size + self.offset)
        pooled = alpha * mean + (1.0 - alpha) * own_mean
        spread = alpha * (var + (mean - pooled) ** 2)
        spread = spread + (1.0 - alpha) * (own_var + (own_mean - pooled) ** 2)
        return self.weight * (targets - pooled) / torch.sqrt(spread + self.eps) + self.bias
