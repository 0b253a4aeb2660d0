"""Putting off Ctrl-C and SIGTERM while a process is started."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptions_put_off() -> Iterator[None]:
    """Let what a signal raises be raised only at the end of the block.

    Python drops what is raised while it forks, with a word on stderr, and whoever is interrupted
    between the start of a process and keeping hold of it loses the process. A signal mask would
    not do: another thread, one of torch's, may be the one that receives the signal.
    """
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread alone
        return
    handlers = {
        number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))
    }
    try:
        for number in handlers:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for each in came:
            handlers[signal.Signals(each)](each, None)
