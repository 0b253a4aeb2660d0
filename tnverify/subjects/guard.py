"""Every call into a subject passes here: what it raises becomes SubjectRaised, hangs end."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from tnverify.contract.outcomes import SubjectRaised

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import FrameType

HANG_SECONDS = 10.0
"""How long evaluating a law on one task may take before the subject counts as hanging: seconds by
the clock, of a process that gets its processor for half of them."""


STARVED = 2.5
"""How many times as long is given, within a call, to a process that got less than half of the
limit in CPU time: one that was halted, or that shares its processor with many, does not hang."""

PATIENT = 6.0
"""How many times the limit all calls of a law on one task may take together, where each comes back
in time: a slow layer does not hang. And how many times as long is given to a starved process
outside of any call, where no layer can be asleep."""

_counting: tuple[float, float, float] | None = None
"""The limit that counts now: its seconds, and the clock and CPU time when it began."""


class Watcher(Protocol):
    """Who is told what this process does with its subject, to know it should the process go."""

    def calling(self, during: str) -> None: ...

    def asking(self, law: str, plan: int, lane: str, task: str) -> None: ...

    def count(self, limit: tuple[float, float, float] | None) -> None: ...

    def came_twice(self) -> None: ...


_in_calls = 0
"""How many calls into the subject are being made, one within the other."""

_watcher: Watcher | None = None
_in_second_process = False
_pressed: bool | None = None
"""Whether Ctrl-C was pressed; None where a KeyboardInterrupt means that it was."""


class Hang(BaseException):
    """Raised in the subject's frame; no Exception, so that `except Exception` lets it pass."""


class TooSlow(Hang):
    """Raised where calls come back one by one, and together take too long for one law."""


_hangs_left: int | None = None
"""How many more calls may hang until none is made any more; None where they are not counted."""
_whole = (0.0, 0.0)
"""When what is limited began as a whole, by the clock, and how long it may take."""


class calling:  # noqa: N801 - reads as the verb that it is: `with calling("condition"):`
    """Turn whatever the subject raises into SubjectRaised; Ctrl-C passes.

    A class, not a generator: it stands around every call of every law.
    """

    __slots__ = ("_during",)

    def __init__(self, during: str) -> None:
        self._during = during

    def __enter__(self) -> None:
        global _in_calls  # noqa: PLW0603 - the limit is the process', as its alarm is
        if _hangs_left == 0 and self._during != "build":  # what hangs when called may be built
            raise SubjectRaised(TimeoutError("no answer, as to the calls before"), self._during)
        if _counting is not None:
            _count_anew(*_counting)
        if _watcher is not None:
            _watcher.calling(self._during)
        _in_calls += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        global _hangs_left, _in_calls  # noqa: PLW0603 - the limit is the process', as its alarm is
        _in_calls -= 1
        if _in_second_process:
            if _watcher is not None:
                _watcher.came_twice()
            os._exit(0)
        if kind is None or error is None:
            return
        if kind is Hang:
            if _hangs_left:
                _hangs_left -= 1
            hang = TimeoutError(f"no answer within {HANG_SECONDS:g} s")
            raise SubjectRaised(hang, self._during) from None
        if kind is TooSlow:
            return
        if kind is not KeyboardInterrupt or _pressed is False:
            raise SubjectRaised(error, self._during) from error


@contextmanager
def few_hangs(most: int) -> Iterator[None]:
    """Make no call any more inside, but to build, once so many have hung: each costs the whole
    limit."""
    global _hangs_left  # noqa: PLW0603 - the subject is the process'
    before = _hangs_left
    _hangs_left = most if before is None else before
    try:
        yield
    finally:
        _hangs_left = before


def watched_by(watcher: Watcher) -> None:
    """Have a watcher told of every call from now on."""
    global _watcher  # noqa: PLW0603 - the subject is the process'
    _watcher = watcher


def trying(number: int, task: str) -> None:
    """Tell who watches that a size is tried, by what task of it; none any more with -1."""
    if _watcher is not None:
        _watcher.asking("", number, "", task)


def press(_signal: int, _frame: FrameType | None) -> None:
    """The handler of Ctrl-C in a process of a subject's own, whose subject may raise what
    Ctrl-C raises."""
    global _pressed  # noqa: PLW0603 - as _watcher
    _pressed = True
    raise KeyboardInterrupt


