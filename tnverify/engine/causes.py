"""Which violations are of one cause, and which of them tells most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.engine.likeness import breadth
from tnverify.engine.results import Cause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.results import LawVerdict

_FLOW = ("transductivity", "batch_size")
_ISOLATION = ("task_isolation",)
_FORMULA = ("blending", "moments")
_PRECEDENCE: tuple[str, ...] = (
    "transductivity",
    "task_isolation",
    "context",
    "blending",
    "moments",
    "batch_size",
    "gradients",
    "numerics",
    "state",
    "layouts",
)


def group_causes(verdicts: Sequence[LawVerdict], known: Sequence[str] = ()) -> tuple[Cause, ...]:
    """Failing laws by cause, the most telling first in each.

    `known` names laws that say what is wrong, as far as that is known: of as telling families
    theirs come first.
    Causes that were proven to lie beneath other laws come first, then must-level ones. Laws share
    a cause where they show the same symptom: the same exception, values that are not finite,
    targets that reach each other, a task that reaches the next, wrong values. State and gradients
    are taken law by law: two of them rarely fail for one reason.
    """
    failing = [v for v in verdicts if v.is_shown]
    failing.sort(key=lambda verdict: _known_first(verdict, known))
    groups: dict[str, list[LawVerdict]] = {}
    for verdict in failing:
        groups.setdefault(_cause(verdict), []).append(verdict)
    ordered = sorted(groups.values(), key=lambda group: _known_first(group[0], known))
    told: set[str] = set()
    return tuple(_told(group, verdicts, told) for group in ordered)


def _told(group: Sequence[LawVerdict], verdicts: Sequence[LawVerdict], told: set[str]) -> Cause:
    """The group as a cause; laws left undecided go to the first of several with one title."""
    title = group[0].cause
    names = tuple(v.law.name for v in group)
    if title is None or title in told:
        return Cause(names, title)
    told.add(title)
    undecided = [v for v in verdicts if v.cause == title and not v.is_shown]
    return Cause(names, title, tuple(v.law.name for v in undecided))


def _cause(verdict: LawVerdict) -> str:
    if verdict.cause is not None:
        return f"{verdict.law.level} {verdict.cause}"
    law, symptom = verdict.law, verdict.symptom or "value"
    if symptom.startswith("raised") or symptom in ("not_finite", "form", "hang"):
        return f"{law.level} {symptom}"
    if law.family in _FLOW or symptom == "flow":
        return f"{law.level} flow" if law.family not in _ISOLATION else f"{law.level} isolation"
    if law.family in _ISOLATION:
        return f"{law.level} isolation"
    if law.family in ("state", "gradients"):
        return law.name
    if law.family == "layouts":
        return f"{law.level} layouts"
    return f"{law.level} {symptom}"


def _known_first(verdict: LawVerdict, known: Sequence[str]) -> tuple[object, ...]:
    should, unproven, place, *rest = telling(verdict)
    name = verdict.law.name
    return should, unproven, place, known.index(name) if name in known else len(known), *rest


def telling(verdict: LawVerdict) -> tuple[bool, bool, int, int, bool]:
    """Sorts must before should, proven causes first, then by family.

    Of one family laws about a formula that find the fewest planted faults come first, for they
    say most of what is wrong, of those about isolation the plainest; then exact ones, else the
    order that was.
    """
    family = verdict.law.family
    place = _PRECEDENCE.index(family) if family in _PRECEDENCE else len(_PRECEDENCE)
    if verdict.symptom == "form" and family == "layouts":
        # An answer of the wrong form fails every law: the one about form says why.
        place = -1  # pragma: no mutate: before every family
    if verdict.symptom == "value" and family == "context":
        # A wrong value says how information flows no better than the formula's laws do.
        place = _PRECEDENCE.index("batch_size")
    level, kind = verdict.law.level, verdict.law.kind
    found = breadth(verdict.law.name) if family in _FORMULA else 0
    if family in _ISOLATION:
        # A plain law that fails is what those about one way for tasks to meet fail of.
        found = -breadth(verdict.law.name)
    return (level != "must", verdict.cause is None, place, found, kind != "exact")
