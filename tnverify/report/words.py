"""The words of reports: what the values of a result mean to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tnverify.engine.results import Cause
from tnverify.report import audited
from tnverify.report.layout import clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.contract.measured import Fingerprint, Nearness
    from tnverify.engine.results import (
        LawVerdict,
        RunReport,
        SubjectReport,
        Verdict,
    )

_READ = {
    "itself": "itself",
    "context": "context",
    "other_targets": "other targets: transductive",
    "targets": "targets: transductive",
    "past": "past tasks",
}
_ORDER = ("itself", "context", "past", "other_targets", "targets")

VERDICT_STYLE: dict[Verdict, str] = {
    "conforms": "bold green",
    "violates": "bold red",
    "inconclusive": "bold yellow",
    "unusable": "bold magenta",
}

_TITLE = 100
"""Columns of a cause's title that a headline has room for."""

_WORTH_SAYING = 0.25
"""The share of a law's tasks that must have been refused for the page to say so; JSON has all."""


def verdict_style(subject: SubjectReport) -> str:
    """The colour of a verdict: one that lets targets read each other is never green."""
    if subject.verdict == "conforms" and is_transductive(subject):
        return "bold yellow"
    return VERDICT_STYLE[subject.verdict]


def reads(names: Iterable[str]) -> str:
    """Whom outputs read: `itself, context`, or `itself, other targets: transductive`."""
    known = set(names)
    return ", ".join(_READ[name] for name in _ORDER if name in known) or "nothing"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 law`, `2 laws`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1] if parts else "")))


def claims_of(subject: SubjectReport) -> str:
    """What a subject claims, and whether it was declared or measured."""
    if subject.audit is not None:
        return audited.claims(subject)
    if subject.scheme is None:
        return "not known"
    claimed = ", ".join((subject.scheme, *subject.modifiers))
    if subject.scheme == "none":
        claimed += ": no normalisation"
    if not subject.inferred:
        return f"{claimed} (as declared)"
    if subject.scheme == "inductive":
        nearest = subject.fingerprint and subject.fingerprint.nearest_scheme
        fits = nearest is not None and subject.nearness is None
        why = f"{nearest} must be declared" if fits else "no scheme fits"
        return f"{claimed} (nothing was declared, and {why})"
    return f"{claimed} (inferred from what was measured)"


def headline(subject: SubjectReport) -> str:
    """The verdict as a sentence, after the word itself."""
    if subject.audit is not None:
        return audited.verdict(subject.audit)
    if subject.verdict == "violates":
        return _violates(subject)
    if subject.verdict == "conforms":
        held = sum(verdict.outcome == "held" for verdict in subject.laws)
        waived = sum(verdict.outcome == "waived" for verdict in subject.laws)
        kept = count(held, "law holds", "laws hold") + (f", {waived} waived" if waived else "")
        if subject.nearness is not None:
            return f"as {subject.scheme}; {nearness(subject.nearness)}. {kept[0].upper()}{kept[1:]}"
        return f"{conforms_as(subject)}; {kept}"
    return subject.reason or "no reason was given"


def _violates(subject: SubjectReport) -> str:
    """What the layer does, where that was proven; how many laws fail, and how many it left open."""
    fail = count(sum(verdict.is_bad for verdict in subject.laws), "law fails", "laws fail")
    bad = {verdict.law.name for verdict in subject.laws if verdict.is_bad}
    proven = [c for c in subject.causes if c.title is not None and bad & set(c.laws)]
    titles = list(dict.fromkeys(clipped(str(cause.title), _TITLE) for cause in proven))
    open_ = sum(len(cause.undecided) for cause in proven)
    if titles:
        fail = f"it {joined(titles)}; {fail}"
    if is_transductive(subject) and _fails_of_reading_others(subject):
        fail = f"targets read other targets; {fail}"
    if open_:
        fail += f", {open_} cannot be decided because of it"
    if subject.nearness is not None:
        fail += f"; {nearness(subject.nearness)}"
    like = subject.like_faults
    if like:
        several = len(like) > 1
        fail += f"; it fails as the planted fault{'s' if several else ''} {joined(like)}"
        fail += " do" if several else " does"
    return fail


def _fails_of_reading_others(subject: SubjectReport) -> bool:
    """Whether a must-level law about other targets fails, and of nothing else than that."""
    return any(v.is_bad and v.cause is None and v.law.family == "transductivity"
               for v in subject.laws)  # fmt: skip


def conforming_kind(
    subject: SubjectReport,
) -> Literal["scheme", "transductive_scheme", "no_scheme"] | None:
    """What a verdict of `conforms` stands for; None for other verdicts."""
    if subject.verdict != "conforms":
        return None
    if subject.audit is not None:
        return None
    if subject.scheme == "inductive":
        return "no_scheme"
    return "transductive_scheme" if is_transductive(subject) else "scheme"


def conforms_as(subject: SubjectReport) -> str:
    """As what a conforming subject conforms: a scheme that was claimed or found, or none."""
    kind = conforming_kind(subject)
    if kind == "no_scheme" and subject.inferred:
        return "as inductive; no scheme was claimed, and nothing was found"
    if subject.scheme == "none":
        return "it normalises nothing (scheme none)"
    claimed = ": transductive, as claimed" if kind == "transductive_scheme" else ""
    return f"as {subject.scheme}{claimed}"


def is_transductive(subject: SubjectReport) -> bool:
    """Whether target outputs read other targets."""
    if subject.audit is not None:
        return subject.audit.leak == "reads"
    flow = subject.fingerprint
    return flow is not None and bool({"other_targets", "targets"} & set(flow.target_reads))


def nearness(near: Nearness) -> str:
    """How far a subject is from the scheme that it resembles, and how to see where."""
    return (
        f"nearest {near.scheme}, from which its outputs differ by up to {near.largest:.3g} on"
        f" {near.differing} of {count(near.tasks, 'task')}: --claims {near.scheme} shows where"
    )


def partial(run: RunReport) -> str | None:
    """What a run was restricted to, as a sentence; None where every law was asked."""
    if run.only:
        asked = joined(run.only)
        verb = "was" if len(run.only) == 1 else "were"
        left = f", without {joined(run.skip)}" if run.skip else ""
        return f"Partial: only {asked} {verb} asked{left}."
    if run.skip:
        verb = "was" if len(run.skip) == 1 else "were"
        return f"Partial: {joined(run.skip)} {verb} not asked."
    return None


def unmeasured(flow: Fingerprint, names: Iterable[str]) -> str:
    """Sources of which it was not measured whether they are read, as the end of a sentence."""
    known = set(names)
    what = joined([_READ[name].split(":")[0] for name in _ORDER if name in known])
    why = f" ({flow.why_unmeasured})" if flow.why_unmeasured else ""
    return f"; not measured: {what}{why}" if what else ""


def refusals(verdicts: Iterable[LawVerdict]) -> str | None:
    """How many tasks the layer refused to laws that hold, in a sentence; None where few."""
    refused = [v for v in verdicts if v.refused >= _WORTH_SAYING * (v.refused + v.examples)]
    if not refused:
        return None
    most = max(refused, key=lambda v: v.refused)
    return (
        f"The layer refused many tasks to {count(len(refused), 'law')} (most: {most.refused} beside"
        f" {most.examples} that counted, {most.law.name})."
    )


def margins(held: Sequence[LawVerdict]) -> str | None:
    """The worst margin of laws that hold, as a sentence; None where no error was measured."""
    measured = [v for v in held if v.margin is not None and v.held_as != "exact"]
    if not measured:
        return None
    worst = max(measured, key=lambda v: v.margin or 0.0)
    return (
        f"Worst margin: {worst.margin:.2g} of the rounding error that is allowed"
        f" ({worst.law.name})."
    )


def grouped_reasons(verdicts: Iterable[LawVerdict]) -> str:
    """Reasons with how many laws share each, the most frequent first; those of one law alone
    are counted together where there are several."""
    counted: dict[str, int] = {}
    for verdict in verdicts:
        reason = verdict.reason or "no reason was given"
        counted[reason] = counted.get(reason, 0) + 1
    single = [reason for reason, number in counted.items() if number == 1]
    if len(single) > 2:
        counted = {reason: number for reason, number in counted.items() if number > 1}
    parts = [f"{n} because {reason}" for reason, n in sorted(counted.items(), key=lambda i: -i[1])]
    if len(single) > 2:
        parts.append(f"{len(single)} each for a reason of its own, which --json tells")
    return "; ".join(parts)


def failing_groups(subject: SubjectReport, level: str) -> list[tuple[Cause, list[LawVerdict]]]:
    """Laws of one level that fail, by cause; a law that no cause names is a cause of its own."""
    shown = {v.law.name: v for v in subject.laws if v.is_shown and v.law.level == level}
    groups = [
        (cause, [shown.pop(name) for name in cause.laws if name in shown])
        for cause in subject.causes
    ]
    alone = [(Cause((name,)), [verdict]) for name, verdict in shown.items()]
    return [(cause, group) for cause, group in groups if group] + alone
