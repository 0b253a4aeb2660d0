"""One subject from its request to its report, in the process that runs it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tnverify.engine.capture import captured_output
from tnverify.engine.causes import group_causes
from tnverify.engine.corpora import plans_for
from tnverify.engine.flows import flows_of, with_laws
from tnverify.engine.hold import hold
from tnverify.engine.likeness import kills_of, like_faults
from tnverify.engine.results import SubjectReport
from tnverify.engine.verdicts import subject_verdict
from tnverify.engine.watch import Unwatched
from tnverify.subjects import Unusable, resolve
from tnverify.subjects.rebuilding import with_found
from tnverify.subjects.recipe import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.options import RunPlan
    from tnverify.engine.progress import Progress
    from tnverify.engine.results import LawVerdict
    from tnverify.subjects import Subject, SubjectRecipe
    from tnverify.subjects.infer import Inference


def verify_here(request: SubjectRecipe, made: RunPlan, progress: Progress) -> SubjectReport:
    """Verify a subject in this process."""
    clock = time.perf_counter()
    with captured_output() as captured:
        try:
            found = resolve(request, made.options.device)
        except Unusable as error:
            return replace(unusable(request, str(error)), seconds=time.perf_counter() - clock)
        watch = _Unwritten()
        verdicts = hold(found.subject, request, made, progress, watch)
    notes = (captured.note,) if captured.note else ()
    measured = asked_about(described(request, found), found.subject, made)
    report = concluded(measured, verdicts, made, notes)
    return replace(
        report,
        cautions=(*report.cautions, *dict.fromkeys(watch.cautions)),
        seconds=time.perf_counter() - clock,
    )


class _Unwritten(Unwatched):
    """Keeps what could not be written."""

    def __init__(self) -> None:
        self.cautions: list[str] = []

    def not_written(self, why: str) -> None:
        self.cautions.append(unwritten(why))


def unwritten(why: str) -> str:
    """What a reader must know where a program could not be written."""
    return f"a program that fails alike could not be written: {why}"


def concluded(
    report: SubjectReport,
    verdicts: Sequence[LawVerdict],
    made: RunPlan,
    notes: tuple[str, ...] = (),
) -> SubjectReport:
    """The report with every law's verdict and the subject's."""
    verdict, reason = subject_verdict(verdicts, made.asleep)
    declared = None if report.inferred else report.scheme
    like = like_faults(verdicts, declared, made.profile.name, report.like_faults)
    return replace(
        report,
        verdict=verdict,
        reason=reason,
        laws=tuple(replace(v, law=v.law.facts) for v in verdicts),
        flows=with_laws(report.flows, verdicts),
        causes=group_causes(verdicts, kills_of(like)),
        like_faults=like,
        notes=(*report.notes, *notes),
    )


def described(request: SubjectRecipe, found: Inference) -> SubjectReport:
    """What was measured of a layer of which no law was asked."""
    subject = found.subject
    claims = subject.claims
    return SubjectReport(
        spec=request.spec,
        verdict="inconclusive",
        adapter=subject.adapter.name,
        adapter_given=request.adapter is not None,
        evidence=subject.evidence,
        scheme=claims.scheme.name,
        modifiers=claims.modifiers,
        inferred=claims.inferred,
        fingerprint=found.fingerprint,
        flows=flows_of(found.fingerprint, claims),
        nearness=found.nearness,
        like_faults=found.alike,
        notes=subject.notes,
        cautions=subject.cautions,
        recipe=with_found(request, subject).kept(),
    )


def asked_about(report: SubjectReport, subject: Subject, made: RunPlan) -> SubjectReport:
    """What was measured, with the largest sizes that laws ask about."""
    plans = plans_for(subject, made.options.seed, made.profile)
    return replace(report, asked=plans.largest)


def undetected(request: SubjectRecipe, device: str) -> Subject:
    """A subject that cannot be measured, because that ends its process: built as it is named,
    called as the adapter that was given, or the plainest, calls it, and nothing known of it."""
    nothing = Found(request.adapter or Found().adapter, device=device)
    return replace(request, claims=None, found=nothing).build()


def unusable(request: SubjectRecipe, why: str) -> SubjectReport:
    return SubjectReport(spec=request.spec, verdict="unusable", reason=why)


def not_reached(request: SubjectRecipe) -> SubjectReport:
    return SubjectReport(
        spec=request.spec, verdict="inconclusive", reason="interrupted before it was verified"
    )
