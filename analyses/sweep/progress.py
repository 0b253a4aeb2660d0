"""How far a sweep is, read from the disk: the same whatever carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tnverify.analyses.sweep.workplace import share_done

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tnverify.analyses.sweep.job import Layout


@dataclass(frozen=True, slots=True)
class Progress:
    """A sweep at one moment.

    `total` runs were asked for and `found` of them were there before; `finished` have a record by
    now, the former among them; `share` is what is done of the rest, runs in the middle counting
    for as much as they told; `seconds` went by since the sweep began.
    """

    total: int
    found: int
    finished: int
    share: float
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """How much longer, if it goes on as it did; None while there is nothing to tell by."""
        if self.finished == self.total:
            return 0.0
        return self.seconds * (1 - self.share) / self.share if self.share > 0 else None


def read_progress(
    layout: Layout, wanted: AbstractSet[str], found: AbstractSet[str], seconds: float
) -> Progress:
    """The progress of the runs named `wanted`, of which `found` were there when it began."""
    there = {path.stem for path in layout.records.glob("*.json")} & wanted
    waiting = wanted - found
    done = len(there - found) + sum(share_done(layout.workplace(n)) for n in waiting - there)
    return Progress(
        total=len(wanted),
        found=len(found),
        finished=len(there | found),
        share=done / len(waiting) if waiting else 1.0,
        seconds=seconds,
    )
