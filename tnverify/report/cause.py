"""One cause of failure: the law that tells most shown whole, each other law of it in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.engine.results import Cause
from tnverify.report import boundaries, plain, words
from tnverify.report.advice import advice
from tnverify.report.layout import clipped, labelled, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.engine.results import Counterexample, LawVerdict

_OTHERWISE = (
    "--adapter NAME where it is to be called otherwise, --setup METHOD where a method of it must be"
    " called first, --device where it runs on another device alone"
)
_MOST_NAMED = 3
"""So many laws that a cause left undecided are named; more are counted."""


def cause_lines(
    group: Sequence[LawVerdict],
    width: int,
    *,
    number: int | None = None,
    cause: Cause | None = None,
) -> Iterator[Text]:
    """The lines of a cause: what is wrong, why it matters, what to change, the numbers, then the
    rest. `group` has its laws, the most telling first."""
    telling, *others = group
    title = plain.finding(cause or Cause((telling.law.name,)), group)
    prefix = "" if number is None else f"{number}. "
    yield from paragraph(f"{prefix}{title}", width, style="bold")
    yield from verdict_lines(telling, width)
    for position, other in enumerate(others):
        label = "also fails" if position == 0 else ""
        yield from _in_one_line(label, other, width, said=telling.reason)
    if telling.cause is not None and telling.cause.startswith("raises on ordinary tasks"):
        yield from labelled("try", _OTHERWISE, width)
    if cause is not None and cause.undecided:
        yield from labelled("undecided", _undecided(cause), width)


def remark_line(cause: Cause, group: Sequence[LawVerdict], width: int) -> Iterator[Text]:
    """A should-level cause in one line: the law, and why it fails as far as that fits."""
    more = f" (and {words.count(len(group) - 1, 'more law')})" if len(group) > 1 else ""
    why = cause.title or group[0].reason or group[0].actual or ""
    text = f"{group[0].law.name}{more}"
    left = min(width, 100) - 4 - len(text) - 2
    if why and left > 20:
        text += f": {clipped(why, left)}"
    yield Text(" " * 4).append(text)


def _undecided(cause: Cause) -> str:
    """The laws that a cause kept from being decided: counted, and the first of them named."""
    names = ", ".join(cause.undecided[:_MOST_NAMED])
    more = len(cause.undecided) - _MOST_NAMED
    laws = words.count(len(cause.undecided), "law")
    return f"{laws} because of it: {names}{f' and {more} more' if more > 0 else ''}"


def verdict_lines(verdict: LawVerdict, width: int) -> Iterator[Text]:
    """What became of one law that fails, without what is wrong in words."""
    law, example = verdict.law, verdict.counterexample
    said = advice(verdict)
    if said.why:
        yield from labelled("why", said.why, width)
    if said.change:
        yield from labelled("change", said.change, width)
    if verdict.effect is not None:
        yield from labelled("effect", plain.effect(verdict.effect, law.family), width)
    if verdict.expected is not None:
        yield from labelled("expected", verdict.expected, width, style="green")
    if verdict.actual is not None:
        yield from labelled("output", verdict.actual, width, style="red")
    if example is not None:
        yield from _task_lines(example, verdict, width)
    if verdict.reason and verdict.reason != verdict.actual:
        yield from labelled("found", verdict.reason, width)
    if example is not None:
        yield from _program_lines(example, width)
    yield from labelled("law", law.name, width)
    yield from labelled("source", law.source, width)


def _task_lines(example: Counterexample, verdict: LawVerdict, width: int) -> Iterator[Text]:
    lane = {"float64": ", in float64", "native": ", in the layer's own precision"}
    smallest = example.summary or _numbers(example)
    yield from labelled(
        f"{plain.failing_task(example)}{lane.get(verdict.lane, '')}", smallest, width, style="bold"
    )
    rounding = plain.smallness(verdict)
    if rounding is not None:
        yield from labelled("", rounding, width)
    for position, call in enumerate(example.calls):
        yield from labelled("calls" if position == 0 else "", call, width)
    for position, sentence in enumerate(boundaries.sentences(example.boundary)):
        yield from labelled("where" if position == 0 else "", sentence, width)


def _program_lines(example: Counterexample, width: int) -> Iterator[Text]:
    if example.path is not None:
        yield from labelled("program", example.path, width, style="cyan")
    if example.reproducer:
        came = (
            "run in a fresh process, it fails the same way"
            if example.verified
            else "not confirmed: a fresh process did not fail the same way, or was not run"
        )
        yield from labelled("" if example.path else "program", came, width)


def _numbers(example: Counterexample) -> str:
    return f"context {_plain(example.context)}, target {_plain(example.targets)}"


def _plain(values: object) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_plain, values))}]"
    return f"{values:.6g}" if isinstance(values, float) else str(values)


def _in_one_line(
    label: str, verdict: LawVerdict, width: int, *, said: str | None
) -> Iterator[Text]:
    """The law's name, and why it fails where that fits and was not said already."""
    text = verdict.law.name
    why = verdict.reason or verdict.actual
    left = min(width, 100) - 14 - len(text) - 2
    if why and why != said and left > 20:
        text += f": {clipped(why, left)}"
    yield from labelled(label, text, max(width, 14 + len(text)))


def cause_text(group: Sequence[LawVerdict], width: int = 80) -> str:
    """The lines of a cause as plain text."""
    return "\n".join(line.plain.rstrip() for line in cause_lines(group, width))
