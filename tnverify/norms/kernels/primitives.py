"""The sweeps as differentiable operations: each one's derivative is made of the others.

So gradients of every order are right, and `torch.func` transforms pass: under vmap the tasks
are folded into the items. What is given per plane broadcasts to (items, channels), what comes
has that shape, and a centre is a constant: derivatives by where it lies go another way.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import Function

from tnverify.norms.kernels import sweeps
from tnverify.norms.kernels.plain import as_planes
from tnverify.norms.moments import compute_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.norms.kernels.adjoint import Line

Dims = tuple[int | None, ...]


def dots(g: Tensor, x: Tensor, centre: Tensor | None) -> tuple[Tensor, Tensor]:
    """The sums of g and of g * (x - centre) over each plane; centre 0 where it is None."""
    if undisturbed(g):
        return sweeps.dots(g, x, centre)
    if _batched_by_autograd(g):
        pixels = tuple(range(2, x.dim()))
        product = g * (x if centre is None else x - as_planes(centre, x))
        return (g.sum(pixels), product.sum(pixels)) if pixels else (g, product)
    sums: tuple[Tensor, Tensor] = applied(PlaneDots, g, x, centre)
    return sums


def combine(
    g: Tensor, x: Tensor, slope: Tensor, line: Line | None, centre: Tensor | None
) -> Tensor:
    """g * slope and, where there is one, the line at x - centre, summed; for each plane."""
    # Where the batch is one of derivatives by moments alone, the line has it and g has not.
    batched = any(map(_batched_by_autograd, (g, *(line or ()))))
    if line is not None and undisturbed(g) and not batched:
        return sweeps.combine(g, x, slope, *line, centre)
    if batched:
        by_g = g * as_planes(slope, x)
        if line is None:
            return by_g
        centred = x if centre is None else x - as_planes(centre, x)
        return by_g + centred * as_planes(line.slope, x) + as_planes(line.constant, x)
    zeros = torch.zeros_like(slope)
    if undisturbed(g):
        return sweeps.affine(g, slope, zeros)
    added: Tensor = applied(PlaneAffine, g, slope, zeros, None)
    return added if line is None else added + applied(PlaneAffine, x, *line, centre)


def plane_moments(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each plane, in a dtype that is wider where there is one."""
    moments: tuple[Tensor, Tensor] = applied(PlaneMoments, x, dtype)
    return moments


class PlaneDots(Function):
    """(g, x, centre) -> sums of g and of g * (x - centre)."""

    @staticmethod
    def forward(g: Tensor, x: Tensor, centre: Tensor | None) -> tuple[Tensor, Tensor]:
        return sweeps.dots(g, x, centre)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG004 - torch's
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        g, x, centre = ctx.saved_tensors
        total, dot = grads
        by_g = by_x = None
        if ctx.needs_input_grad[0]:
            by_g = applied(PlaneAffine, x, dot, total, centre)
        if ctx.needs_input_grad[1]:
            by_x = applied(PlaneAffine, g, dot, torch.zeros_like(dot), None)
        return by_g, by_x, None

    @staticmethod
    def vmap(info: Any, dims: Dims, *inputs: Any) -> tuple[tuple[Tensor, ...], Dims]:
        outputs = applied(PlaneDots, *folded(info.batch_size, dims, inputs))
        return tuple(unfolded(info.batch_size, part) for part in outputs), (0, 0)


class PlaneAffine(Function):
    """(x, slope, constant, centre or None) -> (x - centre) * slope + constant."""

    @staticmethod
    def forward(x: Tensor, slope: Tensor, constant: Tensor, centre: Tensor | None) -> Tensor:
        return sweeps.affine(x, slope, constant, centre)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG004 - torch's
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (g,) = grads
        x, slope, constant, centre = ctx.saved_tensors
        by_x = by_slope = by_constant = None
        if ctx.needs_input_grad[0]:
            by_x = applied(PlaneAffine, g, slope, torch.zeros_like(slope), None)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            total, dot = applied(PlaneDots, g, x, centre)
            by_slope, by_constant = dot.sum_to_size(slope.shape), total.sum_to_size(constant.shape)
        return by_x, by_slope, by_constant, None

    @staticmethod
    def vmap(info: Any, dims: Dims, *inputs: Any) -> tuple[Tensor, int]:
        output = applied(PlaneAffine, *folded(info.batch_size, dims, inputs))
        return unfolded(info.batch_size, output), 0


