"""Laws of the family `numerics` that hold a layer to its own answers in a wider dtype."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import NotClaimed, Run, SaysNothing, SubjectRaised, Violation
from tnverify.tolerances import (
    expect_close,
    expect_finite,
    measuring,
    not_claimed,
    says_nothing,
    unit,
    violate,
)

from .agreement import deviation, expect_alike, name_of, power_of_two, trimmed
from .differences import widened
from .half import (
    expect_float32_moments,
    far_in,
    outputs_in_half,
    wanted_in_half,
    widened_from_half,
)

if TYPE_CHECKING:
    from tnverify.contract import Claims, Prober, Task

_RATIOS = (0.0, 1e2, 1e3, 1e4)
_ENDS = (40, -40, 24, -24)
"""Powers of two that cubes have room for in float32."""
_LARGE_IN_HALF = 2.0**12
"""A size of activations that half precision holds, and whose squares it does not."""
_WRONG = 0.25
"""Off by this share of what a channel's outputs are: no rounding, not even in half precision."""


def _no_formula(claims: Claims) -> str | None:
    return f"{claims.scheme.called} has a formula to be held to" if claims.has_formula else None


def _allowed(norm: Prober, task: Task) -> Run:
    """Twice the bound, and what underflow adds to it."""
    smallest = torch.finfo(task.dtype).tiny
    context, targets = (2 * bound + smallest for bound in norm.bound(task))
    return Run(context, targets)


def _own_float64(norm: Prober, task: Task) -> Run:
    try:
        return norm.run(widened(task))
    except SubjectRaised as refused:
        not_claimed(f"the subject does not run in float64: {refused}")


@law(
    family="numerics",
    kind="rounded",
    lanes=("native",),
    max_tasks=20,
    claimed=_no_formula,
    source="protocol: a wider dtype changes the last digits of an answer, not the first",
)
def own_precision_follows_float64(norm: Prober, task: Task) -> None:
    """Near zero and up to 10,000 deviations away the layer answers as it does in float64.

    It is asked of layers without a formula: their own answer in float64 is what they mean. A
    violation means that digits are lost, as by a variance that is the difference of large numbers,
    or that something else is computed in one dtype than in the other.
    """
    task = trimmed(task)
    away = _RATIOS[task.salt % len(_RATIOS)] * power_of_two(deviation(task.context))
    moved = task.with_sets(*((x.double() + away).to(x.dtype) for x in (task.context, task.targets)))
    allowed = _allowed(norm, moved)
    expect_alike(norm.run(moved), _own_float64(norm, moved), allowed, "against float64")


@law(
    family="numerics",
    kind="rounded",
    level="should",
    lanes=("native",),
    max_tasks=20,
    claimed=_no_formula,
    source="activations of any size are to be normalised; squares and cubes have room for these",
)
def magnitudes_leave_own_precision_alone(norm: Prober, task: Task) -> None:
    """Values as large as 2^40 or as small as 2^-40 are answered as in float64, and finitely.

    A violation means that something of a high order is computed on the way, which overflows or
    vanishes in the layer's own dtype and does not in float64.
    """
    task = trimmed(task)
    largest = max(
        (float(x.abs().max()) for x in (task.context, task.targets) if x.numel()), default=0
    )
    if not 0 < largest < math.inf:
        says_nothing("every value is zero")
    wanted = _ENDS[task.salt % len(_ENDS)]
    factor = 2.0 ** (wanted - math.ceil(math.log2(largest)))
    moved = task.with_sets(
        *((x.double() * factor).to(x.dtype) for x in (task.context, task.targets))
    )
    right = _own_float64(norm, moved)
    if not all(bool(torch.isfinite(x.to(task.dtype)).all()) for x in right):
        says_nothing(f"the outputs themselves leave {task.dtype}")
    what, run = (
        f"with values as {'large' if wanted > 0 else 'small'} as 2^{wanted}",
        norm.run(moved),
    )
    for name in ("context", "targets"):
        expect_finite(getattr(run, name), f"{name_of(name)} {what}")
    expect_alike(run, right, _allowed(norm, moved), f"{what}, against float64")


