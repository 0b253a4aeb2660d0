"""From a law's first failing task to a counterexample: shrunk, reduced, swept, written."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.engine.reduce import reduce_task
from tnverify.engine.results import Counterexample
from tnverify.engine.shrink import shrink_plan
from tnverify.engine.sweep import boundary
from tnverify.engine.tasks_json import is_literal, recipe_of, summary_of, values_of
from tnverify.subjects.guard import alarms
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.catalogue.laws import Law
    from tnverify.contract.task import Task
    from tnverify.engine.effects import Measured
    from tnverify.engine.results import Boundary
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject
    from tnverify.subjects.trace import Call


SECONDS = 60.0
"""How long, by the clock, a smaller task of one law is looked for: slow layers get larger ones."""


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest failing task of one law, and how the law ended on it."""

    ended: Evaluation
    counterexample: Counterexample
    task: Task
    lane: str
    calls: tuple[Call, ...] = ()
    """What the law asked of the layer; empty where it was not followed."""


Failure = tuple["Plan", str, Evaluation]
"""Where a law failed first: the plan, the lane, and how it ended."""


def smallest_failure(
    law: Law,
    subject: Subject,
    failure: Failure,
    seed: int,
    beside: Sequence[Smallest] = (),
    effects: Measured | None = None,
) -> Smallest:
    """Shrink the plan, reduce the task, sweep around it.

    Only tasks on which the law fails alike (violated or broken, as at first) are followed. A
    failure that does not come again is kept as it was found. `beside` are the smallest tasks of
    laws that fail of the same cause: one that fails here too is taken as it is, so that many
    laws with one cause cost little more than one, and are seen to fail on one task. Where the
    `effects` of a leak are known, the search begins where they are largest, and tasks that show
    too little of them are passed over.
    """
    plan, lane, first = failure
    dtype, device = subject.dtype(lane), subject.device
    least = 0.0

    def ends(task: Task) -> Evaluation:
        return evaluate(law, SubjectProber(subject), task)

    until = time.monotonic() + SECONDS

    def fails(task: Task) -> bool:
        ended = ends(task) if time.monotonic() <= until else None
        return _alike(ended, first) and _shows(ended, least)

    def judged(task: Task) -> bool | None:
        ended = ends(task) if time.monotonic() <= until else None
        if _alike(ended, first):
            return True
        return False if ended is not None and ended.ending == "held" else None

    if first.hung or not fails(plan.build(dtype, device)):
        task = plan.build(dtype, device)
        return Smallest(first, _counterexample(task, plan, lane, (), ()), task, lane)
    for other in beside:
        if other.lane == lane and fails(other.task):
            return _told(law, subject, other.task, plan, lane, ())
    # Compiling and exporting take seconds a task: there the first failing task must do.
    if law.thorough_only:
        return _told(law, subject, plan.build(dtype, device), plan, lane, ())
    if effects is not None:
        plan, least = effects.plan, effects.least
    with alarms():
        plan = shrink_plan(plan, lambda p: fails(p.build(dtype, device)), subject, seed)
        task = plan.build(dtype, device)
        if is_literal(task):
            task = reduce_task(task, fails, subject.channel_step)
        around = boundary(task, judged, subject.channel_step)
    return _told(law, subject, task, plan, lane, around)


def _alike(ended: Evaluation | None, first: Evaluation) -> bool:
    """Whether it ended as at first; not, where it was not asked any more."""
    return ended is not None and ended.ending == first.ending and not ended.hung


def _shows(ended: Evaluation | None, least: float) -> bool:
    return ended is not None and (ended.effect is None or ended.effect >= least)


def _told(
    law: Law, subject: Subject, task: Task, plan: Plan, lane: str, around: tuple[Boundary, ...]
) -> Smallest:
    """How the law ends on its smallest task, with what it asked of the layer there."""
    trace = Trace()
    ended = evaluate(law, SubjectProber(subject, trace=trace), task)
    example = _counterexample(task, plan, lane, around, trace.lines())
    if ended.symptom == "flow":
        example = replace(example, effect=ended.effect)
    return Smallest(ended, example, task, lane, trace.calls)


def _counterexample(
    task: Task, plan: Plan, lane: str, around: tuple[Boundary, ...], calls: tuple[str, ...]
) -> Counterexample:
    literal = is_literal(task)
    return Counterexample(
        plan=recipe_of(task, plan, lane),
        context=values_of(task.context) if literal else [],
        targets=values_of(task.targets) if literal else [],
        boundary=around,
        summary=summary_of(task),
        calls=calls,
    )
