"""The plans that a run replays on a subject: a corpus of mostly small ones, and the wide ones."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tnverify.plans.strategies import corpus
from tnverify.plans.wide import wide_plans

if TYPE_CHECKING:
    from tnverify.engine.profiles import Profile
    from tnverify.plans import Plan
    from tnverify.subjects.limits import Limits
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
    fitted = (dict.fromkeys(map(limits.fitted, plans)) for plans in (usual, wide))
    return Plans(*(tuple(plans) for plans in fitted))
