"""Whether a subject loses digits where values lie far from zero, measured without any formula."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.subjects.guard import Hang, time_limit
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.subjects import Subject

_OFFSETS = (64.0, 256.0, 1024.0, 4096.0)


def loses_digits(subject: Subject) -> bool:
    """Whether float32 and float64 answers part, far from zero, by more than rounding explains.

    Near zero they agree: what parts them is neither a wrong formula nor a low precision.
    """
    if set(subject.lanes) != {"float64", "native"} or subject.native is not torch.float32:
        return False
    return _parting(subject, 0.0) is False and any(_parting(subject, each) for each in _OFFSETS)


def _parting(subject: Subject, offset: float) -> bool | None:
    """Whether the two answers part; None where that cannot be told."""
    plan = replace(ordinary(subject.rank, subject.channel_step), offset=offset)
    narrow = plan.build(torch.float32, subject.device)
    wide = narrow.with_sets(narrow.context.double(), narrow.targets.double())
    wide = replace(wide, past=tuple((c.double(), t.double()) for c, t in narrow.past))
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


def near_zero(task: Task) -> Task:
    """The task in float64, each map moved to within a deviation of zero.

    Every item keeps its own shape of values; no mean is zero, so that what forgets to subtract one
    shows as before.
    """
    return replace(
        task.with_sets(_near(task.context.double()), _near(task.targets.double())),
        past=tuple((_near(c.double()), _near(t.double())) for c, t in task.past),
    )


def _near(x: Tensor) -> Tensor:
    if not x.numel():
        return x
    dims = tuple(range(2, x.dim())) or (0,)
    middle = x.mean(dims, keepdim=True)
    spread = (x - middle).square().mean(dims, keepdim=True).sqrt()
    whole = torch.exp2(torch.log2(spread.clamp_min(1e-300)).round())
    return (x - middle) + torch.where(spread == 0, torch.ones_like(whole), whole)
