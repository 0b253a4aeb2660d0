"""Whether a layer computes in float32 whatever it is given, as norms of language models do, and
norms that take their moments in float32."""

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

    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject

_LOST, _SEEN = 2.0**-30, 2.0**-18
"""Relative changes of values that float32 rounds away, and that it keeps."""


_UNLIKE = 2.0**-8
"""Share of a response by which small and large changes differ only where some step rounds."""


def computes_in_float32(subject: Subject, tasks: Sequence[Task]) -> bool:
    """Whether outputs on float64 input respond to changes that float32 would round away otherwise
    than to larger ones, on each of these tasks: wholly or in part they are computed in float32."""
    if not subject.has_float64:
        return False
    prober = SubjectProber(subject)
    try:
        with time_limit():
            return bool(tasks) and all(_rounds(prober, task) for task in tasks)
    except (NotClaimed, SaysNothing, SubjectRaised, Violation, Hang):
        return False


def _rounds(prober: SubjectProber, task: Task) -> bool:
    if task.dtype is not torch.float64 or not len(task.targets):
        return False
    answer = prober.answer(task)
    small, large = (
        [(a - b) / size for a, b in zip(prober.answer(_changed(task, size)), answer, strict=True)]
        for size in (_LOST, _SEEN)
    )
    largest = max(float(slopes.abs().max()) for slopes in large)
    apart = max(float((a - b).abs().max()) for a, b in zip(small, large, strict=True))
    return apart > _UNLIKE * largest > 0.0


def _changed(task: Task, size: float) -> Task:
    """The task with every value moved by a share of itself, up or down."""

    def moved(values: Tensor, key: int) -> Tensor:
        drawn = torch.as_tensor(uniforms(tuple(values.shape), task.salt, key))
        return values * (1 + size * ((drawn > 0.5).to(values) * 2 - 1))

    return replace(task, context=moved(task.context, 0), targets=moved(task.targets, 1))
