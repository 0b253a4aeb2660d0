"""A backward written by hand, for first order alone, as is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from tnverify.power.sound.common import Scaled, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


class _Standardize(torch.autograd.Function):
    """Rows of a matrix, each with mean zero and variance v / (v + eps)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(rows: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        centred = rows - rows.mean(-1, keepdim=True)
        factor = torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
        return centred * factor, factor

    @staticmethod
    def setup_context(ctx: Any, inputs: object, output: tuple[Tensor, Tensor]) -> None:  # noqa: ARG004 - torch passes both by name
        ctx.save_for_backward(*output)
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None]:
        y, factor = ctx.saved_tensors
        along_y = y * (grad * y).mean(-1, keepdim=True)
        return factor * (grad - grad.mean(-1, keepdim=True) - along_y), None


@sound("instance_norm,first_order", adapter="no_context")
class BackwardByHand(Scaled):
    """Instance norm as an autograd Function that can be differentiated once."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        y, _ = _Standardize.apply(  # type: ignore[no-untyped-call]  # torch gives apply no types
            given.reshape(*given.shape[:2], -1), self.eps
        )
        return self.affine(y.reshape(given.shape)).to(x.dtype)
