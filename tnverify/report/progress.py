"""Progress of a long run: one line on a terminal's stderr, or in a cell of a notebook."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.engine.progress import Progress

_BAR = 20
_PAUSE = 0.1
_CLEAR = "\r\x1b[2K"
"""To the first column, and the line emptied. The cursor never moves up: what stands above may be
the report by then, where stdout and stderr reach the terminal by different ways, as under tox."""


class _OneLine:
    """The subject, the stage of its work, and a bar; redrawn when the engine says something.

    Nothing is drawn between two calls: no thread of ours runs beside the subject.
    """

    def __init__(self, *, color: bool) -> None:
        # What a subject prints is captured by then: this is the terminal itself.
        self._file = sys.stderr
        self._green, self._plain = ("\x1b[32m", "\x1b[0m") if color else ("", "")
        self._subject = ""

    def on_subject(self, spec: str, number: int, total: int) -> None:
        self._subject = f"[{number}/{total}] {spec}" if total > 1 else spec
        self._draw("looking at the layer", 0, 1)

    def on_plan(self, done: int, total: int) -> None:
        self._draw("checking", done, total)

    def on_shrink(self, law: str, number: int, total: int) -> None:
        self._draw(f"shrinking {law}", number - 1, total)

    def clear(self) -> None:
        """Leave the line empty."""
        self._write(_CLEAR)

    def _draw(self, stage: str, done: int, total: int) -> None:
        from rich.cells import set_cell_size

        count = f" {done}/{total}"
        room = shutil.get_terminal_size().columns - 1 - _BAR - 1 - len(count)
        text = f"{self._subject}: {stage}"
        filled = _BAR * min(done, total) // max(total, 1)
        bar = f"{self._green}{'#' * filled}{self._plain}{'-' * (_BAR - filled)}"
        if room < _BAR:
            self._write(_CLEAR + set_cell_size(text, min(len(text), max(room + _BAR, 1))))
            return
        self._write(f"{_CLEAR}{set_cell_size(text, min(len(text), room))} {bar}{count}")

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


class _InNotebook(_OneLine):
    """The same line as one output of a notebook's cell, shown anew at most ten times a second."""

    def __init__(self) -> None:
        super().__init__(color=False)
        self._shown: Any = None
        self._last = 0.0

    def clear(self) -> None:
        """Leave the output empty."""
        if self._shown is not None:
            self._shown.update({"text/plain": ""}, raw=True)

    def _write(self, text: str) -> None:
        from IPython.display import display

        now = time.monotonic()
        if now - self._last < _PAUSE:
            return
        self._last = now
        said = {"text/plain": text.removeprefix(_CLEAR)}
        if self._shown is None:
            self._shown = display(said, raw=True, display_id=True)
        else:
            self._shown.update(said, raw=True)


def _in_notebook() -> bool:
    """Whether this is a cell of a notebook whose output nobody captures."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    publisher = type(getattr(shell, "display_pub", None)).__name__
    return hasattr(shell, "kernel") and "Captur" not in publisher


@contextmanager
def progress(*, color: bool = True, wanted: bool = True) -> Iterator[Progress]:
    """Progress for the engine; shown in a notebook and where stderr is a terminal, and gone at the
    end."""
    line: _OneLine
    if wanted and _in_notebook():
        line = _InNotebook()
    elif wanted and sys.stderr.isatty():
        line = _OneLine(color=color and not os.environ.get("NO_COLOR"))
    else:
        from tnverify.engine.progress import Silent

        yield Silent()
        return
    try:
        yield line
    finally:
        line.clear()
