"""Profiles: how much a run spends."""

from __future__ import annotations

from dataclasses import dataclass

from tnverify.contract.claims import nearest


@dataclass(frozen=True, slots=True)
class Profile:
    """A budget: how many tasks must count for every law, of how many plans that are drawn.

    A law that is checked in both lanes meets a plan in one of them: in the subject's own dtype
    (the lane of precision) every `native_every`-th plan, in float64 (the lane of meaning) the
    others. With `native_every` 1 it meets every plan in both. A law of one lane meets every plan
    there. More plans are drawn than must count, for laws that say nothing about some of them.
    `seconds` is the time, by the clock, that a slow layer gets for all of them.

    Wide plans come after these and do not count among them: each is tried in one lane, with
    `native_every` 1 in both.
    """

    name: str
    tasks: int
    corpus: int
    native_every: int
    thorough: bool = False
    seconds: float = 1800.0

    def lanes_of(self, number: int, lanes: tuple[str, ...]) -> tuple[str, ...]:
        """The lanes, of those given, in which plan `number` is tried (from 0)."""
        if len(lanes) < 2 or self.native_every == 1:
            return lanes
        is_native = number % self.native_every == self.native_every - 1
        return tuple(lane for lane in lanes if (lane == "native") == is_native)

    def wide_lanes_of(self, number: int, lanes: tuple[str, ...]) -> tuple[str, ...]:
        """The lanes, of those given, in which wide plan `number` is tried: the native one, but
        for every fourth plan, whose many values show more in float64."""
        if len(lanes) < 2 or self.native_every == 1:
            return lanes
        return tuple(lane for lane in lanes if (lane == "native") == (number % 4 < 3))

    @property
    def summary(self) -> str:
        more = ", torch.compile and torch.export too" if self.thorough else ""
        return f"{self.tasks} tasks a law{more}"


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("quick", tasks=15, corpus=20, native_every=3, seconds=600.0),
        Profile("default", tasks=32, corpus=48, native_every=3),
        Profile("thorough", tasks=500, corpus=330, native_every=1, seconds=14400.0, thorough=True),
    )
}


def find_profile(name: str) -> Profile:
    """The profile of this name; raises ValueError with the nearest name."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: {nearest(name, tuple(PROFILES))}")
    return PROFILES[name]
