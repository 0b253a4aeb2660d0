"""The zoo before the laws: every planted fault, at every seed, over processes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tnverify.catalogue import load_catalogue
from tnverify.engine.progress import Silent
from tnverify.faults import FAMILIES, all_faults
from tnverify.power.jobs import done_in_order
from tnverify.power.replay import replay_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.profiles import Profile
    from tnverify.engine.progress import Progress
    from tnverify.faults import Fault
    from tnverify.power.rows import Row


@dataclass(frozen=True, slots=True)
class Census:
    """What became of the zoo. `rows` has every fault at the first seed, then at the next one.

    `interrupted` says that Ctrl-C ended it: the rows so far are here.
    """

    profile: Profile
    seeds: tuple[int, ...]
    laws: tuple[str, ...]
    rows: tuple[Row, ...]
    seconds: float = 0.0
    interrupted: bool = False
    device: str = "cpu"

    def at(self, seed: int) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.seed == seed)

    @property
    def matrix(self) -> tuple[Row, ...]:
        """The rows that have every law's kill: those of the first seed, unless it was left out."""
        return tuple(row for row in self.rows if not row.first_only)

    @property
    def survivors(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.survives)


def zoo(families: Sequence[str] = ()) -> tuple[Fault, ...]:
    """The planted faults of these families, of all where none is named."""
    return tuple(f for f in all_faults() if not families or f.family in families)


def take(
    faults: Sequence[Fault],
    profile: Profile,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    jobs: int = 1,
    matrix: bool = True,
    progress: Progress | None = None,
) -> Census:
    """Replay every fault, on a device, at every seed.

    At the first seed every law is asked until it fails, which gives the matrix, unless `matrix`
    is off; at the others until one law kills. Ctrl-C ends it and keeps what was found so far.
    """
    progress, clock = progress or Silent(), time.perf_counter()
    rows: list[Row] = []
    interrupted = False
    try:
        for number, seed in enumerate(seeds, 1):
            progress.on_subject(f"{len(faults)} planted faults, seed {seed}", number, len(seeds))
            first_only = not matrix or number > 1
            calls = [
                partial(
                    replay_named,
                    fault.name,
                    seed,
                    profile.name,
                    device=device,
                    first_only=first_only,
                )
                for fault in faults
            ]
            for done, row in enumerate(done_in_order(calls, jobs), 1):
                rows.append(row)
                progress.on_plan(done, len(faults))
    except KeyboardInterrupt:
        interrupted = True
    laws = tuple(law.name for law in load_catalogue())
    return Census(
        profile, tuple(seeds), laws, tuple(rows), time.perf_counter() - clock, interrupted, device
    )


def families_of(faults: Sequence[Fault]) -> tuple[str, ...]:
    """The families of these faults, in the catalogue's order."""
    return tuple(family for family in FAMILIES if any(f.family == family for f in faults))
