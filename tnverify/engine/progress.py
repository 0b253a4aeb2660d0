"""What the engine tells while it works: doors show it, the engine does not care how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tnverify.engine.results import SubjectReport


class Progress(Protocol):
    """Called from the engine as a run goes on; none of these may raise.

    `on_subject` says that subject `number` of `total` (from 1) begins. `on_step` says how much
    of one stage of its work is done: `stage` is a word a person understands, such as `checking`
    or `shrinking`. `on_report` hands over what became of the subject.
    """

    def on_subject(self, spec: str, number: int, total: int) -> None: ...

    def on_step(self, stage: str, done: int, total: int) -> None: ...

    def on_report(self, report: SubjectReport) -> None: ...


class Silent:
    """Progress that is shown to nobody."""

    def on_subject(self, spec: str, number: int, total: int) -> None:
        """Nothing is shown."""

    def on_step(self, stage: str, done: int, total: int) -> None:
        """Nothing is shown."""

    def on_report(self, report: SubjectReport) -> None:
        """Nothing is shown."""
