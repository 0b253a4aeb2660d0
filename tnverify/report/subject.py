"""One subject: its verdict, what it is, and every law that a person should know about."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.report import audited, plain, words
from tnverify.report.cause import cause_lines, remark_line
from tnverify.report.layout import labelled, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.engine.results import LawVerdict, SubjectReport

_BLANK = Text("")
_MOST_NAMED = 3
"""So many laws that share a reason are named; more are counted."""


def subject_lines(subject: SubjectReport, width: int, *, verbose: bool = False) -> Iterator[Text]:
    """Everything about one subject, a blank line between its parts: the verdict, what is wrong,
    then the rest. With `verbose`, remarks in full and why laws are not claimed."""
    yield from heading_lines(subject, width)
    if subject.verdict == "unusable":
        return
    parts = (
        _failing, identity_lines, _holding, partial(_advisory, verbose=verbose), _waived,
        _undecided, _refused, partial(_not_claimed, verbose=verbose),
    )  # fmt: skip
    for part in parts:
        lines = list(part(subject, width))
        if lines:
            yield _BLANK
            yield from lines


def heading_lines(subject: SubjectReport, width: int) -> Iterator[Text]:
    """The spec, what to know first, and the verdict: in a few words, then in plain ones."""
    yield from naming_lines(subject, width)
    style = words.verdict_style(subject)
    first, *rest = paragraph(f"{subject.verdict}: {words.headline(subject)}", width, indent=2)
    first.stylize(style, 2, 2 + len(subject.verdict))
    yield first
    yield from rest
    if subject.laws and subject.verdict != "inconclusive":
        said = plain.sentence(subject) if subject.audit is None else audited.sentence(subject)
        yield from paragraph(said, width, indent=2)


def naming_lines(subject: SubjectReport, width: int) -> Iterator[Text]:
    """The spec, and what to know first."""
    yield Text(subject.spec, style="bold")
    for caution in subject.cautions:
        yield from paragraph(caution, width, indent=2, style="yellow")


def identity_lines(subject: SubjectReport, width: int) -> Iterator[Text]:
    """How the subject was driven, what it claims, and whom its outputs read."""
    if subject.audit is not None:
        yield from labelled("driven", audited.driven(subject), width)
    elif subject.adapter is not None:
        how = "as named" if subject.adapter_given else "detected"
        if subject.evidence is not None and not subject.adapter_given:
            how += f": {subject.evidence}"
        yield from labelled("adapter", f"{subject.adapter} ({how})", width)
    yield from labelled("claims", words.claims_of(subject), width)
    flow = subject.fingerprint
    if flow is not None:
        missing = words.unmeasured(flow, flow.target_unmeasured)
        yield from labelled("targets", f"read {words.reads(flow.target_reads)}{missing}", width)
        missing = words.unmeasured(flow, flow.context_unmeasured)
        yield from labelled("context", f"reads {words.reads(flow.context_reads)}{missing}", width)
        if flow.nearest_scheme and flow.nearest_scheme != subject.scheme:
            yield from labelled("nearest", flow.nearest_scheme, width)
    for position, note in enumerate(subject.notes):
        yield from labelled("note" if position == 0 else "", note, width)


def _failing(subject: SubjectReport, width: int) -> Iterator[Text]:
    groups = words.failing_groups(subject, "must")
    for number, (cause, group) in enumerate(groups, start=1):
        if number > 1:
            yield _BLANK
        place = number if len(groups) > 1 else None
        yield from cause_lines(group, width, number=place, cause=cause)


def _holding(subject: SubjectReport, width: int) -> Iterator[Text]:
    held = [verdict for verdict in subject.laws if verdict.outcome == "held"]
    if not held:
        return
    fewest = min(held, key=lambda verdict: verdict.examples)
    laws = words.count(len(held), "law holds", "laws hold")
    if any(verdict.is_shown for verdict in subject.laws):
        laws = "The other law holds" if len(held) == 1 else f"The other {laws}"
    tasks = words.count(fewest.examples, "task")
    if any(verdict.examples > fewest.examples for verdict in held):
        counted = f"each on at least {tasks} that counted (fewest: {fewest.law.name})"
    else:
        counted = f"on {tasks} that counted"
    more = [words.margins(held), words.refusals(held)]
    text = " ".join([f"{laws}, {counted}.", *filter(None, more)])
    yield from paragraph(text, width, indent=2)


def _advisory(subject: SubjectReport, width: int, *, verbose: bool) -> Iterator[Text]:
    groups = words.failing_groups(subject, "should")
    if not groups:
        return
    text = "Worth knowing. These are should-level: they do not decide the verdict."
    yield from paragraph(text, width, indent=2, style="yellow")
    for cause, group in groups:
        if verbose:
            yield _BLANK
            yield from cause_lines(group, width, cause=cause)
        else:
            yield from remark_line(cause, group, width)


def _waived(subject: SubjectReport, width: int) -> Iterator[Text]:
    yield from _by_reason("waived", [v for v in subject.laws if v.outcome == "waived"], width)


def _undecided(subject: SubjectReport, width: int) -> Iterator[Text]:
    named = {name for cause in subject.causes for name in cause.undecided}
    undecided = [v for v in subject.laws if v.outcome == "inconclusive"]
    yield from _by_reason("undecided", [v for v in undecided if v.law.name not in named], width)


def _refused(subject: SubjectReport, width: int) -> Iterator[Text]:
    yield from _by_reason("refused", list(filter(_is_refused, subject.laws)), width)


def _is_refused(verdict: LawVerdict) -> bool:
    """Whether the layer does not take what the law is about, and says so itself."""
    reason = verdict.reason or ""
    return verdict.outcome == "not_claimed" and reason.startswith("the layer refuse")


def _by_reason(label: str, verdicts: Sequence[LawVerdict], width: int) -> Iterator[Text]:
    """Laws, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for verdict in verdicts:
        reason = verdict.reason or "no reason was given"
        by_reason.setdefault(reason, []).append(verdict.law.name)
    for position, (reason, names) in enumerate(by_reason.items()):
        laws = f"{len(names)} laws" if len(names) > _MOST_NAMED else ", ".join(names)
        yield from labelled(label if position == 0 else "", f"{laws}: {reason}", width)


def _not_claimed(subject: SubjectReport, width: int, *, verbose: bool) -> Iterator[Text]:
    left = [verdict for verdict in subject.laws if verdict.outcome == "not_claimed"]
    chosen = [verdict for verdict in left if not _is_refused(verdict)]
    if chosen:
        laws = words.count(len(chosen), "law is", "laws are")
        why = f": {words.grouped_reasons(chosen)}" if verbose else ""
        yield from paragraph(f"{laws} not claimed{why}.", width, indent=2, style="dim")
