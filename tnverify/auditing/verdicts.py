"""From what laws read to the verdict on a subject, and to what an audit found of other targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.auditing.running import FLOW
from tnverify.contract.measured import Audited
from tnverify.engine.results import BAD, Cause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.auditing.extent import Extent
    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.running import Ready, Told
    from tnverify.contract.measured import Leak
    from tnverify.engine.results import LawVerdict, Verdict

_TOLD = ("flow", "form")


def subject_verdict(laws: Sequence[LawVerdict]) -> tuple[Verdict, str | None]:
    """The subject's verdict, with the reason where it is inconclusive: where no law about other
    targets that was asked was decided."""
    if any(law.is_bad for law in laws):
        return "violates", None
    flow = [v for v in laws if v.law.family in FLOW and v.law.level == "must"]
    unsure = [v for v in flow if v.outcome == "inconclusive"]
    if unsure and not any(v.outcome in ("held", "waived") for v in flow):
        return "inconclusive", unsure[0].reason
    if not any(v.outcome in ("held", "waived", *BAD) for v in laws):
        return "inconclusive", "no law was checked and held"
    return "conforms", None


def causes(laws: Sequence[LawVerdict]) -> tuple[Cause, ...]:
    """Laws that fail, together where one thing makes them fail: those about other targets, and
    those about what was asked before."""
    groups: dict[tuple[str, str, str], list[LawVerdict]] = {}
    for verdict in laws:
        if verdict.is_shown:
            groups.setdefault((verdict.law.level, *_kind(verdict)), []).append(verdict)
    return tuple(
        Cause(tuple(v.law.name for v in _by_weight(group)), None) for group in groups.values()
    )


def _kind(verdict: LawVerdict) -> tuple[str, str]:
    if verdict.law.family in FLOW and verdict.symptom == "flow":
        return "flow", ""
    if verdict.law.family == "state" and verdict.symptom in ("state", "value"):
        return "state", ""
    return verdict.law.family, verdict.law.name


def _by_weight(group: Sequence[LawVerdict]) -> list[LawVerdict]:
    """The first law that the catalogue has of the most telling family first; the order stays."""
    return sorted(group, key=lambda v: v.law.family not in FLOW)


def audited(ready: Ready, told: Sequence[Told], extent: Extent, options: AuditOptions) -> Audited:
    """What the audit found, as values."""
    content = [each for each in told if each.verdict.law.family == "other_targets"]
    number = [
        each
        for each in told
        if each.verdict.law.family in ("number_of_targets", "lengths", "online", "batching")
    ]
    compared = [*content, *number]
    wides = [each.wide for each in compared if each.wide is not None]
    return Audited(
        kind=ready.kind,  # type: ignore[arg-type]  # one of the kinds
        how=ready.how,
        claims=options.held_to,
        given=options.claims is not None,
        leak=_leak(content, number),
        content=max((each.moved for each in content), default=0.0),
        number=max((each.moved for each in number), default=0.0),
        wide=max(wides, default=None),
        tasks=max((each.verdict.examples for each in compared), default=0),
        from_targets=extent.from_targets,
        enters=extent.enters,
        worth=extent.worth,
    )


def _leak(content: Sequence[Told], number: Sequence[Told]) -> Leak:
    every = [*content, *number]
    if any(_reads(each) for each in every):
        return "reads"
    decided = [each for each in every if each.verdict.outcome == "held"]
    if not decided or any(
        each.verdict.outcome == "inconclusive" and each.verdict.law.level == "must"
        for each in content
    ):
        return "undecided"
    if any(each.moved > 0 for each in content):
        return "content_rounding"
    return "rounding" if any(each.moved > 0 for each in number) else "bit_equal"


def _reads(told: Told) -> bool:
    verdict = told.verdict
    if verdict.law.name == "a_transductive_learner_reads_other_targets":
        return verdict.outcome == "held"
    must = verdict.law.level == "must"
    return must and verdict.outcome in ("violated", "waived") and verdict.symptom in ("flow", None)
