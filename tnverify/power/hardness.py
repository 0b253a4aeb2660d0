"""Whether a planted fault is hard: ten random tasks, compared as most tests do, do not show it.

A newcomer's test draws `torch.randn` tasks of ordinary sizes, calls the layer on each and compares
with what it should give at 1e-4. A fault that such a test shows is no measure of a suite.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from tnverify.contract import NotClaimed, SubjectRaised, Task, Violation
from tnverify.engine.capture import captured_output
from tnverify.faults import plain
from tnverify.faults.flagged import FlaggedNorm
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.resolve import from_factory, from_fault
from tnverify.subjects.subject import Factory

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.faults import Fault
    from tnverify.subjects.probe import LiveProbe
    from tnverify.subjects.subject import Subject

TASKS = 10
TOLERANCE = 1e-4
_SIZES = (
    # context items, target items, channels, side of a map: 5-way 1-shot and 5-shot, and others
    (5, 5, 4, 8), (25, 15, 4, 8), (10, 10, 6, 5), (5, 15, 12, 14), (20, 10, 4, 6),
)  # fmt: skip
_SOUND: tuple[type, ...] = (
    FlaggedNorm, plain.PlainTaskNormL, plain.PlainTaskNorm, plain.PlainPixelNorm,
    plain.PlainInstanceNorm, plain.PlainNorm,
)  # fmt: skip


def shown_by(fault: Fault) -> int:
    """How many of the ten tasks show the fault: by values, or because it raises.

    A layer of its own meets each of them, and then one layer meets all in turn, as both kinds of
    test are written; a task that either shows counts.
    """
    with captured_output():
        subject = from_fault(fault)
        tasks = _tasks(subject.rank, subject.channel_step, subject.native)
        reference = _reference(fault, subject, tasks)
        apart = [_answers(subject, (task,))[0] for task in tasks]
        in_turn = _answers(subject, tasks)
    return sum(
        not (_agree(alone, wanted) and _agree(later, wanted))
        for alone, later, wanted in zip(apart, in_turn, reference, strict=True)
    )


@lru_cache(maxsize=16)
def _tasks(rank: int, step: int, dtype: torch.dtype) -> tuple[Task, ...]:
    found = []
    for seed in range(TASKS):
        context, targets, channels, side = _SIZES[seed % len(_SIZES)]
        drawn = torch.Generator().manual_seed(seed)
        spatial = (side,) * rank
        first, second = (
            torch.randn((items, channels * step, *spatial), generator=drawn).to(dtype)
            for items in (context, targets)
        )
        found.append(Task(first, second))
    return tuple(found)


def _answers(subject: Subject, tasks: tuple[Task, ...]) -> list[tuple[Tensor, ...] | None]:
    """What one instance gives on these tasks in turn; None where it raises.

    Tasks have other numbers of channels, so an instance is kept for each number. Every input
    stays alive: whether memory is used again must not decide what is shown.
    """
    given = [(task.context.clone(), task.targets.clone()) for task in tasks]
    instances: dict[int, LiveProbe] = {}
    found: list[tuple[Tensor, ...] | None] = []
    for task, sets in zip(tasks, given, strict=True):
        try:
            probe = instances.setdefault(task.channels, SubjectProber(subject).fresh(task))
            with torch.no_grad():
                context, state = probe.condition(sets[0])
                context = context.clone()
                targets = probe.normalize(sets[1], state)
        except (SubjectRaised, Violation):
            found.append(None)
        else:
            found.append((context, targets))
    return found


def _reference(
    fault: Fault, subject: Subject, tasks: tuple[Task, ...]
) -> list[tuple[Tensor, ...] | None]:
    """What a sound layer gives: the one that the fault was planted in, else the formula; of a
    layer that has neither, what a new instance gives on each task."""
    made = fault.factory
    if inspect.isclass(made):
        base = next((sound for sound in _SOUND if issubclass(made, sound)), None)
        if base is not None:
            sound = from_factory(base.__name__, Factory(base), fault.claims)
            return [_answers(sound, (task,))[0] for task in tasks]
    try:
        answers = [SubjectProber(subject).expected(task) for task in tasks]
    except NotClaimed:
        return [_answers(subject, (task,))[0] for task in tasks]
    return [tuple(torch.from_numpy(part.outputs) for part in answer) for answer in answers]


def _agree(came: tuple[Tensor, ...] | None, wanted: tuple[Tensor, ...] | None) -> bool:
    if came is None or wanted is None:
        return came is wanted
    return all(
        a.shape == b.shape and bool(((a.double() - b.double()).abs() <= TOLERANCE).all())
        for a, b in zip(came, wanted, strict=True)
    )
