"""Whether a subject loses digits where values lie far from zero, measured without any formula."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.subjects.guard import Hang, time_limit
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.prober import SubjectProber
from tnverify.tolerances.bound import unit

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.subjects import Subject

_OFFSETS = (64.0, 256.0, 1024.0, 4096.0)
_ROOM = 64.0
"""Units in the last place of the largest value by which a sound training step may be wrong."""


def loses_digits(subject: Subject) -> bool:
    """Whether float32 and float64 answers part, far from zero, by more than rounding explains.

    Near zero they agree: what parts them is neither a wrong formula nor a low precision. Answers
    of meta-training count as those to tasks do.
    """
    if set(subject.lanes) != {"float64", "native"} or subject.native is not torch.float32:
        return False
    return any(
        parting(subject, 0.0) is False and any(parting(subject, each) for each in _OFFSETS)
        for parting in (_parting, _parting_in_training)
    )


def _both(subject: Subject, offset: float) -> tuple[Task, Task]:
    """One ordinary task so far from zero, in float32 and in float64."""
    plan = replace(ordinary(subject.rank, subject.channel_step), offset=offset)
    narrow = plan.build(torch.float32, subject.device)
    wide = narrow.with_sets(narrow.context.double(), narrow.targets.double())
    return narrow, replace(wide, past=tuple((c.double(), t.double()) for c, t in narrow.past))


def _parting_in_training(subject: Subject, offset: float) -> bool | None:
    """Return whether the two answers of a training step part; None where that is not told."""
    answers = []
    try:
        with time_limit(), torch.no_grad():
            for task in _both(subject, offset):
                probe = SubjectProber(subject).fresh(task)
                answers.append(probe.observe(task.context, task.targets))
    except (NotClaimed, SaysNothing, SubjectRaised, Violation, Hang):
        return None
    ours, theirs = answers
    if ours is None or theirs is None:
        return None
    # A mean is wrong by a few units in the last place of values so large; so are differences.
    room = _ROOM * unit(torch.float32) * max(1.0, offset)
    return any(
        float((a.double() - b).abs().max()) > room * max(1.0, float(b.abs().max()))
        for a, b in zip(ours, theirs, strict=True)
        if a.numel()
    )


def _parting(subject: Subject, offset: float) -> bool | None:
    """Whether the two answers part; None where that cannot be told."""
    narrow, wide = _both(subject, offset)
    try:
        with time_limit():
            prober = SubjectProber(subject)
            came, bound, right = prober.run(narrow), prober.bound(narrow), prober.run(wide)
    except (NotClaimed, SaysNothing, SubjectRaised, Violation, Hang):
        return None
    return any(
        bool(((ours.double() - theirs).abs() > limit).any())
        for ours, theirs, limit in zip(came, right, bound, strict=True)
    )


def wide_near_zero(task: Task) -> Task:
    """The task in float64 and near zero."""
    wide = task.with_sets(task.context.double(), task.targets.double())
    return near_zero(replace(wide, past=tuple((c.double(), t.double()) for c, t in task.past)))


def near_zero(task: Task) -> Task:
    """The task with each map moved to within a deviation of zero.

    Every item keeps its own shape of values; no mean is zero, so that what forgets to subtract one
    shows as before.
    """
    return replace(
        task.with_sets(_near(task.context), _near(task.targets)),
        past=tuple((_near(c), _near(t)) for c, t in task.past),
    )


def _near(x: Tensor) -> Tensor:
    if not x.numel():
        return x
    dims = tuple(range(2, x.dim())) or (0,)
    middle = x.mean(dims, keepdim=True)
    spread = (x - middle).square().mean(dims, keepdim=True).sqrt()
    whole = torch.exp2(torch.log2(spread.clamp_min(1e-300)).round())
    return (x - middle) + torch.where(spread == 0, torch.ones_like(whole), whole)
