"""The processes of a run: each subject in one of its own, some at a time, and replaced as they
end."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pickle import PicklingError
from typing import TYPE_CHECKING

from tnverify.engine import canaries
from tnverify.engine.capture import captured_output
from tnverify.engine.single import verify_here
from tnverify.engine.told import Told
from tnverify.engine.worker import Errand, serve, spawned, wake
from tnverify.isolation.board import Board
from tnverify.isolation.interruptions import interruptions_put_off
from tnverify.isolation.limits import Limits
from tnverify.isolation.messages import MangledError, packed, value_of
from tnverify.isolation.processes import Process, methods
from tnverify.plans.strategies import corpus
from tnverify.subjects import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.engine.case import Case
    from tnverify.engine.options import RunPlan
    from tnverify.engine.progress import Progress
    from tnverify.engine.results import SubjectReport
    from tnverify.isolation.processes import Method

LIMITS = Limits(seconds=3600.0, memory=8.0)
"""What one subject may take in all: many times what the slowest of sound layers does."""

_LOOK = 0.25
"""Seconds after which it is looked for calls that take too long."""

_FAREWELL = 0.6
"""Seconds that processes are given, after Ctrl-C, to tell what they have."""

_HERE = (
    "no process could be started for it: it was verified in tnverify's own, where what it does may"
    " reach other layers"
)


@dataclass(slots=True)
class _Running:
    process: Process
    case: Case | None
    """None for the process that wakes the suite."""
    ready: bool = False


class Crew:
    """Verifies the subjects of a run, each in a process of its own."""

    def __init__(self, cases: Sequence[Case], made: RunPlan, progress: Progress) -> None:
        self._cases = list(cases)
        self._made = made
        self._progress = progress
        self._methods = list(methods(made.options.device))
        self._running: list[_Running] = []
        self._waiting: list[Case | None] = list(cases)
        self._shown = 0
        self.asleep: tuple[str, ...] = ()
        self.interrupted = False

    def verify(self, *, wake_first: bool = True) -> list[SubjectReport]:
        """Every subject's report, in their order. Ctrl-C ends it and keeps what was found."""
        if wake_first:
            self._waiting.insert(0, None)
        try:
            self._show()
            while self._running or self._waiting:
                self._start_some()
                self._allot()
                self._look()
        except KeyboardInterrupt:
            self.interrupted = True
            self._bid_farewell()
        finally:
            for each in self._running:
                each.process.kill()
        made = replace(self._made, asleep=self.asleep)
        return [case.concluded(made) for case in self._cases]

    def _start_some(self) -> None:
        while self._waiting and len(self._running) < max(1, self._made.options.jobs):
            case = self._waiting.pop(0)
            if case is not None:
                case.begin()
            if not self._start(case):
                self._do_here(case)

    def _start(self, case: Case | None) -> bool:
        """Start a process in the best way that can be had; whether there was one."""
        while self._methods:
            try:
                with interruptions_put_off():
                    self._running.append(self._begun(self._methods[0], case))
            except (OSError, RuntimeError, TypeError, AttributeError, PicklingError):
                # Not to be had, or what it is told does not pickle.
                self._methods.pop(0)
            else:
                return True
        return False

    def _begun(self, method: Method, case: Case | None) -> _Running:
        made, options = self._made, self._made.options
        limits = LIMITS if options.device.startswith("cpu") else replace(LIMITS, memory=None)
        arguments: tuple[object, ...]
        if case is None:
            plans = corpus(options.seed, made.profile.corpus, allow_past=True)
            board, arguments = None, (made.catalogue, plans)
        else:
            board = Board(method)
            hang, before = guard.HANG_SECONDS, case.before
            errand = Errand(
                case.request,
                made,
                before,
                hang,
                limits,
                case.only_measure,
                case.report,
            )
            arguments = (errand,)
        if method == "spawn":
            given = ("wake" if case is None else "serve", packed(arguments), board)
            return _Running(Process(method, spawned, given, limits, board), case)
        work: Callable[..., None] = wake if case is None else serve
        if board is not None:
            arguments = (*arguments, board)
        return _Running(Process(method, work, arguments, limits, board), case)

    def _do_here(self, case: Case | None) -> None:
        """Where no process is to be had, do in this one what it would have done."""
        if case is None:
            options, profile = self._made.options, self._made.profile
            with captured_output():
                plans = corpus(options.seed, profile.corpus, allow_past=True)
                self.asleep = tuple(canaries.asleep(self._made.catalogue, plans))
            return
        report = verify_here(case.request, self._made, self._progress)
        case.report, case.verdicts, case.done = report, report.laws, True
        case.unusable = report.reason if report.verdict == "unusable" else None
        case.cautions.append(_HERE)
        self._show()
        if self._made.interruptions:
            raise KeyboardInterrupt

    def _allot(self) -> None:
        """Let each process that runs share its work, where there are jobs to spare."""
        boards = [each.process.board for each in self._running]
        spare = self._made.options.jobs - len(boards)
        shared = [board for board in boards if board is not None]
        for number, board in enumerate(shared):
            more, over = divmod(max(0, spare), len(shared))
            board.allow(1 + more + (number < over))

    def _look(self) -> None:
        """Wait for something to be told, and take it; end what is stuck."""
        wait([each.process.end for each in self._running], _LOOK)
        for each in tuple(self._running):
            stuck = None
            try:
                self._hear(each)
                stuck = each.process.stuck_for()
            except MangledError:
                self._end(
                    each, "it wrote to a file that is not its own, its process' results",
                    during="a call",
                )  # fmt: skip
                continue
            if stuck is not None:
                self._end(each, f"no answer within {stuck:g} s", hung=True)
            elif each.process.ended:
                self._end(each, None)

    def _hear(self, each: _Running) -> None:
        for payload in each.process.heard():
            told = value_of(payload, self._made.catalogue.named)
            if not isinstance(told, Told):
                raise MangledError(f"a {type(told).__name__}")
            if told.what == "ready":
                each.ready = True
            elif told.what == "asleep":
                self.asleep = told.value  # type: ignore[assignment]  # as `wake` tells it
                each.case = None
            elif each.case is not None:
                each.case.hear(told)
                self._show()

    def _end(
        self, each: _Running, how: str | None, *, during: str = "", hung: bool = False
    ) -> None:
        """Take that a process has ended, or end it because of `how`."""
        self._running.remove(each)
        case, board = each.case, each.process.board
        if how is None:
            how = each.process.how_it_died()
        each.process.kill()
        if not each.ready:
            # It could not even begin: the way in which it was started is none.
            if self._methods:
                self._methods.pop(0)
            self._waiting.insert(0, case)
            return
        if case is None or board is None:
            return
        case.came_twice = case.came_twice or board.has_come_twice
        doing = board.doing._replace(during=during) if during else board.doing
        if case.broke is not None:
            how, case.broke = case.broke, None
        if not case.done and case.crashed(doing, how, hung=hung):
            self._waiting.insert(0, case)
            return
        case.done = True
        self._show()

    def _bid_farewell(self) -> None:
        for each in self._running:
            each.process.interrupt()
        deadline = time.monotonic() + _FAREWELL
        for each in tuple(self._running):
            while not each.process.ended and time.monotonic() < deadline:
                wait([each.process.end], max(0.0, deadline - time.monotonic()))
                try:
                    self._hear(each)
                except MangledError:
                    break
            if each.case is not None:
                each.case.interrupted = True

    def _show(self) -> None:
        """Tell how far the first subject is that is not done."""
        if self.interrupted:
            return
        while self._shown == 0 or self._cases[self._shown - 1].done:
            if self._shown == len(self._cases):
                return
            self._shown += 1
            case = self._cases[self._shown - 1]
            self._progress.on_subject(case.request.spec, case.number, len(self._cases))
        case = self._cases[self._shown - 1]
        if case.progress is not None:
            what, *numbers = case.progress
            case.progress = None
            (self._progress.on_plan if what == "plan" else self._progress.on_shrink)(*numbers)
