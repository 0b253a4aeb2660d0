"""Blending: how much of the context's moments TaskNorm takes, and how the two are pooled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.tolerances import (
    expect_close,
    expect_finite,
    expect_gradient,
    not_claimed,
    says_nothing,
)

from .agreement import (
    deviation,
    expect_formula,
    power_of_two,
    tensor,
    trimmed,
    weight_of,
)
from .differences import Loss

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Claims, Prober, Task

_SATURATED = 64.0
"""sigmoid(64) is one in every dtype, and 1 - sigmoid(64) is below any rounding."""
_APPROACH = (4.0, 8.0, 12.0, 20.0, 30.0)
_EXTREMES = ((0.0, 1e4), (0.0, -1e4), (1e4, 0.0), (-1e4, 0.0), (1e30, 0.0), (0.0, -1e30))
_MANY = 300
"""A context of more items than counters of one byte, or a figure's axis, reach."""


def _blends(claims: Claims) -> str | None:
    return None if claims.scheme.blends else f"{claims.scheme.called} blends no moments"


def _blends_instance(claims: Claims) -> str | None:
    if claims.scheme.name != "tasknorm_i":
        return f"{claims.scheme.called} does not pool the context's with instance moments"
    if claims.variance != "biased":
        return "the identity holds for the biased variance of eq. (4) only"
    return None


def _with_alpha(norm: Prober, task: Task, offset: float) -> Task:
    """The task with alpha = sigmoid(offset), whatever the size of its context."""
    if not (norm.has("offset") or norm.has("alpha")):
        not_claimed("the layer has no handle on alpha: map it with --handle")
    return task.with_parameters(scale=0.0, offset=offset)


def _expect_telling(norm: Prober, task: Task) -> None:
    """Say nothing unless an alpha that is off by 0.01 would show somewhere."""
    bound, answer = norm.bound(task), norm.expected(task)
    weight = weight_of(norm, task).abs()
    for name in ("context", "targets"):
        allowed = getattr(bound, name)
        slope = tensor(getattr(answer, name).dy_dalpha, allowed).abs() * weight
        if bool((slope * 0.01 > allowed).any()):
            return
    says_nothing("the item's own moments equal the context's: alpha makes no difference")


def _cropped(values: Tensor) -> Tensor:
    """At most two pixels along each spatial dimension, so that many items stay cheap."""
    return values[(slice(None), slice(None), *(slice(0, 2),) * (values.dim() - 2))].contiguous()


@law(
    family="blending",
    kind="rounded",
    claimed=_blends,
    needs=("scale", "offset"),
    source="section 4.2: alpha = sigmoid(scale |D| + offset)",
)
def alpha_is_the_sigmoid_of_the_context_size(norm: Prober, task: Task) -> None:
    """Alpha is sigmoid(scale * number of context items + offset), for small and large contexts.

    A violation means that the size that enters is not the number of context items (pixels,
    targets, a counter that overflows or is capped), or that something else than a sigmoid maps
    it. Take `context.shape[0]` when conditioning. Agreement with the formula sees the same on
    the sizes that tasks have; this law also conditions on 300 items.
    """
    task = trimmed(task)
    size = len(task.context)
    wanted = (size, size, 2 * size + 1, _MANY)[task.salt % 4]
    if wanted != size:
        index = torch.arange(wanted, device=task.device) % size
        task = task.with_sets(_cropped(task.context)[index], _cropped(task.targets))
    # Exact in every dtype: scale * size lies in [1, 2), so that alpha is far from its limits.
    scale = 2.0 ** -math.floor(math.log2(wanted)) * (1 if task.salt % 3 else -1)
    task = task.with_parameters(scale=scale, offset=(0.5, -0.5, -2.0)[task.salt % 3])
    _expect_telling(norm, task)
    expect_formula(norm, task, f"with {wanted} context items and scale {scale:g}")


@law(
    family="blending",
    kind="rounded",
    claimed=_blends,
    source="eqs. (10), (11) at alpha = 1, which are eqs. (3), (4) over the context",
)
def alpha_one_is_context_batch_normalisation(norm: Prober, task: Task) -> None:
    """With alpha one every item is normalised by the context's moments alone.

    A violation means that alpha cannot reach one (it is clamped or rescaled), or weights the
    wrong side. Pool as alpha * context + (1 - alpha) * own. Agreement with the formula sees this
    on tasks whose alpha happens to be near one; here it is one on every task.
    """
    task = _with_alpha(norm, trimmed(task), _SATURATED)
    _expect_telling(norm, task)
    expect_formula(norm, task, "with alpha one, where context batch normalisation is claimed")


