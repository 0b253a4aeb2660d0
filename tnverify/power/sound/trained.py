"""Batch norms that keep what meta-training leaves in ways of their own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from tnverify.power.sound.common import Scaled, along, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


class _Trained(Scaled):
    """Moments of the batch in train mode, running ones in eval mode; how they run is open."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        if not self.training or not self.enough(given):
            return self.scaled(given, self.running_mean, self.running_var).to(x.dtype)
        var, mean = torch.var_mean(given, (0, *space(given)), correction=0)
        outputs = self.trained(given, mean, var)
        with torch.no_grad():
            self.keep(mean, var, given.numel() // given.shape[1])
        return outputs.to(x.dtype)

    def enough(self, x: Tensor) -> bool:
        return x.numel() > x.shape[1]

    def trained(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return self.scaled(x, mean, var)

    def scaled(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return self.affine((x - along(mean, x)) / along(torch.sqrt(var + self.eps), x))

    def keep(self, mean: Tensor, var: Tensor, count: int) -> None:
        self.running_mean.lerp_(mean, 0.1)
        self.running_var.lerp_(var, 0.1)


@sound("conventional_bn", adapter="frozen")
class WeighsWhatWasThere(_Trained):
    """A momentum of 0.9 is the share of what was there, as in TensorFlow and JAX."""

    momentum = 0.9

    def keep(self, mean: Tensor, var: Tensor, count: int) -> None:
        for kept, new in ((self.running_mean, mean), (self.running_var, var)):
            kept.mul_(self.momentum).add_(new, alpha=1 - self.momentum)


@sound("conventional_bn", adapter="frozen")
class KeepsUnbiasedVariances(_Trained):
    """The running variance is the unbiased one, as in torch; batches of one value are refused."""

    momentum = 0.25

    def enough(self, x: Tensor) -> bool:
        if x.numel() == x.shape[1]:
            raise ValueError(f"one value a channel has no variance: {tuple(x.shape)}")
        return super().enough(x)

    def keep(self, mean: Tensor, var: Tensor, count: int) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * (count / (count - 1)), self.momentum)


@sound("conventional_bn", adapter="frozen")
class CorrectsForItsStart(_Trained):
    """An average that starts from nothing and is divided by the weight that it has, as Adam's."""

    weights: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("weights", torch.zeros(()))

    def keep(self, mean: Tensor, var: Tensor, count: int) -> None:
        before = self.weights.clone()
        self.weights.lerp_(torch.ones_like(before), 0.1)
        share = 1 - 0.9 * before / self.weights
        for kept, new in ((self.running_mean, mean), (self.running_var, var)):
            kept.add_((new - kept) * share)


@sound("conventional_bn", adapter="frozen")
class CountsWithoutReading(_Trained):
    """The plain average over batches, whose number stays a tensor: it is traced as one graph."""

    steps: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def keep(self, mean: Tensor, var: Tensor, count: int) -> None:
        self.steps.add_(1)
        for kept, new in ((self.running_mean, mean), (self.running_var, var)):
            kept.add_((new - kept) / self.steps)


@sound("conventional_bn", adapter="frozen")
class RecomputesWithoutCounting(_Trained):
    """Runs its forward pass again in backward, to spare memory, and counts the first time alone."""

    counting = True

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled() and x.requires_grad):
            return super().forward(x)
        answer: Tensor = checkpoint(
            super().forward,
            x,
            use_reentrant=False,
            context_fn=lambda: (contextlib.nullcontext(), self.recomputing()),
        )
        return answer

    @contextlib.contextmanager
    def recomputing(self) -> Iterator[None]:
        self.counting = False
        try:
            yield
        finally:
            self.counting = True

    def keep(self, mean: Tensor, var: Tensor, count: int) -> None:
        if self.counting:
            super().keep(mean, var, count)


@sound("batch_renorm", adapter="frozen")
class WidensItsLimits(_Trained):
    """Batch renormalisation whose limits start as those of batch normalisation and widen."""

    steps: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("steps", torch.zeros(()))

    def trained(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        with torch.no_grad():
            sigma, kept = torch.sqrt(var + self.eps), torch.sqrt(self.running_var + self.eps)
            r_max, d_max = 1 + 0.25 * float(self.steps), 0.5 * float(self.steps)
            r = (sigma / kept).clamp(1 / r_max, r_max)
            d = ((mean - self.running_mean) / kept).clamp(-d_max, d_max)
        y = (x - along(mean, x)) / along(torch.sqrt(var + self.eps), x)
        return self.affine(y * along(r, x) + along(d, x))

    def keep(self, mean: Tensor, var: Tensor, count: int) -> None:
        super().keep(mean, var, count)
        self.steps += 1


@sound("conventional_bn", adapter="frozen")
class NoAffine(nn.Module):
    """torch's own function with running moments and nothing else: no weight, no bias."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(
            x, self.running_mean, self.running_var, training=self.training, eps=self.eps
        )
