"""What sizes a layer takes, found by trying a few of them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tnverify.contract.limits import Limits, OnlyWidth
from tnverify.contract.outcomes import SubjectRaised, Violation
from tnverify.plans.fitting import fitted
from tnverify.subjects.edges import edge
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from tnverify.contract.task import Task
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject

_COUNTS = (2, 3, 4, 5, 6, 8)
"""Items that are tried: a layer that refuses one item alone is asked about it by laws."""

_UNITS = (2, 3, 4)
_PATIENCE = 2.0
"""Seconds that a task may take if sizes are to be tried: a slow layer keeps its time for laws."""


def with_limits(subject: Subject, given: Limits) -> Subject:
    """The subject with the sizes that it asks for: those that were given, then those found.

    Notes what was found. A layer that refuses an ordinary task asks for nothing: laws say so.
    """
    step = subject.channel_step
    if isinstance(step, OnlyWidth):
        given = replace(given, channels=int(step), spatial=given.spatial or step.spatial)
    subject = replace(subject, limits=given)
    usual = replace(ordinary(subject.rank, step), past=1, past_items=(4, 4))
    started = time.perf_counter()
    # A layer that takes none of the plainest sizes may still take items in eights.
    if not any(_answers(subject, _task(subject, p)) for p in (usual, _of_items(usual, 8))):
        return subject
    if time.perf_counter() - started > _PATIENCE:
        return subject
    found = Limits(
        min_channels=1 if given.channels else _least_channels(subject, usual),
        min_side=1 if given.spatial else _least_side(subject, usual),
    )
    if given.items is None:
        found = _with_items(found, subject, usual)
    limits = given.merged(found)
    if limits == given:
        return subject
    note = f"asked only about sizes that the layer takes: {limits.in_words}"
    return replace(subject, limits=limits, notes=(*subject.notes, note))


def _task(subject: Subject, plan: Plan) -> Task:
    fits = fitted(plan, subject.limits)
    return fits.build(subject.dtype(subject.lanes[0]), subject.device)


def _takes(subject: Subject, plan: Plan) -> bool:
    """Whether the layer answers on the plan's task, its past included; not whether rightly."""
    task = _task(subject, plan)
    with edge(task) as is_tried:
        # What ended a process before is taken, as what hangs is: laws say so.
        return not is_tried or _answers(subject, task)


def _answers(subject: Subject, task: Task) -> bool:
    try:
        SubjectProber(subject).run(task)
    except SubjectRaised as raised:
        return isinstance(raised.error, TimeoutError | SystemExit)
    except Violation:
        return True
    return True


def _of_items(plan: Plan, count: int) -> Plan:
    return replace(plan, context=count, targets=count, past_items=(count, count))


def _with_items(found: Limits, subject: Subject, usual: Plan) -> Limits:
    """Add the least items, or the number that counts of items must be a multiple of."""
    taken = {count for count in _COUNTS if _takes(subject, _of_items(usual, count))}
    if len(taken) == len(_COUNTS) or not taken:
        return found
    for unit in _UNITS:
        if taken == {count for count in _COUNTS if count % unit == 0}:
            return replace(found, multiple_of=unit)
    least = min(taken)
    whole = taken == {count for count in _COUNTS if count >= least}
    return replace(found, min_items=least) if whole else found


def _least_channels(subject: Subject, usual: Plan) -> int:
    """The fewest channels, of one, two and three steps, from which on all are taken."""
    step = int(subject.channel_step)
    for times in (2, 1):
        if not _takes(subject, replace(usual, channels=times * step)):
            return (times + 1) * step
    return 1


def _least_side(subject: Subject, usual: Plan) -> int:
    """The least side from which on maps are taken that are longer the other way."""
    rank = subject.rank
    for side in (3, 2, 1):
        shapes = {(side, *usual.spatial[1:]), (*usual.spatial[:-1], side)} if rank else set()
        if not all(_takes(subject, replace(usual, spatial=shape)) for shape in shapes):
            return side + 1
    return 1
