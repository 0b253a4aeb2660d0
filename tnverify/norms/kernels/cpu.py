"""The fast path on the CPU: one sweep for the moments, one for the outputs, two back.

Everything between the sweeps happens on small tensors, (items, channels) or broadcasting to it:

    outputs = (x - mu) a + bias,  a = weight r,  r = 1 / sqrt(s + eps)

with mu and s as `adjoint` pools them, and the backward pass is their derivative by hand. Means
are measured from a point near them, so that their differences are good to a few roundings
however far they lie from zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import Function

from tnverify.norms.kernels import fused, sweeps
from tnverify.norms.kernels.adjoint import Line, Pair, pooled, shared_out, sum_of
from tnverify.norms.kernels.between import Between, Two, to_small
from tnverify.norms.kernels.primitives import (
    applied,
    combine,
    dots,
    folded,
    plane_moments,
    unfolded,
)
from tnverify.norms.moments import (
    Moments,
    cast,
    compute_dtype,
    moments_dtype,
    over_items,
    with_convention,
)

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.norms.blend import Blend


def normalize(
    x: Tensor, blend: Blend, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Moments | None]:
    """As `plain.normalize`, but for unbiased blends "by count"."""
    base, alpha, pixels = blend.base, blend.alpha, x.shape[2:].numel()
    how = Between(1, base == "batch", blend.groups, blend.unbiased, eps)
    base_mean = base_var = None
    if isinstance(base, Moments):
        if alpha == "by count":
            alpha = torch.as_tensor(base.count / (base.count + pixels))
        base_mean, base_var = with_convention(base, blend.unbiased)[:2]
    assert alpha is None or isinstance(alpha, torch.Tensor), "it is one of the forms of Blend.alpha"
    inputs = x, base_mean, base_var, alpha, weight, bias, how
    if fused.takes(x) and fused.fits(x, base_mean, alpha, weight, bias):
        outputs, *found = fused.Fused.apply(*inputs)  # type: ignore[no-untyped-call]  # torch has it
    else:
        outputs, *found = applied(Normalize, *inputs)
    batch = Moments(found[0], found[1], len(x) * pixels) if how.batch else None
    return outputs, batch


def batch_moments(x: Tensor) -> Moments:
    """As `plain.batch_moments`."""
    mean, var = plane_moments(x, moments_dtype(x))
    return over_items(Moments(mean, var, x.shape[2:].numel()))


class Normalize(Function):
    """(x, base mean, base variance, alpha, weight, bias, how) -> outputs, moments, point.

    `x` is (tasks * items, channels, *spatial); given base moments are (tasks or 1, channels),
    alpha, weight and bias a single value, (channels) or (tasks, channels); each may be None.
    The moments returned are those of the batch where they are the base, (tasks, channels) each,
    then each item's own where they are blended in, (tasks * items, groups) each. They are
    outputs, and saved as such, so that they are differentiated in their turn. Own means are
    measured from the point, which comes last; where there is none, from zero.
    """

    @staticmethod
    def forward(
        x: Tensor,
        base_mean: Tensor | None,
        base_var: Tensor | None,
        alpha: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        how: Between,
    ) -> tuple[Tensor, ...]:
        given = None if base_mean is None or base_var is None else Pair(base_mean, base_var)
        dtype, share = compute_dtype(x.dtype), how.share(alpha, x)
        point = planes = base = own = None
        if how.may_be_near(x, given):
            planes = how.planes(x, quick=sweeps.fuses(x))
            base, own = how.moments(x, None, planes, given)
        if base is None or how.lies_far(base, share):
            if planes is None or planes.rest is None:
                planes = how.planes(x, quick=False)
            point = how.point(x, planes, given)
            base, own = how.moments(x, point, planes, given)
        mean, var = pooled(*how.by_convention(base, own, point, x), share)
        slope = torch.rsqrt(var + how.eps)
        if weight is not None:
            slope = slope * cast(how.of_task(weight), dtype)
        zero = slope.new_zeros(()) if bias is None else cast(how.of_task(bias), dtype)
        constant = torch.addcmul(zero, mean, slope, value=-1)
        slope, constant = how.by_plane(slope, x), how.by_plane(constant, x)
        outputs = sweeps.affine(x, slope, constant, how.centre(point, x))
        return outputs, *how.found(x, base, own, point)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        *tensors, ctx.how = inputs
        if len(output) % 2 == 0:  # the point comes last
            ctx.mark_non_differentiable(output[-1])
        ctx.save_for_backward(*tensors, *output[1:])
        ctx.set_materialize_grads(False)  # pragma: no mutate: zeros would do, and take their time

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        x, base_mean, base_var, alpha, weight, bias, *found = ctx.saved_tensors
        how: Between = ctx.how
        given = None if base_mean is None else Pair(base_mean, base_var)
        base, own, point = how.found_again(x, given, found)
        used_base, used_own = how.by_convention(base, own, point, x)
        share = how.share(alpha, x)
        mean, var = pooled(used_base, used_own, share)
        r = torch.rsqrt(var + how.eps)
        a = r if weight is None else r * cast(how.of_task(weight), r.dtype)

        # Sums over each plane of g and of g (x - mu) r, and so what is by mu and by s.
        g = torch.zeros_like(x) if grads[0] is None else grads[0]
        centre = how.centre(point, x)
        total, dot = (how.by_task(part) for part in dots(g, x, centre))
        normalized = r * (dot - mean * total)
        by = Pair(-a * total, a * r * normalized * -0.5)
        to_base, to_own, to_alpha = shared_out(by, used_base, used_own, share)
        by_affine = to_small(normalized, weight), to_small(total, bias)
        by_alpha = to_small(to_alpha, alpha)

        # Carried back to the moments that were taken of x, and through them to its values.
        lines = []
        by_batch, by_own = how.split(grads[1:])
        if own is not None and to_own is not None and used_own is not None:
            lines.append(how.through_own(to_own, by_own, own, used_own, x))
        by_given: Two[Tensor | None] = (None, None)
        if to_base is not None:
            to_base = Pair(*(part.sum(-2, keepdim=True) for part in to_base))
            by_given = to_small(to_base.mean, base_mean), to_small(to_base.var, base_var)
            if how.batch and base is not None:
                lines.append(how.through_batch(to_base, by_batch, base, x))
        line = Line(*(how.by_plane(part, x) for part in sum_of(lines))) if lines else None
        a = how.by_plane(a, x)
        # Where planes are small, what is per plane adds up: only what is needed is kept.
        del r, mean, var, total, dot, normalized, by, to_own, to_base, to_alpha, used_own, lines
        dx = combine(g, x, a, line, centre)
        return dx, *by_given, by_alpha, *by_affine, None

    @staticmethod
    def vmap(info: Any, dims: Any, *inputs: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        x, how = inputs[0], inputs[-1]
        tasks = info.batch_size * how.tasks
        (x,) = folded(info.batch_size, dims[:1], [x])
        small = zip(inputs, dims, strict=True)  # pragma: no mutate: torch gives as many
        base_mean, base_var, alpha, weight, bias = (
            for_tasks(part, dim, info.batch_size, how.tasks) for part, dim in list(small)[1:-1]
        )
        if base_mean is not None and base_var is not None:
            base_mean, base_var = (part.expand(tasks, -1) for part in (base_mean, base_var))
        how = how._replace(tasks=tasks)
        outputs = applied(Normalize, x, base_mean, base_var, alpha, weight, bias, how)
        return tuple(unfolded(info.batch_size, part) for part in outputs), (0,) * len(outputs)


def for_tasks(part: Tensor | None, dim: int | None, batch: int, tasks: int) -> Tensor | None:
    """What belongs to channels, for `batch` times as many tasks; what all share stays as it is.

    `part` is a single value, (channels) or (tasks or 1, channels), but for the vmapped `dim`.
    """
    if part is None or (dim is None and (part.dim() < 2 or len(part) == 1)):
        return part
    each = part.expand(batch, *part.shape) if dim is None else part.movedim(dim, 0)
    each = each.reshape(batch, *(1,) * (3 - each.dim()), *each.shape[1:])
    return each.expand(batch, tasks, each.shape[-1]).flatten(0, 1)
