"""Telling digits that are lost far from zero from answers that are wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.tolerances import unit

from .agreement import deviation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.contract import Prober, Task

_FAR = 8.0
"""Deviations from zero from which on lost digits are looked for."""
_NOMINAL_EPS = 1e-5
_ROOM = 64.0
_SAID = "; near zero it holds: a variance that is the difference of large numbers loses its digits"


def told_from_cancellation(check: Callable[..., None]) -> Callable[..., None]:
    """Let a law say so where it fails for nothing but digits that are lost far from zero.

    Its violation then has the symptom `cancellation`. That is certain only where the law holds on
    the same task moved to zero, and where outputs there differ from those here by no more than
    what a difference of squares loses, u times the square of the distance in deviations.
    """

    @wraps(check)
    def told(norm: Prober, task: Task, *more: Any) -> None:
        try:
            check(norm, task, *more)
        except Violation as violation:
            if violation.symptom not in ("value", "gradient", "not_finite") or not _explains(
                check, norm, task, *more
            ):
                raise
            raise Violation(
                f"{violation}{_SAID}",
                symptom="cancellation",
                expected=violation.expected,
                actual=violation.actual,
            ) from violation

    return told


def _explains(check: Callable[..., None], norm: Prober, task: Task, *more: Any) -> bool:
    spread = (deviation(task.context).square() + _NOMINAL_EPS).sqrt()
    dims = (0, *range(2, task.context.dim()))
    centre = task.context.double().mean(dims, keepdim=True).to(task.dtype)
    distance = float((centre.double().abs() / spread).max())
    if not distance > _FAR:
        return False
    near = replace(
        task,
        context=task.context - centre,
        targets=task.targets - centre,
        past=tuple((c - centre, t - centre) for c, t in task.past),
    )
    try:
        check(norm, near, *more)
        here, there = norm.run(task), norm.run(near)
    except (NotClaimed, SaysNothing, SubjectRaised, Violation):
        return False
    lost = _ROOM * unit(task.dtype) * distance**2
    if lost > 1:  # all digits, which explains anything: certain where a formula cancels an offset
        finite = all(bool(torch.isfinite(each).all()) for each in there)
        return norm.claims.has_formula and finite
    return all(
        bool((a.double() - b.double()).abs().le(lost * (1 + b.double().abs())).all())
        for a, b in zip(here, there, strict=True)
    )
