"""Profiles: how much a run spends."""

from __future__ import annotations

from dataclasses import dataclass

from tnverify.contract.claims import nearest


@dataclass(frozen=True, slots=True)
class Profile:
    """A budget. `tasks` must count for every law in each lane; `corpus` plans are drawn, so
    that laws that say nothing about some of them still reach that number."""

    name: str
    tasks: int
    corpus: int
    thorough: bool = False
    summary: str = ""


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("quick", 16, 24, summary="16 tasks a law in each lane; about a second"),
        Profile("default", 52, 72, summary="52 tasks a law in each lane"),
        Profile(
            "thorough", 250, 330, thorough=True,
            summary="250 tasks a law in each lane, and torch.compile and torch.export",
        ),
    )
}


def find_profile(name: str) -> Profile:
    """The profile of this name; raises ValueError with the nearest name."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: {nearest(name, tuple(PROFILES))}")
    return PROFILES[name]
