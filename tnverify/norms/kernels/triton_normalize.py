"""A whole blend as one differentiable function of the set, on the Triton kernels.

The first derivative takes two launches. Where it is itself to be differentiated it is made of
the primitives of `triton_planes` and of formulas on the small tables instead, so that every
further derivative follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

from tnverify.norms.kernels import triton_launch as launch
from tnverify.norms.kernels.primitives import applied
from tnverify.norms.kernels.triton_planes import (
    PlaneAffine,
    PlaneDots,
    affine,
    batched_by_autograd,
    over_tasks,
)
from tnverify.norms.moments import (
    Moments,
    by_channel,
    over_groups,
    over_items,
    pool,
    with_convention,
)

if TYPE_CHECKING:
    from tnverify.norms.kernels.triton_launch import Plan


@over_tasks
class NormalizedSet(Function):
    """y of a set (tasks, items, channels, pixels), and the moments behind it as outputs.

    Tables of instance moments (tasks, items, channels), batch moments (tasks, channels) and own
    moments (tasks, items, groups), of no elements where the plan has no use for them. What
    belongs to channels, from `base_mean` to `bias`, is (tasks, channels) or None, `alpha` of
    (tasks, channels or 1).
    """

    @staticmethod
    def forward(
        x: Tensor,
        base_mean: Tensor | None,
        base_var: Tensor | None,
        alpha: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        plan: Plan,
    ) -> tuple[Tensor, ...]:
        return launch.normalized(x, base_mean, base_var, alpha, weight, bias, plan)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        *tensors, ctx.plan = inputs
        own = output[5:]
        ctx.mark_non_differentiable(*own)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *output[1:])

    @staticmethod
    def backward(ctx: Any, *by: Tensor | None) -> tuple[Tensor | None, ...]:
        x, *small, mean, var, batch_mean, batch_var, own_mean, own_var = ctx.saved_tensors
        by_y, by_mean, by_var, *by_batch = by[:5]
        by_y = x.new_zeros(()).expand_as(x) if by_y is None else by_y
        needed = ctx.needs_input_grad[:6]
        recorded = torch.is_grad_enabled() or by_mean is not None or by_var is not None
        if recorded or batched_by_autograd(by_y, *by_batch):
            found = _differentiable(
                x, small, (mean, var), by_y, (by_mean, by_var), by_batch, ctx.plan
            )
        else:
            found = launch.derivatives(
                x, by_y, (mean, var), (batch_mean, batch_var), (own_mean, own_var), by_batch,
                small, ctx.plan, needed,
            )  # fmt: skip
        fitted = (
            _as_input(values, like) if need and values is not None else None
            for values, like, need in zip(found[1:], small, needed[1:], strict=True)
        )
        return found[0] if needed[0] else None, *fitted, None


def _differentiable(
    x: Tensor,
    small: list[Tensor | None],
    instance: tuple[Tensor, Tensor],
    by_y: Tensor,
    by_instance: tuple[Tensor | None, Tensor | None],
    by_batch: list[Tensor | None],
    plan: Plan,
) -> tuple[Tensor | None, ...]:
    """The derivatives by x and by what belongs to channels, as functions of everything.

    With any constant centre, y = (x - centre) * slope + level; slope and level follow from small
    tables by plain formulas, whose derivatives torch knows.
    """
    pixels = x.shape[3]
    read = instance if plan.reads_own else (None, None)
    inputs = [*read, *small]
    about = instance[0] if plan.reads_own else small[0]
    assert about is not None, "without moments of its own a set is given some"
    centre = about.detach().view(len(about), -1, x.shape[2]).expand(x.shape[:3])
    present = [i for i, values in enumerate(inputs) if values is not None]

    def small_part(*values: Tensor) -> tuple[Tensor, ...]:
        given: list[Tensor | None] = [None] * len(inputs)
        for i, value in zip(present, values, strict=True):
            given[i] = value
        return _slope_and_level(centre, given, pixels, plan)

    coefficients, pull = torch.func.vjp(  # type: ignore[misc]  # two values where has_aux is False
        small_part, *(inputs[i] for i in present)
    )
    slope, _, *batch = coefficients
    total, tilted = applied(PlaneDots, by_y, x, centre)
    came = [
        torch.zeros_like(values) if by is None else by.to(values.dtype)
        for by, values in zip(by_batch, batch, strict=False)
    ]
    found: list[Tensor | None] = [None] * len(inputs)
    for i, by in zip(present, pull((tilted, total, *came)), strict=True):
        found[i] = by
    by_mean, by_var, *rest = found
    if by_mean is None or by_var is None:
        return affine(by_y, None, slope), *rest
    more_mean, more_var = by_instance
    by_mean = by_mean if more_mean is None else by_mean + more_mean
    by_var = by_var if more_var is None else by_var + more_var
    by_x = applied(PlaneAffine, by_y, x, slope, instance[0], 2 * by_var / pixels, by_mean / pixels)
    return by_x, *rest


def _slope_and_level(
    centre: Tensor, given: list[Tensor | None], pixels: int, plan: Plan
) -> tuple[Tensor, ...]:
    """Slope and level (tasks, items, channels), and batch moments (tasks, channels) if any."""
    mean, var = given[:2]
    base_mean, base_var, alpha, weight, bias = (
        values if values is None else values[:, None] for values in given[2:]
    )
    batch: tuple[Tensor, ...] = ()
    base: Moments | None = None
    own: Moments | None = None
    if base_mean is not None and base_var is not None:
        base = Moments(base_mean, base_var, 1)
    if mean is not None and var is not None:
        instance = Moments(mean, var, pixels)
        channels = mean.shape[-1]
        if plan.base == 2:
            whole = over_items(instance)
            batch = (whole.mean.squeeze(-2), whole.var.squeeze(-2))
            base = with_convention(whole, plan.unbiased)
        if plan.own:
            own = with_convention(over_groups(instance, channels // plan.own), plan.unbiased)
            mean, var = (by_channel(part, channels) for part in own[:2])
            own = own._replace(mean=mean, var=var)
    if base is not None and own is not None:
        assert alpha is not None, "a blend of two has an alpha"
        used = pool(alpha, base, own)
    else:
        only = own if base is None else base
        assert only is not None, "a blend has a base, groups, or both"
        used = only
    slope = torch.rsqrt(used.var + plan.eps)
    slope = slope if weight is None else slope * weight
    level = (centre - used.mean) * slope
    level = level if bias is None else level + bias
    return slope.expand_as(centre), level, *batch


def _as_input(values: Tensor, like: Tensor) -> Tensor:
    return values.sum_to_size(like.shape).to(like.dtype)
