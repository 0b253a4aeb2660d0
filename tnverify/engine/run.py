"""The one door to the engine: verify subjects, or identify one."""

from __future__ import annotations

import datetime
import json
import platform
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import torch

from tnverify.catalogue import Catalogue, load_catalogue
from tnverify.engine.canaries import asleep
from tnverify.engine.capture import captured_output
from tnverify.engine.causes import group_causes
from tnverify.engine.evaluate import evaluate
from tnverify.engine.failures import Smallest, smallest_failure
from tnverify.engine.profiles import Profile, find_profile
from tnverify.engine.progress import Progress, Silent
from tnverify.engine.reproducer import program, run_programs, write_program
from tnverify.engine.results import (
    Fingerprint,
    LawVerdict,
    RunReport,
    SubjectReport,
)
from tnverify.engine.tasks_json import rebuild
from tnverify.engine.trial import LawRecord, try_laws
from tnverify.engine.verdicts import law_verdict, subject_verdict
from tnverify.engine.waivers import Waiver, read_waivers
from tnverify.plans.strategies import corpus
from tnverify.subjects import SubjectProber, SubjectRequest, Unusable, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.plans import Plan
    from tnverify.subjects.infer import Inference
    from tnverify.subjects.subject import Subject


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is made. `out` is the directory for reproducers; None writes and runs none.

    `shrink` off leaves counterexamples as they were found, for those who only count them.
    """

    profile: str = "default"
    seed: int = 0
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    device: str = "cpu"
    out: Path | None = Path("tnverify-out")
    waivers: Path | None = None
    shrink: bool = True


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same for every subject of a run."""

    options: RunOptions
    profile: Profile
    catalogue: Catalogue
    waivers: tuple[Waiver, ...]
    asleep: tuple[str, ...]
    interruptions: list[None] = field(default_factory=list)
    """Gets an element when Ctrl-C ends a subject's trial, whose results so far are kept."""


