"""The fused path on the CPU: a whole blend in one call of the compiled kernels a direction.

First derivatives alone: where a derivative is to be differentiated in its turn, or is batched,
`cpu.Normalize` takes over, which gives the same from the same inputs.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

from tnverify.norms.kernels.native import library
from tnverify.norms.kernels.primitives import applied, undisturbed
from tnverify.norms.kernels.sweeps import channels_last
from tnverify.norms.moments import bessel, cast, compute_dtype, moments_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.norms.kernels.between import Between

_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_KINDS = (Tensor, torch.nn.Parameter)
"""Subclasses may hold no memory, or mean something else by what is done to them."""
_CALL = struct.Struct("9q3d17P")
"""What fused.c takes, in its order."""


def takes(x: Tensor) -> bool:
    """Whether the kernels can normalise this set, unless it is for what `fits` refuses.

    What is traced or transformed goes another way.
    """
    if type(x) not in _KINDS or x.dtype not in _DTYPES or x.layout is not torch.strided:
        return False
    if not x.is_cpu or not x.numel() or _disturbed(x):
        return False
    if torch._C._get_tracing_state() is not None:  # noqa: SLF001 - the public name has no types
        return False
    return library() is not None


def fits(x: Tensor, base: Tensor | None, alpha: Tensor | None, *affine: Tensor | None) -> bool:
    """Whether what belongs to the channels of `x` has a form that kernels know: a value for each.

    For alpha one value will do.
    """
    channels = x.shape[1]
    return all(
        part is None
        or (
            type(part) in _KINDS
            and part.is_cpu
            and (part.numel() == channels or (part is alpha and part.numel() == 1))
            and part.shape[-1:].numel() == part.numel()
        )
        for part in (base, alpha, *affine)
    )


def _disturbed(x: Tensor) -> bool:
    with torch.no_grad():
        return not undisturbed(x)


class Fused(Function):
    """As `cpu.Normalize` of one task, but that it returns outputs and batch moments alone."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        base_mean: Tensor | None,
        base_var: Tensor | None,
        alpha: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        how: Between,
    ) -> tuple[Tensor, ...]:
        values = _dense(x)
        outputs, tables = torch.empty_like(values), None
        if how.batch or how.groups is not None:
            tables = values.new_empty((2, *x.shape[:2]))
        mean, var = _wide(base_mean), _wide(base_var)
        if how.batch:
            mean, var = torch.empty((2, 1, x.shape[1]), dtype=torch.float64).unbind()
        small = [_flat(part, values.dtype) for part in (weight, bias, alpha)]
        _call("forward", values, how, small, None, outputs, tables, mean, var)
        kept = tables if how.groups is not None else None
        moments: tuple[Tensor, ...] = ()
        if how.batch and mean is not None and var is not None:
            moments = cast(mean, moments_dtype(x)), cast(var, moments_dtype(x))
        ctx.how = how
        ctx.save_for_backward(x, base_mean, base_var, alpha, weight, bias, kept, *moments)
        ctx.set_materialize_grads(False)
        return cast(outputs, x.dtype), *moments

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        *inputs, tables = ctx.saved_tensors[:7]
        if not all(undisturbed(g) for g in grads if g is not None):
            return *_recorded(inputs, ctx.how, grads), None
        x, base_mean, base_var, alpha, weight, bias = inputs
        needed, how = ctx.needs_input_grad, ctx.how
        values = _dense(x)
        g = torch.zeros_like(values) if grads[0] is None else _alike(grads[0], values)
        mean, var = map(_wide, ctx.saved_tensors[7:] if how.batch else (base_mean, base_var))
        small = [_flat(part, values.dtype) for part in (weight, bias, alpha)]
        more = [_flat(part, torch.float64) for part in grads[1:]] or [None, None]
        by_x = torch.empty_like(values) if needed[0] else None
        by_small = [
            values.new_empty(part.shape) if part is not None and need else None
            for part, need in zip((weight, bias, alpha), (*needed[4:6], needed[3]), strict=True)
        ]
        by_base = [
            torch.empty(part.shape, dtype=torch.float64) if part is not None and need else None
            for part, need in zip((base_mean, base_var), needed[1:3], strict=True)
        ]
        _call("backward", values, how, small, g, by_x, tables, mean, var,
              (*more, *by_small, *by_base))  # fmt: skip
        by_weight, by_bias, by_alpha = by_small
        found = (by_x, *by_base, by_alpha, by_weight, by_bias)
        return *(
            part if part is None or like is None else cast(part, like.dtype)
            for part, like in zip(found, inputs, strict=True)
        ), None


def _recorded(
    inputs: Sequence[Tensor | None], how: Between, grads: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The same derivatives as functions that are differentiable, and that transforms know."""
    from tnverify.norms.kernels.cpu import Normalize

    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Each by itself, though one may have been computed from another.
        own = [part if part is None else part.view_as(part) for part in inputs]
        outputs = applied(Normalize, *own, how)
        came = [(y, g) for y, g in zip(outputs, grads, strict=False) if g is not None]
        wanted = [part for part in own if part is not None and part.requires_grad]
        found = iter(
            torch.autograd.grad(
                [y for y, _ in came], wanted, [g for _, g in came],
                create_graph=again, allow_unused=True,
            )
        )  # fmt: skip
    return [next(found) if part is not None and part.requires_grad else None for part in own]


def _call(
    direction: str,
    values: Tensor,
    how: Between,
    small: Sequence[Tensor | None],
    g: Tensor | None,
    y: Tensor | None,
    tables: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    more: Sequence[Tensor | None] = (None,) * 7,
) -> None:
    """Have the kernels fill `y`, `tables` and what of `more` they are to."""
    built = library()
    assert built is not None  # `takes` asked
    items, channels, pixels = *values.shape[:2], values.shape[2:].numel()
    group = 0 if how.groups is None else channels // how.groups
    weight, bias, alpha = small
    last = pixels == 1 or channels_last(values)
    base = 2 if how.batch else 0 if mean is None else 1
    factors = (1.0, 1.0)
    if how.unbiased:
        # Those of a given base are by the convention already.
        factors = float(bessel(items * pixels)) if how.batch else 1.0, float(bessel(group * pixels))
    centre = 0 if tables is None else tables.data_ptr()
    spread = 0 if tables is None else centre + tables.nbytes // 2
    failed = getattr(built, direction)[values.dtype](
        _CALL.pack(
            built.parallel, torch.get_num_threads(), last, items, channels, pixels, base, group,
            0 if alpha is None else alpha.numel(), how.eps, *factors,
            values.data_ptr(), *map(_at, (weight, bias, alpha, g, y)), centre, spread,
            *map(_at, (mean, var, *more)),
        )
    )  # fmt: skip
    if failed:
        raise MemoryError(f"no memory for tables of {items} items by {channels} channels")


def _at(part: Tensor | None) -> int:
    return 0 if part is None else part.data_ptr()


def _dense(x: Tensor) -> Tensor:
    """`x` in the dtype to compute in, copied where it lies in no layout that kernels know."""
    x = cast(x.detach(), compute_dtype(x.dtype))
    return x if x.is_contiguous() or channels_last(x) else x.contiguous()


def _alike(g: Tensor, values: Tensor) -> Tensor:
    """`g` in dtype and layout of `values`."""
    if g.dtype == values.dtype and g.stride() == values.stride():
        return g
    return torch.empty_like(values).copy_(g)


def _flat(part: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if part is None else cast(part, dtype).contiguous()


def _wide(part: Tensor | None) -> Tensor | None:
    return _flat(part, torch.float64)
