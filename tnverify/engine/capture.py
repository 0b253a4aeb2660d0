"""What a subject prints, warns or logs is never an outcome, and never on the screen."""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Captured:
    """How much was captured. Filled when the block ends."""

    lines: int = 0
    first: str = ""

    @property
    def note(self) -> str | None:
        """A remark for a person; None where nothing was printed."""
        if not self.lines:
            return None
        return f"printed {self.lines} lines, which are not shown; the first: {self.first!r}"


class _Counting(io.TextIOBase):
    """Keeps the first line and counts the others, so that a chatty layer costs no memory."""

    def __init__(self, captured: Captured) -> None:
        self._captured = captured

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self._captured.first and text.strip():
            self._captured.first = text.strip().splitlines()[0][:80]
        self._captured.lines += text.count("\n")
        return len(text)


@contextmanager
def captured_output() -> Iterator[Captured]:
    """Capture what Python code inside prints, and silence what it warns and logs."""
    captured = Captured()
    sink = _Counting(captured)
    with redirect_stdout(sink), redirect_stderr(sink), warnings.catch_warnings(), _no_logs():
        warnings.simplefilter("ignore")
        yield captured


@contextmanager
def _no_logs() -> Iterator[None]:
    """Handlers of logs may hold the terminal itself, as torch's do: redirecting misses them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
