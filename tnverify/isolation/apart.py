"""Calls that may hang, eat memory or end their process: each is made in a process of its own."""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Generic, TypeVar

from tnverify.isolation.interruptions import interruptions_put_off
from tnverify.isolation.messages import MangledError, framed
from tnverify.isolation.processes import Process, methods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tnverify.isolation.inside import Channel
    from tnverify.isolation.limits import Limits

T = TypeVar("T")

_IDLE = 6.0
"""Times the limit of CPU time that a process may take in all: others share the processors."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a piece of work ended: `answer`, or in words why there is none."""

    answer: T | None = None
    why: str | None = None


@dataclass(slots=True)
class _Running:
    number: int
    process: Process
    deadline: float


def each_apart(
    calls: Sequence[Callable[[], T]], jobs: int, limits: Limits, device: str = "cpu"
) -> Iterator[tuple[int, Ended[T]]]:
    """How each call ended, with its place in `calls`, as they end; `jobs` of them at a time.

    Calls and their answers must pickle. Whatever ends the loop over this, Ctrl-C included, ends
    the processes.
    """
    method = methods(device)[0]
    if not device.startswith("cpu"):
        limits = replace(limits, memory=None)  # as Limits says
    running: list[_Running] = []
    next_call = 0
    try:
        while running or next_call < len(calls):
            while next_call < len(calls) and len(running) < jobs:
                with interruptions_put_off():
                    process = Process(method, _answer, (calls[next_call], limits), limits)
                    deadline = time.monotonic() + _IDLE * limits.seconds
                    running.append(_Running(next_call, process, deadline))
                next_call += 1
            soonest = min(each.deadline for each in running) - time.monotonic()
            wait([each.process.end for each in running], max(0.0, soonest))
            for each in tuple(running):
                ended: Ended[T] | None = _heard(each.process)
                if ended is None and time.monotonic() >= each.deadline:
                    ended = Ended(why=f"no answer within {_IDLE * limits.seconds:g} s")
                if ended is not None:
                    running.remove(each)
                    each.process.kill()
                    yield each.number, ended
    finally:
        for each in running:
            each.process.kill()


def _heard(process: Process) -> Ended[T] | None:
    """How the call ended, None while it goes on."""
    try:
        for payload in process.heard():
            ended: Ended[T] = pickle.loads(payload)  # noqa: S301 - it runs as the same user
            return ended
    except MangledError as error:
        return Ended(why=f"its answer could not be read: {error}")
    except Exception as error:  # noqa: BLE001 - the bytes are the call's: it may write there
        return Ended(why=f"its answer could not be read: {type(error).__name__}")
    return Ended(why=process.how_it_died()) if process.ended else None


def _answer(channel: Channel, call: Callable[[], T], limits: Limits) -> None:
    """In the process: make the call and send how it ended."""
    try:
        ended: Ended[T] = Ended(answer=call())
    except MemoryError:
        ended = Ended(why=f"it took more than {limits.memory:g} GiB of memory")
    except BaseException as error:  # noqa: BLE001 - a call may raise anything, SystemExit too
        text = " ".join(str(error).split())
        ended = Ended(why=f"{type(error).__name__}: {text}" if text else type(error).__name__)
    channel.send_frame(framed(pickle.dumps(ended)))
