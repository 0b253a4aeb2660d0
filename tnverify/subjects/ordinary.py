"""Ordinary input, and what a layer says that refuses input for its form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.plans import Plan
from tnverify.plans.fitting import fitted

if TYPE_CHECKING:
    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject

COMPLAINTS = (
    ValueError,
    RuntimeError,
    AssertionError,
    IndexError,
    TypeError,
    NotImplementedError,
)
"""What layers raise when they refuse input for its rank or shape."""


def ordinary(rank: int, step: int, *, seed: int = 1, items: int = 4) -> Plan:
    """A plan that every layer must take, on maps of at least 2 by 2, no two sizes alike.

    Its channels are three times `step`; of an OnlyWidth, its one width and its one map.
    """
    channels = int(3 * step)
    sides = (7, 6, 3) if channels in (5, 4, 2) else (5, 4, 2)
    return Plan(
        context=items,
        targets=items,
        channels=channels,
        spatial=getattr(step, "spatial", None) or sides[:rank],
        profile="normal",
        seed=seed,
    )


def ordinary_tasks(subject: Subject) -> list[Task]:
    """Tasks of several ordinary sizes, in the subject's own dtype and on its device."""
    rank, step = subject.rank, subject.channel_step
    plans = (
        ordinary(rank, step),
        ordinary(rank, step, items=2, seed=2),
        Plan(context=8, targets=6, channels=2 * step, spatial=(8, 8, 2)[:rank], profile="normal"),
    )
    fits = dict.fromkeys(fitted(plan, subject.limits) for plan in plans)
    return [plan.build(subject.native, subject.device) for plan in fits]
