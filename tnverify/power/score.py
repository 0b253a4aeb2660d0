"""Scores: what share of the zoo is caught, and after how many tasks."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tnverify.engine.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.profiles import Profile
    from tnverify.power.census import Census
    from tnverify.power.rows import Row


@dataclass(frozen=True, slots=True)
class Score:
    """How a profile fares against the zoo.

    `caught` counts faults that some law kills, at the seed where fewest die, of the `reachable`
    ones: those that this profile could see on this machine. `survivors` are those that did not
    die at every seed. `median` is of the tasks to detection over faults and seeds, `slowest` the
    largest of them with its fault; None where nothing was caught.
    """

    profile: Profile
    seeds: tuple[int, ...]
    caught: int
    reachable: int
    median: float | None
    slowest: tuple[int, str] | None
    survivors: tuple[str, ...]
    out_of_reach: tuple[tuple[str, str], ...]

    @property
    def share(self) -> float:
        return self.caught / self.reachable if self.reachable else 0.0


def score(profile: Profile, rows: Sequence[Row]) -> Score:
    """The score of these rows, which are of one profile."""
    found = [(row.first.task, row.name) for row in rows if row.first is not None]
    away = {row.name: row.out_of_reach for row in rows if row.out_of_reach is not None}
    reachable = {row.name for row in rows} - set(away)
    survived = Counter(row.seed for row in rows if row.survives)
    return Score(
        profile=profile,
        seeds=tuple(dict.fromkeys(row.seed for row in rows)),
        caught=len(reachable) - max(survived.values(), default=0),
        reachable=len(reachable),
        median=statistics.median(task for task, _ in found) if found else None,
        slowest=max(found, key=lambda each: each[0]) if found else None,
        survivors=tuple(dict.fromkeys(row.name for row in rows if row.survives)),
        out_of_reach=tuple(away.items()),
    )


def scores(census: Census) -> tuple[Score, ...]:
    """The score of the census' profile; before it, from the matrix, those of smaller profiles.

    A corpus is the start of a larger one, and where lanes take turns alike a smaller budget only
    ends the replay earlier: no second replay is needed.
    """
    smaller = [
        score(profile, [row.under(profile) for row in census.matrix])
        for profile in PROFILES.values()
        if profile.corpus < census.profile.corpus
        and profile.native_every == census.profile.native_every
        and census.matrix
    ]
    return (*smaller, score(census.profile, census.rows))


def curve(rows: Sequence[Row], tasks: int) -> tuple[float, ...]:
    """The share of reachable faults, over all seeds, that is caught within 1, 2, ... tasks."""
    within = [row for row in rows if row.out_of_reach is None]
    if not within:
        return ()
    firsts = [row.first.task for row in within if row.first is not None]
    return tuple(
        sum(first <= most for first in firsts) / len(within) for most in range(1, tasks + 1)
    )
