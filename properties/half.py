"""What a layer answers to input that is stored in half precision, and what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract import NotClaimed, Run, SubjectRaised, Violation
from tnverify.tolerances import expect_close, not_claimed, says_nothing, unit

from .agreement import deviation, name_of, power_of_two, tensor, weight_of

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Prober, Task


_SAME = 1e-3
"""Share of the largest output by which float32 may move outputs that follow no mean."""


def outputs_in_half(norm: Prober, task: Task) -> Run:
    """The outputs on half-precision input, in whatever dtype: a wider one is no worse here."""
    try:
        return norm.run(task)
    except Violation as violation:
        probe = norm.fresh(task)
        try:
            with torch.no_grad():
                context, state = probe.norm.condition(task.context)
                run = Run(context, probe.norm.normalize(task.targets, state))
        except Exception:  # noqa: BLE001 - it ran a moment ago: what was wrong then is reported
            raise violation from None
        given = (task.context.shape, task.targets.shape)
        if tuple(getattr(outputs, "shape", None) for outputs in run) != given:
            raise
        return run


def far_in(task: Task, half: torch.dtype) -> Task:
    """The task sixteen deviations away from zero, stored in half precision."""
    away = 16 * power_of_two(deviation(task.context))
    cast = task.with_sets(
        (task.context.double() + away).to(half), (task.targets.double() + away).to(half)
    )
    if not all(bool(torch.isfinite(v).all()) for v in (cast.context, cast.targets)):
        says_nothing(f"the values overflow {half}")
    return cast


def widened_from_half(task: Task) -> Task:
    """The same values in float32, which holds each of them exactly."""
    past = tuple((c.float(), t.float()) for c, t in task.past)
    return replace(task, context=task.context.float(), targets=task.targets.float(), past=past)


def wanted_in_half(norm: Prober, task: Task) -> tuple[Run, Run]:
    """The right outputs of a task in half precision, and the values of y that the affine gets.

    Without a formula they are the layer's own in float32, which stand for y too.
    """
    try:
        answer = norm.expected(task)
    except NotClaimed:
        own = norm.run(widened_from_half(task))
        return Run(*(each.double() for each in own)), Run(*(each.double() for each in own))
    sets = (task.context, task.targets)
    outputs = (tensor(p.outputs, x) for p, x in zip(answer, sets, strict=True))
    y = (tensor(p.normalized, x) for p, x in zip(answer, sets, strict=True))
    return Run(*outputs), Run(*y)


def _stored(norm: Prober, task: Task, wanted: Run) -> Run:
    """The bound of a layer's own answers in float32, once they are stored in half precision."""
    bound, smallest = norm.bound(widened_from_half(task)), torch.finfo(task.dtype).tiny
    u = unit(task.dtype)
    return Run(*(b + u * w.abs().clamp_min(smallest) for b, w in zip(bound, wanted, strict=True)))


def expect_no_mean_in_outputs(norm: Prober, task: Task) -> None:
    """Decline for a layer whose outputs move with the mean of all it is given.

    A residual branch or a gate carries its input on: it stores that in half precision, whatever
    its moments are summed in.
    """
    wide = widened_from_half(task)
    mean = wide.context.mean()
    near = norm.run(wide.with_sets(wide.context - mean, wide.targets - mean))
    for moved, right in zip(norm.run(wide), near, strict=True):
        if moved.numel() and float((moved - right).abs().max()) > _SAME * float(right.abs().max()):
            not_claimed("no formula is claimed, and its outputs follow the mean of its input")


def expect_float32_moments(norm: Prober, task: Task) -> None:
    """The outputs of a task in half precision err by its storage alone."""
    half = task.dtype
    try:
        run = outputs_in_half(norm, task)
    except SubjectRaised as raised:
        not_claimed(f"the layer takes no {half} input: {raised}")
    wanted, y = wanted_in_half(norm, task)
    bound = norm.bound(task) if norm.claims.has_formula else _stored(norm, task, wanted)
    weight: Tensor | float = weight_of(norm, task).abs() if norm.claims.has_formula else 1.0
    for name in ("context", "targets"):
        right = getattr(wanted, name)
        if not bool(torch.isfinite(right.to(half)).all()):
            says_nothing(f"the right outputs overflow {half}")
        # y and weight * y may each be stored before the last sum: two more roundings. A rounding to
        # the nearest half does take all of its unit, so what is stored last has twice of it.
        stored = getattr(y, name).abs() * weight + right.abs() / 2
        expect_close(
            getattr(run, name),
            right,
            getattr(bound, name) + 2 * unit(half) * stored,
            f"{name_of(name)} on {half} inputs",
        )