def verify(
    requests: Sequence[SubjectRequest],
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> RunReport:
    """Verify each subject. Ctrl-C ends the run and keeps what was found so far.

    Raises ValueError (CatalogueError, WaiverError) for options that name nothing, before any
    subject is touched.
    """
    options, progress = options or RunOptions(), progress or Silent()
    started, clock = datetime.datetime.now(datetime.UTC), time.perf_counter()
    whole = load_catalogue()
    catalogue = whole.select(options.only, options.skip)
    profile, waivers = find_profile(options.profile), read_waivers(options.waivers, whole)
    check_device(options.device)
    reports: list[SubjectReport] = []
    interrupted = False
    sleeping: tuple[str, ...] = ()
    with _one_thread():
        try:
            plans = corpus(options.seed, profile.corpus, rank=2, step=1, allow_past=True)
            with captured_output():
                sleeping = tuple(asleep(catalogue, plans))
            made = _Plan(options, profile, catalogue, waivers, sleeping)
            for number, request in enumerate(requests, 1):
                progress.on_subject(request.spec, number, len(requests))
                reports.append(_verify_one(request, number, made, progress))
                if made.interruptions:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            interrupted = True
        reports += [_not_reached(request) for request in requests[len(reports):]]
        try:
            reports = _with_programs_run(reports)
        except KeyboardInterrupt:
            interrupted = True
    return RunReport(
        command="verify", environment=environment(options.device), profile=profile.name,
        seed=options.seed, started_at=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - clock, subjects=tuple(reports), interrupted=interrupted,
        asleep=sleeping,
    )


def identify(request: SubjectRequest, device: str = "cpu") -> SubjectReport:
    """Measure the fingerprint and the nearest scheme, and check no law."""
    clock = time.perf_counter()
    check_device(device)
    with _one_thread(), captured_output():
        try:
            found = resolve(request, device)
        except Unusable as error:
            return _unusable(request, error)
    report = _described(request, found)
    return replace(report, verdict="inconclusive", seconds=time.perf_counter() - clock)


def check_device(device: str) -> None:
    """Raises ValueError for a device that is not there."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no CUDA device on this machine")
    if device.partition(":")[0] not in ("cpu", "cuda"):
        raise ValueError(f"--device {device}: known: cpu, cuda")


def environment(device: str) -> dict[str, str | float | bool | None]:
    """What a report says about where it was made."""
    name = torch.cuda.get_device_name() if device.startswith("cuda") else platform.machine()
    return {
        "python": platform.python_version(), "torch": str(torch.__version__),
        "hypothesis": hypothesis.__version__, "platform": platform.platform(),
        "device": f"{device} ({name})",
    }


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums change with the number of threads: one, as long as the run lasts."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _verify_one(
    request: SubjectRequest, number: int, made: _Plan, progress: Progress
) -> SubjectReport:
    clock = time.perf_counter()
    with captured_output() as captured:
        try:
            found = resolve(request, made.options.device)
        except Unusable as error:
            return replace(_unusable(request, error), seconds=time.perf_counter() - clock)
        verdicts = check_laws(found.subject, request, number, made, progress)
    verdict, reason = subject_verdict(verdicts, made.asleep)
    report = _described(request, found)
    notes = (*report.notes, *((captured.note,) if captured.note else ()))
    return replace(
        report, verdict=verdict, reason=reason, laws=tuple(verdicts),
        causes=group_causes(verdicts), notes=notes, seconds=time.perf_counter() - clock,
    )


def check_laws(
    subject: Subject, request: SubjectRequest, number: int, made: _Plan, progress: Progress
) -> list[LawVerdict]:
    """Every law's verdict: waivers first, then the corpus, then failures made small."""
    options = made.options
    plans = corpus(
        options.seed, made.profile.corpus, rank=subject.rank, step=subject.channel_step,
        allow_past=True,
    )
    waived = _replay_waivers(subject, request, made)
    asked = [law for law in made.catalogue if law.name not in waived]
    records = try_laws(
        subject, asked, plans, made.profile, progress.on_plan,
        lambda: made.interruptions.append(None),
    )
    failed = [r for r in records if r.failure is not None]
    found = dict(waived)
    for record in records:
        smallest = None
        if record.failure is not None and options.shrink and not made.interruptions:
            progress.on_shrink(record.law.name, failed.index(record) + 1, len(failed))
            smallest = _made_small(record, subject, request, number, options)
        found[record.law.name] = law_verdict(record, smallest)
    return [found[law.name] for law in made.catalogue]


def _made_small(
    record: LawRecord, subject: Subject, request: SubjectRequest, number: int, options: RunOptions
) -> Smallest:
    assert record.failure is not None
    plan, lane, ended = record.failure
    smallest = smallest_failure(record.law, subject, plan, lane, ended, options.seed)
    example = smallest.counterexample
    text = program(record.law, subject, request, example, options.seed)
    path = None
    if options.out is not None:
        path = str(write_program(text, options.out, number, record.law))
        witness = {"plan": example.plan, "context": example.context, "target": example.targets}
        Path(path).with_suffix(".json").write_text(json.dumps(witness, indent=1) + "\n")
    return replace(smallest, counterexample=replace(example, reproducer=text, path=path))


def _replay_waivers(
    subject: Subject, request: SubjectRequest, made: _Plan
) -> dict[str, LawVerdict]:
    """Verdicts on waived laws, from their witnesses alone. An expired waiver waives nothing."""
    found = {}
    for law in made.catalogue:
        waiver = next((w for w in made.waivers if w.is_for(request.spec, law.name)), None)
        if waiver is None:
            continue
        if waiver.expires is not None and waiver.expires < datetime.date.today():
            continue
        witness = waiver.witness
        try:
            task = rebuild(witness["plan"], witness["context"], witness["target"], subject)
        except ValueError as error:
            found[law.name] = LawVerdict(law, "stale_waiver", f"its witness: {error}")
            continue
        ended = evaluate(law, SubjectProber(subject), task)
        found[law.name] = LawVerdict(
            law, "waived" if ended.failed else "stale_waiver",
            waiver.reason if ended.failed
            else f"declared ({waiver.reason}), but the law holds on its witness: drop the waiver",
            examples=1, seconds=ended.seconds, symptom="stale_waiver",
        )
    return found


def _described(request: SubjectRequest, found: Inference) -> SubjectReport:
    subject = found.subject
    claims = subject.claims
    return SubjectReport(
        spec=request.spec, verdict="inconclusive", adapter=subject.adapter.name,
        adapter_given=request.adapter is not None,
        scheme=claims.scheme.name, modifiers=claims.modifiers, inferred=claims.inferred,
        fingerprint=Fingerprint(found.target_reads, found.context_reads, found.nearest),
        notes=subject.notes,
    )


def _unusable(request: SubjectRequest, error: Unusable) -> SubjectReport:
    return SubjectReport(spec=request.spec, verdict="unusable", reason=str(error))


def _not_reached(request: SubjectRequest) -> SubjectReport:
    return SubjectReport(
        spec=request.spec, verdict="inconclusive", reason="interrupted before it was verified"
    )


def _with_programs_run(reports: list[SubjectReport]) -> list[SubjectReport]:
    """Run every reproducer in one fresh process and note which fail as the law did."""
    paths = [
        Path(v.counterexample.path)
        for report in reports for v in report.laws
        if v.counterexample is not None and v.counterexample.path is not None
    ]
    if not paths:
        return reports
    symptoms = dict(zip(map(str, paths), run_programs(paths), strict=True))

    def noted(verdict: LawVerdict) -> LawVerdict:
        example = verdict.counterexample
        if example is None or example.path is None:
            return verdict
        verified = symptoms[example.path] == (verdict.symptom or "value")
        return replace(verdict, counterexample=replace(example, verified=verified))

    return [replace(r, laws=tuple(noted(v) for v in r.laws)) for r in reports]
