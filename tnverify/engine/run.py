"""The one door to the engine: verify subjects, or identify one."""

from __future__ import annotations

import datetime as dt
import platform
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import torch

from tnverify.catalogue import load_catalogue
from tnverify.engine.canaries import asleep
from tnverify.engine.capture import captured_output
from tnverify.engine.causes import group_causes
from tnverify.engine.corpora import plans_for
from tnverify.engine.hold import hold
from tnverify.engine.options import RunOptions, RunPlan
from tnverify.engine.profiles import find_profile
from tnverify.engine.progress import Progress, Silent
from tnverify.engine.reproducer import run_programs
from tnverify.engine.results import Fingerprint, LawVerdict, RunReport, SubjectReport
from tnverify.engine.verdicts import subject_verdict
from tnverify.engine.waivers import read_waivers
from tnverify.plans.strategies import corpus
from tnverify.subjects import SubjectRequest, Unusable, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.subjects.infer import Inference

__all__ = ["RunOptions", "SubjectRequest", "check_device", "environment", "identify", "verify"]


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
    started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
    whole = load_catalogue()
    catalogue = whole.select(options.only, options.skip)
    profile, waivers = find_profile(options.profile), read_waivers(options.waivers, whole)
    check_device(options.device)
    reports: list[SubjectReport] = []
    interrupted = False
    sleeping: tuple[str, ...] = ()
    with _one_thread():
        try:
            plans = corpus(options.seed, profile.corpus, allow_past=True)
            with captured_output():
                sleeping = tuple(asleep(catalogue, plans))
            made = RunPlan(options, profile, catalogue, waivers, sleeping)
            for number, request in enumerate(requests, 1):
                progress.on_subject(request.spec, number, len(requests))
                reports.append(_verify_one(request, number, made, progress))
                if made.interruptions:
                    interrupted = True
                    break
        except KeyboardInterrupt:
            interrupted = True
        reports += [_not_reached(request) for request in requests[len(reports) :]]
        try:
            reports = _with_programs_run(reports)
        except KeyboardInterrupt:
            interrupted = True
    return RunReport(
        command="verify",
        environment=environment(options.device),
        profile=profile.name,
        seed=options.seed,
        started_at=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - clock,
        subjects=tuple(reports),
        interrupted=interrupted,
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
    return replace(_described(request, found), seconds=time.perf_counter() - clock)


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
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "hypothesis": hypothesis.__version__,
        "platform": platform.platform(),
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
    request: SubjectRequest, number: int, made: RunPlan, progress: Progress
) -> SubjectReport:
    clock = time.perf_counter()
    with captured_output() as captured:
        try:
            found = resolve(request, made.options.device)
        except Unusable as error:
            return replace(_unusable(request, error), seconds=time.perf_counter() - clock)
        verdicts = hold(found.subject, request, number, made, progress)
    verdict, reason = subject_verdict(verdicts, made.asleep)
    report = _described(request, found)
    notes = (*report.notes, *((captured.note,) if captured.note else ()))
    return replace(
        report,
        verdict=verdict,
        reason=reason,
        asked=plans_for(found.subject, made.options.seed, made.profile).largest,
        laws=tuple(verdicts),
        causes=group_causes(verdicts),
        notes=notes,
        seconds=time.perf_counter() - clock,
    )


def _described(request: SubjectRequest, found: Inference) -> SubjectReport:
    """What was measured of a layer of which no law was asked."""
    subject = found.subject
    claims = subject.claims
    return SubjectReport(
        spec=request.spec,
        verdict="inconclusive",
        adapter=subject.adapter.name,
        adapter_given=request.adapter is not None,
        scheme=claims.scheme.name,
        modifiers=claims.modifiers,
        inferred=claims.inferred,
        fingerprint=Fingerprint(found.target_reads, found.context_reads, found.nearest),
        notes=subject.notes,
        cautions=subject.cautions,
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
        for report in reports
        for v in report.laws
        if v.counterexample is not None and v.counterexample.path is not None
    ]
    if not paths:
        return reports
    ran = zip(paths, run_programs(paths), strict=True)  # pragma: no mutate: one for each
    symptoms = {str(path): symptom for path, symptom in ran}

    def noted(verdict: LawVerdict) -> LawVerdict:
        example = verdict.counterexample
        if example is None or example.path is None:
            return verdict
        verified = symptoms[example.path] == (verdict.symptom or "value")
        return replace(verdict, counterexample=replace(example, verified=verified))

    return [replace(r, laws=tuple(noted(v) for v in r.laws)) for r in reports]
