"""Every call into a subject passes here: what it raises becomes SubjectRaised, hangs end."""

from __future__ import annotations

import signal
import threading
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
def time_limit(seconds: float = HANG_SECONDS) -> Iterator[None]:
    """Raise Hang inside after `seconds`, and again every second until it gets through.

    Works in the main thread of a system with interval timers; elsewhere a hang is not ended.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
