"""What the process of one subject does: verify it, and tell what it finds as it finds it."""

from __future__ import annotations

import random
import time
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.catalogue import Catalogue, load_catalogue
from tnverify.contract.outcomes import first_line
from tnverify.contract.surroundings import Functions, kept, surroundings
from tnverify.engine import canaries
from tnverify.engine.capture import captured_output
from tnverify.engine.hold import hold
from tnverify.engine.shares import NotSharedError, Shared, files_and_threads, shares_of
from tnverify.engine.single import asked_about, described, undetected
from tnverify.engine.told import Told
from tnverify.engine.trial import interrupted
from tnverify.isolation.messages import unpacked
from tnverify.subjects import Unusable, guard, resolve
from tnverify.subjects.edges import passing_over, shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.catalogue import Law
    from tnverify.contract.task import Task
    from tnverify.engine.capture import Captured
    from tnverify.engine.hold import Ask
    from tnverify.engine.options import RunPlan
    from tnverify.engine.results import LawVerdict, SubjectReport
    from tnverify.engine.trial import LawRecord
    from tnverify.engine.watch import Before
    from tnverify.isolation.board import Board
    from tnverify.isolation.inside import Channel
    from tnverify.isolation.limits import Limits
    from tnverify.plans import Plan
    from tnverify.subjects import Subject, SubjectRecipe
    from tnverify.subjects.infer import Inference


_EVERY = 0.1
"""Seconds between two messages of how far it is: who reads them has a processor to share."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a process is asked to do with a subject; `only_measure` asks no law.

    `known` is what was measured of it before, which is not measured again.
    """

    request: SubjectRecipe
    options: RunPlan
    before: Before
    hang_seconds: float
    limits: Limits
    only_measure: bool = False
    known: SubjectReport | None = None


def fit(channel: Channel) -> bool:
    """Tell whether this process can compute: autograd refuses where the one that it was forked
    from had begun to use it on a GPU."""
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            one = torch.ones(1, requires_grad=True)
            torch.autograd.grad(one * one, one)
    except RuntimeError as error:
        channel.send(Told("unfit", first_line(error)))
        return False
    channel.send(Told("ready"))
    return True


def wake(channel: Channel, catalogue: Catalogue, corpus: Sequence[Plan]) -> None:
    """In a process of its own: which families' known-bad layers are not caught."""
    if fit(channel):
        with captured_output():
            channel.send(Told("asleep", tuple(canaries.asleep(catalogue, corpus))))


def spawned(channel: Channel, work: str, packed: bytes, board: Board | None) -> None:
    """In a process that was spawned: do the work whose arguments were packed."""
    arguments = unpacked(packed, load_catalogue().named)
    assert isinstance(arguments, tuple)
    if work == "wake":
        wake(channel, *arguments)
    else:
        assert board is not None
        serve(channel, arguments[0], board, forks=False)


def serve(channel: Channel, errand: Errand, board: Board, *, forks: bool = True) -> None:
    """In a subject's process: verify it, and tell all there is to tell.

    Where it `forks`, its laws may be shared among processes made of this one.
    """
    if not fit(channel):
        return
    guard.only_press_interrupts()
    guard.HANG_SECONDS = errand.hang_seconds  # a process that was spawned has its own
    guard.watched_by(board)
    seed = errand.options.options.seed
    random.seed(seed)  # it is seeded anew wherever a process is forked
    np.random.seed(seed % 2**32)  # noqa: NPY002 - layers may draw from it
    torch.manual_seed(seed)
    functions = Functions()
    before = files_and_threads() if forks else None
    with captured_output() as captured:
        try:
            _Service(channel, errand, board, functions, captured, before).verify()
        except Unusable as error:
            channel.send(Told("unusable", str(error)))
        except KeyboardInterrupt:
            channel.send(Told("interrupted"))
        except BaseException as error:  # noqa: BLE001 - who started it must hear of anything
            said = f"{type(error).__name__}: {first_line(error)}"
            replaced = functions.put_back()
            if replaced:
                # It took from Python or torch what everybody needs: its doing, not tnverify's.
                channel.send(Told("broke", f"it replaced {', '.join(replaced[:3])}: {said}"))
                return
            channel.send(Told("traceback", "".join(traceback.format_exception(error))))
            channel.send(Told("failed", said))
    channel.send(Told("done", None if errand.only_measure else captured.note))


