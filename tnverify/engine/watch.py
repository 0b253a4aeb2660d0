"""What happened before to a subject whose process ended, and who is told what happens next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.contract.task import Task
    from tnverify.engine.results import LawVerdict
    from tnverify.engine.trial import LawRecord


@dataclass(frozen=True, slots=True)
class Crash:
    """What a process was doing when it ended, or was ended: `how`, in words.

    `law` is empty where none was being asked, `plan` -1 where it was no task of the corpus, nor one
    by which it was tried whether the subject takes its size.
    """

    how: str
    stage: str
    during: str = ""
    law: str = ""
    plan: int = -1
    lane: str = ""
    task: str = ""
    hung: bool = False

    @property
    def at_edge(self) -> bool:
        """Whether it was measured what sizes the subject takes, by the one with this number."""
        return self.stage == "resolve" and self.plan >= 0


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a subject from processes that ended: nothing, for the first.

    `records` are laws that were asked of all their tasks, `small` those whose counterexamples
    were made small. With `undetected` the subject ended its process while it was measured.
    """

    crashes: tuple[Crash, ...] = ()
    records: Mapping[str, LawRecord] | None = None
    small: Mapping[str, LawVerdict] | None = None
    tried: bool = False
    undetected: bool = False

    @property
    def passed_over(self) -> frozenset[int]:
        """Plans that ended a process: no other law is asked about them."""
        return frozenset(crash.plan for crash in self.crashes if crash.stage == "laws")

    @property
    def edges(self) -> frozenset[int]:
        """Sizes at the edge that ended a process when they were tried, by their numbers."""
        return frozenset(crash.plan for crash in self.crashes if crash.at_edge)

    def crash_of(self, law: str) -> Crash | None:
        return next((c for c in self.crashes if c.law == law and c.stage == "laws"), None)


class Watch(Protocol):
    """Told what is asked of a subject, and what is found, as it is."""

    def asking(self, law: str, plan: int, lane: str, task: Task) -> None: ...

    def asked(self, record: LawRecord) -> None: ...

    def made_small(self, verdict: LawVerdict) -> None: ...

    def not_written(self, why: str) -> None:
        """A program could not be written to where programs go."""


class Unwatched:
    """A watch that keeps nothing."""

    def asking(self, law: str, plan: int, lane: str, task: Task) -> None:
        """Nothing is kept."""

    def asked(self, record: LawRecord) -> None:
        """Nothing is kept."""

    def made_small(self, verdict: LawVerdict) -> None:
        """Nothing is kept."""

    def not_written(self, why: str) -> None:
        """Nothing is kept."""
