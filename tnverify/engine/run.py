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
from tnverify.engine import canaries
from tnverify.engine.capture import captured_output
from tnverify.engine.case import Case
from tnverify.engine.crew import Crew
from tnverify.engine.options import RunOptions, RunPlan
from tnverify.engine.profiles import find_profile
from tnverify.engine.progress import Progress, Silent
from tnverify.engine.reproducer import run_programs
from tnverify.engine.results import LawVerdict, RunReport, SubjectReport
from tnverify.engine.single import not_reached, verify_here
from tnverify.engine.waivers import read_waivers
from tnverify.plans.strategies import corpus
from tnverify.subjects import SubjectRecipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


__all__ = ["RunOptions", "SubjectRecipe", "check_device", "environment", "identify", "verify"]


def verify(
    requests: Sequence[SubjectRecipe],
    options: RunOptions | None = None,
    progress: Progress | None = None,
    known: Mapping[str, SubjectReport] | None = None,
) -> RunReport:
    """Verify each subject. Ctrl-C ends the run and keeps what was found so far.

    `known` has what was measured of subjects before (see `identify`), by what they are called: it
    is not measured again.
    Raises ValueError (CatalogueError, WaiverError) for options that name nothing, before any
    subject is touched.
    """
    options, progress = options or RunOptions(), progress or Silent()
    started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
    whole = load_catalogue()
    catalogue = whole.select(options.only, options.skip)
    profile, waivers = find_profile(options.profile), read_waivers(options.waivers, whole)
    check_device(options.device)
    made = RunPlan(options, profile, catalogue, waivers, ())
    with _one_thread():
        if options.isolated:
            reports, sleeping, interrupted = _apart(requests, made, progress, known or {})
        else:
            reports, sleeping, interrupted = _here(requests, made, progress)
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
        only=options.only,
        skip=options.skip,
    )


_Found = tuple[list[SubjectReport], tuple[str, ...], bool]
"""Every subject's report, the families that sleep, and whether Ctrl-C ended it."""


def _apart(
    requests: Sequence[SubjectRecipe],
    made: RunPlan,
    progress: Progress,
    known: Mapping[str, SubjectReport],
) -> _Found:
    """Verify each subject in a process of its own."""
    cases = [
        Case(request, number, report=known.get(request.spec))
        for number, request in enumerate(requests, 1)
    ]
    crew = Crew(cases, made, progress)
    return crew.verify(), crew.asleep, crew.interrupted


def _here(requests: Sequence[SubjectRecipe], made: RunPlan, progress: Progress) -> _Found:
    """Verify all subjects in this process."""
    reports: list[SubjectReport] = []
    interrupted = False
    sleeping: tuple[str, ...] = ()
    try:
        with captured_output():
            plans = corpus(made.options.seed, made.profile.corpus, allow_past=True)
            sleeping = tuple(canaries.asleep(made.catalogue, plans))
        made = replace(made, asleep=sleeping)
        for number, request in enumerate(requests, 1):
            progress.on_subject(request.spec, number, len(requests))
            reports.append(verify_here(request, made, progress))
            if made.interruptions:
                interrupted = True
                break
    except KeyboardInterrupt:
        interrupted = True
    return [*reports, *map(not_reached, requests[len(reports) :])], sleeping, interrupted


def identify(request: SubjectRecipe, device: str = "cpu") -> SubjectReport:
    """Measure the fingerprint and the nearest scheme, and check no law.

    Ctrl-C is raised again.
    """
    check_device(device)
    options = RunOptions(device=device)
    made = RunPlan(options, find_profile(options.profile), load_catalogue(), (), ())
    with _one_thread():
        crew = Crew([Case(request, 1, only_measure=True)], made, Silent())
        (report,) = crew.verify(wake_first=False)
    if crew.interrupted:
        raise KeyboardInterrupt
    return report


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
