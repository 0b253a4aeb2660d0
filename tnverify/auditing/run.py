"""The door to audits: a subject in a process of its own, and the report of what was found."""

from __future__ import annotations

import datetime as dt
import time
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import torch

from tnverify.auditing.extent import Extent
from tnverify.auditing.laws import LAWS
from tnverify.auditing.running import Asking, Broke, Ready, Refused, Told, audit_here
from tnverify.auditing.verdicts import audited, causes, subject_verdict
from tnverify.catalogue import load_catalogue
from tnverify.contract.claims import nearest
from tnverify.contract.outcomes import SubjectRaised
from tnverify.engine.capture import captured_output
from tnverify.engine.results import LawVerdict, RunReport, SubjectReport
from tnverify.engine.run import environment
from tnverify.engine.waivers import read_waivers
from tnverify.isolation.interruptions import interruptions_put_off
from tnverify.isolation.limits import Limits
from tnverify.isolation.messages import MangledError, value_of
from tnverify.isolation.processes import Process, methods
from tnverify.report.paths import kept_traceback
from tnverify.subjects.spec import Unusable, parse_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tnverify.auditing.driving.recognise import Found
    from tnverify.auditing.laws.declare import AuditLaw
    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.task import AuditTask
    from tnverify.engine.waivers import Waiver
    from tnverify.isolation.inside import Channel

RECOGNISING = 180.0
"""Seconds that finding out how a subject is called may take."""
_PATIENCE, _TASKS_OF_A_LAW = 30.0, 300
"""Seconds that a law may take in any case, and ordinary tasks that it may take beside."""
_CRASHES = 5
"""Processes that a subject may end before no more laws are asked of it."""


@dataclass(slots=True)
class _Heard:
    """What was told of a subject so far."""

    ready: Ready | None = None
    told: list[Told] = field(default_factory=list)
    extent: Extent = field(default_factory=Extent)
    refused: str | None = None
    asking: str | None = None
    traceback: str | None = None

    def begins(self) -> None:
        """Note that another process takes over."""
        self.asking = None

    def note(self, message: object) -> None:
        if isinstance(message, Ready):
            self.ready = message
        elif isinstance(message, Asking):
            self.asking = message.law
        elif isinstance(message, Told):
            self.told.append(message)
            self.asking = None
        elif isinstance(message, Extent):
            self.extent = message
        elif isinstance(message, Refused):
            self.refused = message.why
        elif isinstance(message, Broke):
            self.traceback = message.traceback


def select(only: Sequence[str], skip: Sequence[str]) -> tuple[AuditLaw, ...]:
    """The laws of audits that a run asks. Raises ValueError for a word that names none."""
    families = tuple(dict.fromkeys(law.family for law in LAWS))
    known = (*families, *(law.name for law in LAWS))
    for word in (*only, *skip):
        if word not in known:
            raise ValueError(f"unknown law or family {word!r}: {nearest(word, known)}")
    kept = tuple(
        law
        for law in LAWS
        if (not only or law.name in only or law.family in only)
        and law.name not in skip
        and law.family not in skip
    )
    if not kept:
        raise ValueError("--only and --skip leave no law to check")
    return kept


def audit(
    spec: str,
    options: AuditOptions,
    *,
    live: Any = None,
    tasks: Sequence[AuditTask] = (),
    isolated: bool = True,
    use_waivers: bool = True,
    on_law: Callable[[str], None] = lambda _law: None,
) -> RunReport:
    """Audit one subject: what `spec` names, or `live`, which it then only calls.

    Ctrl-C ends it, and the report has what was found so far. Raises ValueError for options that
    name nothing.
    """
    options.check()
    started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
    laws = select(options.only, options.skip)
    waivers = read_waivers(options.waivers, load_catalogue()) if use_waivers else ()
    work = partial(_work, spec, live, options, tuple(tasks), laws, waivers)
    heard, interrupted = _Heard(), False
    try:
        if isolated:
            _apart(work, heard, options, on_law)
        else:
            _here(work, heard)
    except KeyboardInterrupt:
        interrupted = True
    seconds = time.perf_counter() - clock
    return RunReport(
        command="audit",
        environment=environment("cpu"),
        profile=options.profile,
        seed=options.seed,
        started_at=started.isoformat(timespec="seconds"),
        seconds=seconds,
        subjects=(_report(spec, options, heard, seconds, given_tasks=bool(tasks)),),
        interrupted=interrupted,
        only=options.only,
        skip=options.skip,
    )


