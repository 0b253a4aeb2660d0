"""Starting a process for some work, hearing what it tells, and ending it with all it started."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, Literal

from tnverify.isolation import inside
from tnverify.isolation.messages import Frames, MangledError
from tnverify.subjects.guard import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.isolation.board import Board
    from tnverify.isolation.limits import Limits

Method = Literal["fork", "spawn"]

_GRACE = 2.0
"""Seconds beyond its limit that a process has to end a call by itself."""


class Process:
    """A process that does some work, as who started it sees it.

    `work(channel, *arguments)` runs in it, and tells on the channel what it finds. Started by
    spawning it must pickle, with its arguments. Forked, it `keeps_files` that are open, or has
    them closed. Raises OSError where no process is to be had.
    """

    def __init__(
        self,
        method: Method,
        work: Callable[..., None],
        arguments: tuple[Any, ...],
        limits: Limits,
        board: Board | None = None,
        *,
        keeps_files: bool = False,
    ) -> None:
        self.board = board
        self._limits = limits
        self._frames = Frames()
        self.ended = False
        """Whether it has closed its end: it tells nothing more."""
        self.killed_for: str | None = None
        self.end, theirs = socket.socketpair()
        start: Any = multiprocessing.get_context(method)
        self._process = start.Process(
            target=inside.run,
            args=(work, theirs, os.getpid(), method, limits, arguments),
            kwargs={"keeps_files": keeps_files},
            daemon=True,
        )
        try:
            with warnings.catch_warnings():
                # Python warns of forking where there are threads: the new process runs none of
                # what they hold, and computes in one thread.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._process.start()
        except BaseException:
            self.end.close()
            raise
        finally:
            theirs.close()
        self.end.setblocking(False)

    def heard(self) -> Iterator[bytes]:
        """The messages that have come since this was asked last.

        Raises MangledError where what came is none; the process is to be ended then.
        """
        while not self.ended:
            try:
                data = self.end.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:  # it was reset
                data = b""
            if not data:
                self.ended = True
                return
            yield from self._frames.add(data)

    def interrupt(self) -> None:
        """Ask the process to end, as Ctrl-C does, and to tell what it has."""
        if self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGINT)

    def stuck_for(self) -> float | None:
        """How many seconds its last call has taken, where that is beyond the limit."""
        limit = None if self.board is None else self.board.limit
        if limit is None:
            return None
        seconds, clock, cpu = limit
        took = time.monotonic() - clock
        if took < seconds + _GRACE:
            return None
        used = _cpu_seconds(self._process.pid)
        starved = used is None or used - cpu < seconds / 2
        return None if starved and took < PATIENT * seconds + _GRACE else seconds

    def kill(self) -> None:
        """End the process and whatever it started."""
        if self._process.pid is not None:
            end_group(self._process.pid)
        self._process.kill()
        self._process.join()
        self.end.close()
        self.ended = True

    def how_it_died(self) -> str:
        """In words how a process ended that told nothing more; it is gone afterwards."""
        # Not `join`, which waits without end for a process that closed what it was given.
        deadline = time.monotonic() + 5
        while self._process.exitcode is None and time.monotonic() < deadline:
            time.sleep(0.005)
        code = self._process.exitcode
        self.kill()
        if code is None:
            return "it closed its end of the pipe and went on"
        if code >= 0:
            return f"it ended its process with exit code {code}"
        if hasattr(signal, "SIGXCPU") and -code == signal.SIGXCPU:
            return f"it took more than {self._limits.seconds:g} s of CPU time"
        return f"its process died of {_signal_name(-code)}"


def end_group(leader: int) -> None:
    """End all processes of the group that a process leads."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _cpu_seconds(pid: int | None) -> float | None:
    """CPU time that a process has taken; None where the system does not tell."""
    if sys.platform != "linux" or pid is None:
        return None
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - asked twenty times a second
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def methods(device: str = "cpu") -> tuple[Method, ...]:
    """Ways to start a process that can be had here, the best first.

    Forking takes milliseconds. It is not to be had where a GPU is used, whose driver does not
    survive it, nor on macOS, whose own libraries do not.
    """
    if sys.platform == "linux" and device.startswith("cpu"):
        return ("fork", "spawn")
    return ("spawn",)


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


__all__ = ["MangledError", "Method", "Process", "cores", "end_group", "methods"]
