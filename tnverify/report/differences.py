"""What changed from one report to the next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.report import words
from tnverify.report.layout import labelled, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.engine.results import LawVerdict, RunReport, SubjectReport

FACTOR = 3.0
"""Margins that moved by no more than this are taken for the same."""

_LEAST = 0.01
"""A margin below this is like any other that is: nothing is near its bound."""


@dataclass(frozen=True, slots=True)
class Change:
    """A law of a subject whose outcome changed, or whose margin moved."""

    subject: str
    before: LawVerdict
    after: LawVerdict


@dataclass(frozen=True, slots=True)
class Differences:
    """What is new, what is fixed, and what is as it was.

    `undecided` are laws that were decided before and are not now. `came` and `went` are subjects
    of one of the reports alone, `unusable` those that can no longer be used.
    """

    new: tuple[Change, ...]
    fixed: tuple[Change, ...]
    undecided: tuple[Change, ...]
    margins: tuple[Change, ...]
    unchanged: int
    """Laws that fail as they did."""
    came: tuple[SubjectReport, ...]
    went: tuple[str, ...]
    unusable: tuple[SubjectReport, ...]

    @property
    def exit_code(self) -> int:
        """As for `verify`, of what is worse than it was: 1 where a must-level law fails that did
        not, else 2 where a subject can no longer be used, else 3 where a law is no longer decided,
        else 0."""
        worse = any(change.after.is_bad for change in self.new)
        if worse or any(subject.verdict == "violates" for subject in self.came):
            return 1
        if self.unusable or any(subject.verdict == "unusable" for subject in self.came):
            return 2
        return 3 if any(change.after.law.level == "must" for change in self.undecided) else 0


def differences(before: RunReport, after: RunReport) -> Differences:
    """What changed. Subjects are matched by their spec, those of one spec in their order."""
    old, new = _numbered(before), _numbered(after)
    pairs = [
        Change(key[0], was, now)
        for key in old.keys() & new.keys()
        for was, now in _laws(old[key], new[key])
    ]
    order = {subject.spec: place for place, subject in enumerate(after.subjects)}
    pairs.sort(key=lambda pair: (order[pair.subject], pair.after.law.level != "must"))
    return Differences(
        new=tuple(p for p in pairs if p.after.is_shown and not p.before.is_shown),
        fixed=tuple(p for p in pairs if p.before.is_shown and p.after.outcome == "held"),
        undecided=tuple(
            p for p in pairs if p.before.outcome == "held" and p.after.outcome == "inconclusive"
        ),
        margins=tuple(filter(_moved, pairs)),
        unchanged=sum(p.before.is_shown and p.after.is_shown for p in pairs),
        came=tuple(subject for key, subject in new.items() if key not in old),
        went=tuple(key[0] for key in old if key not in new),
        unusable=tuple(
            subject
            for key, subject in new.items()
            if key in old and subject.verdict == "unusable" and old[key].verdict != "unusable"
        ),
    )


def _numbered(run: RunReport) -> dict[tuple[str, int], SubjectReport]:
    seen: dict[str, int] = defaultdict(int)
    found = {}
    for subject in run.subjects:
        found[subject.spec, seen[subject.spec]] = subject
        seen[subject.spec] += 1
    return found


def _laws(before: SubjectReport, after: SubjectReport) -> Iterator[tuple[LawVerdict, LawVerdict]]:
    known = {verdict.law.name: verdict for verdict in before.laws}
    for verdict in after.laws:
        if verdict.law.name in known:
            yield known[verdict.law.name], verdict


def _moved(pair: Change) -> bool:
    was, now = pair.before.margin, pair.after.margin
    if was is None or now is None or {pair.before.outcome, pair.after.outcome} != {"held"}:
        return False
    low, high = sorted((max(was, _LEAST), max(now, _LEAST)))
    return high > FACTOR * low


def difference_lines(found: Differences, width: int) -> Iterator[Text]:
    """What changed, as lines: what is worse first."""
    for title, changes, style in (
        ("New failures", found.new, "bold red"),
        ("No longer decided", found.undecided, "bold yellow"),
        ("Fixed", found.fixed, "bold green"),
    ):
        yield from _listed(title, changes, width, style)
    if found.margins:
        yield Text(f"Margins that moved by more than a factor of {FACTOR:g}", style="bold")
        for change in found.margins:
            moved = f"{change.before.margin:.2g} to {change.after.margin:.2g}"
            yield from labelled(moved, f"{change.after.law.name} of {change.subject}", width)
        yield Text("")
    for subject in found.unusable:
        yield from paragraph(f"{subject.spec} can no longer be used: {subject.reason}", width)
    for subject in found.came:
        yield from paragraph(f"{subject.spec} is new: {subject.verdict}", width)
    for spec in found.went:
        yield from paragraph(f"{spec} is not in the second report", width)
    yield from paragraph(_summary(found), width)


def _listed(title: str, changes: tuple[Change, ...], width: int, style: str) -> Iterator[Text]:
    if not changes:
        return
    yield Text(title, style=style)
    for change in changes:
        should = " (should-level)" if change.after.law.level == "should" else ""
        yield from paragraph(
            f"{change.after.law.name}{should} of {change.subject}", width, indent=2
        )
        reason = change.after.reason if change.after.outcome != "held" else None
        if reason:
            yield from paragraph(reason, width, indent=6, style="dim")
    yield Text("")


def _summary(found: Differences) -> str:
    counted = (
        (len(found.new), "new failure"),
        (len(found.fixed), "fixed"),
        (found.unchanged, "failing as before"),
        (len(found.margins), "margin that moved"),
    )
    number, fixed, same, margins = (each[0] for each in counted)
    moved = words.count(margins, "margin moved", "margins moved")
    return f"{words.count(number, 'new failure')}, {fixed} fixed, {same} as before; {moved}."