def _report(
    spec: str, options: AuditOptions, heard: _Heard, seconds: float, *, given_tasks: bool
) -> SubjectReport:
    bug = None if heard.traceback is None else kept_traceback(heard.traceback)
    told = f"the audit was ended by a bug of tnverify: please report it with the file {bug}"
    if heard.refused is not None or heard.ready is None:
        why = told if bug else heard.refused or "it was not reached"
        return SubjectReport(spec, "unusable", reason=why, seconds=seconds, bug=bug)
    verdicts = tuple(each.verdict for each in heard.told)
    verdict, reason = subject_verdict(verdicts)
    found = audited(heard.ready, heard.told, heard.extent, options)
    given: dict[str, object] = {"given_tasks": True} if given_tasks else {}
    return SubjectReport(
        spec=spec,
        verdict=verdict,
        adapter=heard.ready.form,
        adapter_given=options.kind is not None,
        evidence=heard.ready.how,
        scheme=options.held_to,
        inferred=options.claims is None,
        reason=reason,
        laws=verdicts,
        causes=causes(verdicts),
        notes=heard.ready.notes,
        cautions=() if bug is None else (told,),
        bug=bug,
        seconds=seconds,
        audit=replace(found, asked=_written(options) | given),
    )


def _written(options: AuditOptions) -> dict[str, object]:
    """The options by which the audit is made again."""
    left_out = ("only", "skip", "waivers", "profile", "seed", "task")
    found = {name: value for name, value in asdict(options).items() if name not in left_out}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value is not None
    }


def _work(
    spec: str,
    live: Any,
    options: AuditOptions,
    tasks: Sequence[AuditTask],
    laws: Sequence[AuditLaw],
    waivers: Sequence[Waiver],
    known: Sequence[Told],
    tell: Callable[[object], None],
) -> None:
    """Find the subject and audit it; what keeps it from being audited is told."""
    torch.set_num_threads(1)
    with captured_output(), _one_thread_each():
        try:
            audit_here(found_of(spec, live), options, tasks, laws, tell, known, waivers)
        except Unusable as error:
            tell(Refused(str(error)))
        except SubjectRaised as error:
            tell(Refused(f"it answers no ordinary task: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a bug to be reported
            tell(Broke("".join(traceback.format_exception(error))))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """One thread for what NumPy and scikit-learn compute with, where that can be set: sums change
    with their number."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1):
        yield


def found_of(spec: str, live: Any = None) -> Found:
    """What is audited. Raises Unusable where a name leads to nothing."""
    from tnverify.auditing.driving.recognise import Found

    if live is not None:
        return Found(spec, live)
    parsed = parse_spec(spec)
    return Found(spec, parsed.find(), parsed)


def _here(work: Callable[..., None], heard: _Heard) -> None:
    threads = torch.get_num_threads()
    try:
        work((), heard.note)
    finally:
        torch.set_num_threads(threads)


def _apart(
    work: Callable[..., None],
    heard: _Heard,
    options: AuditOptions,
    on_law: Callable[[str], None],
) -> None:
    """Audit in processes of its own: one that dies, or hangs, costs the law that was asked."""
    method = methods()[0]
    limits = Limits(seconds=20 * options.budget.seconds, memory=16.0)
    for _ in range(_CRASHES):
        heard.begins()
        with ExitStack() as started:
            with interruptions_put_off():
                process = Process(method, _tell_all, (work, tuple(heard.told)), limits)
                started.callback(process.kill)
            why = _listen(process, heard, options, on_law)
        if why is None:
            return
        if heard.ready is None or heard.asking is None:
            heard.refused = heard.refused or (None if heard.ready else why)
            return
        asked = [law for law in LAWS if law.name == heard.asking]
        if not asked:
            return  # it died of finding out how far a leak goes: the laws are known
        (law,) = asked
        heard.told.append(Told(LawVerdict(law.facts, "broken", why, symptom="raised", examples=1)))
    known = {each.verdict.law.name for each in heard.told}
    why = f"not asked: the subject had ended, or held up, {_CRASHES} processes by then"
    left = [law for law in select(options.only, options.skip) if law.name not in known]
    heard.told += [Told(LawVerdict(law.facts, "inconclusive", why)) for law in left]


def _tell_all(channel: Channel, work: Callable[..., None], known: Sequence[Told]) -> None:
    work(known, channel.send)
    channel.send("done")


def _listen(
    process: Process, heard: _Heard, options: AuditOptions, on_law: Callable[[str], None]
) -> str | None:
    """Hear a process to its end; what it died of, None where it told all."""
    limit = RECOGNISING
    deadline = time.monotonic() + limit
    while True:
        wait([process.end], max(0.0, deadline - time.monotonic()))
        try:
            for payload in process.heard():
                message = value_of(payload, _no_law)
                if message == "done":
                    return None
                heard.note(message)
                if isinstance(message, Asking):
                    on_law(message.law)
                limit = _law_seconds(heard, options)
                deadline = time.monotonic() + limit
        except MangledError as error:
            return f"its answer could not be read: {error}"
        if process.ended:
            return process.how_it_died()
        if time.monotonic() >= deadline:
            during = "a law" if heard.ready else "finding out how it is called"
            return f"{during} took longer than {limit:.0f} s"


def _law_seconds(heard: _Heard, options: AuditOptions) -> float:
    """What one law may take: enough for some hundred ordinary tasks."""
    usual = 0.0 if heard.ready is None else heard.ready.seconds
    return min(options.budget.seconds, _PATIENCE + _TASKS_OF_A_LAW * usual)


def _no_law(name: str) -> Any:
    raise MangledError(f"a message with the law {name}")
