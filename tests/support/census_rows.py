"""Rows of a kill matrix made by hand."""

from __future__ import annotations

from tnverify.engine.profiles import PROFILES, Profile
from tnverify.power.census import Census
from tnverify.power.rows import Kill, Row

SMALL = Profile("small", tasks=4, corpus=6, native_every=3)
DEFAULT = PROFILES["default"]


def row(
    name: str,
    *kills: Kill,
    family: str = "moments",
    seed: int = 0,
    out_of_reach: str | None = None,
    first_only: bool = False,
) -> Row:
    return Row(name, family, True, seed, kills, out_of_reach=out_of_reach, first_only=first_only)


def census(*rows: Row, profile: Profile = DEFAULT, interrupted: bool = False) -> Census:
    seeds = tuple(dict.fromkeys(each.seed for each in rows))
    laws = tuple(dict.fromkeys(kill.law for each in rows for kill in each.kills))
    return Census(profile, seeds, laws, rows, 1.5, interrupted)
