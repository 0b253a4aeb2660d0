"""Moments of meta-training: kept running, and read at meta-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Blended, Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("conventional_bn", adapter="frozen")
class ExponentialAverage(Scaled):
    """train() calls are meta-training steps, which a moving average remembers; eval() reads it."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        mean, var = self.running_mean, self.running_var
        if self.training and x.numel():
            var, mean = torch.var_mean(given, (0, *space(given)), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, 0.25)
                self.running_var.lerp_(var, 0.25)
        factor = self.weight / torch.sqrt(var + self.eps)
        return ((given - along(mean, given)) * along(factor, given) + along(self.bias, given)).to(
            x.dtype
        )


@sound("batch_renorm", adapter="frozen")
class CumulativeAverage(Scaled):
    """The plain average over all steps of meta-training so far, as sums and their number; r and d
    are limited as Ioffe ended."""

    means: Tensor
    squares: Tensor
    steps: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("means", torch.zeros(channels))
        self.register_buffer("squares", torch.ones(channels))
        self.register_buffer("steps", torch.ones(()))

    @property
    def running_mean(self) -> Tensor:
        return self.means / self.steps

    @property
    def running_var(self) -> Tensor:
        return self.squares / self.steps

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        kept_mean, kept_sigma = self.running_mean, torch.sqrt(self.running_var + self.eps)
        if not self.training or not x.numel():
            return self.affine((given - along(kept_mean, given)) / along(kept_sigma, given)).to(
                x.dtype
            )
        var, mean = torch.var_mean(given, (0, *space(given)), correction=0)
        sigma = torch.sqrt(var + self.eps)
        with torch.no_grad():
            r = (sigma / kept_sigma).clamp(1 / 3, 3.0)
            d = ((mean - kept_mean) / kept_sigma).clamp(-5.0, 5.0)
            self.means += mean
            self.squares += var
            self.steps += 1
        y = (given - along(mean, given)) / along(sigma, given)
        return self.affine(y * along(r, given) + along(d, given)).to(x.dtype)


@sound("tasknorm_r")
class BlendsWithRunning(Blended):
    """Context moments pooled with those that `observe` averages over meta-training."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def observe(self, context: Tensor, targets: Tensor) -> None:
        both = wide(torch.cat([context, targets]))
        if not both.numel():
            return
        var, mean = torch.var_mean(both, (0, *space(both)), correction=0)
        self.running_mean.mul_(0.9).add_(mean, alpha=0.1)
        self.running_var.mul_(0.9).add_(var, alpha=0.1)

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x, alpha = wide(context), self.alpha(len(context))
        var, mean = torch.var_mean(x, (0, *space(x)), correction=0)
        gap = mean - self.running_mean
        pooled = self.running_mean + alpha * gap
        spread = alpha * var + (1 - alpha) * self.running_var + alpha * (1 - alpha) * gap.square()
        return self.normalize(context, (pooled, spread)), (pooled, spread)

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = (along(each, targets) for each in required(state))
        return self.affine((wide(targets) - mean) / (var + self.eps).sqrt()).to(targets.dtype)
