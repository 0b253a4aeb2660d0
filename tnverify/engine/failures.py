"""From a law's first failing task to a counterexample: shrunk, reduced, swept, written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.engine.reduce import reduce_task
from tnverify.engine.results import Counterexample
from tnverify.engine.shrink import shrink_plan
from tnverify.engine.sweep import boundary
from tnverify.engine.tasks_json import is_literal, recipe_of, summary_of, values_of
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.trace import Trace

if TYPE_CHECKING:
    from tnverify.catalogue.laws import Law
    from tnverify.contract.task import Task
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest failing task of one law, and how the law ended on it."""

    ended: Evaluation
    counterexample: Counterexample


def smallest_failure(
    law: Law, subject: Subject, plan: Plan, lane: str, first: Evaluation, seed: int
) -> Smallest:
    """Shrink the plan, reduce the task, sweep around it. `first` is how the law ended on `plan`.

    Only tasks on which the law fails alike (violated or broken, as at first) are followed. A
    failure that does not come again is kept as it was found, and said to be so.
    """
    dtype, device = subject.dtype(lane), subject.device

    def ends(task: Task) -> Evaluation:
        return evaluate(law, SubjectProber(subject), task)

    def fails(task: Task) -> bool:
        ended = ends(task)
        return ended.ending == first.ending and not ended.hung

    if first.hung or not fails(plan.build(dtype, device)):
        task = plan.build(dtype, device)
        return Smallest(first, _counterexample(task, plan, lane, {}, ()))
    # Compiling and exporting take seconds a task: there the first failing task must do.
    if not law.thorough_only:
        plan = shrink_plan(plan, lambda p: fails(p.build(dtype, device)), subject, seed)
    task = plan.build(dtype, device)
    around: dict[str, str] = {}
    if not law.thorough_only:
        if is_literal(task):
            task = reduce_task(task, fails, subject.channel_step)
        around = boundary(task, fails, subject.channel_step)
    trace = Trace()
    ended = evaluate(law, SubjectProber(subject, trace=trace), task)
    return Smallest(ended, _counterexample(task, plan, lane, around, trace.lines()))


def _counterexample(
    task: Task, plan: Plan, lane: str, around: dict[str, str], calls: tuple[str, ...]
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
