"""What a sweep asks of whatever carries its runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tnverify.analyses.sweep.job import Job


class EngineError(RuntimeError):
    """An engine that cannot be had, or was lost; the message says what to do."""


class WorkerDiedError(RuntimeError):
    """The process that carried out a run ended in the middle of it."""


class Engine(Protocol):
    """Carries runs out, several at once, each in a process that may die without harm to others."""

    lanes: int
    """How many runs to hand over at once."""
    attempts: int
    """How often to hand a run over again whose worker died, the first time included."""

    def finish(self, job: Job) -> str | None:
        """Has the run carried out and waits for it; what went wrong in it, or None.

        Called from several threads at once. Raises WorkerDiedError, and EngineError where the
        engine itself was lost.
        """

    def close(self, *, now: bool) -> None:
        """Lets go of all workers; with `now` it ends what they are at."""
