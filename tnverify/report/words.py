"""The words of reports: what the values of a result mean to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.engine.results import LawVerdict, SubjectReport, Verdict

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

_DIMENSION = {
    "context": "context items",
    "targets": "targets",
    "channels": "channels",
    "height": "rows",
    "width": "columns",
    "depth": "slices",
    "length": "pixels",
}


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
    if subject.scheme is None:
        return "none"
    claimed = ", ".join((subject.scheme, *subject.modifiers))
    if not subject.inferred:
        return f"{claimed} (as declared)"
    if subject.scheme == "inductive":
        nearest = subject.fingerprint and subject.fingerprint.nearest_scheme
        why = f"{nearest} must be declared" if nearest else "no scheme fits"
        return f"{claimed} (nothing was declared, and {why})"
    return f"{claimed} (inferred from what was measured)"


def headline(subject: SubjectReport) -> str:
    """The verdict as a sentence, after the word itself."""
    bad = sum(verdict.is_bad for verdict in subject.laws)
    if subject.verdict == "violates":
        return f"{count(bad, 'law fails', 'laws fail')}"
    if subject.verdict == "conforms":
        held = sum(verdict.outcome == "held" for verdict in subject.laws)
        waived = sum(verdict.outcome == "waived" for verdict in subject.laws)
        return f"{count(held, 'law holds', 'laws hold')}" + (f", {waived} waived" if waived else "")
    return subject.reason or "no reason was given"


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


def boundary(found: dict[str, str]) -> list[str]:
    """Where a law starts and stops failing: one sentence a dimension that matters, then one for
    all that do not."""
    telling = [sentence for sentence in found.values() if ", passes for " in sentence]
    whatever = [
        _DIMENSION.get(name, name)
        for name, sentence in found.items()
        if ", passes for " not in sentence and sentence.startswith("fails")
    ]
    if whatever:
        telling.append(f"fails for every number of {joined(whatever)} that was tried")
    return telling


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


def failing_groups(subject: SubjectReport, level: str) -> list[list[LawVerdict]]:
    """Laws of one level that fail, by cause; a law that no cause names is a cause of its own."""
    shown = {v.law.name: v for v in subject.laws if v.is_shown and v.law.level == level}
    groups = [[shown.pop(name) for name in cause if name in shown] for cause in subject.causes]
    return [group for group in groups if group] + [[verdict] for verdict in shown.values()]
