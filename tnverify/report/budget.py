"""What a verdict of `conforms` is worth: the tasks behind it, and what their number may miss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.power.measured import measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.engine.results import LawVerdict, RunReport, SubjectReport
    from tnverify.power.measured import Measured


def at_most(tasks: int) -> float:
    """The rule of three: what shows in a larger share of tasks was missed with a chance below 5 %.

    A defect that shows in a share p of tasks is missed by n of them with the chance (1 - p)^n,
    which is at most exp(-n p), and exp(-3) is just below 0.05.
    """
    return min(1.0, 3 / tasks) if tasks else 1.0


def tasks_behind(laws: Iterable[LawVerdict]) -> int | None:
    """The fewest tasks that counted for a must-level law that holds, of those whose number the
    profile decides; None where there is no such law."""
    counted = [
        verdict.examples
        for verdict in laws
        if verdict.outcome == "held"
        and verdict.law.level == "must"
        and verdict.law.max_tasks is None
    ]
    return min(counted, default=None)


def caught(kept: Measured) -> str:
    """What a profile was measured to catch, in words."""
    return f"{kept.caught} of {kept.reachable} planted faults"


def budget_text(run: RunReport) -> str | None:
    """What conforming subjects were held to, in a line; None where none conforms."""
    conforming = [s for s in run.subjects if s.verdict == "conforms" and s.audit is None]
    counted = [tasks_behind(subject.laws) for subject in conforming]
    tasks = min((number for number in counted if number is not None), default=None)
    if tasks is None:
        return None
    text = (
        f"Conforming means {tasks} tasks a law: what shows in over {at_most(tasks):.1%} of such"
        f" tasks would have been seen (3/{tasks}, at 95 %)"
    ).replace("%", " %", 1)
    share = _caught_by_what_was_asked(run, conforming)
    return f"{text}; {share}." if share is not None else f"{text}."


def _caught_by_what_was_asked(run: RunReport, conforming: Sequence[SubjectReport]) -> str | None:
    """What the laws that were asked of each layer catch, where fewest were asked."""
    kept = measured(run.profile)
    if kept is None:
        return None
    found = [kept.caught_by(_asked(subject.laws)) for subject in conforming]
    known = [number for number in found if number is not None]
    if len(known) < len(found):
        return None
    fewest = min(known)
    laws = "the laws that were asked" + (" of each" if len(conforming) > 1 else "")
    least = "at least " if len(set(known)) > 1 else ""
    return f"{laws} catch {least}{fewest} of {kept.reachable} planted faults in this profile"


def _asked(laws: Iterable[LawVerdict]) -> frozenset[str]:
    """The laws of which it was decided whether they hold."""
    undecided = ("not_claimed", "inconclusive")
    return frozenset(v.law.name for v in laws if v.outcome not in undecided)
