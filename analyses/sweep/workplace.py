"""Where a run works until it is finished: a folder of its own, and a way to tell how far it is."""

from __future__ import annotations

import shutil
import time
import uuid
from typing import TYPE_CHECKING

from tnverify.analyses.records.atomic import write_over

if TYPE_CHECKING:
    from pathlib import Path

OWNER, SHARE = "owner", "share"
"""Files of a workplace: who works there, and what share of the run is done."""

EVERY = 1.0
"""`tell` looks at the disk once in so many seconds, however often it is called."""


class TakenOverError(RuntimeError):
    """Another worker has begun this run, or the sweep was stopped: this one is to end."""


class Workplace:
    """The folder of one run.

    What a run puts in `folder`, a checkpoint say, is there when the run is begun again after a
    worker was killed; it is removed once the run has its record.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the folder over; whoever worked there before is told so."""
        self.folder = folder
        self._token = uuid.uuid4().hex
        self._told = -EVERY
        write_over(folder / OWNER, self._token.encode())

    def tell(self, done: float, total: float) -> None:
        """Says that `done` of `total` is done, for the time left that is shown on screen.

        Call it as often as you like. Raises TakenOverError where the run is to end at once.
        """
        now = time.monotonic()
        if now - self._told < EVERY:
            return
        self._told = now
        if owner(self.folder) != self._token:
            raise TakenOverError("the run was taken over by another worker, or the sweep stopped")
        write_over(self.folder / SHARE, f"{min(1.0, done / total):.6f}".encode())

    def clear(self) -> None:
        """Removes the folder and all in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def owner(folder: Path) -> str | None:
    """Who works in a folder; None where nobody does any more."""
    try:
        return (folder / OWNER).read_text()
    except FileNotFoundError:
        return None


def dismiss(folder: Path) -> None:
    """Ends the run that works in `folder` when it next tells how far it is; its files stay."""
    (folder / OWNER).unlink(missing_ok=True)


def share_done(folder: Path) -> float:
    """The share of a run that was last told, 0 where none was."""
    try:
        return float((folder / SHARE).read_text())
    except FileNotFoundError:
        return 0.0
