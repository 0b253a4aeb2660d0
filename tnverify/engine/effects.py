"""By how much a leak moves outputs, over several tasks."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tnverify.engine.evaluate import evaluate
from tnverify.engine.results import Effect
from tnverify.subjects.guard import alarms
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tnverify.catalogue.laws import Law
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject

TASKS = 16
"""Tasks on which the effect of a leak is measured."""

SHARE = 0.1
"""A counterexample shows at least this share of the largest effect that was seen."""

_MOST_VALUES = 4096
"""Tasks with more values than this are left out: small ones show what a leak does."""

_SLOW = 1.0
"""Seconds that one task may take: a slow layer is measured on fewer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The effect of a leak, and the plan of the task on which it was the largest."""

    effect: Effect
    plan: Plan

    @property
    def least(self) -> float:
        """What a counterexample must show at least."""
        return SHARE * self.effect.largest


def measured(law: Law, subject: Subject, plans: Iterable[Plan], lane: str) -> Measured | None:
    """The effect of a leak that the law finds, in outputs before any weight; None where the law
    compares no values, or does not fail so."""
    found: list[tuple[float, Plan]] = []
    tried = 0
    with alarms():
        for plan in plans:
            plain = replace(plan, weight=(1.0,), bias=(0.0,))
            task = plain.build(subject.dtype(lane), subject.device)
            if task.context.numel() + task.targets.numel() > _MOST_VALUES:
                continue
            ended = evaluate(law, SubjectProber(subject), task)
            tried += ended.failed or ended.ending == "held"
            if ended.ending == "violated" and ended.symptom == "flow" and ended.effect:
                found.append((ended.effect, plain))
            if ended.hung or ended.seconds > _SLOW or tried >= TASKS:
                break
    if not found:
        return None
    sizes = [size for size, _ in found]
    largest = max(sizes)
    effect = Effect(largest, statistics.median(sizes), len(sizes))
    return Measured(effect, next(plan for size, plan in found if size == largest))
