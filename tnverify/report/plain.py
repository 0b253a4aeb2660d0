"""What a result means, in sentences for a reader who does not know the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.report import audited, words
from tnverify.report.layout import clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.results import (
        Cause,
        Counterexample,
        Effect,
        LawVerdict,
        RunReport,
        SubjectReport,
    )

_LEAK = (
    "accuracy measured on whole target sets will not be had where targets come one item at a time"
)

_VISIBLE = 1e-6
"""Effects that are smaller are of the size of rounding, in outputs of about one."""

_MOVERS = {
    "other_targets": "What other targets hold",
    "number_of_targets": "The number or order of targets",
    "batching": "How items are batched or ordered",
    "online": "A later target",
    "transductivity": "Replacing other targets",
    "batch_size": "Batching the targets otherwise",
    "task_isolation": "Another task",
}
"""What moves outputs where a law of the family finds a leak."""

_SOURCES = {
    "itself": "itself",
    "context": "the context",
    "other_targets": "other targets",
    "targets": "the targets",
    "past": "earlier tasks",
}


def sentence(subject: SubjectReport) -> str:
    """One plain sentence on what to know of a subject."""
    if subject.audit is not None:
        return f"{audited.verdict(subject.audit)} {audited.sentence(subject)}"
    if subject.verdict == "violates":
        return _violates(subject)
    if subject.verdict == "conforms":
        return _conforms(subject)
    reason = _ended(subject.reason or "no reason was given")
    if subject.verdict == "unusable":
        return f"It could not be used: {reason}"
    return f"Nothing was decided: {reason}"


def _violates(subject: SubjectReport) -> str:
    groups = words.failing_groups(subject, "must")
    if leaks(subject):
        said = f"Reads other targets: {_LEAK}."
    elif not groups:
        said = "It breaks what it claims."
    else:
        cause, group = groups[0]
        named = cause.title is not None or not group[0].law.why
        said = finding(cause, group) if named else group[0].law.why
    more = len(groups) - 1
    return f"{said} {_more(more)}" if more > 0 else said


def _more(number: int) -> str:
    return "One other thing is wrong, too." if number == 1 else f"{number} other things are wrong."


def leaks(subject: SubjectReport) -> bool:
    """Whether targets were found to read other targets though they may not."""
    read = any(
        flow.output == "target"
        and flow.source == "other_targets"
        and flow.found == "reads"
        and flow.claimed == "may_not"
        for flow in subject.flows
    )
    bad = any(v.is_bad and v.law.family == "transductivity" for v in subject.laws)
    return bad and (read or words.is_transductive(subject))


def _conforms(subject: SubjectReport) -> str:
    if words.is_transductive(subject) and words.conforming_kind(subject) == "no_scheme":
        return f"No law fails that counts, but it reads other targets: {_LEAK}."
    if words.is_transductive(subject):
        return (
            f"Does what it claims ({subject.scheme}), and that is to read other targets: {_LEAK}."
        )
    flow = subject.fingerprint
    others = [] if flow is None else [name for name in flow.target_reads if name != "itself"]
    named = words.joined([_SOURCES.get(name, name) for name in others])
    reads = f"targets read {named} and no other target" if named else "every target stands alone"
    if words.conforming_kind(subject) == "no_scheme":
        return f"Nothing wrong was found: {reads}. It is held to no named scheme."
    return f"Does what it claims ({subject.scheme}): {reads}."


def finding(cause: Cause, group: Sequence[LawVerdict]) -> str:
    """What is wrong, as a sentence: what the layer does, else the law that does not hold."""
    title = cause.title or group[0].cause
    if title is not None:
        return _ended(f"The layer {clipped(title, 200)}")
    verdict = group[0]
    if verdict.outcome == "stale_waiver":
        return f"A waiver is out of date: {_ended(verdict.reason or verdict.law.name)}"
    statement = verdict.law.statement.rstrip(".:")
    return f"Does not hold: {statement[:1].lower()}{statement[1:]}."


def effect(found: Effect, family: str) -> str:
    """By how much outputs are moved, in a sentence; `family` is that of the law which says so."""
    what = _MOVERS.get(family, "What it may not read")
    if found.tasks == 1:
        return f"{what} moves an output by {found.largest:.2g} on the task that was met."
    tasks = words.count(found.tasks, "task")
    return (
        f"{what} moves an output by up to {found.largest:.2g}, median {found.median:.2g}, over"
        f" {tasks}."
    )


def failing_task(example: Counterexample) -> str:
    """What a counterexample's task is called."""
    return "smallest failing task" if example.is_smallest else "failing task"


def smallness(verdict: LawVerdict) -> str | None:
    """What to know of the size of the effect on the smallest task; None where it is plain."""
    example = verdict.counterexample
    if example is None or example.effect is None or example.effect > _VISIBLE:
        return None
    return (
        f"On this task the output moves by {example.effect:.2g} only: a matter of rounding. It is"
        " a fault all the same, since nothing may move it."
    )


def heading(run: RunReport) -> str:
    """What became of a run, in a few words."""
    total = len(run.subjects)
    if not total:
        return "Nothing was verified"
    first = run.subjects[0]
    if total == 1 and first.audit is not None:
        return audited.verdict(first.audit).rstrip(".")
    bad = sum(subject.verdict == "violates" for subject in run.subjects)
    unusable = sum(subject.verdict == "unusable" for subject in run.subjects)
    undecided = sum(subject.verdict == "inconclusive" for subject in run.subjects)
    if bad:
        what = "breaks what it claims" if bad == 1 else "break what they claim"
        return f"The layer {what}" if total == 1 else f"{bad} of {total} layers {what}"
    if unusable:
        return _of(total, unusable, "could not be used")
    if undecided:
        return _of(total, undecided, "could not be decided")
    return "The layer does what it claims" if total == 1 else f"All {total} do what they claim"


def _of(total: int, number: int, what: str) -> str:
    return f"The layer {what}" if total == 1 else f"{number} of {total} layers {what}"


def _ended(text: str) -> str:
    """The text as one line that ends as a sentence."""
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