class _Service:
    """Verifies one subject; tells progress and results as they come."""

    def __init__(
        self,
        channel: Channel,
        errand: Errand,
        board: Board,
        functions: Functions,
        captured: Captured,
        before: tuple[frozenset[str], int] | None,
    ) -> None:
        self._channel = channel
        self._errand = errand
        self._board = board
        self._functions = functions
        self._captured = captured
        self._before = before
        """The files and threads of this process before it knew the subject."""
        self._surroundings = surroundings()
        self._told: set[str] = set()
        """Laws of which it was told how they ended."""
        self._told_at = 0.0
        """When it was last told how far it is, by the clock."""

    def verify(self) -> None:
        errand = self._errand
        made = errand.options
        self._board.enter("resolve")
        with kept():
            subject, report = self._measured()
        replaced = self._functions.put_back()
        if report is not None:
            if not errand.only_measure:
                report = asked_about(report, subject, made)
            if replaced:
                report = replace(report, cautions=(*report.cautions, _said(replaced)))
            self._channel.send(Told("described", report))
        if errand.only_measure:
            return
        if errand.before.undetected:
            made = replace(made, catalogue=Catalogue((blamed_for_crashes(made.catalogue),)))
        self._board.enter("laws")
        verdicts = hold(subject, errand.request, made, self, self, errand.before, self._share)
        self._board.enter("end")
        self._channel.send(Told("verdicts", tuple(verdicts)))
        if made.interruptions:
            self._channel.send(Told("interrupted"))

    def _measured(self) -> tuple[Subject, SubjectReport | None]:
        """The subject, and what is known of it; None where it ends its process when measured."""
        errand, request = self._errand, self._errand.request
        device = errand.options.options.device
        if errand.before.undetected:
            return undetected(request, device), None
        known = errand.known
        if known is not None and known.recipe is not None:
            return replace(request, found=known.recipe.found).build(device), known
        with passing_over(errand.before.edges):
            found = _resolved(request, device)
        return found.subject, described(request, found)

    # Shares

    def _share(self, subject: Subject, laws: Sequence[Law], ask: Ask) -> list[LawRecord]:
        """Have laws asked in shares, where that is the same as to ask them here."""
        made = self._errand.options
        shares = len(shares_of(laws)) > 1 and not self._errand.before.crashes
        if not shares or self._before is None or files_and_threads() != self._before:
            return ask(laws, 1.0)
        shared = Shared(self, self._errand.limits, self._board, ask)
        try:
            found = shared.records(laws)
        except NotSharedError:
            return ask(laws, 1.0)
        left = [law for law in laws if law.name not in found]
        found |= {record.law.name: record for record in interrupted(left, subject, made.profile)}
        records = [found[law.name] for law in laws]
        for record in records:
            self.asked(record)
        if shared.interrupted:
            made.interruptions.append(None)
        else:
            self.on_plan(len(laws), len(laws))
        return records

    def in_share(self, channel: Channel, board: Board, ask: Callable[[], list[LawRecord]]) -> None:
        """In a share's process: ask its laws, and tell on this channel what is found."""
        self._channel.close()
        self._channel, self._board = channel, board
        self._surroundings = surroundings()
        guard.watched_by(board)
        printed = self._captured.lines
        if not fit(channel):
            return
        try:
            for record in ask():
                self.asked(record)
        except BaseException as error:  # noqa: BLE001 - as in serve
            channel.send(Told("failed", type(error).__name__))
            return
        channel.send(Told("printed", (self._captured.lines - printed, self._captured.first)))
        channel.send(Told("done"))

    def heard_printing(self, lines: int, first: str) -> None:
        self._captured.lines += lines
        self._captured.first = self._captured.first or first

    def law(self, name: str) -> Law:
        return self._errand.options.catalogue.named(name)

    def _put_back(self) -> None:
        """Undo what a call did outside of any law."""
        self._surroundings.put_back()
        self._functions.put_back()

    # Progress

    def on_subject(self, spec: str, number: int, total: int) -> None:
        """Who started this process knows."""

    def on_plan(self, done: int, total: int) -> None:
        self._put_back()
        now = time.monotonic()
        if done == total or now - self._told_at > _EVERY:
            self._told_at = now
            self._channel.send(Told("plan", (done, total)))
        if done == total:
            self._board.enter("shrink")

    def on_shrink(self, law: str, number: int, total: int) -> None:
        self._put_back()
        self._channel.send(Told("shrink", (law, number, total)))

    # Watch

    def asking(self, law: str, plan: int, lane: str, task: Task) -> None:
        self._board.asking(law, plan, lane, shapes(task) if plan >= 0 else "")

    def asked(self, record: LawRecord) -> None:
        if record.law.name not in self._told:
            self._told.add(record.law.name)
            self._channel.send(Told("asked", record))

    def made_small(self, verdict: LawVerdict) -> None:
        self._channel.send(Told("small", verdict))

    def not_written(self, why: str) -> None:
        self._channel.send(Told("not_written", why))


def _resolved(request: SubjectRecipe, device: str) -> Inference:
    try:
        return resolve(request, device)
    except guard.Hang:
        raise Unusable(
            f"it answers too slowly to be measured: not all was known after"
            f" {guard.HANG_SECONDS:g} s"
        ) from None
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - what is imported may raise anything
        raise Unusable(f"it raised {type(error).__name__}: {first_line(error)}") from None


def blamed_for_crashes(catalogue: Catalogue) -> Law:
    """The law that a crash breaks where no other was being asked."""
    musts = [law for law in catalogue if law.level == "must"] or [*catalogue]
    return next((law for law in musts if law.name == "calls_come_back"), musts[0])


def _said(replaced: Sequence[str]) -> str:
    return (
        f"importing or building it replaced {', '.join(replaced)} for the whole process: put back"
    )
