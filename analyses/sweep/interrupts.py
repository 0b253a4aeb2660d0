"""Ctrl-C that gets through.

Python raises KeyboardInterrupt wherever the main thread happens to be. Where that is a finaliser
or a callback of one, it is printed and forgotten, and the sweep would go on to its end.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

AGAIN_AFTER = 3.0
"""Seconds in which an interrupt has to end the block: longer than joblib needs to let go."""


@contextlib.contextmanager
def kept_interrupts(again_after: float = AGAIN_AFTER) -> Iterator[None]:
    """Raises KeyboardInterrupt again where one that came did not end the block.

    Does nothing outside the main thread, and where somebody else handles Ctrl-C.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    came, over = threading.Event(), threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.default_int_handler(number, frame)

    def insist() -> None:
        came.wait()
        while not over.wait(again_after):
            _thread.interrupt_main()

    threading.Thread(target=insist, name="interrupts", daemon=True).start()
    signal.signal(signal.SIGINT, note)
    try:
        yield
        if came.is_set():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        over.set()
        came.set()  # lets the thread end
