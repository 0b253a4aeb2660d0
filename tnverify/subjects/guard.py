"""Every call into a subject passes here: what it raises becomes SubjectRaised, hangs end."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tnverify.contract.outcomes import SubjectRaised

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

HANG_SECONDS = 10.0
"""How long evaluating a law on one task may take before the subject counts as hanging."""


class Hang(BaseException):
    """Raised in the subject's frame; no Exception, so that `except Exception` lets it pass."""


@contextmanager
def calling(during: str) -> Iterator[None]:
    """Turn whatever the subject raises into SubjectRaised; Ctrl-C passes."""
    try:
        yield
    except Hang:
        error = TimeoutError(f"no answer within {HANG_SECONDS:g} s")
        raise SubjectRaised(error, during) from None
    except (Exception, SystemExit, GeneratorExit) as error:
        raise SubjectRaised(error, during) from error


@contextmanager
def time_limit(seconds: float | None = None) -> Iterator[None]:
    """Raise Hang inside after `seconds` (HANG_SECONDS where None), and again every second until
    it gets through. A limit around this one goes on counting afterwards.

    Works in the main thread of a system with interval timers; elsewhere a hang is not ended.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "setitimer") or not in_main:
        yield
        return

    def ring(signum: int, frame: FrameType | None) -> None:
        raise Hang

    handler = signal.signal(signal.SIGALRM, ring)
    started = time.monotonic()
    left, interval = signal.setitimer(
        signal.ITIMER_REAL, HANG_SECONDS if seconds is None else seconds, 1.0
    )
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left > 0:
            rest = max(left - (time.monotonic() - started), 0.001)
            signal.setitimer(signal.ITIMER_REAL, rest, interval)
