"""Layers that do what careless ones do wrongly: keep constants, skip gradients, shift values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from tnverify.power.sound.common import CONTIGUOUS, Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

Moments = tuple["Tensor", "Tensor"]


class _OfContext(Scaled):
    """Moments of the context for both sets, handed over as a state."""

    def condition(self, context: Tensor) -> tuple[Tensor, Moments]:
        moments = self.moments(wide(context))
        return self.normalize(context, moments), moments

    def moments(self, x: Tensor) -> Moments:
        var, mean = torch.var_mean(x, (0, *space(x)), correction=0)
        return mean, var

    def normalize(self, targets: Tensor, state: Moments | None) -> Tensor:
        mean, var = required(state)
        x = wide(targets)
        y = (x - along(mean, x)) / along(torch.sqrt(var + self.eps), x)
        return self.affine(y).to(targets.dtype)


@sound("meta_bn")
class ShiftsByItsLeast(_OfContext):
    """Takes moments of distances from each channel's smallest value, which favours one sign."""

    def moments(self, x: Tensor) -> Moments:
        least = x.amin((0, *space(x)), keepdim=True)
        var, mean = torch.var_mean(x - least, (0, *space(x)), correction=0)
        return mean + least.flatten(), var


@sound("meta_bn")
class MakesConstantsForTraining(_OfContext):
    """Keeps ones by dtype that it makes at the first call, outside of inference mode."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.ones: dict[torch.dtype, Tensor] = {}

    def affine(self, y: Tensor) -> Tensor:
        if y.dtype not in self.ones:
            with torch.inference_mode(False):
                self.ones[y.dtype] = torch.ones((), dtype=y.dtype, device=y.device)
        return super().affine(y * self.ones[y.dtype])


class _Affine(torch.autograd.Function):
    """weight * y + bias; gradients that nobody asks for are not computed."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return along(weight, y) * y + along(bias, y)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: object) -> None:  # noqa: ARG004 - torch passes both by name
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        y, weight = ctx.saved_tensors
        grad = grad.contiguous()
        of_y, of_weight, of_bias = ctx.needs_input_grad
        dims = (0, *space(y))
        return (
            along(weight, grad) * grad if of_y else None,
            (grad * y).sum(dims).to(weight.dtype) if of_weight else None,
            grad.sum(dims).to(weight.dtype) if of_bias else None,
        )


@sound("meta_bn,first_order")
class SkipsWhatNobodyNeeds(_OfContext):
    """Computes in its affine's backward only what requires a gradient, from a dense copy."""

    def affine(self, y: Tensor) -> Tensor:
        return _Affine.apply(y, self.weight, self.bias)  # type: ignore[no-untyped-call, no-any-return]  # torch types it not


@sound("meta_bn", shows={
    **CONTIGUOUS,
    "vmap_over_tasks_agrees_with_a_loop": "how many targets differ hangs on their values",
})  # fmt: skip
class NormalisesEachValueOnce(_OfContext):
    """Computes what distinct targets give, and hands it to all that are alike."""

    def normalize(self, targets: Tensor, state: Moments | None) -> Tensor:
        if targets.requires_grad or not len(targets) or bool(targets.isnan().any()):
            return super().normalize(targets, state)
        distinct, places = torch.unique(targets, dim=0, return_inverse=True)
        return super().normalize(distinct, state)[places]
