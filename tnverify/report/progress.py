"""Progress of a long run: one line on stderr, only where that is a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bar

    from tnverify.engine.progress import Progress


class _OneLine:
    """The subject, the stage of its work, and a bar; redrawn when the engine says something.

    Nothing is drawn between two calls: no thread of ours runs beside the subject.
    """

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._line = bar.add_task("starting", total=None)
        self._subject = ""

    def on_subject(self, spec: str, number: int, total: int) -> None:
        self._subject = f"[{number}/{total}] {spec}" if total > 1 else spec
        self._draw("looking at the layer", 0, 1)

    def on_plan(self, done: int, total: int) -> None:
        self._draw("checking", done, total)

    def on_shrink(self, law: str, number: int, total: int) -> None:
        self._draw(f"shrinking {law}", number - 1, total)

    def _draw(self, stage: str, done: int, total: int) -> None:
        self._bar.update(
            self._line, description=f"{self._subject}: {stage}", completed=done, total=total
        )
        self._bar.refresh()


@contextmanager
def progress(*, color: bool = True) -> Iterator[Progress]:
    """Progress for the engine; shown where stderr is a terminal, and gone at the end."""
    if not sys.stderr.isatty():
        from tnverify.engine.progress import Silent

        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    # What a subject prints is the engine's to capture: rich must not stand in between.
    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        console=Console(file=sys.stderr, no_color=True if not color else None),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        yield _OneLine(bar)
