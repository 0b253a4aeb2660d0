"""Numerics: the formula survives rounding, large offsets, and magnitudes at both ends."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.tolerances import expect_finite, not_claimed, says_nothing, unit

from .agreement import (
    CHANNELS_LAST,
    computed_in,
    deviation,
    expect_defined,
    expect_formula,
    pixels,
    power_of_two,
    trimmed,
)
from .cancellation import told_from_cancellation
from .cast import a_layer_in_half_precision_keeps_its_formula
from .half import expect_float32_moments, expect_no_mean_in_outputs, far_in
from .own_precision import OWN_PRECISION

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Claims, Prober, Task

_RATIOS = (1e4, 1e2, 1e3, 3e3)
_CONSTANTS = (1234.567, 0.1, -77777.7, 0.0, 3.3)


def _has_formula(claims: Claims) -> str | None:
    return None if claims.has_formula else "inductive claims no formula"


def _mapped(task: Task, change: Callable[[Tensor], Tensor]) -> Task:
    """The task with every set of values changed alike in float64, those of the past too."""

    def apply(values: Tensor) -> Tensor:
        return change(values.double()).to(values.dtype)

    past = tuple((apply(c), apply(t)) for c, t in task.past)
    return replace(task, context=apply(task.context), targets=apply(task.targets), past=past)


def _far_from_zero(task: Task) -> Task:
    """The task with every channel moved by 100 to 10,000 of its deviations in the context."""
    distance = deviation(task.context)
    if not bool(distance.any()):
        says_nothing("the context is constant")
    away = _RATIOS[task.salt % len(_RATIOS)] * power_of_two(distance)
    return _mapped(task, lambda x: x + away)


@told_from_cancellation
def _expect_far(norm: Prober, task: Task, what: str) -> None:
    expect_formula(norm, task, what)


@law(
    family="numerics",
    kind="rounded",
    claimed=_has_formula,
    source="eqs. (4), (7), (9): the variance is that of centred values",
    about="rounding",
)
def error_stays_within_the_bound(norm: Prober, task: Task) -> None:
    """Values that lie up to 10,000 deviations from zero are normalised to within rounding.

    A violation means that the variance is computed as a difference of large numbers, mean of
    squares minus square of the mean: it loses twice as many digits as the data has. Centre
    first, or use `torch.var_mean`. Agreement with the formula sees it where tasks have an
    offset; this law goes further than they do.
    """
    task = trimmed(task)
    _expect_far(norm, _far_from_zero(task), "with values far from zero")


@law(
    family="numerics",
    kind="rounded",
    level="should",
    claimed=_has_formula,
    source="eqs. (4), (7), (9); pytorch/pytorch issue 54293",
    about="rounding",
)
def channels_last_input_keeps_precision(norm: Prober, task: Task) -> None:
    """Far from zero, channels-last input is normalised as precisely as contiguous input.

    A violation means that the kernel for this memory format takes the variance as mean of
    squares minus square of the mean, where the other centres first (torch's group norm on CPU
    does). Values are right near zero and lose digits as their mean grows: centre before, or
    call `.contiguous()`. That strided views give the same sees it where tasks have an offset.
    """
    form = CHANNELS_LAST.get(task.context.dim())
    if form is None:
        not_claimed("only two and three spatial dimensions have a channels-last layout")
    task = trimmed(task)
    if task.channels < 2 or pixels(task) < 2:
        says_nothing("with one channel or one pixel the two layouts are the same")
    far = _far_from_zero(task)
    moved = far.with_sets(
        far.context.contiguous(memory_format=form), far.targets.contiguous(memory_format=form)
    )
    _expect_far(norm, moved, "on channels-last values far from zero")


@law(
    family="numerics",
    kind="rounded",
    source="eq. (2): eps keeps the root away from zero",
)
def constant_input_is_finite(norm: Prober, task: Task) -> None:
    """Constant channels give finite outputs, whatever the constant.

    A violation means that one flat image or dead channel becomes NaN: eps is missing or too
    small for the dtype, or a variance that should be zero comes out negative under a root. Laws
    of one pixel or one item meet constant values too, but none far from zero.
    """
    expect_defined(norm, task)
    row = [_CONSTANTS[(task.salt + c) % len(_CONSTANTS)] for c in range(task.channels)]

    def constant(values: Tensor) -> Tensor:
        filled = torch.tensor(row, dtype=torch.float64, device=values.device)
        shape = (1, -1, *(1,) * (values.dim() - 2))
        return filled.reshape(shape).expand(values.shape).contiguous()

    flat = _mapped(task, constant)
    run = norm.run(flat)
    expect_finite(run.context, "context outputs on constant input")
    expect_finite(run.targets, "target outputs on constant input")
    # Ordinary targets after a constant context: the context's moments alone must not poison.
    run = norm.run(replace(flat, targets=task.targets))
    expect_finite(run.targets, "outputs of ordinary targets after a constant context")


@law(
    family="numerics",
    kind="rounded",
    claimed=_has_formula,
    source="eqs. (2) to (11) in floating point: squares and their sums are finite",
)
@told_from_cancellation
def tiny_and_huge_magnitudes_stay_finite_and_right(norm: Prober, task: Task) -> None:
    """Values as large or as small as their squares allow are normalised like any others.

    A violation means that something of higher order than a square is computed on the way (a
    third power, a product of two variances), or that values are clamped to a range.
    """
    task = trimmed(task)
    largest = max(
        (float(values.abs().max()) for values in (task.context, task.targets) if values.numel()),
        default=0.0,
    )
    if not 0 < largest < math.inf:
        says_nothing("every value is zero")
    computed = computed_in(norm, task)
    info = torch.finfo(computed)
    count = task.context.numel() + task.targets.numel()
    # Sums of squares of differences stay 2**8 below overflow, squares above underflow.
    room = (math.log2(info.max) - math.log2(4 * count) - 8) / 2
    floor = math.log2(info.tiny) / 2 + 4
    wanted = math.floor(room if task.salt % 2 else floor)
    factor = 2.0 ** (wanted - math.ceil(math.log2(largest)))
    moved = _mapped(task, lambda x: x * factor)
    norm.bound(moved)  # says nothing first: a reference that is not finite asks for nothing
    run = norm.run(moved)
    what = f"with values as {'large' if task.salt % 2 else 'small'} as 2^{wanted}"
    expect_finite(run.context, f"context outputs {what}")
    expect_finite(run.targets, f"target outputs {what}")
    expect_formula(norm, moved, what)


@law(
    family="numerics",
    kind="rounded",
    level="should",
    lanes=("native",),
    source="protocol: storage may be half precision, moments are summed in float32",
    edges=("dtype",),
)
@told_from_cancellation
def half_precision_input_keeps_float32_moments(norm: Prober, task: Task) -> None:
    """Half-precision inputs are normalised by moments of float32 accuracy.

    The inputs alone are cast; the layer stays as it was built. A violation means that mean or
    variance are rounded to the inputs' dtype: values far from zero then lose most of what the
    normalisation is about. Compute the moments of `x.float()` and cast the result.
    """
    task = trimmed(task)
    half = (torch.bfloat16, torch.float16)[task.salt % 2]
    if unit(task.dtype) >= unit(half):
        not_claimed("the layer's own dtype is no wider than half precision")
    far = far_in(task, half)
    if not norm.claims.has_formula:
        expect_no_mean_in_outputs(norm, far)
    expect_float32_moments(norm, far)


LAWS = (
    error_stays_within_the_bound,
    channels_last_input_keeps_precision,
    constant_input_is_finite,
    tiny_and_huge_magnitudes_stay_finite_and_right,
    half_precision_input_keeps_float32_moments,
    *OWN_PRECISION,
    a_layer_in_half_precision_keeps_its_formula,
)
