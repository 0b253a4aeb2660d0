"""Three primitives over planes, closed under differentiation, each one launch of a Triton kernel.

Moments of a plane, its dot products, and an affine map of it: the derivatives of each are made
of the three, so whatever is computed from them has derivatives of every order. Sets are (tasks,
items, channels, pixels), tables (tasks, items, channels) in the dtype of moments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from torch.autograd import Function

from tnverify.norms.kernels import triton_launch as launch
from tnverify.norms.kernels.primitives import applied, unfolded
from tnverify.norms.moments import moments_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

_F = TypeVar("_F", bound=type[Function])


def over_tasks(function: _F) -> _F:
    """Give a Function the `torch.vmap` rule of one call with more tasks.

    Every tensor that goes in or out begins with a dimension of tasks.
    """

    def vmap(info: Any, in_dims: Sequence[Any], *inputs: Any) -> tuple[Any, Any]:
        size = info.batch_size
        folded = []
        for value, dim in zip(inputs, in_dims, strict=True):
            if isinstance(value, Tensor):
                each = value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
                folded.append(each.flatten(0, 1))
            else:
                folded.append(value)
        outputs = applied(function, *folded)
        if isinstance(outputs, Tensor):
            return unfolded(size, outputs), 0
        return tuple(unfolded(size, out) for out in outputs), (0,) * len(outputs)

    function.vmap = staticmethod(vmap)  # type: ignore[method-assign]  # a rule that all share
    return function


@over_tasks
class PlaneMoments(Function):
    """Tables of the mean and biased variance of each plane, both as outputs.

    Were they values saved on the side, second derivatives would miss what passes through them.
    """

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        return launch.moments(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*inputs, output[0])

    @staticmethod
    def backward(ctx: Any, by_mean: Tensor, by_var: Tensor) -> Tensor:
        x, mean = ctx.saved_tensors
        pixels = x.shape[3]
        return affine(x, mean, 2 * by_var / pixels, by_mean / pixels)


@over_tasks
class PlaneDots(Function):
    """Tables of the sum of g, and of g (x - centre), over each plane; centre None is 0."""

    @staticmethod
    def forward(g: Tensor, x: Tensor, centre: Tensor | None) -> tuple[Tensor, Tensor]:
        if batched_by_autograd(g, x, centre):
            fine = moments_dtype(x)
            weights, values = g.to(fine), x.to(fine)
            values = values if centre is None else values - centre[..., None]
            return weights.sum(3), (weights * values).sum(3)
        return launch.dots(g, x, centre)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*inputs, output[0])

    @staticmethod
    def backward(ctx: Any, by_total: Tensor, by_tilted: Tensor) -> tuple[Tensor | None, ...]:
        g, x, centre, total = ctx.saved_tensors
        need_g, need_x, need_centre = ctx.needs_input_grad
        return (
            affine(x, centre, by_tilted, by_total) if need_g else None,
            affine(g, None, by_tilted) if need_x else None,
            -by_tilted * total if need_centre else None,
        )


@over_tasks
class PlaneAffine(Function):
    """g * scale + (x - centre) * slope + constant, tables for every plane; None is 0."""

    @staticmethod
    def forward(
        g: Tensor | None,
        x: Tensor,
        scale: Tensor | None,
        centre: Tensor | None,
        slope: Tensor,
        constant: Tensor | None,
    ) -> Tensor:
        if batched_by_autograd(g, x, scale, centre, slope, constant):
            fine = slope.dtype
            y = x.to(fine) if centre is None else x.to(fine) - centre[..., None]
            y = y * slope[..., None]
            y = y if constant is None else y + constant[..., None]
            y = y if g is None or scale is None else y + g.to(fine) * scale[..., None]
            return y.to(x.dtype)
        return launch.affine(g, x, scale, centre, slope, constant)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004 - torch passes it
        ctx.save_for_backward(*inputs[:5])

    @staticmethod
    def backward(ctx: Any, by: Tensor) -> tuple[Tensor | None, ...]:
        g, x, scale, centre, slope = ctx.saved_tensors
        need_g, need_x, need_scale, need_centre, need_slope, need_constant = ctx.needs_input_grad
        total = tilted = None
        if need_centre or need_slope or need_constant:
            total, tilted = applied(PlaneDots, by, x, centre)
        return (
            affine(by, None, scale) if need_g else None,
            affine(by, None, slope) if need_x else None,
            applied(PlaneDots, by, g, None)[1] if need_scale else None,
            -slope * total if need_centre else None,
            tilted if need_slope else None,
            total if need_constant else None,
        )


def batched_by_autograd(*values: Tensor | None) -> bool:
    """Whether one is a batch of gradients, as `torch.autograd.grad(is_grads_batched=True)` makes.

    Such a batch is no transform of `torch.func`, and knows torch's own operations alone.
    """
    is_batch = torch._C._functorch.is_legacy_batchedtensor  # noqa: SLF001 - no public name
    return any(value is not None and is_batch(value) for value in values)


def affine(
    x: Tensor, centre: Tensor | None, slope: Tensor, constant: Tensor | None = None
) -> Tensor:
    """(x - centre) * slope + constant, differentiable."""
    y: Tensor = applied(PlaneAffine, None, x, None, centre, slope, constant)
    return y