def _takes_half(norm: Prober, task: Task) -> Run:
    """The outputs on half-precision input that float32 input has; raising is a violation."""
    try:
        return outputs_in_half(norm, task)
    except SubjectRaised as raised:
        violate(
            f"raises on {task.dtype} input: {raised}",
            symptom="raised",
            expected="an answer",
            actual=str(raised),
        )


@law(
    family="numerics",
    kind="exact",
    level="should",
    lanes=("native",),
    max_tasks=4,
    source="autocast and half-precision networks hand such input to every layer",
)
def half_precision_input_is_taken(norm: Prober, task: Task) -> None:
    """Input in bfloat16 and float16 is answered, as input in the layer's own dtype is.

    A violation means that the layer raises there: a matrix product of two dtypes, or a check of
    dtypes. Cast parameters to the input's dtype, or the input to theirs and the result back.
    """
    half = (torch.bfloat16, torch.float16)[task.salt % 2]
    if unit(task.dtype) >= unit(half):
        not_claimed("the layer's own dtype is no wider than half precision")
    task = trimmed(task)
    norm.run(task)
    _takes_half(norm, task.with_sets(task.context.to(half), task.targets.to(half)))


def _keeps_half(norm: Prober, task: Task) -> None:
    """Not claimed of a layer that takes moments in half precision even where they have room."""
    try:
        far = far_in(task, torch.float16)
        with measuring():  # how near this comes to its bound is no margin of the law
            expect_float32_moments(norm, far)
        norm.run(
            far
        )  # refuses outputs of a wider dtype, whose layer is not made for half precision
    except (NotClaimed, SaysNothing):
        raise
    except (SubjectRaised, Violation) as refused:
        not_claimed(f"the layer does not normalise half precision in float32: {refused}")


@law(
    family="numerics",
    kind="rounded",
    lanes=("native",),
    max_tasks=12,
    source="pytorch/pytorch issue 66707, PR 133085; microsoft/onnxruntime issue 17692",
)
def half_precision_input_keeps_its_range(norm: Prober, task: Task) -> None:
    """Values of some thousands, whose squares float16 cannot hold, are normalised like others.

    It is asked of layers that normalise half-precision input in float32, as their answers near one
    show. A violation means that one step on the way, a square or a sum, is taken before the input
    is widened: it overflows, and outputs are zero or not finite. Widen first.
    """
    if unit(task.dtype) >= unit(torch.float16):
        not_claimed("the layer's own dtype is no wider than half precision")
    task = trimmed(task)
    if not bool(deviation(task.context).any()):
        says_nothing("the context is constant")
    norm.run(task)
    unity = task.with_sets(*_sized(task, 1.0))
    _keeps_half(norm, unity)
    large = task.with_sets(*(x.to(torch.float16) for x in _sized(task, _LARGE_IN_HALF)))
    run = outputs_in_half(norm, large)
    wanted, _ = wanted_in_half(norm, large)
    # Of values that hardly differ the mean loses digits in float32 too.
    rounding = norm.bound(widened_from_half(large))
    for name in ("context", "targets"):
        right = getattr(wanted, name)
        if not right.numel():
            continue
        if not bool(torch.isfinite(right.to(torch.float16)).all()):
            says_nothing("the right outputs overflow float16")
        dims = (0, *range(2, right.dim()))
        size = right.square().mean(dims, keepdim=True).sqrt()
        allowed = _WRONG * (right.abs() + size) + unit(torch.float16) + getattr(rounding, name)
        expect_close(getattr(run, name), right, allowed, f"{name_of(name)} on large float16 input")


def _sized(task: Task, size: float) -> list[torch.Tensor]:
    """Both sets around zero, scaled by a power of two so that the largest value nears `size`."""
    dims = (0, *range(2, task.context.dim()))
    centre = task.context.double().mean(dims, keepdim=True)
    moved = [x.double() - centre for x in (task.context, task.targets)]
    largest = max(float(x.abs().max()) for x in moved if x.numel())
    factor = 2.0 ** round(math.log2(size / largest))
    return [(x * factor).to(task.dtype) for x in moved]


OWN_PRECISION = (
    own_precision_follows_float64,
    magnitudes_leave_own_precision_alone,
    half_precision_input_is_taken,
    half_precision_input_keeps_its_range,
)
