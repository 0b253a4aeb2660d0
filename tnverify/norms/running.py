"""Moments that meta-training leaves behind, kept as torch's own batch norm keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tnverify.norms.kernels import batch_moments
from tnverify.norms.layer import Layer
from tnverify.norms.moments import Moments, bessel

if TYPE_CHECKING:
    from tnverify.norms.state import ContextState, EmptyState


class RunningLayer(Layer):
    """A layer with running moments: buffers `running_mean` (0) and `running_var` (1).

    In train mode, and by `observe` in either mode, each set's batch moments move them by
    `momentum` (None: they become the plain average); its variance enters unbiased, as in torch,
    so that the buffers of `nn.BatchNorm2d` mean the same here. Nothing else changes them.
    Every other argument is that of `Layer`.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        channels: int,
        *,
        momentum: float | None = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
        unbiased: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            channels, eps=eps, affine=affine, unbiased=unbiased, device=device, dtype=dtype
        )
        self.momentum = momentum
        ones = torch.ones(channels, device=device, dtype=dtype)
        self.register_buffer("running_mean", torch.zeros_like(ones))
        self.register_buffer("running_var", ones)
        tracked = torch.zeros((), device=device, dtype=torch.long)
        self.register_buffer("num_batches_tracked", tracked)

    def summarized(self, part: Tensor) -> ContextState | EmptyState:
        if self.training:
            raise RuntimeError(
                f"{type(self).__name__} in train mode keeps the moments of each set that it is"
                " given, and a part of a context is not one: call eval() first"
            )
        return super().summarized(part)

    @property
    def running(self) -> Moments:
        """The running moments, (1, channels) each."""
        return Moments(self.running_mean[None], self.running_var[None], self.num_batches_tracked)

    def keep(self, batch: Moments) -> None:
        """Move the running moments towards a set's batch moments, outside of any graph."""
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            mean, var = batch.mean[0], batch.var[0] * bessel(batch.count)
            for kept, new in ((self.running_mean, mean), (self.running_var, var)):
                step = new - kept
                if self.momentum is None:
                    kept.add_(step / self.num_batches_tracked)
                else:
                    kept.add_(step, alpha=self.momentum)

    def keep_set(self, x: Tensor) -> None:
        """Move the running moments towards those of a set; an empty one changes nothing."""
        if x.numel():
            with torch.no_grad():
                self.keep(batch_moments(x))
