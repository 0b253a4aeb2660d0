"""The plans that a run replays on a subject: a corpus of mostly small ones, and the wide ones."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from tnverify.engine.results import Asked
from tnverify.plans.fitting import fitted
from tnverify.plans.strategies import corpus
from tnverify.plans.wide import wide_plans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.contract.limits import Limits
    from tnverify.engine.profiles import Profile
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject


MOST_VALUES = 200_000
"""Values in both sets of a plan, at most: a layer of one great width meets no large maps."""


class Plans(NamedTuple):
    """What is replayed: plans of every law, and those of laws that ask about wide ones."""

    usual: tuple[Plan, ...]
    wide: tuple[Plan, ...]

    @property
    def largest(self) -> Asked:
        """The largest sizes among them."""
        plans = self.all
        return Asked(
            channels=max(plan.channels for plan in plans),
            items=max(max(plan.context, plan.targets) for plan in plans),
            side=max((side for plan in plans for side in plan.spatial), default=1),
            values=max(
                max(plan.context, plan.targets) * plan.channels * prod(plan.spatial)
                for plan in plans
            ),
        )

    @property
    def all(self) -> tuple[Plan, ...]:
        return (*self.usual, *self.wide)


def plans_for(subject: Subject, seed: int, profile: Profile) -> Plans:
    """The plans of a run with this seed, of sizes that the subject takes."""
    return _drawn(
        seed,
        profile.corpus,
        subject.rank,
        int(subject.channel_step),
        subject.limits,
        profile.thorough,
    )


@lru_cache(maxsize=64)
def _drawn(seed: int, size: int, rank: int, step: int, limits: Limits, pairs: bool) -> Plans:
    usual = corpus(
        seed,
        size,
        rank=rank,
        step=step,
        allow_past=True,
        min_channels=limits.min_channels,
        max_channels=limits.channels,
        max_side=max(limits.spatial) if limits.spatial else None,
    )
    wide = wide_plans(seed, rank=rank, step=step, pairs=pairs)
    return Plans(_within(usual, limits), _within(wide, limits))


def _within(plans: Sequence[Plan], limits: Limits) -> tuple[Plan, ...]:
    """The plans fitted to the limits, but for those that many channels make too large."""
    distinct = dict.fromkeys(fitted(plan, limits) for plan in plans)
    return tuple(plan for plan in distinct if _values(plan) <= MOST_VALUES)


def _values(plan: Plan) -> int:
    return (plan.context + plan.targets) * plan.channels * prod(plan.spatial)
