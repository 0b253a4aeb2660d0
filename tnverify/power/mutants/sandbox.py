"""Work that may hang, eat memory or end its process: each piece in a process of its own.

Processes are forked by a server that has imported torch and run nothing (where the system has
such servers), so each starts in milliseconds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

T = TypeVar("T")

_IDLE = 6.0
"""Times the limit of CPU time that a process may take in all: others share the processors."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of CPU time, and GiB of memory beyond what is taken before the work begins."""

    seconds: float = 60.0
    memory: float = 4.0


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a piece of work ended: `answer`, or in words why there is none."""

    answer: T | None = None
    why: str | None = None


@dataclass(slots=True)
class _Running(Generic[T]):
    number: int
    process: BaseProcess
    receiver: Connection
    deadline: float


def each_apart(
    calls: Sequence[Callable[[], T]], jobs: int, limits: Limits
) -> Iterator[tuple[int, Ended[T]]]:
    """How each call ended, with its place in `calls`, as they end; `jobs` of them at a time.

    Calls must pickle. Whatever ends the loop over this, Ctrl-C included, ends the processes.
    """
    methods = multiprocessing.get_all_start_methods()
    server = "forkserver" in methods
    context = multiprocessing.get_context("forkserver" if server else "spawn")
    if server:
        context.set_forkserver_preload(["tnverify.power.mutants.judge"])
    running: list[_Running[T]] = []
    next_call = 0
    try:
        while running or next_call < len(calls):
            while next_call < len(calls) and len(running) < jobs:
                running.append(_start(context, next_call, calls[next_call], limits))
                next_call += 1
            soonest = min(each.deadline for each in running) - time.monotonic()
            wait([each.receiver for each in running], max(0.0, soonest))
            for each in tuple(running):
                if each.receiver.poll() or time.monotonic() >= each.deadline:
                    running.remove(each)
                    yield each.number, _end(each, limits)
    finally:
        for each in running:
            _kill(each.process)


def _start(context: object, number: int, call: Callable[[], T], limits: Limits) -> _Running[T]:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = context.Process(  # type: ignore[attr-defined]  # a context of multiprocessing
        target=_work, args=(call, sender, limits), daemon=True
    )
    process.start()
    sender.close()  # or a process that dies would leave the pipe open
    return _Running(number, process, receiver, time.monotonic() + _IDLE * limits.seconds)


def _end(each: _Running[T], limits: Limits) -> Ended[T]:
    """The answer that is waiting, or why there is none; its process is gone afterwards."""
    ended: Ended[T] = Ended(why=f"no answer within {_IDLE * limits.seconds:g} s")
    if each.receiver.poll():
        try:
            ended = each.receiver.recv()
        except EOFError:
            each.process.join(5)
            ended = Ended(why=_how_it_died(each.process.exitcode, limits))
        except Exception as error:  # noqa: BLE001 - the bytes are the mutant's: it may write there
            ended = Ended(why=f"its answer could not be read: {type(error).__name__}")
    _kill(each.process)
    each.receiver.close()
    return ended


def _how_it_died(code: int | None, limits: Limits) -> str:
    if code is None or code >= 0:
        return f"it ended its process with exit code {code}"
    if hasattr(signal, "SIGXCPU") and -code == signal.SIGXCPU:
        return f"it took more than {limits.seconds:g} s of CPU time"
    return f"its process died of {signal.Signals(-code).name}"


def _kill(process: BaseProcess) -> None:
    """End a process and whatever it started."""
    if process.pid is not None and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
    process.kill()
    process.join()


def _work(call: Callable[[], T], sender: Connection, limits: Limits) -> None:
    """In the process: make the call within the limits and send how it ended."""
    if hasattr(os, "setsid"):
        with contextlib.suppress(PermissionError):  # it leads one already
            os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    _limit(limits)
    try:
        ended: Ended[T] = Ended(answer=call())
    except MemoryError:
        ended = Ended(why=f"it took more than {limits.memory:g} GiB of memory")
    except BaseException as error:  # noqa: BLE001 - a mutant may raise anything, SystemExit too
        text = " ".join(str(error).split())
        ended = Ended(why=f"{type(error).__name__}: {text}" if text else type(error).__name__)
    sender.send(ended)
    sender.close()
    # What a mutant registered to be run at the end must not keep the process.
    os._exit(0)


def _limit(limits: Limits) -> None:
    """Set the limits, where the system has them; elsewhere the deadline alone holds."""
    try:
        import resource
    except ImportError:
        return
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    if sys.platform != "linux":
        return  # what is mapped is counted otherwise there
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    taken = int(pages) * resource.getpagesize()
    most = taken + int(limits.memory * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
