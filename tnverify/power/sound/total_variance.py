"""Moments in a hierarchy: those of each plane once, all others from them by total variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Blended, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

Moments = tuple["Tensor", "Tensor"]


def _planes(x: Tensor) -> Moments:
    """Mean and variance of each plane, (items, channels, 1, ...)."""
    if x.dim() == 2:
        return x, torch.zeros_like(x)
    var, mean = torch.var_mean(x, space(x), correction=0, keepdim=True)
    return mean, var


def _joined(mean: Tensor, var: Tensor, dim: int) -> Moments:
    """Moments over planes of one size: the mean of variances and the variance of means."""
    between, centre = torch.var_mean(mean, dim, correction=0, keepdim=True)
    return centre, var.mean(dim, keepdim=True) + between


@sound("tasknorm_i")
class HierarchyOfMoments(Blended):
    """Context moments from the instance moments of its items, by the law of total variance."""

    def own(self, x: Tensor) -> Moments:
        return _planes(x)

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, int]]:
        mean, var = _joined(*_planes(wide(context)), 0)
        state = (mean, var, len(context))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor, int] | None) -> Tensor:
        mean, var, items = required(state)
        x, alpha = wide(targets), self.alpha(items)
        own_mean, own_var = self.own(x)
        # Total variance again, now of a mixture of two: within, and between the two means.
        between = alpha * (1 - alpha) * (mean - own_mean).square()
        pooled_var = torch.lerp(own_var, var, alpha) + between
        pooled = torch.lerp(own_mean, mean, alpha)
        return self.affine((x - pooled) * torch.rsqrt(pooled_var + self.eps)).to(targets.dtype)


@sound("tasknorm_l")
class HierarchyOfLayerMoments(HierarchyOfMoments):
    """Layer moments from instance moments too, over channels instead of items."""

    def own(self, x: Tensor) -> Moments:
        return _joined(*_planes(x), 1)
