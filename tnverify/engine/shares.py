"""The laws of one subject, asked in several processes that are made of the one that knows it.

How they are shared depends on the laws alone, never on how many processes run at a time: each
share meets the subject as it was when it was known, so that a subject that keeps something from
call to call gives the same report on one core as on many.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Protocol

from tnverify.engine.told import Told
from tnverify.isolation.board import Board
from tnverify.isolation.interruptions import interruptions_put_off
from tnverify.isolation.messages import MangledError, value_of
from tnverify.isolation.processes import Process
from tnverify.subjects import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.catalogue import Law
    from tnverify.engine.trial import LawRecord
    from tnverify.isolation.inside import Channel
    from tnverify.isolation.limits import Limits

MOST = 4
"""Shares of a catalogue: of more, each would compute anew what laws have in common."""

FEWEST = 16
"""Laws in a share: to ask fewer hardly takes longer than to make a process."""

_LOOK = 0.25
"""Seconds after which it is looked for calls that take too long, and how many may run."""

_FAREWELL = 0.35
"""Seconds that shares are given, after Ctrl-C, to tell what they have."""


class Sharer(Protocol):
    """The process of a subject, whose laws are shared out."""

    def in_share(self, channel: Channel, board: Board, ask: Callable[[], list[LawRecord]]) -> None:
        """In a share's process: ask its laws, and tell on this channel what is found."""

    def heard_printing(self, lines: int, first: str) -> None: ...

    def on_plan(self, done: int, total: int) -> None: ...

    def law(self, name: str) -> Law: ...


class NotSharedError(Exception):
    """What shares found is no report: all laws are to be asked in one process."""


def shares_of(laws: Sequence[Law]) -> list[Sequence[Law]]:
    """The laws, cut where one share ends: neighbours compute much in common."""
    count = max(1, min(MOST, len(laws) // FEWEST))
    bounds = [len(laws) * number // count for number in range(count + 1)]
    return [laws[start:end] for start, end in pairwise(bounds)]


def files_and_threads() -> tuple[frozenset[str], int] | None:
    """The files that this process has open, and its threads; None where the system does not tell.

    A process that is made of it has but one thread, and reads files on where another stands.
    """
    if sys.platform != "linux":
        return None
    try:
        files = frozenset(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are wanted
        return files, len(os.listdir("/proc/self/task"))  # noqa: PTH208 - as above
    except OSError:
        return None


@dataclass(slots=True)
class _Share:
    process: Process
    board: Board
    records: dict[str, LawRecord] = field(default_factory=dict)
    plans: tuple[int, int] = (0, 0)
    printed: tuple[int, str] = (0, "")
    done: bool = False


class Shared:
    """Has laws asked in shares; `ask` asks some, in a part of the time that there is for all."""

    def __init__(
        self,
        sharer: Sharer,
        limits: Limits,
        board: Board,
        ask: Callable[[Sequence[Law], float], list[LawRecord]],
    ) -> None:
        self._sharer = sharer
        self._limits = limits
        self._board = board
        self._ask = ask
        self._waiting: list[Sequence[Law]] = []
        self._shares: list[_Share] = []
        self.interrupted = False

    def records(self, laws: Sequence[Law]) -> dict[str, LawRecord]:
        """What was found of the laws, of all of them unless Ctrl-C ended it.

        Raises NotSharedError where a share ended its process, or hung: what the others of a
        process are asked depends on that.
        """
        self._waiting = shares_of(laws)
        count = len(self._waiting)
        process = multiprocessing.current_process()
        process.daemon, before = False, process.daemon  # a daemon may start no process
        try:
            while self._waiting or self._running:
                self._start_some(count)
                self._look(count)
        except KeyboardInterrupt:
            self.interrupted = True
            self._bid_farewell()
        except OSError as error:
            raise NotSharedError(str(error)) from None
        finally:
            for share in self._shares:
                share.process.kill()
            process.daemon = before
        for share in self._shares:
            self._sharer.heard_printing(*share.printed)
        return {name: kept for share in self._shares for name, kept in share.records.items()}

    @property
    def _running(self) -> list[_Share]:
        return [share for share in self._shares if not share.done]

    def _start_some(self, count: int) -> None:
        allowed = min(self._board.allowed, count)
        while self._waiting and len(self._running) < allowed:
            board = Board("fork")
            given = (self._waiting.pop(0), allowed / count, board, random.getstate())
            with interruptions_put_off():
                process = Process(
                    "fork", self._in_share, given, self._limits, board, keeps_files=True
                )
                self._shares.append(_Share(process, board))

    def _in_share(
        self, channel: Channel, laws: Sequence[Law], part: float, board: Board, state: Any
    ) -> None:
        """In the process of a share: ask its laws, and tell what is found."""
        guard.is_second_process(made_by_subject=False)
        random.setstate(state)  # it is seeded anew wherever a process is forked
        for share in self._shares:
            share.process.end.close()
        self._sharer.in_share(channel, board, lambda: self._ask(laws, part))

    def _look(self, count: int) -> None:
        wait([share.process.end for share in self._running], _LOOK)
        for share in self._running:
            self._hear(share)
        known = [share.plans for share in self._shares if share.plans[1]]
        if known:
            total = max(total for _, total in known) * count
            # Never all of them: what was found is not told before every share is done.
            self._sharer.on_plan(min(sum(done for done, _ in known), total - 1), total)

    def _hear(self, share: _Share) -> None:
        try:
            for payload in share.process.heard():
                self._take(share, value_of(payload, self._sharer.law))
        except MangledError as error:
            raise NotSharedError(str(error)) from None
        if share.board.has_come_twice:
            raise NotSharedError("a call came back twice")
        if share.done:
            return
        if share.process.ended or share.process.stuck_for() is not None:
            raise NotSharedError("it ended its process, or hung")

    def _take(self, share: _Share, told: object) -> None:
        if not isinstance(told, Told):
            raise NotSharedError(f"it told a {type(told).__name__}")
        value: Any = told.value
        match told.what:
            case "asked":
                share.records[value.law.name] = value
                if value.failure is not None and value.failure[2].hung:
                    raise NotSharedError("a call hung")
            case "plan" | "printed":
                setattr(share, "plans" if told.what == "plan" else "printed", value)
            case "unfit" | "failed":
                raise NotSharedError(str(value))
            case "done":
                share.done = True

    def _bid_farewell(self) -> None:
        waiting = self._running
        for share in waiting:
            share.process.interrupt()
        deadline = time.monotonic() + _FAREWELL
        while waiting and (left := deadline - time.monotonic()) > 0:
            wait([share.process.end for share in waiting], left)
            for share in tuple(waiting):
                with contextlib.suppress(NotSharedError):
                    self._hear(share)
                if share.process.ended or share.done:
                    waiting.remove(share)
