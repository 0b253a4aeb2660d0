"""Profiles: how much a run spends."""

from __future__ import annotations

from dataclasses import dataclass

from tnverify.contract.claims import nearest


@dataclass(frozen=True, slots=True)
class Profile:
    """A budget: how many tasks must count for every law in each lane.

    `float64` is the lane of meaning, `native` that of precision, in the subject's own dtype; a
    subject without a float64 lane gets that lane's number in its own. `corpus` plans are drawn,
    so that laws that say nothing about some of them still reach their numbers.
    """

    name: str
    float64: int
    native: int
    corpus: int
    thorough: bool = False

    def tasks(self, lane: str, lanes: tuple[str, ...]) -> int:
        """How many tasks must count in a lane of a subject that has these lanes."""
        return self.native if lane == "native" and "float64" in lanes else self.float64

    @property
    def summary(self) -> str:
        more = ", torch.compile and torch.export too" if self.thorough else ""
        return f"{self.float64} tasks a law in float64, {self.native} in the layer's dtype{more}"


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("quick", float64=16, native=6, corpus=24),
        Profile("default", float64=52, native=16, corpus=72),
        Profile("thorough", float64=250, native=250, corpus=330, thorough=True),
    )
}


def find_profile(name: str) -> Profile:
    """The profile of this name; raises ValueError with the nearest name."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: {nearest(name, tuple(PROFILES))}")
    return PROFILES[name]
