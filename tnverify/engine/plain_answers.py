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
    """What came of it; `error` is the exception's name, call and message, None where there was
    none."""

    error: str | None = None
    form: str | None = None
    """What is wrong with the answer's form, None where nothing is."""
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
        return PlainAnswer(_in_words(raised))
    except Violation as violation:
        return PlainAnswer(form=str(violation) if violation.symptom == "form" else None)
    except Hang:
        return PlainAnswer()
    given = all(bool(torch.isfinite(x).all()) for x in (task.context, task.targets))
    answered = all(bool(torch.isfinite(x).all()) for x in (run.context, run.targets))
    return PlainAnswer(not_finite=given and not answered)


def gradient_error(subject: Subject) -> str | None:
    """What the subject raises where gradients by an ordinary task are asked for, as in
    PlainAnswer; None where it raises nothing."""
    plan = ordinary(subject.rank, subject.channel_step)
    task = plan.build(subject.dtype(subject.lanes[0]), subject.device)
    context, targets = (x.clone().requires_grad_() for x in (task.context, task.targets))
    try:
        with time_limit():
            probe = SubjectProber(subject).fresh(task)
            _, state = probe.condition(context)
            probe.grad(probe.normalize(targets, state), [context, targets])
    except SubjectRaised as raised:
        return _in_words(raised)
    except (Violation, Hang):
        return None
    return None


def _in_words(raised: SubjectRaised) -> str:
    return f"{type(raised.error).__name__} in {raised.during}: {first_line(raised.error)}"