def only_press_interrupts() -> None:
    """Take a KeyboardInterrupt that `press` did not raise for the subject's."""
    global _pressed  # noqa: PLW0603 - as _watcher
    _pressed = False


def is_second_process(*, made_by_subject: bool = True) -> None:
    """Say whether this process was made by the subject: it must not go on as the first does."""
    global _in_second_process  # noqa: PLW0603 - as _watcher
    _in_second_process = made_by_subject


def _count(limit: tuple[float, float, float] | None) -> None:
    global _counting  # noqa: PLW0603 - the limit is the process', as its alarm is
    _counting = limit
    if _watcher is not None:
        _watcher.count(limit)


def _count_anew(seconds: float, clock: float, _cpu: float) -> None:
    """Have the limit count from now, where a call begins; raise TooSlow where all of them together
    have taken too long.

    Not at every call, which would cost more than many of them: a fifth of the limit is let pass.
    """
    now = time.monotonic()
    if now - clock < seconds / 5:
        return
    began, most = _whole
    if now - began > most:
        raise TooSlow
    _count((seconds, now, time.process_time()))
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)


def _ring(_signal: int, _frame: FrameType | None) -> None:
    """End what takes too long; it rings again every second where it does not."""
    if _counting is not None:
        seconds, clock, cpu = _counting
        starved = time.process_time() - cpu < seconds / 2
        times = STARVED if _in_calls else PATIENT
        if starved and time.monotonic() - clock < times * seconds:
            return
    raise Hang


@contextmanager
def alarms() -> Iterator[None]:
    """Install the handler that `time_limit` rings, once for many limits.

    Works in the main thread of a system with interval timers; elsewhere a hang is not ended.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if _can_ring() or not hasattr(signal, "setitimer") or not in_main:
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def _can_ring() -> bool:
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is _ring
    )


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let calls take up to `seconds` inside: for layers that compile themselves when called."""
    global HANG_SECONDS  # noqa: PLW0603 - the limit is the process', as its alarm is
    before = HANG_SECONDS
    HANG_SECONDS = seconds
    try:
        yield
    finally:
        HANG_SECONDS = before


class time_limit:  # noqa: N801 - as `calling`: `with time_limit():` stands around every law
    """Raise Hang inside after `seconds` (HANG_SECONDS where None), and again every second until
    it gets through; TooSlow where every call came back in time and all have taken `whole` seconds
    together (PATIENT times the limit where None).

    A limit around this one goes on counting afterwards, but for the time in here, which had a limit
    of its own; all calls together take no longer than is left of the whole around.
    """

    __slots__ = (
        "_around", "_counted_before", "_cpu", "_handler", "_limit", "_most", "_seconds",
        "_started", "_whole_before",
    )  # fmt: skip

    def __init__(self, seconds: float | None = None, *, whole: float | None = None) -> None:
        self._seconds = seconds
        self._most = whole

    def __enter__(self) -> None:
        global _whole  # noqa: PLW0603 - as _answered
        self._handler: AbstractContextManager[None] | None = None
        self._around: tuple[float, float] | None = None
        if not _can_ring():
            self._handler = alarms()
            self._handler.__enter__()
            if not _can_ring():
                return
        self._limit = HANG_SECONDS if self._seconds is None else self._seconds
        self._started, self._cpu = time.monotonic(), time.process_time()
        self._counted_before, self._whole_before = _counting, _whole
        most = PATIENT * self._limit if self._most is None else self._most
        if _counting is not None:
            began, whole = _whole
            most = min(most, began + whole - self._started)
        _whole = self._started, most
        _count((self._limit, self._started, self._cpu))
        self._around = signal.setitimer(signal.ITIMER_REAL, self._limit, 1.0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        global _whole  # noqa: PLW0603 - as _answered
        if self._around is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _whole = self._whole_before
            around = self._counted_before
            left, interval = self._around
            if around is not None:
                seconds, clock, cpu = around
                took = time.monotonic() - self._started
                around = (seconds, clock + took, cpu + time.process_time() - self._cpu)
            _count(around)
            if left > 0:
                signal.setitimer(signal.ITIMER_REAL, left, interval)
        if self._handler is not None:
            self._handler.__exit__(None, None, None)
