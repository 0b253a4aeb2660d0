"""The plans that a run replays on a subject: a corpus of mostly small ones, and the wide ones."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tnverify.plans.strategies import corpus
from tnverify.plans.wide import wide_plans

if TYPE_CHECKING:
    from tnverify.engine.profiles import Profile
    from tnverify.plans import Plan
    from tnverify.contract.limits import Limits
    from tnverify.subjects.subject import Subject


class Plans(NamedTuple):
    """What is replayed: plans of every law, and those of laws that ask about wide ones."""

    usual: tuple[Plan, ...]
    wide: tuple[Plan, ...]

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
    usual = corpus(seed, size, rank=rank, step=step, allow_past=True, **limits.of_plans)  # type: ignore[arg-type]  # none is None that may not be
    wide = wide_plans(seed, rank=rank, step=step, pairs=pairs)
    within = (dict.fromkeys(fitted(plan, limits) for plan in plans) for plans in (usual, wide))
    return Plans(*(tuple(plans) for plans in within))


def fitted(plan: Plan, limits: Limits) -> Plan:
    """The plan with its sizes moved into the limits, to the nearest that are no smaller."""
    least, unit = limits.min_items, limits.multiple_of

    def items(count: int) -> int:
        return -(-max(count, least) // unit) * unit

    return replace(
        plan,
        context=items(plan.context),
        targets=items(plan.targets) if plan.targets or least > 1 else 0,
        channels=limits.channels or max(plan.channels, limits.min_channels),
        spatial=limits.spatial or tuple(max(side, limits.min_side) for side in plan.spatial),
        past_items=tuple(map(items, plan.past_items)),
    )