class PlaneMoments(Function):
    """(x, dtype) -> mean and biased variance of each plane, in that dtype.

    Both are outputs and saved as such, so that they are differentiated in their turn.
    """

    @staticmethod
    def forward(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        centre, rest, var = sweeps.moments(x)
        mean = centre.to(dtype)
        return mean if rest is None else mean + rest, var.to(dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(inputs[0], output[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None]:
        x, mean = ctx.saved_tensors
        by_mean, by_var = grads
        pixels = x.shape[2:].numel()
        centre = mean.detach().to(compute_dtype(x.dtype))
        slope = by_var * (2 / pixels)
        return applied(
            PlaneAffine, x, slope, by_mean / pixels + slope * (centre - mean), centre
        ), None

    @staticmethod
    def vmap(info: Any, dims: Dims, *inputs: Any) -> tuple[tuple[Tensor, ...], Dims]:
        (x,) = folded(info.batch_size, dims[:1], inputs[:1])
        outputs = applied(PlaneMoments, x, inputs[1])
        return tuple(unfolded(info.batch_size, part) for part in outputs), (0, 0)


def folded(
    tasks: int, dims: Sequence[int | None], inputs: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Inputs of one task, vmapped over their `dims`, with the tasks folded into the items.

    The first has the items that the others broadcast to; what all tasks share is repeated.
    """
    parts: list[Tensor | None] = []
    items = 0  # pragma: no mutate: the first part sets it
    for part, dim in zip(inputs, dims, strict=True):  # pragma: no mutate: torch gives as many
        if part is None:
            parts.append(None)
            continue
        each = part.expand(tasks, *part.shape) if dim is None else part.movedim(dim, 0)
        items = items or each.shape[1]
        parts.append(each.expand(tasks, items, *each.shape[2:]).flatten(0, 1))
    return parts


def unfolded(tasks: int, output: Tensor) -> Tensor:
    """(tasks * items, ...) as (tasks, items, ...)."""
    return output.view(tasks, len(output) // tasks, *output.shape[1:])


def applied(function: type[Function], *inputs: Any) -> Any:
    """`function.apply(*inputs)`, at a third of its overhead where no transform is active.

    Functions that transforms can pass through have the context set up apart, and torch binds
    their arguments by inspection on every call.
    """
    if _transforms_active():
        return function.apply(*inputs)  # type: ignore[no-untyped-call]  # so torch has it
    return _without_transforms(function).apply(*inputs)  # type: ignore[no-untyped-call]  # likewise


def undisturbed(g: Tensor) -> bool:
    """Whether sweeps may be called as they are: nothing is to be recorded or transformed."""
    return not (torch.is_grad_enabled() or _transforms_active() or _batched_by_autograd(g))


# torch's own Function.apply asks the same; there is no public name for it.
_transforms_active = torch._C._are_functorch_transforms_active  # noqa: SLF001 - see above


def _batched_by_autograd(g: Tensor) -> bool:
    """Whether g is a batch of gradients, as `torch.autograd.grad(is_grads_batched=True)` has it.

    These are no transform of `torch.func` and know plain operations alone.
    """
    return torch._C._functorch.is_legacy_batchedtensor(g)  # noqa: SLF001 - no public name


@cache
def _without_transforms(function: type[Function]) -> type[Function]:
    """The same function in the form that takes its context as an argument."""

    class Eager(Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            output = function.forward(*inputs)
            function.setup_context(ctx, inputs, output)
            return output

        backward = function.backward

    Eager.__name__ = Eager.__qualname__ = function.__name__
    return Eager
