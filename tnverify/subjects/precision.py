"""Whether a layer computes in float32 whatever it is given, as norms of language models do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.contract.task import uniforms
from tnverify.subjects.guard import Hang, time_limit
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.contract.norm import Run
    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject

_LOST, _SEEN = 2.0**-30, 2.0**-18
"""Relative changes of values that float32 rounds away, and that it keeps."""


def computes_in_float32(subject: Subject, tasks: Sequence[Task]) -> bool:
    """Whether outputs on float64 input show no change that float32 would round away, on any of
    these tasks, though they show larger ones."""
    if not subject.has_float64:
        return False
    prober = SubjectProber(subject)
    try:
        with time_limit():
            return bool(tasks) and all(_rounds(prober, task) for task in tasks)
    except (NotClaimed, SaysNothing, SubjectRaised, Violation, Hang):
        return False


def _rounds(prober: SubjectProber, task: Task) -> bool:
    if task.dtype is not torch.float64:
        return False
    answer = prober.answer(task)
    lost, seen = (prober.answer(_changed(task, size)) for size in (_LOST, _SEEN))
    return _same(lost, answer) and not _same(seen, answer)


def _same(one: Run, other: Run) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _changed(task: Task, size: float) -> Task:
    """The task with every value moved by a share of itself, up or down."""

    def moved(values: Tensor, key: int) -> Tensor:
        drawn = torch.as_tensor(uniforms(tuple(values.shape), task.salt, key))
        return values * (1 + size * ((drawn > 0.5).to(values) * 2 - 1))

    return replace(task, context=moved(task.context, 0), targets=moved(task.targets, 1))
