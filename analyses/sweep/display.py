"""Progress on a terminal, with the time left; one line a finished run where there is none."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.analyses.sweep.progress import Progress

EVERY = 0.5
"""Seconds between two looks."""


@contextlib.contextmanager
def shown(
    read: Callable[[float], Progress], title: str, console: Console | None = None
) -> Iterator[None]:
    """Shows what `read(seconds since the start)` tells until the block ends, on stderr."""
    console = console or Console(stderr=True)
    show = _as_a_bar if console.is_terminal else _as_lines
    began, stop = time.monotonic(), threading.Event()

    def watch() -> None:
        with show(console, title) as update:
            while True:
                last = stop.wait(EVERY)
                update(read(time.monotonic() - began))
                if last:
                    return

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


@contextlib.contextmanager
def _as_a_bar(console: Console, title: str) -> Iterator[Callable[[Progress], None]]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"),
        TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Bar(*columns, console=console, transient=False) as bar:
        task = bar.add_task(title, total=None, left="")

        def update(progress: Progress) -> None:
            waiting = progress.total - progress.found
            bar.update(
                task,
                total=progress.total,
                completed=round(progress.found + progress.share * waiting, 3)
                if progress.finished < progress.total
                else progress.total,
                left=time_left(progress),
                refresh=True,
            )

        yield update


@contextlib.contextmanager
def _as_lines(console: Console, title: str) -> Iterator[Callable[[Progress], None]]:
    told: list[int] = []

    def update(progress: Progress) -> None:
        if progress.finished not in told:
            told.append(progress.finished)
            words = [f"{title}: {progress.finished} of {progress.total} runs", time_left(progress)]
            console.print(", ".join(filter(None, words)), highlight=False)

    yield update


def time_left(progress: Progress) -> str:
    """The time left in words of one unit, such as "about 12 min left"; empty where unknown."""
    seconds = progress.seconds_left
    if seconds is None or progress.finished == progress.total:
        return ""
    for unit, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * unit:
            return f"about {seconds / unit:.0f} {name} left"
    return f"about {max(1.0, seconds):.0f} s left"