@law(
    family="blending",
    kind="rounded",
    claimed=_blends,
    source="eqs. (10), (11) at alpha = 0, which are eqs. (6) to (9)",
)
def alpha_zero_is_the_items_own_normalisation(norm: Prober, task: Task) -> None:
    """With alpha zero every item is normalised by its secondary moments alone.

    These are instance moments for TaskNorm-I, layer moments for TaskNorm-L and running ones
    for TaskNorm-r. A violation means that alpha cannot reach zero, weights the wrong side, or
    that the secondary moments are over other dimensions than the claimed scheme's. Agreement
    with the formula sees this on tasks whose alpha is small; here it is zero on every task.
    """
    task = _with_alpha(norm, trimmed(task), -_SATURATED)
    _expect_telling(norm, task)
    expect_formula(norm, task, "with alpha zero, where the item's own normalisation is claimed")


@law(
    family="blending",
    kind="rounded",
    claimed=_blends,
    source="section 4.2: alpha is a sigmoid, hence continuous up to both limits",
)
def both_limits_are_approached(norm: Prober, task: Task) -> None:
    """Near its limits alpha still is what the sigmoid says, not yet zero or one.

    A violation means that alpha snaps to a limit before it is there (`if alpha > 0.99`), or is
    kept away from it by a clamp: the gradient of alpha vanishes where training would need it.
    The laws of alpha one and zero see the clamp, but no snap; agreement with the formula sees
    either on the few tasks whose alpha is there.
    """
    task = trimmed(task)
    # One limit a task, for every distance from it the one as often as the other.
    nearness, side = divmod(task.salt % (2 * len(_APPROACH)), 2)
    offset = _APPROACH[nearness] * (-1 if side else 1)
    moved = _with_alpha(norm, task, offset)
    _expect_telling(norm, moved)
    expect_formula(norm, moved, f"with alpha = sigmoid({offset:g})")


@law(
    family="blending",
    kind="rounded",
    claimed=_blends,
    source="eq. (11): the pooled variance of two Gaussian estimators",
)
def the_pooled_variance_carries_the_between_mean_term(norm: Prober, task: Task) -> None:
    """The pooled variance counts how far the two means lie apart.

    The law moves the targets eight deviations away from the context, so that this term is most
    of the variance. A violation means that it is left out, or wrongly weighted: the variance is
    alpha (v + (m - pooled)^2) + (1 - alpha) (own_v + (own_m - pooled)^2), not the average of
    the variances. Agreement with the formula sees it where tasks happen to have such targets.
    """
    task = trimmed(task)
    signs = 1.0 - 2.0 * (torch.arange(task.channels, device=task.device) % 2).double()
    shape = (1, -1, *(1,) * (task.context.dim() - 2))
    away = 8 * power_of_two(deviation(task.context)) * signs.reshape(shape)
    targets = (task.targets.double() + away).to(task.dtype)
    moved = _with_alpha(norm, task.with_sets(targets=targets), (0.0, 1.0, -1.0)[task.salt % 3])
    _expect_telling(norm, moved)
    expect_formula(norm, moved, "with targets eight deviations away from the context")


@law(
    family="blending",
    kind="rounded",
    claimed=_blends,
    source="section 4.2: 0 <= alpha <= 1 for every scale and offset",
)
def extreme_scale_and_offset_saturate_without_nan(norm: Prober, task: Task) -> None:
    """Scale and offset of any magnitude give alpha zero or one and finite outputs.

    A violation means that the sigmoid is written out so that an exponential overflows, and one
    bad step of the optimiser turns the network into NaN for good. Use `torch.sigmoid`. Other
    laws go no further than the numbers that training reaches.
    """
    scale, offset = _EXTREMES[task.salt % len(_EXTREMES)]
    if not norm.has("scale"):
        scale, offset = 0.0, scale or offset
    task = _with_alpha(norm, trimmed(task), offset).with_parameters(scale=scale)
    norm.bound(task)  # says nothing first: a reference that is not finite asks for nothing
    run = norm.run(task)
    for outputs, which in ((run.context, "context"), (run.targets, "target")):
        expect_finite(outputs, f"{which} outputs with scale {scale:g} and offset {offset:g}")
    expect_formula(norm, task, f"with scale {scale:g} and offset {offset:g}")


