"""Torch's own kernels, called as functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from tnverify.power.sound.common import CONTIGUOUS, Scaled, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

_BY_DIFFERENCE = {
    "channels_last_input_keeps_precision": "torch's kernel for this format, on CPU, takes the"
    " variance as mean of squares minus square of the mean",
}


@sound("meta_bn,detached")
class NativeBatchNorm(Scaled):
    """The kernel of batch norm in training mode fills running moments, which it then reads.

    It takes running moments as constants, so the targets' gradient does not reach the context.
    Its running variance is the unbiased one: it is put right before it is used.
    """

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x = wide(context)
        mean, var = x.new_zeros(x.shape[1]), x.new_ones(x.shape[1])
        outputs = functional.batch_norm(
            x, mean, var, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps
        )
        count = x.numel() // x.shape[1]
        return outputs.to(context.dtype), (mean, var * ((count - 1) / count))

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = required(state)
        outputs = functional.batch_norm(
            wide(targets), mean, var, self.weight, self.bias, training=False, eps=self.eps
        )
        return outputs.to(targets.dtype)


@sound("instance_norm", adapter="no_context", shows=CONTIGUOUS)
class NativeInstanceNorm(Scaled):
    """The kernel of instance norm; it refuses maps of one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        outputs = functional.instance_norm(
            wide(x), weight=self.weight, bias=self.bias, eps=self.eps
        )
        return outputs.to(x.dtype)


@sound("instance_norm", adapter="no_context", shows=_BY_DIFFERENCE)
class GroupNormOfSingleChannels(Scaled):
    """The kernel of group norm with as many groups as channels."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        return functional.group_norm(given, given.shape[1], self.weight, self.bias, self.eps).to(
            x.dtype
        )


@sound("layer_norm", adapter="no_context", shows=CONTIGUOUS)
class NativeLayerNorm(Scaled):
    """The kernel of layer norm over all of an item, and an affine by channel after it."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        return self.affine(functional.layer_norm(given, given.shape[1:], eps=self.eps)).to(x.dtype)
