"""What the engine tells while it works: doors show it, the engine does not care how."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called from the engine as a run goes on; none of these may raise.

    `on_subject` says that subject `number` of `total` (from 1) begins; `on_plan` how many of
    its corpus of tasks are done; `on_shrink` that the counterexample of a law is being made
    small, `number` of `total` (from 1).
    """

    def on_subject(self, spec: str, number: int, total: int) -> None: ...

    def on_plan(self, done: int, total: int) -> None: ...

    def on_shrink(self, law: str, number: int, total: int) -> None: ...


class Silent:
    """Progress that is shown to nobody."""

    def on_subject(self, spec: str, number: int, total: int) -> None:
        """Nothing is shown."""

    def on_plan(self, done: int, total: int) -> None:
        """Nothing is shown."""

    def on_shrink(self, law: str, number: int, total: int) -> None:
        """Nothing is shown."""