@law(
    family="blending",
    kind="rounded",
    claimed=_blends_instance,
    source="section 3.4 and 4.2: RN is TaskNorm-I with alpha = |D| / (1 + |D|)",
)
def tasknorm_i_at_n_over_n_plus_one_is_reptile_normalisation(norm: Prober, task: Task) -> None:
    """With alpha = n / (n + 1) a target is normalised as a member of its own context would be.

    The law puts the target into the context at alpha one and compares: no formula is needed.
    A violation means that context and instance moments are not pooled as those of one
    population: a missing between-mean term, or variances of different conventions. The law of
    the pooled variance and agreement with the formula see these too, each by way of the oracle;
    this one stays because it cannot err with it.
    """
    if not len(task.targets):
        says_nothing("there are no targets")
    task = trimmed(task)
    size, target = len(task.context), task.targets[:1]
    pooled = _with_alpha(norm, task.with_sets(targets=target), math.log(size))
    joined = task.with_sets(context=torch.cat([task.context, target]), targets=target)
    joined = _with_alpha(norm, joined, _SATURATED)
    _expect_telling(norm, pooled)
    # log(n) is rounded when the layer's offset takes it, which the pooled side's bound counts
    # once for the layer's own arithmetic: once more for the number that it was given.
    allowed = 2 * norm.bound(pooled).targets + norm.bound(joined).context[-1:]
    expect_close(
        norm.run(pooled).targets,
        norm.run(joined).context[-1:],
        allowed,
        f"a target at alpha = {size}/{size + 1}, against the same item in the context",
    )


@law(
    family="blending",
    kind="rounded",
    claimed=_blends,
    lanes=("float64",),
    source="section 4.2: scale and offset are learned in meta-training",
)
def gradients_of_scale_and_offset_are_right(norm: Prober, task: Task) -> None:
    """The gradients by scale and offset (or alpha) are the derivatives of the outputs.

    A violation means that alpha is not learned as it should be: it was made a number with
    `.item()`, detached, clamped, or its backward forgets that scale is multiplied by the
    context's size. They are compared with eqs. (10), (11) differentiated by hand. The law of
    first-order gradients sees it where alpha is not saturated; here it never is.
    """
    held = tuple(h for h in ("scale", "offset", "alpha") if norm.has(h))
    if not held:
        not_claimed("the layer has no handle on alpha: map it with --handle")
    # Where alpha saturates its gradient vanishes, and nothing could be told from it.
    task = trimmed(task)
    scale = 2.0 ** -math.floor(math.log2(len(task.context))) if norm.has("scale") else 0.0
    task = task.with_parameters(scale=scale, offset=(-1.5, -0.5, -2.5)[task.salt % 3])
    _expect_telling(norm, task)
    loss = Loss(norm, task)
    handles = tuple(h for h in held if h in loss.leaves)
    if not handles:
        not_claimed("alpha is fixed: its parameters require no gradient")
    gradient = loss.at().gradient()
    weight, answer, size = weight_of(norm, task), norm.expected(task), len(task.context)
    by_alpha = [tensor(part.dy_dalpha, weight) * weight for part in answer]
    steepest = max(float(slope.abs().amax()) for slope in by_alpha if slope.numel())
    # dy/dalpha is made of y, and as good as products of two of them are.
    rounding = (1 + steepest) * loss.curvature_rounding
    for handle in handles:
        # The sigmoid's derivative: alpha (1 - alpha), times what the handle is multiplied by.
        slopes = [tensor(p.alpha * (1 - p.alpha), weight) for p in answer]
        inner = {"scale": float(size), "offset": 1.0, "alpha": 1.0}[handle]
        chained = [
            inner * slope if handle == "alpha" else inner * each * slope
            for each, slope in zip(slopes, by_alpha, strict=True)
        ]
        expect_gradient(
            float(gradient[handle].sum()),
            loss.weighted(*chained),
            inner * rounding,
            f"the gradient by {handle}",
        )


LAWS = (
    alpha_is_the_sigmoid_of_the_context_size,
    alpha_one_is_context_batch_normalisation,
    alpha_zero_is_the_items_own_normalisation,
    both_limits_are_approached,
    the_pooled_variance_carries_the_between_mean_term,
    extreme_scale_and_offset_saturate_without_nan,
    tasknorm_i_at_n_over_n_plus_one_is_reptile_normalisation,
    gradients_of_scale_and_offset_are_right,
)
