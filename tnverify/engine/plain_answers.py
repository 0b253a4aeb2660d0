"""What a subject answers to plain calls on one task: whether it raises, and finite values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import SubjectRaised, Violation, first_line
from tnverify.subjects.guard import Hang, time_limit
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from tnverify.contract.task import Task
    from tnverify.subjects import Subject


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """`error` is the exception's name, call and message, None where there was none."""

    error: str | None = None
    not_finite: bool = False


def plain_answer(subject: Subject, task: Task | None = None) -> PlainAnswer:
    """What one context and one set of targets are answered with; an ordinary task where None."""
    if task is None:
        plan = ordinary(subject.rank, subject.channel_step)
        task = plan.build(subject.dtype(subject.lanes[0]), subject.device)
    try:
        with time_limit():
            run = SubjectProber(subject).run(task)
    except SubjectRaised as raised:
        name = type(raised.error).__name__
        return PlainAnswer(f"{name} in {raised.during}: {first_line(raised.error)}")
    except (Violation, Hang):
        return PlainAnswer()
    given = all(bool(torch.isfinite(x).all()) for x in (task.context, task.targets))
    answered = all(bool(torch.isfinite(x).all()) for x in (run.context, run.targets))
    return PlainAnswer(not_finite=given and not answered)
