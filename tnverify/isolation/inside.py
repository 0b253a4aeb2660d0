"""What a process does before it does its work, so that it can reach nothing but its work."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from tnverify.isolation.limits import Limits, set_limits
from tnverify.isolation.messages import frame
from tnverify.subjects import guard

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


class Channel:
    """The end of a pipe on which a process tells what it found."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._owner = os.getpid()

    def send(self, value: object) -> None:
        """Send a value whole."""
        self.send_frame(frame(value))

    def close(self) -> None:
        """Close this process' copy of it."""
        self._end.close()

    def send_frame(self, data: bytes) -> None:
        """Send a message whole. Ends the process where nobody is left to read it, and where this
        is a second process, which the subject made of this one."""
        if os.getpid() != self._owner:
            os._exit(0)
        held = _held_back()
        try:
            self._end.sendall(data)
        except OSError:
            os._exit(1)
        finally:
            _let_through(held)


def _held_back() -> Any:
    """Hold back signals that would cut a message in two; what was held back before."""
    if not hasattr(signal, "pthread_sigmask"):
        return None
    return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGALRM})


def _let_through(held: Any) -> None:
    if held is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def run(
    work: Callable[..., None],
    end: socket.socket,
    parent: int,
    method: str,
    limits: Limits,
    arguments: tuple[Any, ...],
    *,
    keeps_files: bool = False,
) -> None:
    """In the new process: settle in it, do the work, and end it whatever was registered to be run
    at its end."""
    code = 1
    gc.freeze()  # what was there before is not looked through again and again
    try:
        settle(limits, parent)
        if method == "fork" and not keeps_files:
            _close_all_but(end.fileno())
        work(Channel(end), *arguments)
        code = 0
    finally:
        os._exit(code)


def settle(limits: Limits, parent: int) -> None:
    """Make this process one that ends with its parent, prints nothing and keeps the limits."""
    if hasattr(os, "setsid"):
        with contextlib.suppress(PermissionError):  # it leads a group already
            os.setsid()
    end_with(parent)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_second_process)
    signal.signal(signal.SIGINT, guard.press)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.disable()  # it may hold a terminal of its own
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    set_limits(limits)


def _close_all_but(kept: int) -> None:
    """Close the files that who started this process has open: other processes' results, say."""
    most = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, kept)
    os.closerange(kept + 1, most)


def end_with(parent: int) -> None:
    """Have this process ended as soon as its parent is gone."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it went before it could be asked for
    elif os.name == "posix":
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    import time

    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def _in_second_process() -> None:
    """In a process that the subject made of this one: it ends with this one, and must not go on
    as if it were this one."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    guard.is_second_process()
