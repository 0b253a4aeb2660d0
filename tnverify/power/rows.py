"""What became of one planted fault in one replay of a corpus: the laws that saw it, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.engine.profiles import Profile


@dataclass(frozen=True, slots=True)
class Kill:
    """A law that found a layer violated or broken.

    `task` is the place in the corpus, from 1, of the task that it failed on; `counted` how many
    tasks had counted for the law by then, that one included.
    """

    law: str
    task: int
    counted: int

    def within(self, profile: Profile) -> bool:
        """Whether a profile with a smaller budget, and the same lanes, would have seen it."""
        return self.task <= profile.corpus and self.counted <= profile.tasks


@dataclass(frozen=True, slots=True)
class Row:
    """One layer that is known to be wrong, replayed at one seed.

    `kills` are in the catalogue's order; where `first_only` there is at most one, the first that
    came. `missed` are the laws that were expected to kill it and were asked, but did not;
    `out_of_reach` says why none of those could be asked, for example for lack of a device.
    `seconds` are of CPU time.
    """

    name: str
    family: str
    hard: bool
    seed: int
    kills: tuple[Kill, ...]
    missed: tuple[str, ...] = ()
    out_of_reach: str | None = None
    first_only: bool = False
    seconds: float = 0.0

    @property
    def first(self) -> Kill | None:
        """The kill that took the fewest tasks, the first by the catalogue among equals."""
        return min(self.kills, key=lambda kill: kill.task, default=None)

    @property
    def survives(self) -> bool:
        """Whether no law saw it, though there is one that should have and was asked."""
        return not self.kills and self.out_of_reach is None

    def under(self, profile: Profile) -> Row:
        """The same replay as a profile with a smaller budget and the same lanes sees it.

        Only where every law was asked until it failed: not where `first_only`.
        """
        if self.first_only:
            raise ValueError(f"{self.name} was replayed until its first kill: replay it again")
        kept = tuple(kill for kill in self.kills if kill.within(profile))
        return Row(self.name, self.family, self.hard, self.seed, kept,
                   out_of_reach=self.out_of_reach, seconds=self.seconds)  # fmt: skip
